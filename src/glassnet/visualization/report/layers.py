"""What each layer answers to rows, gathered a few rows at a time: which units say the same to every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.inspection.outputs import chunks
from glassnet.network.forward import forward
from glassnet.network.structure import Structure


@dataclass
class LayerSeen:
    """The activations of a layer over rows, (units,) each."""

    least: Array
    most: Array
    total: Array
    rows: int = 0

    @property
    def mean(self) -> Array:
        """The mean activation of each unit."""
        return self.total / max(self.rows, 1)

    @property
    def dead(self) -> Array:
        """Which units say the same to every row, (units,) bool; one row proves nothing."""
        return (self.least == self.most) & (self.rows > 1)


def seen_through(structure: Structure, vector: Array, inputs: Any) -> tuple[Array, Array, list[LayerSeen]]:
    """Take rows through the network.

    Returns
    -------
    z, output : array (samples, outputs)
        z_L and a_L.
    layers : list of LayerSeen
        Of each layer but the input.
    """
    parameters = structure.views(vector)
    layers = [
        LayerSeen(np.full(units, np.inf), np.full(units, -np.inf), np.zeros(units))
        for _, _, units in structure.layers()
    ]
    last, zs, outputs = structure.n_layers, [], []
    for _, rows in chunks(structure, inputs, vector.dtype):
        cache = forward(structure, parameters, rows)
        for number, layer in enumerate(layers, start=1):
            a = cache[f"a{number}"]
            np.minimum(layer.least, a.min(axis=0), out=layer.least)
            np.maximum(layer.most, a.max(axis=0), out=layer.most)
            layer.total += a.sum(axis=0, dtype=np.float64)
            layer.rows += len(a)
        zs.append(cache[f"z{last}"])
        outputs.append(cache[f"a{last}"])
    return np.concatenate(zs), np.concatenate(outputs), layers
