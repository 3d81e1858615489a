"""What the columns of a CSV file hold, as far as it is known: it only ever gets wider from block to block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: From the narrowest to the widest; ``bool`` (true, false) is beside the numbers: with any of them it is text.
BYTE, INT, FLOAT, BOOL, TEXT = "byte", "int", "float", "bool", "text"
_WIDTH = {BYTE: 0, INT: 1, FLOAT: 2, TEXT: 4}


def kind_of(column: Any, known: str | None = None) -> str | None:
    """Return what a parsed column holds, `known` or wider; None if nothing is known. Dates and the like are text."""
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
        low, high = span["min"].as_py(), span["max"].as_py()
        return BYTE if low is None or (low >= 0 and high <= 255) else INT
    if pa.types.is_floating(type_):
        return FLOAT
    return BOOL if pa.types.is_boolean(type_) else TEXT


def wider(one: str | None, other: str | None) -> str | None:
    """Return the narrowest kind that holds both."""
    if one is None or other is None or one == other:
        return one if other is None else other
    return TEXT if BOOL in (one, other) else max(one, other, key=_WIDTH.__getitem__)


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a kind's cells."""
    import pyarrow as pa

    return {BYTE: pa.uint8(), INT: pa.int64(), FLOAT: pa.float64(), BOOL: pa.bool_(), TEXT: pa.string()}[kind]


class Kinds:
    """What is known of the columns so far.

    Parameters
    ----------
    text : iterable of str
        Columns that are text from the start.
    """

    def __init__(self, text: Iterable[str] = ()) -> None:
        self._known: dict[str, str] = dict.fromkeys(text, TEXT)
        #: Columns that were given as something else before they turned out to be text.
        self.late_text: set[str] = set()
        self._expected: dict[str, pa.DataType] = {}
        self._settled: pa.Schema | None = None  # of a block that taught nothing new

    def expected(self) -> dict[str, pa.DataType]:
        """Return the types to try first."""
        if len(self._expected) != len(self._known):
            self._expected = {name: arrow_type(kind) for name, kind in self._known.items()}
        return self._expected

    def learn(self, table: pa.Table) -> list[str]:
        """Widen what is known by a block, and return its columns that must be read again as text."""
        import pyarrow as pa

        if table.schema == self._settled:
            return []
        again = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            known = self._known.get(name)
            found = kind_of(column, known)
            both = wider(known, found)
            if both is None:
                continue
            self._known[name] = both
            self._expected = {}
            if both == TEXT and known not in (None, TEXT):
                self.late_text.add(name)
            if both == TEXT and not (pa.types.is_string(column.type) or pa.types.is_null(column.type)):
                again.append(name)
        return again

    def widen(self, table: pa.Table) -> pa.Table:
        """Return a block that was learned from with its columns in the types that are known."""
        import pyarrow as pa

        if table.schema == self._settled:
            return table
        fields = [
            pa.field(name, arrow_type(self._known[name]) if name in self._known else column.type)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        self._settled = pa.schema(fields)
        return table if table.schema == self._settled else table.cast(self._settled)
