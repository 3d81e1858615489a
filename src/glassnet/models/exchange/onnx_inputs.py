"""From the inputs of an ONNX graph to a0: scaling, or the preparation of a table; and learned embeddings."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from glassnet.errors import InputError
from glassnet.models.exchange.onnx_graph import CATEGORIES_DOMAIN, Graph
from glassnet.models.exchange.portable import Portable
from glassnet.preprocessing import CODES, ONE_HOT, CategoricalColumn, TablePreprocessor

#: Name, dtype (object for text) and shape of an input or output of a graph; a text in a shape is any number.
Value: TypeAlias = tuple[str, Any, list[int | str]]


def add_inputs(graph: Graph, portable: Portable, dtype: np.dtype[Any]) -> tuple[list[Value], str]:
    """Add all that stands before the first layer.

    Parameters
    ----------
    graph : Graph
        What is added to.
    portable : Portable
        The network.
    dtype : float32 or float64
        Of the numbers that are put in.

    Returns
    -------
    inputs : list of (name, dtype, shape)
        ``X``, or one for each column of a table that has categories, since they may be text.
    a0 : str
        The name of what the first layer is given, (rows, units of 0).
    """
    preparation = portable.preparation
    if preparation is None:
        x = _scaled(graph, portable, dtype)
        return [("X", dtype, ["rows", portable.structure.n_inputs])], _embedded(graph, portable, x)
    if not preparation.categories:
        inputs: list[Value] = [("X", dtype, ["rows", len(preparation.names)])]
        raw = "X"
    else:
        inputs = _columns(preparation, dtype)
        graph.reserved |= {name for name, *_ in inputs}
        raw = _together(graph, [preparation.names[position] for position in preparation.numbers.tolist()])
    parts = _numbers(graph, preparation, raw, dtype)
    tables = 0
    for category in (c for encoding in (ONE_HOT, CODES) for c in preparation.categories if c.encoding == encoding):
        if category.encoding == CODES:
            tables += 1
            vectors = graph.constant(f"E{tables}", portable.parameters[f"E{tables}"])
        elif category.width:
            vectors = graph.constant(f"one_hot_{category.position}", category.vectors.astype(graph.dtype))
        else:  # no training row had a value there
            continue
        parts.append(graph("Gather", vectors, _code(graph, category), axis=0))
    return inputs, _together(graph, parts)


def _together(graph: Graph, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1) if parts else ""


def _scaled(graph: Graph, portable: Portable, dtype: np.dtype[Any]) -> str:
    """(raw - shift) · factor in float64, rounded to the network's dtype."""
    scaling, x = portable.scaling, "X"
    if scaling is not None:
        x, dtype = graph.cast(x, np.float64, dtype), np.dtype(np.float64)
        x = graph("Sub", x, graph.constant("scaling.shift", scaling.offset))
        x = graph("Mul", x, graph.constant("scaling.factor", scaling.scale))
    return graph.cast(x, graph.dtype, dtype)


def _embedded(graph: Graph, portable: Portable, x: str) -> str:
    """[numbers, E1[code_1], …], the codes being the last columns of x; a code that a table has not is an error."""
    structure = portable.structure
    if not structure.tables:
        return x
    numbers, parts = structure.n_numbers, []
    if numbers:
        parts.append(graph("Gather", x, graph.constant("numbers", np.arange(numbers)), axis=1))
    for t in range(1, len(structure.tables) + 1):
        column = graph("Gather", x, graph.number(numbers + t - 1, np.int64), axis=1)
        E = graph.constant(f"E{t}", portable.parameters[f"E{t}"])
        parts.append(graph("Gather", E, graph.cast(column, np.int64), axis=0))
    return _together(graph, parts)


# ------------------------------------------------------------------------------------------------------------- tables


def _columns(preparation: TablePreprocessor, dtype: Any) -> list[Value]:
    """Return an input for each column, as skl2onnx makes them for data frames."""
    inputs: list[Value] = []
    for column in preparation.columns:
        if column.name in ("", "label", "probabilities", "scores", "variable"):
            raise InputError(f"column {column.name!r} has the name of an output, or none; give it another to export it")
        inputs.append((column.name, _type(column) if isinstance(column, CategoricalColumn) else dtype, ["rows", 1]))
    return inputs


def _type(category: CategoricalColumn) -> Any:
    """Return the dtype of a column of categories: text, whole numbers, or numbers."""
    kinds = {type(value) for value in category.categories}
    if kinds <= {str}:
        return object
    if str in kinds:
        raise InputError(
            f"column {category.name!r} has categories of text and of numbers, which no column of an ONNX file "
            "can hold; make all of them text and fit again"
        )
    if float in kinds:
        return np.float64
    if any(isinstance(value, int) and value >= 2**63 for value in category.categories):
        raise InputError(f"column {category.name!r} has a category above 2⁶³, which no column of an ONNX file can hold")
    return np.int64


def _numbers(graph: Graph, preparation: TablePreprocessor, raw: str, dtype: np.dtype[Any]) -> list[str]:
    """(raw - mean) · factor in float64, the median's where raw is missing; then the indicators."""
    if not len(preparation.numbers):
        return []
    raw = graph.cast(raw, np.float64, dtype)
    missing = graph("IsNaN", raw)
    x = graph("Sub", raw, graph.constant("mean", preparation.offset))
    x = graph("Mul", x, graph.constant("factor", preparation.scale))
    stand_in = (preparation.median - preparation.offset) * preparation.scale
    if preparation.centred:  # sparse rows miss nothing
        x = graph("Where", missing, graph.constant("stand_in", stand_in), x)
    parts = [graph.cast(x, graph.dtype, np.float64)]
    if preparation.indicator.any():
        told = graph("Gather", missing, graph.constant("indicators", np.flatnonzero(preparation.indicator)), axis=1)
        parts.append(graph.cast(told, graph.dtype))
    return parts


def _code(graph: Graph, category: CategoricalColumn) -> str:
    """Return the code of each row, int64 (rows,): 0 for what is no category."""
    dtype, count = _type(category), len(category.categories)
    codes = np.arange(1, count + 1)
    if dtype == np.float64:
        keys = graph.constant(f"categories_{category.position}", np.array([category.categories], np.float64))
        same = graph.cast(graph("Equal", category.name, keys), np.int64)
        found = graph("Mul", same, graph.constant(f"codes_{category.position}", codes))
        return graph("ReduceSum", found, graph.axes(1), keepdims=0)
    told: dict[str, Any] = {"default_int64": 0, "values_int64s": codes.tolist() or [0]}  # no table may be empty
    told["keys_strings" if dtype is object else "keys_int64s"] = list(category.categories) or [""]
    code = graph("LabelEncoder", category.name, domain=CATEGORIES_DOMAIN, **told)
    return graph("Squeeze", code, graph.axes(1))
