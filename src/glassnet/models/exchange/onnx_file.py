"""Export to ONNX: preprocessing, layers and outputs in one graph that takes raw rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.atomic_write import write_atomically
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.models.exchange.onnx_graph import NODES, Graph, element_type
from glassnet.models.exchange.onnx_inputs import Value, add_inputs
from glassnet.models.exchange.portable import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Portable, import_optional

#: Operator set of onnx 1.13 (December 2022). It has all operators used here; a newer one would exclude older runtimes.
OPSET = 18
#: IR version of the same release; onnxruntime 1.14 and later read both.
IR_VERSION = 8
#: Version of the operator set ai.onnx.ml, used for categories, of the same release.
CATEGORIES_OPSET = 3
#: Largest size of a file in protocol buffers.
MAX_BYTES = 2**31 - 2**20
INSTALL_HINT = 'install it with: pip install "glassnet[onnx]"'


def to_onnx(portable: Portable, path: str | Path, *, input_dtype: Any = None) -> None:
    """Write a network as an ONNX file, atomically, after a check by `onnx.checker`.

    Its only input is ``X`` (rows, features), raw rows. With the preparation of a table that has categories it has an
    input (rows, 1) for each column instead, by the column's name, as skl2onnx makes them: text, int64 for categories
    that are whole numbers, or numbers. A missing number is NaN; a missing category is any text or number that is not
    a category.

    Its outputs are named as skl2onnx names them: of a classifier ``label``, int64 or text (rows,), and
    ``probabilities`` (rows, classes), or ``scores`` if its outputs are not probabilities; for several labels both are
    (rows, labels), ``label`` 0 or 1; of a regressor ``variable`` (rows, outputs). They have the network's dtype. There
    may be any number of rows.

    Scaling is computed in float64 and rounded to the network's dtype, as in glassnet. `predict` rejects
    entries that are not finite, but a graph can't: NaN gives NaN probabilities or values for that row only. The result
    of an infinite entry, and the label of either, is undefined.

    Parameters
    ----------
    portable : Portable
        The network.
    path : str or Path
        The file, usually ``.onnx``; its folder is created if it does not exist.
    input_dtype : float32 or float64, optional
        Dtype of ``X``; the network's if not given. float64 for a float32 network keeps all digits of raw features that
        have more than seven, such as times in seconds.

    Raises
    ------
    InputError
        If ``onnx`` is not installed, the dtype is another, the file would be larger than ONNX allows, or it can't be
        written.
    """
    write_atomically(path, onnx_bytes(portable, input_dtype=input_dtype))


def onnx_bytes(portable: Portable, *, input_dtype: Any = None) -> bytes:
    """Return the content of the file that `to_onnx` writes; the same network gives the same bytes."""
    onnx = import_optional("onnx", INSTALL_HINT)
    from onnx import helper

    if portable.vector.nbytes > MAX_BYTES:
        raise InputError(
            f"the parameters take {portable.vector.nbytes:,} bytes; an ONNX file holds at most {MAX_BYTES:,}: "
            "use float32, or fewer units"
        )
    raw_type = _input_type(portable, input_dtype)
    graph = Graph(portable.vector.dtype)
    inputs, a = add_inputs(graph, portable, raw_type)
    outputs = _add_outputs(graph, portable, _add_layers(graph, portable, a))
    proto = helper.make_graph(
        graph.nodes,
        "glassnet",
        [helper.make_tensor_value_info(name, element_type(dtype), shape) for name, dtype, shape in inputs],
        [helper.make_tensor_value_info(name, element_type(dtype), shape) for name, dtype, shape in outputs],
        list(graph.constants.values()),
    )
    domains = {node.domain for node in graph.nodes} - {""}
    other_operators = [helper.make_opsetid(domain, CATEGORIES_OPSET) for domain in domains]
    model = helper.make_model(
        proto,
        producer_name="glassnet",
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), *other_operators],
    )
    metadata = {"kind": portable.kind, "layer_sizes": list(portable.structure.layer_sizes)}
    metadata["activations"] = [activation.name for activation in portable.structure.activations]
    if portable.feature_names:
        metadata["feature_names"] = list(portable.feature_names)
    helper.set_model_props(model, {"glassnet": json.dumps(metadata, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _input_type(portable: Portable, requested: Any) -> np.dtype[Any]:
    """Return the dtype of the graph's numeric inputs; raise InputError if it is another than float32 or float64."""
    try:
        dtype = portable.vector.dtype if requested is None else np.dtype(requested)
    except TypeError:
        dtype = None
    if dtype not in (np.float32, np.float64):
        raise InputError(f"input_dtype is {requested!r}; it must be 'float32' or 'float64'")
    return dtype


