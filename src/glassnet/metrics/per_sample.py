"""Values per row whose mean a metric is: functions ``(output (samples, outputs), y) -> (samples,)``.

The fused engine has a compiled formula for each (`glassnet.engines.fused.formulas`).
"""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array


def accuracy_per_sample(output: Array, y: Array) -> Array:
    """Return whether the predicted class is correct: the largest output, or whether a single output is ½ or more."""
    if output.shape[-1] == 1:
        return np.equal(output[:, 0] >= 0.5, y.reshape(len(y)) >= 0.5)
    return np.equal(np.argmax(output, axis=-1), y if y.ndim == 1 else np.argmax(y, axis=-1))


def subset_accuracy_per_sample(output: Array, y: Array) -> Array:
    """Return whether all labels of the row are correct, each predicted by an output of ½ or more."""
    return np.all(np.equal(output >= 0.5, y.reshape(len(y), -1) >= 0.5), axis=-1)


def squared_error_per_sample(output: Array, y: Array) -> Array:
    """Return Σ (a - y)² over the outputs of the row."""
    return np.sum(np.square(output - y.reshape(len(y), -1)), axis=-1)


def no_metric(output: Array, y: Array) -> Array:
    """Return NaN for each row: no metric."""
    return np.full(len(output), np.nan)
