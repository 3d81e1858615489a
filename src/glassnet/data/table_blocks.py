"""Rows of a file as blocks: column names for arrays, row numbers, and invalid rows filtered out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.arrow_columns import to_plain_types
from glassnet.data.base_file import MAX_FEATURES, ReadState, rows_per_block
from glassnet.data.tables import ArrowTable, Matrix
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def column_names(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return column names for rows of this shape: x1, x2, …; or, for images, 1x1, 1x2, … by row and column."""
    if len(shape) == 1:
        return tuple(f"x{column}" for column in range(1, shape[0] + 1))
    return tuple("x".join(map(str, index)) for index in product(*(range(1, length + 1) for length in shape)))


def check_width(source: str, shape: tuple[int, ...]) -> None:
    """Check that rows of this shape have at most `MAX_FEATURES` numbers.

    Raises
    ------
    InputError
        If they have more; the file is named.
    """
    if math.prod(shape) > MAX_FEATURES:
        raise InputError(f"{source}: rows of shape {shape} have more than {MAX_FEATURES:,} numbers; too many")


def matrix_block(
    source: str, x: Any, y: Array | None, names: tuple[str, ...], target: str, rows_before: int, state: ReadState
) -> Matrix:
    """Return rows of a file as a block, without invalid ones if those are skipped.

    Parameters
    ----------
    source : str
        The file.
    x, y : array or SciPy CSR matrix (samples, …), array (samples,) or None
        The rows; they are flattened to two dimensions.
    names, target : tuple of str, str
        Names of the columns of x, and of the target.
    rows_before : int
        Number of rows that precede these in the file.
    state : ReadState
        State of the pass.
    """
    if x.ndim != 2:
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
    matrix = Matrix(source, x, y, names, target, first_row=rows_before + 1)
    if state.bad_rows is None:
        return matrix
    return state.bad_rows.filter_matrix(matrix, np.arange(rows_before + 1, rows_before + 1 + x.shape[0]))


def table_block(source: str, columns: pa.Table, rows_before: int, state: ReadState) -> ArrowTable:
    """Return rows of a file as a block, without invalid ones if those are skipped: see `matrix_block`."""
    if state.bad_rows is None:
        return ArrowTable(source, columns, first_row=rows_before + 1)
    return state.bad_rows.filter_rows(source, columns, np.arange(rows_before + 1, rows_before + 1 + len(columns)))


def table_blocks(source: str, batches: Iterator[Any], state: ReadState) -> Iterator[ArrowTable]:
    """Yield a file's Arrow record batches as blocks of a few MB."""
    import pyarrow as pa

    rows_before = 0
    for batch in batches:
        columns = pa.Table.from_batches([batch]).select(state.names)
        step = rows_per_block(8 * len(state.names))
        for first in range(0, len(columns), step):
            part = to_plain_types(columns.slice(first, step))
            yield table_block(source, part, rows_before + first, state)
        rows_before += len(columns)