def _add_layers(graph: Graph, portable: Portable, a: str) -> str:
    """Add the layers, a_l = f_l(a_{l-1} W_l + b_l), and return the name of a_L."""
    parameters = portable.parameters
    for layer, activation in enumerate(portable.structure.activations, start=1):
        W, b = (graph.constant(name, parameters[name]) for name in (f"W{layer}", f"b{layer}"))
        a = NODES[activation.name](graph, graph("Gemm", a, W, b, name=f"z{layer}"))
    return a


def _add_outputs(graph: Graph, portable: Portable, a: str) -> list[Value]:
    """Add the outputs of the graph, and return the name, dtype and shape of each."""
    outputs = portable.structure.n_outputs
    dtype = graph.dtype
    if portable.kind == REGRESSION:
        scaling = portable.target_scaling
        if scaling is not None:
            a = graph("Div", graph.cast(a, np.float64), graph.constant("target_scaling.factor", scaling.scale))
            a = graph.cast(graph("Add", a, graph.constant("target_scaling.shift", scaling.offset)), dtype)
        if portable.quantiles:
            a = _sort_quantiles(graph, a, portable.quantiles)
        graph("Identity", a, name="variable")
        return [("variable", dtype, ["rows", outputs])]

    last = portable.structure.activations[-1].name
    if portable.kind == MULTICLASS:
        index = graph("ArgMax", a, axis=1, keepdims=0)
        if last == "sigmoid":  # as Model.predict_proba: sigmoid outputs are normalized to sum to 1
            a = graph("Max", a, float(np.finfo(dtype).tiny))
            a = graph("Div", a, graph("ReduceSum", a, graph.axes(1), keepdims=1))
    else:
        positive = graph.cast(graph("Greater", a, portable.threshold), np.int64)
        if portable.kind == MULTILABEL:
            graph("Identity", positive, name="label")
            graph("Identity", a, name=(name := "probabilities" if last == "sigmoid" else "scores"))
            return [("label", np.int64, ["rows", outputs]), (name, dtype, ["rows", outputs])]
        index = graph("Squeeze", positive, graph.axes(1))
        if len(portable.classes) == 1:  # the only class, whatever the output is, as in scikit-learn
            index = graph("Mul", index, graph.number(0, np.int64))
        if last == "sigmoid":
            a = graph("Concat", graph("Sub", 1.0, a), a, axis=1)
            outputs = 2
    graph("Gather", graph.constant("classes", portable.classes), index, axis=0, name="label")
    name = "probabilities" if last in ("sigmoid", *(["softmax"] if portable.kind != BINARY else [])) else "scores"
    graph("Identity", a, name=name)
    return [("label", portable.classes.dtype, ["rows"]), (name, dtype, ["rows", outputs])]


def _sort_quantiles(graph: Graph, values: str, quantiles: tuple[float, ...]) -> str:
    """Sort each row's values into the order of the quantiles (Chernozhukov et al. 2010)."""
    count = graph.constant("quantiles", np.array([len(quantiles)], np.int64))
    ascending = graph("TopK", values, count, axis=1, largest=0, sorted=1, outputs=2)
    rank = np.argsort(np.argsort(quantiles, kind="stable"), kind="stable")
    return graph("Gather", ascending, graph.constant("rank", rank), axis=1)
