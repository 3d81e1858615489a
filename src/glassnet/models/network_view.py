"""What is seen in a network: its layers, and what each unit answered to one row."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.forward import Cache, forward
from glassnet.network.structure import Structure

#: A row of fewer numbers is a table's row, even if they would make a square.
SMALLEST_SIDE = 4
#: So many by so many columns without names are likelier a picture than a table.
LIKELY_SIDE = 8
_OF_PIXEL = re.compile(r"\d+x\d+|pix", re.IGNORECASE)
_NUMBERED = re.compile(r"x\d+")


@dataclass(frozen=True)
class Answer:
    """One of the things that a network says of a row.

    Parameters
    ----------
    name : str
        The class, the label or the value.
    value : float
        Its probability, its value in the target's own unit, or a bare output.
    unit : int
        The output unit that it comes from.
    probability : bool
        Whether it is a probability.
    """

    name: str
    value: float
    unit: int
    probability: bool


@dataclass(frozen=True)
class NetworkView:
    """A network, and perhaps one row in it.

    Parameters
    ----------
    structure : Structure
        The layers.
    parameters : mapping of str to array
        ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), ….
    name : str
        What the network is called.
    input_names : sequence of str
        Of the columns that the network takes (n_inputs).
    output_names : sequence of str
        Of the output units.
    side : int
        The side of the picture that a row is; 0 if it is none.
    cache : dict of str to array, optional
        ``a0, z1, a1, …`` of the row, each (units,).
    raw : array (columns,), optional
        The row as it was handed over.
    answers : tuple of Answer
        What the network says of it.
    chosen : int
        Which answer it gives; −1 where all are answers: values, and labels.
    """

    structure: Structure
    parameters: Mapping[str, Array]
    name: str
    input_names: Sequence[str]
    output_names: Sequence[str]
    side: int = 0
    cache: Cache = field(default_factory=dict)
    raw: Array | None = None
    answers: tuple[Answer, ...] = ()
    chosen: int = -1

    def unit_names(self) -> list[str]:
        """Return the names of the units of a0: the numbers, and for each code the places of its learned vector."""
        names = list(self.input_names[: self.structure.n_numbers])
        for name, (_, size) in zip(self.input_names[len(names) :], self.structure.tables, strict=True):
            names += [f"{name} ({place + 1})" for place in range(size)]
        return names


class Seen(Protocol):
    """What can be shown: a `glassnet.Model`, or an estimator."""

    def sight(self, X: Any = None, row: int = 0) -> NetworkView:
        """Return what there is to see."""


def one_row(X: Any, row: int) -> Any:
    """Return one row of X as X's own kind of table with one row.

    Parameters
    ----------
    X : array-like, data frame or SciPy matrix (samples, features), or array-like (features,)
        The rows, or one.
    row : int
        Its number, from 0; negative from the end.

    Raises
    ------
    InputError
        If there is no such row.
    """
    from sklearn.utils import _safe_indexing

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
    return _safe_indexing(X, [int(row) % rows])


def through(structure: Structure, parameters: Mapping[str, Array], inputs: Array) -> Cache:
    """Return ``a0, z1, a1, …`` of one row of inputs (1, n_inputs), each (units,)."""
    cache = forward(structure, parameters, inputs)
    return {name: values[0] for name, values in cache.items()}


def square_side(structure: Structure, names: Sequence[str], one_scale: bool = False) -> int:
    """Return the side of the picture that a row is, or 0.

    It is one if the columns are a square number, 16 or more, and share a scale or are called 3x4 or pixel7; columns
    that only have numbers (x1, x2, …) may as well be a table's, unless there are 64 or more.
    """
    side = 0 if structure.tables else math.isqrt(structure.n_inputs)
    if side < SMALLEST_SIDE or side * side != structure.n_inputs:
        return 0
    named = all(_OF_PIXEL.search(name) for name in names)
    numbered = side >= LIKELY_SIDE and all(_NUMBERED.fullmatch(name) for name in names)
    return side if one_scale or named or numbered else 0


@np.errstate(over="ignore", invalid="ignore")  # a network that has diverged is shown as it is
def network_view(model: Any, X: Any = None, row: int = 0) -> NetworkView:
    """Return a model's layers and, where X is given, and one row through them."""
    structure, names = model.structure, _output_names(model)
    side = square_side(structure, model.feature_names, model.scaling.kind == "bytes")
    sizes = (structure, model.parameters, model.target_name, model.feature_names, names, side)
    if X is None:
        return NetworkView(*sizes)
    one = one_row(X, row)
    raw = np.asarray(one.toarray() if issparse(one) else one)
    cache = through(structure, model.parameters, model.inputs(raw))
    output = cache[f"a{structure.n_layers}"][np.newaxis]
    if not model.classes:
        values = np.atleast_1d(model.answers(output)[0])
        answers = [
            Answer(name, float(value), unit, False)
            for unit, (name, value) in enumerate(zip(names, values, strict=True))
        ]
        return NetworkView(*sizes, cache, raw[0], tuple(answers))
    sure = model.gives_probabilities
    values = model.probabilities(output)[0] if sure else output[0]
    answers = [
        Answer(name, float(value), unit, sure) for unit, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return NetworkView(*sizes, cache, raw[0], tuple(answers), int(np.argmax(output[0])))


def _output_names(model: Any) -> tuple[str, ...]:
    outputs = model.structure.n_outputs
    if model.classes:
        return tuple(str(label) for label in model.classes)
    return (model.target_name,) if outputs == 1 else tuple(f"{model.target_name}_{k + 1}" for k in range(outputs))
