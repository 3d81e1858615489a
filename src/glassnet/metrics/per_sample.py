"""How well each row was answered: what metrics (`glassnet.metrics.registry`) take the mean of.

Each is ``score(output (samples, outputs), y) -> (samples,)``. The fused engine has a compiled formula for each.
"""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array


def accuracy_per_sample(output: Array, y: Array) -> Array:
    """Whether the class of the row is right: the largest output, or the side of ½ of the only one."""
    if output.shape[-1] == 1:
        return np.equal(output[:, 0] >= 0.5, y.reshape(len(y)) >= 0.5)
    return np.equal(np.argmax(output, axis=-1), y if y.ndim == 1 else np.argmax(y, axis=-1))


def subset_accuracy_per_sample(output: Array, y: Array) -> Array:
    """Whether each yes-or-no question of the row is answered right."""
    return np.all(np.equal(output >= 0.5, y.reshape(len(y), -1) >= 0.5), axis=-1)


def squared_error_per_sample(output: Array, y: Array) -> Array:
    """Σ (a - y)² over the outputs of the row."""
    return np.sum(np.square(output - y.reshape(len(y), -1)), axis=-1)


def no_metric(output: Array, y: Array) -> Array:
    """No figure: NaN for each row."""
    return np.full(len(output), np.nan)
