"""Evaluate a model on rows with known targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from glassnet.metrics.classification import ClassificationAccumulator
from glassnet.metrics.regression import RegressionAccumulator
from glassnet.models.model import Model
from glassnet.models.target import CLASSIFICATION


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
    classes = ClassificationAccumulator(model.classes)
    values = RegressionAccumulator()
    rows = 0
    total_loss = 0.0
    for x, y in blocks:
        loss, predicted = model.evaluate(x, y)
        rows += len(predicted)
        total_loss += loss * len(predicted)
        if model.task == CLASSIFICATION:
            classes.add(model.encode(y), model.encode(predicted))
            continue
        y_true = np.asarray(y, np.float64)
        if y_true.size == predicted.size:  # quantiles of one target have no metric but the loss
            values.add(y_true.reshape(predicted.shape), predicted)
    result = {"rows": rows, "loss": total_loss / max(rows, 1)}
    if model.task == CLASSIFICATION:
        return result | classes.metrics()
    return result | values.metrics() if values.rows else result
