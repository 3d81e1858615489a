"""The structure: layer sizes, activations, and the position of each parameter array in one flat vector.

Layer l has the weights ``W{l}`` of shape (units of l-1, units of l) and the biases ``b{l}`` of shape (units of l,). All
parameters of a network are stored in one vector, W1 b1 W2 b2 …; the named arrays are views of it. Learned embeddings,
if any, come first: ``E{t}`` of shape (categories, size).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.network.activations import ACTIVATIONS, Activation

#: More parameters than this are taken for a typing error (they would need 32 GB in float64).
MAX_PARAMETERS = 2**32

#: Codes have the dtype of the other columns, and float32 represents whole numbers exactly up to here.
MAX_CATEGORIES = 2**24

#: Bytes of a cache line, the unit in which cores exchange data.
CACHE_LINE = 64


@dataclass(frozen=True)
class Structure:
    """The layers of a feed-forward network.

    Parameters
    ----------
    layer_sizes : tuple of int
        The number of inputs, then the units of each layer: ``(784, 128, 64, 10)`` has three layers.
    activations : tuple of str or Activation
        One for each layer, the output layer's last; or one for all hidden layers, with an identity output.
    embeddings : tuple of (int, int), optional
        Learned embeddings (`glassnet.network.embeddings`): (categories, size) for each of the last columns of x, which
        hold codes, whole numbers 0 … categories - 1. The input of the first layer is the numbers and ``size`` units for
        each code; ``layer_sizes[0]`` counts all of them.

    Raises
    ------
    InputError
        If there are fewer than two sizes, a size is no whole number above 0, an activation is unknown, their number
        is not the number of layers, or the embeddings have more units than ``layer_sizes[0]``.

    Examples
    --------
    >>> structure = Structure((2, 3, 1), ("tanh", "identity"))
    >>> structure.n_parameters
    13
    >>> list(structure.shapes)
    ['W1', 'b1', 'W2', 'b2']

    Two numbers and a column of 1,000 categories with an embedding of size 8:

    >>> structure = Structure((2 + 8, 16, 1), "relu", embeddings=[(1000, 8)])
    >>> structure.n_inputs, structure.shapes["E1"], structure.shapes["W1"]
    (3, (1000, 8), (10, 16))
    """

    layer_sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    embeddings: tuple[tuple[int, int], ...] = ()

    def __init__(
        self,
        layer_sizes: Iterable[int],
        activations: str | Activation | Iterable[str | Activation],
        embeddings: Iterable[tuple[int, int]] = (),
    ) -> None:
        sizes = tuple(layer_sizes)
        if len(sizes) < 2:
            raise InputError(f"layer_sizes has {len(sizes)} numbers; give the inputs and at least one layer: (4, 3)")
        for index, size in enumerate(sizes):
            if not _is_count(size):
                raise InputError(f"layer_sizes[{index}] is {size!r}; a layer has a whole number of units, 1 or more")
        layers = len(sizes) - 1
        if isinstance(activations, (str, Activation)):
            activations = (*([activations] * (layers - 1)), "identity")
        chosen = tuple(a if isinstance(a, Activation) else lookup(ACTIVATIONS, a, "activation") for a in activations)
        if len(chosen) != layers:
            raise InputError(f"activations has {len(chosen)} entries for {layers} layers; give one for each layer")
        object.__setattr__(self, "layer_sizes", tuple(int(size) for size in sizes))
        object.__setattr__(self, "activations", chosen)
        object.__setattr__(self, "embeddings", _checked_embeddings(embeddings))
        if self.n_numbers < 0:
            units = sum(size for _, size in self.embeddings)
            raise InputError(
                f"layer_sizes[0] is {sizes[0]} and the embeddings have {units} units; it counts those and the numbers"
            )
        if self.n_parameters > MAX_PARAMETERS:
            raise InputError(
                f"layer_sizes {sizes}{f' and embeddings {self.embeddings}' if self.embeddings else ''} make "
                f"{self.n_parameters:,} parameters; the most is {MAX_PARAMETERS:,}"
            )

    @property
    def n_layers(self) -> int:
        """The number of layers of weights, L."""
        return len(self.layer_sizes) - 1

    @property
    def n_inputs(self) -> int:
        """The number of columns of x: the features of a row, numbers and codes."""
        return self.n_numbers + len(self.embeddings)

    @cached_property
    def n_numbers(self) -> int:
        """The number of columns of x that are numbers; they come before the columns of codes."""
        return self.layer_sizes[0] - sum(size for _, size in self.embeddings)

    @property
    def n_outputs(self) -> int:
        """The number of units in the last layer."""
        return self.layer_sizes[-1]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter by name, in the order of the vector."""
        shapes: dict[str, tuple[int, ...]] = {f"E{t}": shape for t, shape in enumerate(self.embeddings, start=1)}
        for layer, units_before, units in self.layers():
            shapes[f"W{layer}"] = (units_before, units)
            shapes[f"b{layer}"] = (units,)
        return shapes

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The position of each parameter in the flat vector."""
        slices = {}
        start = 0
        for name, shape in self.shapes.items():
            count = int(np.prod(shape, dtype=object))
            slices[name] = slice(start, start + count)
            start += count
        return slices

    @cached_property
    def n_parameters(self) -> int:
        """The length of the flat vector."""
        embedded = sum(categories * size for categories, size in self.embeddings)
        return embedded + sum((units_before + 1) * units for _, units_before, units in self.layers())

    def layers(self) -> Iterator[tuple[int, int, int]]:
        """Yield (l, units of l-1, units of l) for each layer l = 1 … L."""
        for layer in range(1, self.n_layers + 1):
            yield layer, self.layer_sizes[layer - 1], self.layer_sizes[layer]

    def new_vector(self, dtype: Any) -> Array:
        """Return a flat vector of zeros (n_parameters,) that is aligned to a cache line.

        Without the alignment, cores that share the parameters update them several times slower: each store of a vector
        register touches two cache lines.
        """
        item = np.dtype(dtype).itemsize
        buffer = np.zeros(self.n_parameters + CACHE_LINE // item, dtype)
        first = -buffer.ctypes.data % CACHE_LINE // item
        return buffer[first : first + self.n_parameters]

    def views(self, vector: Array, prefix: str = "") -> dict[str, Array]:
        """Return the named arrays of a flat vector as views.

        Parameters
        ----------
        vector : array (n_parameters,)
            Parameters, gradients, or an optimizer's moments.
        prefix : str
            Put before each name: ``"d"`` for gradients, which makes ``dW1, db1, …``.

        Returns
        -------
        dict of str to array
            ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), …; writing to one writes to the vector. Embeddings,
            if any, come first: ``E1`` (categories, size), ….
        """
        if vector.shape != (self.n_parameters,):
            raise InputError(f"the vector has shape {vector.shape}; this structure needs ({self.n_parameters},)")
        return {prefix + name: vector[self.slices[name]].reshape(shape) for name, shape in self.shapes.items()}

    def flatten(self, parameters: dict[str, Any], dtype: Any = None) -> Array:
        """Return a new flat vector of named parameters, the inverse of `views`.

        Raises
        ------
        InputError
            If a name is missing or an array has another shape than the structure's.
        """
        vector = np.empty(self.n_parameters, dtype or np.result_type(*(np.asarray(p) for p in parameters.values())))
        for name, view in self.views(vector).items():
            if name not in parameters:
                raise InputError(f"parameter {name} is missing; the structure has {', '.join(self.shapes)}")
            value = np.asarray(parameters[name])
            if value.shape != view.shape:
                raise InputError(f"parameter {name} has shape {value.shape}; the structure needs {view.shape}")
            view[...] = value
        return vector

    def describe(self) -> str:
        """Return a printable table of the layers: units, activation, shapes, parameters."""
        rows = [("layer", "units", "activation", "weights", "parameters")]
        if not self.embeddings:
            rows.append(("input", f"{self.n_inputs:,}", "", "", ""))
        elif self.n_numbers:
            rows.append(("numbers", f"{self.n_numbers:,}", "", "", ""))
        for t, (categories, size) in enumerate(self.embeddings, start=1):
            rows.append((f"codes {t}", f"{size:,}", "", f"E{t} {categories}×{size}", f"{categories * size:,}"))
        for layer, before, units in self.layers():
            weights = f"W{layer} {before}×{units}, b{layer} {units}"
            rows.append(
                (str(layer), f"{units:,}", self.activations[layer - 1].name, weights, f"{(before + 1) * units:,}")
            )
        rows.append(("total", "", "", "", f"{self.n_parameters:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        right = (False, True, False, False, True)
        return "\n".join(
            "  ".join(
                cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in rows
        )

    def __str__(self) -> str:
        return self.describe()


def _checked_embeddings(embeddings: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the embeddings as pairs of Python integers; raise an InputError for anything else."""
    checked = []
    for index, shape in enumerate(embeddings):
        if not isinstance(shape, Sequence) or len(shape) != 2 or not all(_is_count(number) for number in shape):
            raise InputError(
                f"embeddings[{index}] is {shape!r}; give (categories, size), two whole numbers, 1 or more: (1000, 8)"
            )
        categories, size = (int(number) for number in shape)
        if categories > MAX_CATEGORIES:
            raise InputError(f"embeddings[{index}] has {categories:,} categories; the most is {MAX_CATEGORIES:,}")
        checked.append((categories, size))
    return tuple(checked)


def _is_count(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 1
