"""`NetworkView`: a trained network and one row in it, as `glassnet.show` and the report draw it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.forward import Cache, forward
from glassnet.network.structure import Structure

#: Smallest side of an image: a row with fewer columns is taken for a row of a table.
MIN_IMAGE_SIDE = 4
#: Smallest side of an image whose columns are only numbered (x1, x2, …).
MIN_NUMBERED_IMAGE_SIDE = 8
_PIXEL_NAME = re.compile(r"\d+x\d+|pix", re.IGNORECASE)
_NUMBERED_NAME = re.compile(r"x\d+")


@dataclass(frozen=True)
class NamedOutput:
    """One named output of a network for a row.

    Parameters
    ----------
    name : str
        The class, the label or the target.
    value : float
        A probability, a value in the unit of the target, or an output without a unit.
    unit : int
        The output unit that it comes from.
    is_probability : bool
        Whether the value is a probability.
    """

    name: str
    value: float
    unit: int
    is_probability: bool


@dataclass(frozen=True)
class NetworkView:
    """A trained network and, optionally, one row with the activations of every layer.

    Parameters
    ----------
    structure : Structure
        The layers.
    parameters : mapping of str to array
        ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), ….
    name : str
        The name of the network.
    input_names : sequence of str
        Names of the columns of the network's input (n_inputs).
    output_names : sequence of str
        Names of the output units.
    image_side : int
        Width and height if a row is a square image, else 0.
    cache : dict of str to array, optional
        ``a0, z1, a1, …`` of the row, each (units,).
    raw : array (columns,), optional
        The row before preprocessing.
    outputs : tuple of NamedOutput
        The outputs for the row.
    predicted : int
        Index of the predicted class in ``outputs``; -1 for regression and for several labels.
    """

    structure: Structure
    parameters: Mapping[str, Array]
    name: str
    input_names: Sequence[str]
    output_names: Sequence[str]
    image_side: int = 0
    cache: Cache = field(default_factory=dict)
    raw: Array | None = None
    outputs: tuple[NamedOutput, ...] = ()
    predicted: int = -1

    def unit_names(self) -> list[str]:
        """Return the names of the units of a0: a numeric column is one unit, an embedded column one per dimension."""
        names = list(self.input_names[: self.structure.n_numbers])
        for name, (_, size) in zip(self.input_names[len(names) :], self.structure.embeddings, strict=True):
            names += [f"{name} ({dimension + 1})" for dimension in range(size)]
        return names


class Viewable(Protocol):
    """An object that can be drawn: a `glassnet.Model`, or an estimator."""

    def network_view(self, X: Any = None, row: int = 0) -> NetworkView:
        """Return the network and, if X is given, the activations for one of its rows."""


def select_row(X: Any, row: int) -> Any:
    """Return one row of X as a table of the same type with one row.

    Parameters
    ----------
    X : array-like, data frame or SciPy matrix (samples, features), or array-like (features,)
        The rows, or one row.
    row : int
        Index of the row, from 0; negative indices count from the end.

    Raises
    ------
    InputError
        If there is no such row.
    """
    from glassnet._utils.sklearn_private import safe_indexing

    if isinstance(row, (bool, np.bool_)) or not isinstance(row, (int, np.integer)):
        raise InputError(f"row is {row!r:.40}; it must be the number of a row of X, from 0")
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    if len(X.shape) == 1:
        X = np.asarray(X).reshape(1, -1)
    rows = int(X.shape[0])
    if not -rows <= row < rows:
        raise InputError(
            f"row is {row}, and X has {rows:,} rows; " + (f"choose 0 … {rows - 1}" if rows else "give one")
        )
    return safe_indexing(X, [int(row) % rows])


def forward_single(structure: Structure, parameters: Mapping[str, Array], inputs: Array) -> Cache:
    """Return ``a0, z1, a1, …`` of one row of inputs (1, n_inputs), each (units,)."""
    cache = forward(structure, parameters, inputs)
    return {name: values[0] for name, values in cache.items()}


def image_side(structure: Structure, names: Sequence[str], one_scale: bool = False) -> int:
    """Return the width and height of the square image that a row is, or 0 if it is none.

    A row is an image if its number of columns is a square, 16 or more, and the columns share one scale or have names
    like 3x4 or pixel7. Columns that are only numbered (x1, x2, …) need to be 64 or more.

    Parameters
    ----------
    structure : Structure
        The layers.
    names : sequence of str
        Names of the columns.
    one_scale : bool
        Whether all columns share one scale.
    """
    side = 0 if structure.embeddings else math.isqrt(structure.n_inputs)
    if side < MIN_IMAGE_SIDE or side * side != structure.n_inputs:
        return 0
    named = all(_PIXEL_NAME.search(name) for name in names)
    numbered = side >= MIN_NUMBERED_IMAGE_SIDE and all(_NUMBERED_NAME.fullmatch(name) for name in names)
    return side if one_scale or named or numbered else 0


@np.errstate(over="ignore", invalid="ignore")  # a network that has diverged is shown with its NaN
def network_view(model: Any, X: Any = None, row: int = 0) -> NetworkView:
    """Return the view of a `Model` and, if X is given, of one of its rows."""
    structure = model.structure
    names = model.target.output_names(structure.n_outputs)
    side = image_side(structure, model.input_names, model.takes_bytes) if model.takes_numbers else 0
    view = NetworkView(structure, model.parameters, model.target_name, model.input_names, names, side)
    if X is None:
        return view
    selected = select_row(X, row)
    inputs = model.inputs(selected)
    cache = forward_single(structure, model.parameters, inputs.toarray() if issparse(inputs) else inputs)
    raw = np.asarray(selected.toarray() if issparse(selected) else selected)[0] if model.takes_numbers else None
    outputs, predicted = _outputs_of_row(model, cache[f"a{structure.n_layers}"][np.newaxis], names)
    return replace(view, cache=cache, raw=raw, outputs=outputs, predicted=predicted)


def _outputs_of_row(model: Any, output: Array, names: Sequence[str]) -> tuple[tuple[NamedOutput, ...], int]:
    """Return the named outputs of a row with these outputs (1, outputs), and which of them is predicted, or -1."""
    kind = model.target.kind
    are_probabilities = model.gives_probabilities
    if kind == "regression":
        return named_outputs(names, np.atleast_1d(model.decode(output)[0]), False), -1
    if kind == "binary" and are_probabilities:
        # one unit is the probability of the second class; a target of a single class has just that one
        classes = [str(label) for label in model.classes]
        values = model.probabilities(output)[0][-len(classes) :]
        found = tuple(NamedOutput(name, float(v), 0, True) for name, v in zip(classes, values, strict=True))
        return found, int(model.target.class_numbers(output)[0])
    values = model.probabilities(output)[0] if are_probabilities else output[0]
    return named_outputs(names, values, are_probabilities), int(np.argmax(values)) if kind == "multiclass" else -1


def named_outputs(names: Sequence[str], values: Array, are_probabilities: bool) -> tuple[NamedOutput, ...]:
    """Return the outputs of a row, one for each output unit."""
    return tuple(
        NamedOutput(name, float(value), unit, are_probabilities)
        for unit, (name, value) in enumerate(zip(names, values, strict=True))
    )
