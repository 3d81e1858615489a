"""The ONNX file: scaling, layers, and what the outputs mean, in one graph that takes raw rows."""

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
from glassnet.models.exchange.portable import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Portable, needed

#: Operator set 18, of onnx 1.13 (December 2022), has all that we use; a newer one would shut out older runtimes and buy
#: nothing. IR version 8 is the file's own version of that time: onnxruntime 1.14 and all later ones read both.
OPSET, IR_VERSION = 18, 8
#: Of ai.onnx.ml, used for categories alone: that of the same release.
CATEGORIES_OPSET = 3
#: A file of protocol buffers can't be longer.
MAX_BYTES = 2**31 - 2**20
HOW_TO_INSTALL = 'install it with: pip install "glassnet[onnx]"'


def to_onnx(portable: Portable, path: str | Path, *, input_dtype: Any = None) -> None:
    """Write a network as an ONNX file, atomically, checked by `onnx.checker` before.

    Its one input is ``X`` (rows, features), raw rows. With the preparation of a table that has categories it has an
    input (rows, 1) for each column instead, by the column's name, as skl2onnx makes them: text, int64 for categories
    that are whole numbers, or numbers. A missing number is NaN; a missing category is any text or number that is none
    of the categories.

    Its outputs are named as skl2onnx names them: of a classifier ``label``, int64 or text (rows,), and
    ``probabilities`` (rows, classes), or ``scores`` if its outputs are no probabilities; for several labels both are
    (rows, labels), ``label`` 0 or 1; of a regressor ``variable`` (rows, outputs). They have the network's dtype. There
    may be any number of rows.

    Scaling is computed in float64 and rounded to the network's dtype, as our own is. Where `predict` refuses a row for
    an entry that is not finite, a graph can't: NaN gives NaN probabilities or values for that row and leaves the
    others alone, and what an infinite entry gives, as what label either gets, is not defined.

    Parameters
    ----------
    portable : Portable
        The network.
    path : str or Path
        The file, ``.onnx`` by custom; its folder is made if need be.
    input_dtype : float32 or float64, optional
        Of ``X``; the network's own if not given. float64 for a float32 network keeps all digits of raw features that
        have more than seven, such as times in seconds.

    Raises
    ------
    InputError
        If ``onnx`` is not installed, a dtype is another, the file would be larger than ONNX allows, or it can't be
        written.
    """
    write_atomically(path, onnx_bytes(portable, input_dtype=input_dtype))


def onnx_bytes(portable: Portable, *, input_dtype: Any = None) -> bytes:
    """Return the content of the file that `to_onnx` writes; the same network gives the same bytes."""
    onnx = needed("onnx", HOW_TO_INSTALL)
    from onnx import helper

    if portable.vector.nbytes > MAX_BYTES:
        raise InputError(
            f"the parameters take {portable.vector.nbytes:,} bytes; an ONNX file holds at most {MAX_BYTES:,}: "
            "use float32, or fewer units"
        )
    raw_type = _input_type(portable, input_dtype)
    graph = Graph(portable.vector.dtype)
    inputs, a = add_inputs(graph, portable, raw_type)
    outputs = _answers(graph, portable, _layers(graph, portable, a))
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
    facts = {"kind": portable.kind, "layer_sizes": list(portable.structure.layer_sizes)}
    facts["activations"] = [activation.name for activation in portable.structure.activations]
    if portable.feature_names:
        facts["feature_names"] = list(portable.feature_names)
    helper.set_model_props(model, {"glassnet": json.dumps(facts, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _input_type(portable: Portable, wanted: Any) -> np.dtype[Any]:
    try:
        dtype = portable.vector.dtype if wanted is None else np.dtype(wanted)
    except TypeError:
        dtype = None
    if dtype not in (np.float32, np.float64):
        raise InputError(f"input_dtype is {wanted!r}; it must be 'float32' or 'float64'")
    return dtype


def _layers(graph: Graph, portable: Portable, a: str) -> str:
    """a_l = f_l(a_{l-1} W_l + b_l)."""
    parameters = portable.parameters
    for layer, activation in enumerate(portable.structure.activations, start=1):
        W, b = (graph.constant(name, parameters[name]) for name in (f"W{layer}", f"b{layer}"))
        a = NODES[activation.name](graph, graph("Gemm", a, W, b, name=f"z{layer}"))
    return a


def _answers(graph: Graph, portable: Portable, a: str) -> list[Value]:
    """Add what the outputs mean, and return the name, dtype and shape of each output of the graph."""
    outputs, dtype = portable.structure.n_outputs, graph.dtype
    if portable.kind == REGRESSION:
        scaling = portable.target_scaling
        if scaling is not None:
            a = graph("Div", graph.cast(a, np.float64), graph.constant("target_scaling.factor", scaling.scale))
            a = graph.cast(graph("Add", a, graph.constant("target_scaling.shift", scaling.offset)), dtype)
        if portable.quantiles:
            a = _rearranged(graph, a, portable.quantiles)
        graph("Identity", a, name="variable")
        return [("variable", dtype, ["rows", outputs])]

    last = portable.structure.activations[-1].name
    if portable.kind == MULTICLASS:
        winner = graph("ArgMax", a, axis=1, keepdims=0)
        if last == "sigmoid":  # as Model.predict_proba: yes-or-no outputs are scaled to sum to 1
            a = graph("Max", a, float(np.finfo(dtype).tiny))
            a = graph("Div", a, graph("ReduceSum", a, graph.axes(1), keepdims=1))
    else:
        yes = graph.cast(graph("Greater", a, portable.threshold), np.int64)
        if portable.kind == MULTILABEL:
            graph("Identity", yes, name="label")
            graph("Identity", a, name=(name := "probabilities" if last == "sigmoid" else "scores"))
            return [("label", np.int64, ["rows", outputs]), (name, dtype, ["rows", outputs])]
        winner = graph("Squeeze", yes, graph.axes(1))
        if len(portable.classes) == 1:  # the only class, whatever the output says, as scikit-learn has it
            winner = graph("Mul", winner, graph.number(0, np.int64))
        if last == "sigmoid":
            a = graph("Concat", graph("Sub", 1.0, a), a, axis=1)
            outputs = 2
    graph("Gather", graph.constant("classes", portable.classes), winner, axis=0, name="label")
    name = "probabilities" if last in ("sigmoid", *(["softmax"] if portable.kind != BINARY else [])) else "scores"
    graph("Identity", a, name=name)
    return [("label", portable.classes.dtype, ["rows"]), (name, dtype, ["rows", outputs])]


def _rearranged(graph: Graph, values: str, quantiles: tuple[float, ...]) -> str:
    """Sort each row's values, and put them in the places of the quantiles (Chernozhukov et al. 2010)."""
    count = graph.constant("quantiles", np.array([len(quantiles)], np.int64))
    ascending = graph("TopK", values, count, axis=1, largest=0, sorted=1, outputs=2)
    rank = np.argsort(np.argsort(quantiles, kind="stable"), kind="stable")
    return graph("Gather", ascending, graph.constant("rank", rank), axis=1)
