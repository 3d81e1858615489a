"""Arrow's many types of columns brought down to the few that are read: numbers, true and false, text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet.data.file import rows_at_once
from glassnet.data.passes import Pass
from glassnet.data.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa


def plain(columns: pa.Table) -> pa.Table:
    """Return columns in plain types: categories become their values, decimals float64, all texts one type."""
    import pyarrow as pa

    fields = [pa.field(field.name, plain_type(field.type)) for field in columns.schema]
    if all(field.type == old for field, old in zip(fields, columns.schema.types, strict=True)):
        return columns
    return columns.cast(pa.schema(fields))


def plain_type(type_: Any) -> Any:
    """Return the plain type for a type."""
    import pyarrow as pa

    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    return pa.float64() if pa.types.is_decimal(type_) else type_


def blocks_of_columns(source: str, batches: Iterator[Any], state: Pass) -> Iterator[Table]:
    """Yield a file's record batches as blocks of some MB, their rows numbered, bad ones left out where they are."""
    import pyarrow as pa

    before = 0
    for batch in batches:
        columns = pa.Table.from_batches([batch]).select(state.names)
        step = rows_at_once(8 * len(state.names))
        for first in range(0, len(columns), step):
            part = plain(columns.slice(first, step))
            yield numbered(source, part, before + first, state)
        before += len(columns)


def numbered(source: str, columns: pa.Table, before: int, state: Pass) -> Table:
    """Return rows that stand below so many others in a file as a block; where bad ones are left out, without them."""
    if state.bad is None:
        return Table(source, columns, first_row=before + 1)
    return state.bad.sift(source, columns, np.arange(before + 1, before + 1 + len(columns)))
