"""Losses whose values differ from the library's in scikit-learn; the gradients are the same.

L-BFGS chooses its steps by these values: the same steps need the same values.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import xlogy

from glassnet._utils.arrays import Array
from glassnet.network.losses import Loss


def poisson_deviance(o: Array, y: Array) -> Array:
    """Σ y log (y / p) - y + p, p = exp(o): half the deviance, summed over the outputs."""
    return np.sum(xlogy(y, y) - y * o - y + np.exp(o), axis=-1)


def d_poisson_deviance(o: Array, y: Array) -> Array:
    """p - y."""
    return np.exp(o) - y


def with_sklearn_values(loss: Loss) -> Loss:
    """Return a loss with the values that scikit-learn reports."""
    return replace(loss, per_sample=poisson_deviance, derivative=d_poisson_deviance) if loss.name == "poisson" else loss
