"""Preprocessing in an ONNX graph: from its inputs to a0, by scaling or a `TablePreprocessor`, and embeddings."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from glassnet.errors import InputError
from glassnet.models.exchange.onnx_graph import CATEGORIES_DOMAIN, Graph
from glassnet.models.exchange.portable import Portable
from glassnet.preprocessing import CODES, ONE_HOT, CategoricalColumn, TablePreprocessor
from glassnet.preprocessing.column_choice import LeftOutColumn

#: Name, dtype (object for text) and shape of an input or output of a graph; a text in a shape is a variable size.
Value: TypeAlias = tuple[str, Any, list[int | str]]


def add_inputs(graph: Graph, portable: Portable, dtype: np.dtype[Any]) -> tuple[list[Value], str]:
    """Add the preprocessing before the first layer.

    Parameters
    ----------
    graph : Graph
        The graph to add to.
    portable : Portable
        The network.
    dtype : float32 or float64
        Dtype of the numeric inputs.

    Returns
    -------
    inputs : list of (name, dtype, shape)
        ``X``, or one for each column of a table that has categories, since they may be text.
    a0 : str
        The name of the input of the first layer, (rows, units of 0).
    """
    preparation = portable.preparation
    if preparation is None:
        x = _add_scaling(graph, portable, dtype)
        return [("X", dtype, ["rows", portable.structure.n_inputs])], _add_embeddings(graph, portable, x)
    if preparation.dates:
        name = preparation.names[preparation.dates[0]]
        raise InputError(
            f"column {name!r} holds dates, which no column of an ONNX file can hold; train on year, month and day as "
            "columns of numbers to export the network"
        )
    if not preparation.categories and not preparation.left_out:
        inputs: list[Value] = [("X", dtype, ["rows", len(preparation.names)])]
        raw = "X"
    else:
        inputs = _column_inputs(preparation, dtype)
        graph.reserved |= {name for name, *_ in inputs}
        raw = _concat(graph, [preparation.names[position] for position in preparation.numbers.tolist()])
    parts = _add_numbers(graph, preparation, raw, dtype)
    n_embeddings = 0
    for category in (c for encoding in (ONE_HOT, CODES) for c in preparation.categories if c.encoding == encoding):
        if category.encoding == CODES:
            n_embeddings += 1
            vectors = graph.constant(f"E{n_embeddings}", portable.parameters[f"E{n_embeddings}"])
        elif category.width:
            vectors = graph.constant(f"one_hot_{category.position}", category.vectors.astype(graph.dtype))
        else:  # no training row had a value there
            continue
        parts.append(graph("Gather", vectors, _add_codes(graph, category), axis=0))
    return inputs, _concat(graph, parts)


def _concat(graph: Graph, parts: list[str]) -> str:
    """Return the name of the concatenated values; an empty string for none."""
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1)


def _add_scaling(graph: Graph, portable: Portable, dtype: np.dtype[Any]) -> str:
    """(raw - shift) · factor in float64, rounded to the network's dtype."""
    scaling = portable.scaling
    x = "X"
    if scaling is not None:
        x = graph.cast(x, np.float64, dtype)
        dtype = np.dtype(np.float64)
        x = graph("Sub", x, graph.constant("scaling.shift", scaling.offset))
        x = graph("Mul", x, graph.constant("scaling.factor", scaling.scale))
    return graph.cast(x, graph.dtype, dtype)


def _add_embeddings(graph: Graph, portable: Portable, x: str) -> str:
    """[numbers, E1[code_1], …], the codes being the last columns of x; an unknown code is an error at run time."""
    structure = portable.structure
    if not structure.embeddings:
        return x
    numbers = structure.n_numbers
    parts = []
    if numbers:
        parts.append(graph("Gather", x, graph.constant("numbers", np.arange(numbers)), axis=1))
    for t in range(1, len(structure.embeddings) + 1):
        column = graph("Gather", x, graph.number(numbers + t - 1, np.int64), axis=1)
        E = graph.constant(f"E{t}", portable.parameters[f"E{t}"])
        parts.append(graph("Gather", E, graph.cast(column, np.int64), axis=0))
    return _concat(graph, parts)


