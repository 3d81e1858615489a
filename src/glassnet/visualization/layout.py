"""Where things stand in the picture of a network: which units are drawn, where, and which connections between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models.network_view import NetworkView

#: Units of a layer that are drawn one by one, and of the output.
MAX_UNITS, MAX_OUTPUTS = 10, 12
#: Connections into a unit that are drawn: from units, and from the pixels of a picture.
MAX_EDGES, MAX_PIXELS = 3, 4
#: Cells of the map of a layer; where there are more units, a cell is several.
MAX_CELLS = 256
#: In pixels: a unit's width and height, from one unit to the next, from one layer to the next, what stands above and
#: below the units, the side of a picture, of a cell.
WIDE, HIGH, DOWN, ACROSS, ABOVE, BELOW, IMAGE, CELL = 126, 20, 26, 210, 54, 32, 170, 7


@dataclass(frozen=True)
class Edge:
    """A connection that is drawn.

    Parameters
    ----------
    source, target : int
        The numbers of the two units.
    size : float
        What it brings to the target's z: a · W; without a row, W.
    """

    source: int
    target: int
    size: float


class Plan:
    """What is drawn of a sight.

    Parameters
    ----------
    sight : NetworkView
        What is seen.
    """

    def __init__(self, sight: NetworkView) -> None:
        self.sight = sight
        self.sizes = sight.structure.layer_sizes
        self.layers = len(self.sizes)
        self.shown = [self._choose(layer) for layer in range(self.layers)]

    def values(self, layer: int) -> Array | None:
        """Return the activations of a layer (units,), or None without a row."""
        return self.sight.cache.get(f"a{layer}")

    def strength(self, layer: int) -> Array:
        """Return by what the units of a layer are chosen and coloured, (units,): a, or the length of their weights."""
        seen = self.values(layer)
        if seen is None:
            W = self.sight.parameters[f"W{max(layer, 1)}"]
            seen = np.linalg.norm(W, axis=0 if layer else 1)
        return np.nan_to_num(np.asarray(seen, np.float64), posinf=np.finfo(np.float64).max / 4)

    def is_image(self, layer: int) -> bool:
        """Say whether a layer is drawn as a picture: the input, where it is one."""
        return layer == 0 and self.sight.side > 0

    def _choose(self, layer: int) -> list[int]:
        """Return the units that are drawn one by one: the most active ones, the strongest first; few in their order."""
        last = layer == self.layers - 1
        most = MAX_OUTPUTS if last else MAX_UNITS
        if self.is_image(layer):
            return []
        if self.sizes[layer] <= most and (last or layer == 0):
            return list(range(self.sizes[layer]))
        return [int(unit) for unit in np.argsort(-np.abs(self.strength(layer)), kind="stable")[:most]]

    @cached_property
    def edges(self) -> list[list[Edge]]:
        """For each layer but the input, the strongest connections into each unit that is drawn."""
        found: list[list[Edge]] = [[]]
        for layer in range(1, self.layers):
            W, a = self.sight.parameters[f"W{layer}"], self.values(layer - 1)
            image = self.is_image(layer - 1)
            sources = np.arange(self.sizes[layer - 1]) if image else np.array(self.shown[layer - 1])
            brings = np.asarray(W[sources[:, np.newaxis], self.shown[layer]], np.float64)
            if a is not None:
                brings = brings * np.asarray(a, np.float64)[sources, np.newaxis]
            brings = np.nan_to_num(brings)
            most = MAX_PIXELS if image else MAX_EDGES
            edges = []
            for place, target in enumerate(self.shown[layer]):
                strongest = np.argsort(-np.abs(brings[:, place]), kind="stable")[:most]
                edges += [
                    Edge(int(sources[s]), target, float(brings[s, place])) for s in strongest if brings[s, place] != 0
                ]
            found.append(edges)
        return found

    # ------------------------------------------------------------------------------------------------------ places

    @cached_property
    def tallest(self) -> float:
        """The height of the tallest layer's units."""
        return max(
            IMAGE if self.is_image(layer) else DOWN * len(self.shown[layer]) - (DOWN - HIGH)
            for layer in range(self.layers)
        )

    @property
    def width(self) -> int:
        """Of the whole picture."""
        return int(self.left(self.layers - 1)) + WIDE + 2

    @cached_property
    def map_top(self) -> float:
        """Where the maps of all units begin."""
        return ABOVE + self.tallest + 24

    @cached_property
    def height(self) -> float:
        """Of the whole picture."""
        maps = [self.map_rows(layer) * CELL for layer in range(self.layers) if self.has_map(layer)]
        return (self.map_top + max(maps) if maps else ABOVE + self.tallest) + BELOW

    def left(self, layer: int) -> float:
        """Where a layer begins."""
        wider = IMAGE - WIDE if layer and self.is_image(0) else 0
        return ACROSS * layer + wider + 2.0

    def wide(self, layer: int) -> int:
        """How wide a layer is."""
        return IMAGE if self.is_image(layer) else WIDE

    def top(self, layer: int, place: int) -> float:
        """Where a unit begins: layers stand in the middle of the tallest."""
        own = DOWN * len(self.shown[layer]) - (DOWN - HIGH)
        return ABOVE + (self.tallest - own) / 2 + DOWN * place

    @property
    def image_top(self) -> float:
        """Where the picture of the input begins."""
        return ABOVE + (self.tallest - IMAGE) / 2

    def end_of(self, layer: int, unit: int) -> tuple[float, float]:
        """Return where connections from a unit begin."""
        if self.is_image(layer):
            side = self.sight.side
            row, column = divmod(unit, side)
            return self.left(0) + (column + 0.5) * IMAGE / side, self.image_top + (row + 0.5) * IMAGE / side
        return self.left(layer) + WIDE, self.top(layer, self.shown[layer].index(unit)) + HIGH / 2

    def has_map(self, layer: int) -> bool:
        """Say whether not all units are drawn one by one, so that a map shows them all."""
        return bool(self.sight.cache) and not self.is_image(layer) and len(self.shown[layer]) < self.sizes[layer]

    def units_a_cell(self, layer: int) -> int:
        """Return how many units a cell of the map is."""
        return math.ceil(self.sizes[layer] / MAX_CELLS)

    def map_columns(self) -> int:
        """Return how many cells stand beside each other."""
        return WIDE // CELL

    def map_rows(self, layer: int) -> int:
        """Return how many rows of cells a layer's map has."""
        cells = math.ceil(self.sizes[layer] / self.units_a_cell(layer))
        return math.ceil(cells / self.map_columns())
