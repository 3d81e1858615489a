"""State of the layers: gradient and update norms, dead and saturated units."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows, numbers
from glassnet.network.activations import Activation
from glassnet.network.forward import Cache, forward
from glassnet.training import Run
from glassnet.web.learn.batches import BatchSource

#: Rows that the diagnostics use.
MAX_ROWS = 512
#: A unit is dead if its activation's derivative is at most this for every row.
DEAD = 1e-6
#: A unit is flat for a row if its derivative is below this share of the activation's largest derivative.
FLAT = 0.05
#: A unit is saturated if it is flat for this share of the rows. It is counted only for activations that saturate on
#: both sides, such as the sigmoid: a ReLU that is inactive for half of the rows is normal.
SATURATED = 0.5


@dataclass(frozen=True)
class LayerDiagnostics:
    """Diagnostics of one layer.

    Parameters
    ----------
    units : int
        Number of units.
    weights, gradient, update : float
        Norms of W and b together, of their gradient over the diagnostic rows, and of their change by the last batch.
    dead, saturated : int
        Number of units that pass no gradient for any row, and of units that pass almost none for half of the rows.
    """

    units: int
    weights: float
    gradient: float
    update: float
    dead: int
    saturated: int

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def diagnostic_rows(run: Run) -> Rows:
    """Return the first training rows."""
    assert isinstance(run.source, BatchSource)
    return run.source.sample(MAX_ROWS)


def diagnose_layers(run: Run, rows: Rows, before: Array) -> tuple[list[LayerDiagnostics], Cache]:
    """Return the diagnostics of each layer, and the forward pass of the rows.

    Parameters
    ----------
    run : Run
        A paused training.
    rows : Rows
        The diagnostic rows.
    before : array (n_parameters,)
        The parameters before the last batch.
    """
    structure = run.structure
    vector = run.weights.parameters
    with np.errstate(all="ignore"):
        _, gradient = run.engine.loss_and_gradients(vector, rows)
        change = vector - before
        cache = forward(structure, structure.views(vector), numbers(rows.x, rows.scale, vector.dtype))
        found = []
        for layer, _, units in structure.layers():
            span = slice(structure.slices[f"W{layer}"].start, structure.slices[f"b{layer}"].stop)
            dead = saturated = 0
            if layer < structure.n_layers:
                activation = structure.activations[layer - 1]
                derivatives = _derivatives(activation, cache[f"z{layer}"], cache[f"a{layer}"])
                dead = int(np.sum(derivatives.max(axis=0) <= DEAD))
                flat = np.mean(derivatives < FLAT * max_derivative(activation), axis=0)
                saturated = int(np.sum(flat >= SATURATED)) if saturates(activation) else 0
            weights, slope, update = (_norm(array[span]) for array in (vector, gradient, change))
            found.append(LayerDiagnostics(units, weights, slope, update, dead, saturated))
    return found, cache


def _derivatives(activation: Activation, z: Array, a: Array) -> Array:
    """Return the absolute derivative of an activation, (samples, units)."""
    return np.abs(activation.derivative(np.ones_like(a), z, a))


@cache
def max_derivative(activation: Activation) -> float:
    """Return the largest absolute derivative of an activation over -8 … 8."""
    z = np.linspace(-8, 8, 401)[:, np.newaxis]
    return float(_derivatives(activation, z, activation.function(z)).max()) or 1.0


@cache
def saturates(activation: Activation) -> bool:
    """Check whether an activation is flat far from 0 on both sides."""
    z = np.array([[-8.0], [8.0]])
    return bool((_derivatives(activation, z, activation.function(z)) < FLAT * max_derivative(activation)).all())


def _norm(vector: Array) -> float:
    wide = vector.astype(np.float64)
    return math.sqrt(float(np.dot(wide, wide)))