# ------------------------------------------------------------------------------------------------------------- tables


def _column_inputs(preparation: TablePreprocessor, dtype: Any) -> list[Value]:
    """Return an input for each column that is not left out, as skl2onnx makes them for data frames."""
    inputs: list[Value] = []
    for column in preparation.columns:
        if isinstance(column, LeftOutColumn):
            continue
        if column.name in ("", "label", "probabilities", "scores", "variable"):
            raise InputError(
                f"column {column.name!r} is empty or the name of an output; rename it to export the network"
            )
        inputs.append(
            (column.name, _category_dtype(column) if isinstance(column, CategoricalColumn) else dtype, ["rows", 1])
        )
    return inputs


def _category_dtype(category: CategoricalColumn) -> Any:
    """Return the dtype of a column of categories: text, whole numbers, or numbers."""
    values = [value for value in category.categories if value is not None]
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return object
    if str in kinds:
        raise InputError(
            f"column {category.name!r} has categories of text and of numbers, which no column of an ONNX file "
            "can hold; make all of them text and fit again"
        )
    if float in kinds or len(values) < len(category.categories):  # only a fraction can be NaN, the missing value
        return np.float64
    if any(isinstance(value, int) and value >= 2**63 for value in values):
        raise InputError(f"column {category.name!r} has a category above 2⁶³, which no column of an ONNX file can hold")
    return np.int64


def _add_numbers(graph: Graph, preparation: TablePreprocessor, raw: str, dtype: np.dtype[Any]) -> list[str]:
    """(raw - mean) · factor in float64, with the median for missing values; then the missing indicators."""
    if not len(preparation.numbers):
        return []
    raw = graph.cast(raw, np.float64, dtype)
    missing = graph("IsNaN", raw)
    x = graph("Sub", raw, graph.constant("mean", preparation.offset))
    x = graph("Mul", x, graph.constant("factor", preparation.scale))
    fill_value = (preparation.median - preparation.offset) * preparation.scale
    if preparation.centred:  # sparse rows have no missing values
        x = graph("Where", missing, graph.constant("fill_value", fill_value), x)
    parts = [graph.cast(x, graph.dtype, np.float64)]
    if preparation.indicator.any():
        indicators = graph(
            "Gather", missing, graph.constant("indicators", np.flatnonzero(preparation.indicator)), axis=1
        )
        parts.append(graph.cast(indicators, graph.dtype))
    return parts


def _add_codes(graph: Graph, category: CategoricalColumn) -> str:
    """Return the code of each row, int64 (rows,): 0 for unknown categories. A missing text is empty, a number NaN."""
    dtype = _category_dtype(category)
    at = category.position
    code_of = {value: code for code, value in enumerate(category.categories, start=1)}
    missing = code_of.pop(None, 0)
    if dtype == np.float64:
        keys = graph.constant(f"categories_{at}", np.array([list(code_of)], np.float64))
        matches = graph.cast(graph("Equal", category.name, keys), np.int64)
        matched = graph("Mul", matches, graph.constant(f"codes_{at}", np.array(list(code_of.values()), np.int64)))
        code = graph("ReduceSum", matched, graph.axes(1), keepdims=0)
        if not missing:
            return code
        is_missing = graph.cast(graph("Squeeze", graph("IsNaN", category.name), graph.axes(1)), np.int64)
        return graph("Add", code, graph("Mul", is_missing, graph.constant(f"missing_{at}", np.array(missing))))
    if missing:
        code_of[""] = missing
    attributes: dict[str, Any] = {
        "default_int64": 0,
        "values_int64s": list(code_of.values()) or [0],
    }  # the lists must not be empty
    attributes["keys_strings" if dtype is object else "keys_int64s"] = list(code_of) or [""]
    code = graph("LabelEncoder", category.name, domain=CATEGORIES_DOMAIN, **attributes)
    return graph("Squeeze", code, graph.axes(1))
