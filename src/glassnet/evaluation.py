"""Evaluation: how good a model is on rows whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet.models.model import CLASSIFICATION, Model
from glassnet.network.activations import Array


def evaluate(model: Model, x: Any, y: Any) -> dict[str, Any]:
    """Judge a model.

    Parameters
    ----------
    model : Model
        What is judged.
    x : array-like (samples, features)
        Raw rows.
    y : array-like (samples,) or (samples, outputs)
        Raw targets.

    Returns
    -------
    dict
        Plain values. Always ``rows`` and ``loss``; for classes ``accuracy``, ``classes`` (for each its ``precision``,
        ``recall`` and ``rows``) and ``confusion_matrix`` (rows are the truth); for values ``r2``,
        ``mean_absolute_error`` and ``root_mean_squared_error``, in the target's unit.

    Raises
    ------
    InputError
        If rows or targets do not suit the model.
    """
    loss, predicted = model.evaluate(x, y)
    result: dict[str, Any] = {"rows": len(predicted), "loss": loss}
    if model.task != CLASSIFICATION:
        return result | of_values(np.asarray(y, np.float64).reshape(predicted.shape), predicted)
    # by the classes' numbers: scikit-learn takes names that are fractions for values
    return result | of_classes(model.encode(y), model.encode(predicted), model.classes)


def of_values(truth: Array, predicted: Array) -> dict[str, Any]:
    """Return ``r2``, ``mean_absolute_error`` and ``root_mean_squared_error`` of values, (samples,) or (samples, k)."""
    from sklearn import metrics

    return {
        "r2": float(metrics.r2_score(truth, predicted)) if len(truth) > 1 else None,
        "mean_absolute_error": float(metrics.mean_absolute_error(truth, predicted)),
        "root_mean_squared_error": float(metrics.root_mean_squared_error(truth, predicted)),
    }


def of_classes(truth: Array, predicted: Array, classes: Sequence[Any]) -> dict[str, Any]:
    """Return ``accuracy``, ``classes`` and ``confusion_matrix`` of numbers of classes, (samples,) each."""
    from sklearn import metrics

    numbers = range(len(classes))
    precision, recall, _, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=numbers, zero_division=0
    )
    return {
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "classes": {
            str(label): {"precision": float(p), "recall": float(r), "rows": int(n)}
            for label, p, r, n in zip(classes, precision, recall, support, strict=True)
        },
        "confusion_matrix": metrics.confusion_matrix(truth, predicted, labels=numbers).tolist(),
    }
