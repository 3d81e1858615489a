"""Conversions of Arrow columns: to the few plain types that are read, and to and from NumPy arrays.

They don't import pandas, which takes time and memory, as pyarrow's own would (`array`, `scalar`, `to_numpy`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array

if TYPE_CHECKING:
    import pyarrow as pa


def to_plain_types(columns: pa.Table) -> pa.Table:
    """Cast columns to plain types: dictionaries to their values, decimals to float64, all strings to one type."""
    import pyarrow as pa

    fields = [pa.field(field.name, _plain_type(field.type)) for field in columns.schema]
    if all(field.type == old for field, old in zip(fields, columns.schema.types, strict=True)):
        return columns
    return columns.cast(pa.schema(fields))


def _plain_type(type_: Any) -> Any:
    import pyarrow as pa

    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    return pa.float64() if pa.types.is_decimal(type_) else type_


def to_numpy(column: Any) -> Array:
    """Convert a numeric column without nulls to an array (samples,); booleans become uint8.

    A column of one chunk is not copied.
    """
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    parts = [np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, column.type.to_pandas_dtype())


def to_bool_array(column: Any, null_value: bool = False) -> Array:
    """Convert a boolean column to bool (samples,), with `null_value` for nulls."""
    import pyarrow.compute as pc

    if column.null_count:
        column = pc.fill_null(column, from_bool_array(np.array([null_value]))[0])
    return to_numpy(column).view(np.bool_)


def to_str_array(column: Any) -> Array:
    """Convert a column without nulls to Python strings, object (samples,)."""
    result = np.empty(len(column), object)
    result[:] = [str(value) for value in column.to_pylist()]
    return result


def from_bool_array(mask: Array) -> Any:
    """Convert bool (samples,) to an Arrow array."""
    import pyarrow as pa

    bits = np.packbits(mask, bitorder="little")
    return pa.BooleanArray.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(bits)])


def string_array(values: Sequence[str]) -> Any:
    """Convert strings to an Arrow array."""
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def string_scalar(value: str | None) -> Any:
    """Convert a string or None to an Arrow scalar."""
    import pyarrow as pa

    return pa.nulls(1, pa.string())[0] if value is None else string_array([value])[0]
