"""Kinds of the columns of CSV files: number, boolean, date or text.

One rule holds for all files of a set, whatever the size of a block. A column is what all its cells are, beside missing
ones. If a few cells of a column are no numbers, they are errors, and do not make it text; if many are, it is text, and
all its cells keep their writing. That is known after a pass over all rows: a pass that turns out to have read a column
as another kind ends with `ColumnKindsChanged`, and the next one reads it right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glassnet.data.formatting import format_cell, short_repr
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: The kinds that a user may ask for.
NUMBER, BOOLEAN, DATE, TEXT = "number", "boolean", "date", "text"
#: Types of numbers, from the narrowest to the widest.
_BYTE, _INT, _FLOAT = "byte", "int", "float"
_WIDTH = {_BYTE: 0, _INT: 1, _FLOAT: 2}
#: At most this share of a column's cells, or one, are errors among numbers or dates; with more, the column is text.
MAX_ODD_SHARE = 0.05


class ColumnKindsChanged(InputError):
    """A pass has read columns as another kind than all their rows have: it must be made again."""


@dataclass(frozen=True)
class OddCell:
    """A cell that is not of the kind of its column: where it is, what it holds, and its order among all cells."""

    source: str
    row: int
    value: str
    order: int = 0


class CellCounts:
    """How many cells of a column of text are numbers, dates, booleans or other text, and the first of each."""

    def __init__(self) -> None:
        self._count = dict.fromkeys((NUMBER, DATE, BOOLEAN, TEXT), 0)
        self._first: dict[str, OddCell] = {}

    def add(self, kind: str, count: int, first: OddCell) -> None:
        """Add the cells of one kind in a block."""
        self._count[kind] += count
        self._first.setdefault(kind, first)

    @property
    def kind(self) -> str:
        """The kind of most cells beside text."""
        return NUMBER if self._count[NUMBER] >= self._count[DATE] else DATE

    @property
    def values(self) -> int:
        """Number of cells of this kind."""
        return self._count[self.kind]

    @property
    def odd(self) -> int:
        """Number of other cells."""
        return sum(self._count.values()) - self.values

    @property
    def first_odd(self) -> OddCell:
        """The first of the other cells."""
        return min((cell for kind, cell in self._first.items() if kind != self.kind), key=lambda cell: cell.order)

    @property
    def are_few_odd(self) -> bool:
        """Whether there are so few other cells that they are errors."""
        return 0 < self.odd <= max(1.0, MAX_ODD_SHARE * (self.values + self.odd)) and self.values > 3 * self.odd


class ColumnKinds:
    """The kinds of columns as known so far.

    Parameters
    ----------
    given : mapping of str to str
        Columns whose kind is given.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self.settled: dict[str, str] = dict(given or {})
        self.rows_seen = 0  # in this pass
        self._known: dict[str, str] = {}
        self._counts: dict[str, CellCounts] = {}
        self._contradicted: set[str] = set()  # columns that some blocks had as another kind than later ones
        self._doubtful: set[str] = set()  # columns of text with few cells, up to some block, that are text
        self._marked: set[str] = set()  # columns in which only marks of missing values were found
        self._expected: dict[str, Any] | None = None
        self._unchanged: pa.Schema | None = None  # schema of a block that changes nothing

    def start_pass(self, text: Iterable[str] = ()) -> None:
        """Begin a pass over all rows, in which some columns are read as text, to count their cells."""
        self.rows_seen = 0
        self._known = {name: kind for name, kind in self.settled.items() if kind != NUMBER}
        self._known |= dict.fromkeys(text, TEXT)
        self._counts = {}
        self._contradicted = set()
        self._doubtful = set()
        self._marked = set()
        self._expected = None
        self._unchanged = None

    @property
    def found(self) -> dict[str, str]:
        """The kinds known so far, by column."""
        return {name: NUMBER if kind in _WIDTH else kind for name, kind in (self._known | self.settled).items()}

    @property
    def in_doubt(self) -> bool:
        """Whether the kind of a column is not what it was taken for, so that this pass may have to be repeated."""
        return bool(self._contradicted or self._doubtful)

    def is_open(self, name: str) -> bool:
        """Return whether a column's kind is neither given nor decided by an earlier pass."""
        return name not in self.settled

    def expected(self) -> dict[str, Any]:
        """Return the Arrow types to try first when parsing, by column."""
        if self._expected is None:
            self._expected = {name: arrow_type(kind) for name, kind in self._known.items()}
        return self._expected

    def add_count(self, name: str, kind: str, count: int, first: OddCell) -> None:
        """Count the cells of a column of text that are of one kind, in a block; see `CellCounts.add`."""
        counts = self._counts.setdefault(name, CellCounts())
        counts.add(kind, count, first)
        if counts.are_few_odd:
            self._doubtful.add(name)

    def add_marked(self, names: Iterable[str]) -> None:
        """Note columns whose cells are all missing in a block, but not all empty: in a column of text they are text."""
        self._marked.update(name for name in names if self._known.get(name) != TEXT)

    def update(self, table: pa.Table) -> list[str]:
        """Add the types of a block's columns, and return those that must be parsed again as text."""
        import pyarrow as pa

        if table.schema == self._unchanged:
            return []
        reparse = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            known = self._known.get(name)
            if self.settled.get(name, NUMBER) != NUMBER:
                continue
            found = _type_of(column, known)
            if found is None:
                continue
            if name in self.settled and found not in _WIDTH:  # true is no number
                reparse.append(name)
                continue
            merged = _merge(known, found)
            if merged != known:
                self._known[name] = merged
                self._expected = None
            if merged == TEXT and (known not in (None, TEXT) or name in self._marked):
                self._contradicted.add(name)
            if merged == TEXT and not pa.types.is_string(column.type):
                reparse.append(name)
        return reparse

    def cast(self, table: pa.Table) -> pa.Table:
        """Cast a block, after `update`, to the known types."""
        import pyarrow as pa

        if table.schema == self._unchanged:
            return table
        types = self.expected()
        columns = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            type_ = types.get(name, column.type)
            # a whole number may have more digits than a float holds, and a time more than a microsecond
            lossy = pa.types.is_floating(type_) or pa.types.is_timestamp(type_)
            columns.append(column if column.type == type_ else column.cast(type_, safe=not lossy))
        table = pa.table(columns, table.column_names)
        self._unchanged = table.schema
        return table

    def finish_pass(self, skip: bool) -> set[str]:
        """Decide, after a pass over all rows, the kinds of the columns that were text in all blocks.

        Parameters
        ----------
        skip : bool
            Whether rows with an odd cell are skipped.

        Returns
        -------
        set of str
            The other columns that hold text in some blocks: a pass must read them as text to decide.

        Raises
        ------
        InputError
            If a column of numbers or dates has a few cells that are not; the first is named.
        """
        for name, counts in self._counts.items():
            if name in self._contradicted or name in self.settled:
                continue
            if counts.are_few_odd and not skip:
                raise odd_cell_error(name, counts.first_odd, counts.kind, counts)
            self.settled[name] = counts.kind if counts.are_few_odd else TEXT
        return self._contradicted


