"""Columns of a table as arrays: the choice of the target, the features as numbers, the target's values."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.arrow_columns import to_bool_array, to_numpy, to_str_array
from glassnet.data.formatting import format_cell, format_names, is_number
from glassnet.data.matrices import matrix_features, matrix_target, missing_columns, to_target_dtype
from glassnet.data.tables import ArrowTable, Matrix, Table, default_target
from glassnet.errors import InputError

#: Names of columns that an error lists.
MAX_LISTED_NAMES = 8
#: Rows converted to numbers at once.
ROWS_AT_ONCE = 4096
_FINITE_ADVICE = "every feature must be a finite number: fill it in or leave the row out"


class Named(Protocol):
    """What has columns: a `Table` or `glassnet.data.Files`."""

    @property
    def source(self) -> str:
        """Name of the data in messages."""

    @property
    def names(self) -> list[str]:
        """The columns' names."""


def choose_target(table: Named, target: str | None = None) -> str:
    """Return the name of the target column.

    Parameters
    ----------
    table : Table or Files
        What has the columns.
    target : str, optional
        The requested column. If not given: the target of a `Matrix`, or else the first of `TARGET_NAMES` that exists,
        in capital or small letters, or else the last column.

    Raises
    ------
    InputError
        If there is no such column; the closest name is suggested.
    """
    names = table.names
    if target is not None:
        if target not in names:
            raise InputError(f"{table.source}: there is no column {target!r}{_suggestion(target, names)}")
        return target
    if isinstance(table, Matrix) and table.y is not None:
        return table.target_name
    if not names:
        raise InputError(f"{table.source}: there are no columns")
    return default_target(names) or names[-1]


def explain_target(table: Named, name: str) -> str:
    """Return why a column is the target although none was asked for."""
    return "by its name" if default_target(table.names) == name else "the last column"


def _suggestion(name: str, names: Sequence[str]) -> str:
    """Return the names that are similar to ``name``, and a list of columns that includes the last one."""
    by_small = {known.casefold(): known for known in reversed(names)}
    close = get_close_matches(name.casefold(), by_small, n=1)
    meant = f"; did you mean {by_small[close[0]]!r}?" if close else ""
    last = f", the last is {names[-1]!r}" if len(names) > MAX_LISTED_NAMES else ""
    return f"{meant}{';' if not meant else ''} the columns are {format_names(names, MAX_LISTED_NAMES)}{last}"


def features(table: Table, names: Sequence[str]) -> Any:
    """Return the columns of these names, in this order, as numbers.

    Returns
    -------
    array (samples, columns), or SciPy CSR matrix where the table is sparse
        uint8 if all are whole numbers from 0 to 255, float32 if none needs more, else float64.

    Raises
    ------
    InputError
        If a column is missing (all are named), or an entry is text, missing, NaN or infinite (row and column named;
        rows count from 1 below the header).
    """
    if not names:
        raise InputError(f"{table.source}: there is no column beside the target; add at least one feature")
    if isinstance(table, Matrix):
        return matrix_features(table, names)
    known = set(table.names)
    missing = [name for name in names if name not in known]
    if missing:
        raise missing_columns(table, names, missing)
    return _numbers(table.to_arrow(), names)


def _numbers(table: ArrowTable, names: Sequence[str]) -> Array:
    import pyarrow as pa

    chosen = table.columns.select(list(names))
    for name, column in zip(names, chosen.columns, strict=True):
        if not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
        ):
            _raise_not_number(table, name, column)
        if column.null_count:
            row = int(np.flatnonzero(to_bool_array(column.is_null()))[0])
            raise InputError(f"{table.describe_row(row)}, column {name!r} is empty; {_FINITE_ADVICE}")
    for index, field in enumerate(chosen.schema):
        if pa.types.is_float16(field.type):  # which Arrow can't cast
            wider = pa.array(chosen.column(index).to_numpy().astype(np.float32))
            chosen = chosen.set_column(index, pa.field(field.name, pa.float32()), wider)
    result: Array = np.empty((len(table), len(names)), _common_type(chosen))
    if any(pa.types.is_boolean(type_) for type_ in chosen.schema.types):
        chosen = chosen.cast(
            pa.schema([(f.name, pa.uint8() if pa.types.is_boolean(f.type) else f.type) for f in chosen.schema])
        )
    first = 0
    for batch in chosen.to_batches(ROWS_AT_ONCE):
        part = result[first : first + len(batch)]
        part[:] = batch.to_tensor(row_major=False).to_numpy()
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            row, index = (int(number) for number in np.argwhere(~np.isfinite(part))[0])
            raise InputError(
                f"{table.describe_row(first + row)}, column {names[index]!r} is {part[row, index]}; {_FINITE_ADVICE}"
            )
        first += len(batch)
    return result


def _common_type(columns: Any) -> Any:
    """Return the smallest dtype that holds all columns exactly: uint8, float32 or float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def is_byte(column: Any) -> bool:
        if pa.types.is_uint8(column.type) or pa.types.is_boolean(column.type):
            return True
        if not pa.types.is_integer(column.type):
            return False
        span = pc.min_max(column)
        return bool(span["min"].as_py() >= 0 and span["max"].as_py() <= 255)

    short = (pa.uint8(), pa.int8(), pa.uint16(), pa.int16(), pa.bool_(), pa.float16(), pa.float32())
    types = set(columns.schema.types)
    if not any(pa.types.is_floating(type_) for type_ in types) and all(is_byte(column) for column in columns.columns):
        return np.uint8
    return np.float32 if pa.float32() in types and types <= set(short) else np.float64


def target_values(table: Table, name: str) -> Array:
    """Return the target's column: text (object), whole numbers (int64), or float64.

    Raises
    ------
    InputError
        If it is missing, or an entry is empty, NaN or infinite (row named).
    """
    import pyarrow as pa

    if isinstance(table, Matrix):
        return matrix_target(table, name)
    if name not in table.names:
        raise InputError(
            f"{table.source}: the target column {name!r} is missing; the columns are {format_names(table.names)}"
        )
    column = table.to_arrow().columns[name]
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    bad = to_bool_array(column.is_null(nan_is_null=True))
    if not bad.any() and not is_number:
        return to_str_array(column)
    if not bad.any():
        values = to_numpy(column)
        bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = format_cell(column[row].as_py())
        raise InputError(f"{table.describe_row(row)}, target column {name!r} is {value}; every row needs a target")
    return to_target_dtype(values)


def _raise_not_number(table: ArrowTable, name: str, column: Any) -> None:
    row = 0
    for chunk in column.chunks:
        for value in chunk.to_pylist():
            if value is None or not is_number(str(value)):
                where = f"{table.describe_row(row)}, column {name!r}"
                raise InputError(f"{where} is {format_cell(value)}; every feature must be a number")
            row += 1
    raise InputError(f"{table.source}: column {name!r} holds numbers as {column.type}; write them as plain numbers")
