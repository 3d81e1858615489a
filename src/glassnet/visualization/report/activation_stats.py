"""Statistics of the activations of each layer over rows, computed in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.inspection.outputs import chunks
from glassnet.network.forward import forward
from glassnet.network.structure import Structure


@dataclass
class ActivationStats:
    """Minimum, maximum and sum of the activations of a layer over rows, (units,) each."""

    minimum: Array
    maximum: Array
    total: Array
    rows: int = 0

    @property
    def mean(self) -> Array:
        """The mean activation of each unit."""
        return self.total / max(self.rows, 1)

    @property
    def dead(self) -> Array:
        """Which units are constant over the rows, (units,) bool; none for a single row."""
        return (self.minimum == self.maximum) & (self.rows > 1)


def forward_with_stats(structure: Structure, vector: Array, inputs: Any) -> tuple[Array, Array, list[ActivationStats]]:
    """Run the forward pass and collect statistics of the activations.

    Returns
    -------
    z, output : array (samples, outputs)
        z_L and a_L.
    stats : list of ActivationStats
        Of each layer but the input.
    """
    parameters = structure.views(vector)
    stats = [
        ActivationStats(np.full(units, np.inf), np.full(units, -np.inf), np.zeros(units))
        for _, _, units in structure.layers()
    ]
    zs = []
    outputs = []
    for _, rows in chunks(structure, inputs, vector.dtype):
        cache = forward(structure, parameters, rows)
        for layer, stat in enumerate(stats, start=1):
            a = cache[f"a{layer}"]
            np.minimum(stat.minimum, a.min(axis=0), out=stat.minimum)
            np.maximum(stat.maximum, a.max(axis=0), out=stat.maximum)
            stat.total += a.sum(axis=0, dtype=np.float64)
            stat.rows += len(a)
        zs.append(cache[f"z{structure.n_layers}"])
        outputs.append(cache[f"a{structure.n_layers}"])
    return np.concatenate(zs), np.concatenate(outputs), stats