def odd_cell_error(name: str, cell: OddCell, kind: str, counts: CellCounts | None = None) -> InputError:
    """Return the error for a cell that is not of the kind of its column."""
    others = ""
    if counts is not None and counts.odd > 1:
        others = f" ({counts.odd:,} such cells beside {counts.values:,} that are)"
    elif counts is not None:
        others = f" (all {counts.values:,} others are)"
    mark = cell.value if cell.value.isprintable() and len(cell.value) <= 20 and "'" not in cell.value else "MARK"
    return InputError(
        f"{cell.source}: row {cell.row}, column {name!r} is {format_cell(cell.value)}, which is not a {kind}{others}; "
        f"correct it, or choose: --missing '{mark}' (a missing value), --thousands , (a separator of thousands), "
        f"--on-bad-row skip (without the row), --categorical {short_repr(name)} (a column of text)"
    )


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a kind, or of a type of numbers."""
    import pyarrow as pa

    return {
        _BYTE: pa.uint8(),
        _INT: pa.int64(),
        _FLOAT: pa.float64(),
        NUMBER: pa.float64(),
        BOOLEAN: pa.bool_(),
        DATE: pa.timestamp("us"),
        TEXT: pa.string(),
    }[kind]


def _type_of(column: Any, known: str | None) -> str | None:
    """Return the type of a parsed column; None if all its cells are missing. Types that are not kept count as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    type_ = column.type
    if pa.types.is_null(type_):
        return None
    if pa.types.is_uint8(type_):
        return _BYTE
    if pa.types.is_integer(type_):
        if known not in (None, _BYTE):
            return _INT
        span = pc.min_max(column)
        low = span["min"].as_py()
        return _BYTE if low is None or (low >= 0 and span["max"].as_py() <= 255) else _INT
    if pa.types.is_floating(type_):
        return _FLOAT
    if pa.types.is_boolean(type_):
        return BOOLEAN
    return DATE if pa.types.is_date(type_) or pa.types.is_timestamp(type_) else TEXT


def _merge(known: str | None, found: str) -> str:
    """Return the narrowest type that holds both."""
    if known is None or known == found:
        return found
    if known in _WIDTH and found in _WIDTH:
        return max(known, found, key=_WIDTH.__getitem__)
    return TEXT
