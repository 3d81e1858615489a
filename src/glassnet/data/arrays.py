"""Arrays as blocks of a matrix: names for columns that have none, and rows that are left out."""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.file import MAX_FEATURES
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix
from glassnet.errors import InputError


@cache
def column_names(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return names for the columns of rows of this shape: x1, x2, …; or 1x1, 1x2, … as the pixels of pictures."""
    if len(shape) == 1:
        return tuple(f"x{column}" for column in range(1, shape[0] + 1))
    return tuple("x".join(map(str, place)) for place in product(*(range(1, length + 1) for length in shape)))


def check_width(source: str, shape: tuple[int, ...]) -> None:
    """Refuse rows of more than `MAX_FEATURES` numbers.

    Raises
    ------
    InputError
        Naming the file.
    """
    if math.prod(shape) > MAX_FEATURES:
        raise InputError(f"{source}: rows of shape {shape} have more than {MAX_FEATURES:,} numbers; too many")


def block_of(
    source: str, x: Any, y: Array | None, names: tuple[str, ...], target: str, before: int, state: Pass
) -> Matrix:
    """Return rows that stand below so many others in a file as a block; where bad ones are left out, without them."""
    if x.ndim != 2:
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
    matrix = Matrix(source, x, y, names, target, first_row=before + 1)
    if state.bad is None:
        return matrix
    return state.bad.sift_matrix(matrix, np.arange(before + 1, before + 1 + x.shape[0]))
