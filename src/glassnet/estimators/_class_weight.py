"""Class weights: the weight of each row from the parameter ``class_weight``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: scikit-learn's message for SGDClassifier.partial_fit.
BALANCED_NEEDS_ALL_ROWS = (
    "class_weight 'balanced' is not supported for partial_fit. In order to use 'balanced' weights, use "
    "compute_class_weight('balanced', classes=classes, y=y). In place of y you can use a large enough sample of the "
    "full training set target to properly estimate the class frequency distributions. Pass the resulting weights as "
    "the class_weight parameter."
)


def class_weights_of_rows(class_weight: Any, y: Array, classes: Array, multilabel: bool) -> Array:
    """Return the class weight of each row, float64 (samples,).

    Parameters
    ----------
    class_weight : dict, list of dict, or "balanced"
        A weight for each class; of several labels a dict for each of them, whose weights are multiplied.
    y : array (samples,) or (samples, labels)
        Classes; or 0 or 1 for each label.
    classes : array (classes,)
        All classes, of which y may lack some.
    multilabel : bool
        Whether y has several labels.

    Raises
    ------
    ValueError
        With scikit-learn's message, if ``class_weight`` does not fit y.
    InputError
        If a weight is not a finite number of 0 or more, or all are 0.
    """
    if isinstance(class_weight, str):
        balanced: Array = compute_sample_weight(class_weight, y)
        return balanced
    if not multilabel:
        if isinstance(class_weight, list):
            raise InputError("class_weight is a list, which is for several labels; y has one: give a dict")
        weights = _weights_of(class_weight, classes, "class_weight")[np.searchsorted(classes, y)]
    elif isinstance(class_weight, dict):
        raise ValueError("For multi-output, class_weight should be a list of dicts, or the string 'balanced'.")
    else:
        weights = _multilabel_weights(class_weight, y)
    if not weights.any():
        raise InputError("class_weight gives every row the weight 0; give at least one class of y some weight")
    return weights


def _multilabel_weights(class_weight: Sequence[Any], y: Array) -> Array:
    if len(class_weight) != y.shape[1]:
        raise ValueError(
            "For multi-output, number of elements in class_weight should match number of outputs. Got "
            f"{len(class_weight)} element(s) while having {y.shape[1]} outputs."
        )
    weights = np.ones(len(y))
    for label, of_label in enumerate(class_weight):
        weights *= _weights_of(of_label, np.arange(2), f"class_weight[{label}]")[y[:, label].astype(np.int64)]
    return weights


def _weights_of(class_weight: Any, classes: Array, name: str) -> Array:
    """Return the weight of each class, (classes,)."""
    if not isinstance(class_weight, Mapping):
        raise InputError(
            f"{name} is {class_weight!r:.60}; it must be a dict from class to weight, such as {{0: 1, 1: 5}}"
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise InputError(f"{name}[{label!r}] is {weight!r:.40}; weights are finite numbers of 0 or more")
    weights: Array = compute_class_weight(dict(class_weight), classes=classes, y=classes)
    return weights
