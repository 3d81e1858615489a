"""The layout of a network's picture: which units and connections are drawn, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.models.network_view import NetworkView

#: Maximum number of units of a hidden layer, and of the output layer, that are drawn one by one.
MAX_UNITS, MAX_OUTPUTS = 10, 12
#: Maximum number of connections into a unit that are drawn: from units, and from the pixels of an image.
MAX_EDGES, MAX_PIXELS = 3, 4
#: Maximum number of cells in the map of a layer; with more units a cell is the mean of several.
MAX_CELLS = 256
#: Size of a unit, in pixels as all that follow.
UNIT_WIDTH, UNIT_HEIGHT = 126, 20
#: Distance from one unit to the next, and from one layer to the next.
UNIT_PITCH, LAYER_PITCH = 26, 210
#: Space above and below the units.
MARGIN_TOP, MARGIN_BOTTOM = 54, 32
#: Width and height of an image, and of a cell of a map.
IMAGE_SIZE, CELL_SIZE = 170, 7


@dataclass(frozen=True)
class Edge:
    """A connection that is drawn.

    Parameters
    ----------
    source, target : int
        Indices of the two units.
    contribution : float
        Its contribution to z of the target: a · W; without a row, W.
    """

    source: int
    target: int
    contribution: float


class NetworkLayout:
    """The units and connections to draw, and their positions.

    Parameters
    ----------
    view : NetworkView
        The network, and optionally one row in it.
    """

    def __init__(self, view: NetworkView) -> None:
        self.view = view
        self.sizes = view.structure.layer_sizes
        self.n_layers = len(self.sizes)
        self.units = [self._select_units(layer) for layer in range(self.n_layers)]

    def activations(self, layer: int) -> Array | None:
        """Return the activations of a layer (units,), or None without a row."""
        return self.view.cache.get(f"a{layer}")

    def strength(self, layer: int) -> Array:
        """Return by what units are selected and colored, (units,): the activation; without a row, the weights' norm."""
        strength = self.activations(layer)
        if strength is None:
            W = self.view.parameters[f"W{max(layer, 1)}"]
            strength = np.linalg.norm(W, axis=0 if layer else 1)
        return np.nan_to_num(np.asarray(strength, np.float64), posinf=np.finfo(np.float64).max / 4)

    def is_image(self, layer: int) -> bool:
        """Return whether a layer is drawn as an image: the input, if the row is one."""
        return layer == 0 and self.view.image_side > 0

    def is_output(self, layer: int) -> bool:
        """Return whether a layer is the last one."""
        return layer == self.n_layers - 1

    def _select_units(self, layer: int) -> list[int]:
        """Return the units that are drawn one by one: the strongest first, or all of a small layer in their order."""
        limit = MAX_OUTPUTS if self.is_output(layer) else MAX_UNITS
        if self.is_image(layer):
            return []
        if self.sizes[layer] <= limit and (self.is_output(layer) or layer == 0):
            return list(range(self.sizes[layer]))
        return [int(unit) for unit in np.argsort(-np.abs(self.strength(layer)), kind="stable")[:limit]]

    @cached_property
    def edges(self) -> list[list[Edge]]:
        """For each layer but the input, the largest contributions to each unit that is drawn."""
        return [[], *(self._edges_into(layer) for layer in range(1, self.n_layers))]

    def _edges_into(self, layer: int) -> list[Edge]:
        W = self.view.parameters[f"W{layer}"]
        a = self.activations(layer - 1)
        from_image = self.is_image(layer - 1)
        sources = np.arange(self.sizes[layer - 1]) if from_image else np.array(self.units[layer - 1])
        contributions = np.asarray(W[sources[:, np.newaxis], self.units[layer]], np.float64)
        if a is not None:
            contributions = contributions * np.asarray(a, np.float64)[sources, np.newaxis]
        contributions = np.nan_to_num(contributions)
        edges = []
        for target, into in zip(self.units[layer], contributions.T, strict=True):
            largest = np.argsort(-np.abs(into), kind="stable")[: MAX_PIXELS if from_image else MAX_EDGES]
            edges += [Edge(int(sources[n]), target, float(into[n])) for n in largest if into[n] != 0]
        return edges

    # ------------------------------------------------------------------------------------------------- positions

    @cached_property
    def max_layer_height(self) -> float:
        """Height of the units of the tallest layer."""
        return max(IMAGE_SIZE if self.is_image(layer) else self._units_height(layer) for layer in range(self.n_layers))

    def _units_height(self, layer: int) -> int:
        return UNIT_PITCH * len(self.units[layer]) - (UNIT_PITCH - UNIT_HEIGHT)

    @property
    def width(self) -> int:
        """Width of the picture."""
        return int(self.layer_x(self.n_layers - 1)) + UNIT_WIDTH + 2

    @cached_property
    def map_y(self) -> float:
        """Top of the maps."""
        return MARGIN_TOP + self.max_layer_height + 24

    @cached_property
    def height(self) -> float:
        """Height of the picture."""
        maps = [self.map_rows(layer) * CELL_SIZE for layer in range(self.n_layers) if self.has_map(layer)]
        return (self.map_y + max(maps) if maps else MARGIN_TOP + self.max_layer_height) + MARGIN_BOTTOM

    def layer_x(self, layer: int) -> float:
        """Return the left edge of a layer."""
        image_offset = IMAGE_SIZE - UNIT_WIDTH if layer and self.is_image(0) else 0
        return LAYER_PITCH * layer + image_offset + 2.0

    def layer_width(self, layer: int) -> int:
        """Return the width of a layer."""
        return IMAGE_SIZE if self.is_image(layer) else UNIT_WIDTH

    def unit_y(self, layer: int, position: int) -> float:
        """Return the top edge of a unit; layers are centered vertically."""
        return MARGIN_TOP + (self.max_layer_height - self._units_height(layer)) / 2 + UNIT_PITCH * position

    @property
    def image_y(self) -> float:
        """Top edge of the input's image."""
        return MARGIN_TOP + (self.max_layer_height - IMAGE_SIZE) / 2

    def edge_start(self, layer: int, unit: int) -> tuple[float, float]:
        """Return where connections from a unit start."""
        if self.is_image(layer):
            side = self.view.image_side
            row, column = divmod(unit, side)
            x = self.layer_x(0) + (column + 0.5) * IMAGE_SIZE / side
            return x, self.image_y + (row + 0.5) * IMAGE_SIZE / side
        y = self.unit_y(layer, self.units[layer].index(unit)) + UNIT_HEIGHT / 2
        return self.layer_x(layer) + UNIT_WIDTH, y

    def has_map(self, layer: int) -> bool:
        """Return whether a layer has a map of all its units, because not all are drawn one by one."""
        return bool(self.view.cache) and not self.is_image(layer) and len(self.units[layer]) < self.sizes[layer]

    def units_per_cell(self, layer: int) -> int:
        """Return the number of units in a cell of the map."""
        return math.ceil(self.sizes[layer] / MAX_CELLS)

    def map_columns(self) -> int:
        """Return the number of cells in a row of a map."""
        return UNIT_WIDTH // CELL_SIZE

    def map_rows(self, layer: int) -> int:
        """Return the number of rows of a layer's map."""
        cells = math.ceil(self.sizes[layer] / self.units_per_cell(layer))
        return math.ceil(cells / self.map_columns())
