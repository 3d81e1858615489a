"""Columns of a `Matrix` as arrays: its features and target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.column_error import IN_MEMORY
from glassnet.data.formatting import format_cell, format_names
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError

#: Rows checked at once.
ROWS_AT_ONCE = 4096


def matrix_features(table: Matrix, names: Sequence[str]) -> Any:
    """Return the columns of these names, in this order: see `glassnet.data.features`."""
    x = table.x
    if tuple(names) != table.feature_names:
        index_of = {name: number for number, name in enumerate(table.feature_names)}
        missing = [name for name in names if name not in index_of]
        if missing == [table.target_name] and table.y is not None and not issparse(x):  # another column is the target
            x = np.column_stack([x, matrix_target(table, table.target_name)])
            index_of[table.target_name] = x.shape[1] - 1
        elif missing and not table.open_ended:
            raise missing_columns(table, names, missing)
        x = _select_columns(x, [index_of.get(name, -1) for name in names])
    check_finite_numbers(replace(table, x=x, feature_names=tuple(names)))
    if issparse(x):
        return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)
    if x.dtype.kind not in "fiub":
        raise InputError(f"{table.source}: the features have dtype {x.dtype}; they must be numbers")
    if x.dtype.kind == "f":
        return (
            x if x.dtype in (np.float32, np.float64) else x.astype(np.float32 if x.dtype == np.float16 else np.float64)
        )
    if x.dtype in (np.uint8, bool):
        return x.view(np.uint8)
    return x.astype(np.uint8 if len(x) and x.min() >= 0 and x.max() <= 255 else np.float64)


def missing_columns(table: Table, names: Sequence[str], missing: Sequence[str]) -> InputError:
    """Return the error that columns are missing among these names, with the table's other columns."""
    requested = set(names)
    extra = [name for name in table.names if name not in requested]
    instead = f"; it has {format_names(extra)} instead" if extra else ""
    return InputError(f"{table.source}: column {format_names(missing)} is missing{instead}")


def _select_columns(x: Any, indices: list[int]) -> Any:
    """Return columns of x by number; -1 is a column of zeros, which only sparse rows may have."""
    if -1 not in indices:
        return x[:, indices]
    stored = [index for index in indices if index >= 0]
    entries = x[:, stored].tocoo()
    columns = np.flatnonzero(np.array(indices) >= 0)
    return type(x)((entries.data, (entries.row, columns[entries.col])), shape=(x.shape[0], len(indices)))


def check_finite_numbers(table: Matrix) -> None:
    """Check that every entry of an array or sparse matrix of numbers is finite.

    Raises
    ------
    InputError
        For the first that is NaN or infinite; its row, column and value are named.
    """
    x = table.x
    stored = x.data if issparse(x) else x
    if stored.dtype.kind != "f":
        return
    for first in range(0, len(stored), ROWS_AT_ONCE):
        part = stored[first : first + ROWS_AT_ONCE]
        if np.isfinite(part).all():
            continue
        entry = tuple(int(index) for index in np.argwhere(~np.isfinite(part))[0])
        row = first + entry[0]
        column = entry[-1]
        if issparse(x):
            outer = int(np.searchsorted(x.indptr, row, side="right")) - 1
            inner = int(x.indices[row])
            row, column = (outer, inner) if x.format == "csr" else (inner, outer)
        raise not_finite(table, row, column, x[row, column])


def not_finite(table: Matrix, row: int, column: int, value: Any) -> InputError:
    """Return the error for an entry of an array that is NaN or infinite."""
    named = f"column {table.feature_names[column]!r}" if table.feature_names else f"column {column}"
    in_memory = f"x[{row}, {column}]" + (f" ({named})" if table.feature_names else "")
    where = in_memory if table.source == IN_MEMORY else f"{table.describe_row(row)}, {named}"
    return InputError(f"{where} is {value}; every feature must be a finite number: fill it in or leave the row out")


def matrix_target(table: Matrix, name: str) -> Array:
    """Return the target, or a column of x: see `glassnet.data.target_values`."""
    if table.y is not None and name == table.target_name:
        values = table.y
    elif name in table.feature_names:
        column = table.x[:, [table.feature_names.index(name)]]
        values = (column.toarray() if issparse(column) else np.asarray(column))[:, 0]
    else:
        raise InputError(
            f"{table.source}: the target column {name!r} is missing; the columns are {format_names(table.names)}"
        )
    if values.dtype.kind not in "iuf":
        if values.dtype.kind not in "OUb":
            raise InputError(f"{table.source}: the target has dtype {values.dtype}; it must be numbers or text")
        empty = np.flatnonzero([value is None for value in values])
        if len(empty):
            where = table.describe_row(int(empty[0]))
            raise InputError(f"{where}, target column {name!r} is empty; every row needs a target")
        return np.array([str(value) for value in values], dtype=object)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InputError(
            f"{table.describe_row(row)}, target column {name!r} is {format_cell(values[row])}; every row needs a target"
        )
    return to_target_dtype(values)


def to_target_dtype(values: Array) -> Array:
    """Return target numbers as int64 if they are whole, else float64."""
    if values.dtype.kind == "f" and np.array_equal(values, np.floor(values)) and np.abs(values).max() < 2**53:
        values = values.astype(np.int64)
    return values.astype(np.int64) if values.dtype.kind in "iu" else values.astype(np.float64)
