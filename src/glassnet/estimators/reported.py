"""Losses with the values that scikit-learn reports where they are not the library's; the gradients are the same.

L-BFGS chooses its steps by these values, so that the same steps need the same values.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import xlogy

from glassnet.network.activations import Array, sigmoid, softmax
from glassnet.network.losses import LOSSES, Loss


def clipped_log_loss(o: Array, y: Array, label_smoothing: float = 0.0) -> Array:
    """-Σ y log p, p = softmax(o), no p nearer to 0 or 1 than the dtype's ε: one row costs at most -log ε."""
    return -np.sum(xlogy(y, _clipped(softmax(o))), axis=-1)


def clipped_binary_log_loss(o: Array, y: Array, label_smoothing: float = 0.0) -> Array:
    """-Σ y log p + (1 - y) log (1 - p), p = sigmoid(o), no p nearer to 0 or 1 than the dtype's ε."""
    p = _clipped(sigmoid(o))
    return -np.sum(xlogy(y, p) + xlogy(1 - y, 1 - p), axis=-1)


def _clipped(p: Array) -> Array:
    tiny = np.finfo(p.dtype).eps
    return np.clip(p, tiny, 1 - tiny)


def poisson_deviance(o: Array, y: Array) -> Array:
    """Σ y log (y / p) - y + p, p = exp(o): half the deviance, summed over the outputs."""
    return np.sum(xlogy(y, y) - y * o - y + np.exp(o), axis=-1)


def d_poisson_deviance(o: Array, y: Array) -> Array:
    """p - y."""
    return np.exp(o) - y


def as_reported(loss: Loss) -> Loss:
    """Return a loss of scikit-learn's with the values that it reports."""
    if loss.name == "poisson":
        return replace(loss, samples=poisson_deviance, derivative=d_poisson_deviance)
    if loss.settings.get("label_smoothing"):
        return loss
    if loss == LOSSES["categorical_crossentropy"]:
        return replace(loss, samples=clipped_log_loss)
    if loss == LOSSES["binary_crossentropy"]:
        return replace(loss, samples=clipped_binary_log_loss)
    return loss
