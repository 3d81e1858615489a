"""What there is to see in an estimator, for `glassnet.show` and for a notebook."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from glassnet._utils.arrays import Array
from glassnet.models.network_view import NamedOutput, NetworkView, forward_single, image_side, named_outputs, select_row


@np.errstate(over="ignore", invalid="ignore")  # a network that has diverged is shown as it is
def network_view(est: Any, X: Any = None, row: int = 0) -> NetworkView:
    """Return an estimator's layers and, where X is given, and one row through them."""
    check_is_fitted(est)
    structure, vector, names = est._structure, est._vector_in_use(), _output_names(est)
    side = image_side(structure, est.input_names) if est._preparation is None else 0
    sizes = (structure, structure.views(vector), type(est).__name__, est.input_names, names, side)
    if X is None:
        return NetworkView(*sizes)
    one = select_row(X, row)
    inputs = est.prepare(one)
    inputs = inputs.toarray() if issparse(inputs) else inputs
    answers, chosen = _answers(est, one, names)
    raw = _numbers(one) if est._preparation is None else None
    return NetworkView(*sizes, forward_single(structure, structure.views(vector), inputs), raw, answers, chosen)


def _numbers(one: Any) -> Array:
    return np.asarray(one.toarray() if issparse(one) else one, np.float64)[0]


def _output_names(est: Any) -> tuple[str, ...]:
    """Return the name of each output unit: its class, its label, its value."""
    outputs = est._structure.n_outputs
    if est._classifies:
        if est._kind == "binary":
            return (str(est.classes_[-1]),)
        return tuple(str(label) for label in est.classes_)
    quantiles = getattr(est, "quantiles", None)
    if quantiles is not None:
        return tuple(f"quantile {quantile:g}" for quantile in quantiles)
    return ("y",) if outputs == 1 else tuple(f"y{output}" for output in range(outputs))


def _answers(est: Any, one: Any, names: tuple[str, ...]) -> tuple[tuple[NamedOutput, ...], int]:
    """Return what the estimator says of a row, and which of it is the answer."""
    if not est._classifies:
        values = np.atleast_1d(est.predict(one)[0])
        return named_outputs(names, values, False), -1
    sure = hasattr(est, "predict_proba")
    if est._kind != "binary":
        values = (est.predict_proba(one) if sure else est.decision_function(one))[0]
        found = named_outputs(names, values, sure)
        return found, int(np.argmax(values)) if est._kind == "multiclass" else -1
    if not sure:
        return (NamedOutput(names[0], float(est.decision_function(one)[0]), 0, False),), -1
    # of two classes the first is what the only unit is not; a target of one class has just that
    values, classes = est.predict_proba(one)[0][-len(est.classes_) :], [str(label) for label in est.classes_]
    found = tuple(NamedOutput(n, float(v), 0, True) for n, v in zip(classes, values, strict=True))
    return found, int(np.flatnonzero(est.classes_ == est.predict(one)[0])[0])
