"""Evaluation: how good a model is on rows whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.models.model import CLASSIFICATION, Model


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
    from sklearn import metrics

    loss, predicted = model.evaluate(x, y)
    result: dict[str, Any] = {"rows": len(predicted), "loss": loss}
    if model.task != CLASSIFICATION:
        truth = np.asarray(y, np.float64).reshape(predicted.shape)
        result["r2"] = float(metrics.r2_score(truth, predicted)) if len(truth) > 1 else None
        result["mean_absolute_error"] = float(metrics.mean_absolute_error(truth, predicted))
        result["root_mean_squared_error"] = float(metrics.root_mean_squared_error(truth, predicted))
        return result
    # by the classes' numbers: scikit-learn takes names that are fractions for values
    truth, predicted, classes = model.encode(y), model.encode(predicted), range(len(model.classes))
    result["accuracy"] = float(metrics.accuracy_score(truth, predicted))
    precision, recall, _, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=0
    )
    result["classes"] = {
        str(label): {"precision": float(p), "recall": float(r), "rows": int(n)}
        for label, p, r, n in zip(model.classes, precision, recall, support, strict=True)
    }
    result["confusion_matrix"] = metrics.confusion_matrix(truth, predicted, labels=classes).tolist()
    return result
