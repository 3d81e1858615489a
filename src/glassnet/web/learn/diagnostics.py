"""How the layers are doing: gradients, what an update changes, units that learn nothing."""

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

#: Rows that are looked at.
MAX_ROWS = 512
#: A unit is dead if it passes back no more than this share of a gradient for any row. It is flat for a row below this
#: share of the most that its activation can pass back, and saturated if it is for half of the rows; that is said of
#: activations that are flat on both sides, as the sigmoid is: a ReLU that is shut half of the time does well.
DEAD, FLAT, SATURATED = 1e-6, 0.05, 0.5


@dataclass(frozen=True)
class LayerHealth:
    """Of one layer.

    Parameters
    ----------
    units : int
        How many it has.
    weights, gradient, update : float
        The lengths of W and b together, of their gradient over the rows that are looked at, and of what the last batch
        changed.
    dead, saturated : int
        Units that pass back no gradient for any row, and those that hardly do for half of them.
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


def some_rows(run: Run) -> Rows:
    """Return the first rows of those that are learned from."""
    rows, chosen = run.source.rows, run.source.indices  # type: ignore[attr-defined]  # an InMemory
    few = np.arange(min(len(rows), MAX_ROWS)) if chosen is None else chosen[:MAX_ROWS]
    few_rows: Rows = rows.take(few)
    return few_rows


def layers_of(run: Run, rows: Rows, before: Array) -> tuple[list[LayerHealth], Cache]:
    """Return how each layer is doing, and the rows' way through the network.

    Parameters
    ----------
    run : Run
        At rest.
    rows : Rows
        What is looked at.
    before : array (n_parameters,)
        The parameters before the last batch.
    """
    structure, vector = run.structure, run.weights.parameters
    with np.errstate(all="ignore"):
        _, gradient = run.engine.loss_and_gradients(vector, rows)
        change = vector - before
        views = structure.views(vector)
        cache = forward(structure, views, numbers(rows.x, rows.scale, vector.dtype))
        found = []
        for layer, _, units in structure.layers():
            place = slice(structure.slices[f"W{layer}"].start, structure.slices[f"b{layer}"].stop)
            dead = saturated = 0
            if layer < structure.n_layers:
                activation = structure.activations[layer - 1]
                slopes = _slopes(activation, cache[f"z{layer}"], cache[f"a{layer}"])
                dead = int(np.sum(slopes.max(axis=0) <= DEAD))
                flat = np.mean(slopes < FLAT * steepest(activation), axis=0)
                saturated = int(np.sum(flat >= SATURATED)) if is_flat_on_both_sides(activation) else 0
            weights, slope, moved = (_length(array[place]) for array in (vector, gradient, change))
            found.append(LayerHealth(units, weights, slope, moved, dead, saturated))
    return found, cache


def _slopes(activation: Activation, z: Array, a: Array) -> Array:
    """Return how much of a gradient comes back through each unit, (samples, units)."""
    return np.abs(activation.derivative(np.ones_like(a), z, a))


@cache
def steepest(activation: Activation) -> float:
    """Return the most that an activation passes back of a gradient, over -8 … 8."""
    z = np.linspace(-8, 8, 401)[:, np.newaxis]
    return float(_slopes(activation, z, activation.function(z)).max()) or 1.0


@cache
def is_flat_on_both_sides(activation: Activation) -> bool:
    """Say whether an activation passes back hardly anything far from 0, above and below."""
    z = np.array([[-8.0], [8.0]])
    return bool((_slopes(activation, z, activation.function(z)) < FLAT * steepest(activation)).all())


def _length(vector: Array) -> float:
    wide = vector.astype(np.float64)
    return math.sqrt(float(np.dot(wide, wide)))
