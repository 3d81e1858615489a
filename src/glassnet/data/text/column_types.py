"""Types of the columns of a CSV file as known so far; from block to block they only get wider."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: From the narrowest to the widest. ``bool`` (true, false) is not numeric: together with numbers it widens to text.
BYTE, INT, FLOAT, BOOL, TEXT = "byte", "int", "float", "bool", "text"
_WIDTH = {BYTE: 0, INT: 1, FLOAT: 2, TEXT: 4}


def infer_type(column: Any, known: str | None = None) -> str | None:
    """Return the type of a parsed column, at least as wide as `known`; None if all cells are empty.

    Dates and all other types of Arrow count as text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    type_ = column.type
    if pa.types.is_null(type_):
        return None
    if pa.types.is_uint8(type_):
        return BYTE
    if pa.types.is_integer(type_):
        if known not in (None, BYTE):
            return INT
        span = pc.min_max(column)
        low = span["min"].as_py()
        high = span["max"].as_py()
        return BYTE if low is None or (low >= 0 and high <= 255) else INT
    if pa.types.is_floating(type_):
        return FLOAT
    return BOOL if pa.types.is_boolean(type_) else TEXT


def common_type(one: str | None, other: str | None) -> str | None:
    """Return the narrowest type that holds both."""
    if one is None or other is None or one == other:
        return one if other is None else other
    return TEXT if BOOL in (one, other) else max(one, other, key=_WIDTH.__getitem__)


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a type."""
    import pyarrow as pa

    return {BYTE: pa.uint8(), INT: pa.int64(), FLOAT: pa.float64(), BOOL: pa.bool_(), TEXT: pa.string()}[name]


class ColumnTypes:
    """Types of the columns as known so far.

    Parameters
    ----------
    text : iterable of str
        Columns that are text from the start.
    """

    def __init__(self, text: Iterable[str] = ()) -> None:
        self._known: dict[str, str] = dict.fromkeys(text, TEXT)
        #: Columns that earlier blocks had as another type before they turned out to be text.
        self.late_text: set[str] = set()
        self._expected: dict[str, pa.DataType] = {}
        self._unchanged: pa.Schema | None = None  # schema of a block that widens nothing

    def expected(self) -> dict[str, pa.DataType]:
        """Return the Arrow types to try first when parsing."""
        if len(self._expected) != len(self._known):
            self._expected = {name: arrow_type(type_) for name, type_ in self._known.items()}
        return self._expected

    def update(self, table: pa.Table) -> list[str]:
        """Widen the known types by those of a block, and return its columns that must be parsed again as text."""
        import pyarrow as pa

        if table.schema == self._unchanged:
            return []
        reparse = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            known = self._known.get(name)
            widened = common_type(known, infer_type(column, known))
            if widened is None:
                continue
            self._known[name] = widened
            self._expected = {}
            if widened == TEXT and known not in (None, TEXT):
                self.late_text.add(name)
            if widened == TEXT and not (pa.types.is_string(column.type) or pa.types.is_null(column.type)):
                reparse.append(name)
        return reparse

    def cast(self, table: pa.Table) -> pa.Table:
        """Cast a block, after `update`, to the known types."""
        import pyarrow as pa

        if table.schema == self._unchanged:
            return table
        fields = [
            pa.field(name, arrow_type(self._known[name]) if name in self._known else column.type)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        self._unchanged = pa.schema(fields)
        return table if table.schema == self._unchanged else table.cast(self._unchanged)
