"""Evaluate a model on rows with known targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from glassnet.metrics.classification import ClassificationAccumulator
from glassnet.metrics.regression import RegressionAccumulator
from glassnet.models.model import CLASSIFICATION, Model


def evaluate(model: Model, x: Any, y: Any) -> dict[str, Any]:
    """Evaluate a model on rows with known targets.

    Parameters
    ----------
    model : Model
        The model.
    x : array-like (samples, features)
        Raw rows.
    y : array-like (samples,) or (samples, outputs)
        Raw targets.

    Returns
    -------
    dict
        Plain values. Always ``rows`` and ``loss``. For a classifier also ``accuracy``, ``classes`` and
        ``confusion_matrix`` (see `glassnet.metrics.classification.classification_metrics`). For a regressor also
        ``r2``, ``mean_absolute_error`` and ``root_mean_squared_error``, in the unit of the target; not for quantiles.

    Raises
    ------
    InputError
        If rows or targets do not suit the model.
    """
    return evaluate_blocks(model, [(x, y)])


def evaluate_blocks(model: Model, blocks: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Evaluate a model on blocks of rows, pairs of x and y, which need not fit into memory together; see `evaluate`."""
    if model.task == CLASSIFICATION:
        return _evaluate_classifier(model, blocks)
    accumulator = RegressionAccumulator()
    rows = 0
    total_loss = 0.0
    for x, y in blocks:
        loss, predicted = model.evaluate(x, y)
        rows += len(predicted)
        total_loss += loss * len(predicted)
        y_true = np.asarray(y, np.float64)
        if y_true.size == predicted.size:  # quantiles of one target have no metric but the loss
            accumulator.add(y_true.reshape(predicted.shape), predicted)
    result = {"rows": rows, "loss": total_loss / max(rows, 1)}
    return result | accumulator.metrics() if accumulator.rows else result


def _evaluate_classifier(model: Model, blocks: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    accumulator = ClassificationAccumulator(model.classes)
    rows = 0
    total_loss = 0.0
    for x, y in blocks:
        loss, predicted = model.evaluate(x, y)
        rows += len(predicted)
        total_loss += loss * len(predicted)
        accumulator.add(model.encode(y), model.encode(predicted))
    return {"rows": rows, "loss": total_loss / max(rows, 1)} | accumulator.metrics()
