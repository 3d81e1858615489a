"""Cells of text as numbers where they are numbers; counts of those that are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.arrow_columns import from_bool_array, string_array, string_scalar, to_bool_array
from glassnet.data.text.column_kinds import BOOLEAN, DATE, NUMBER, TEXT, ColumnKinds
from glassnet.data.text.csv_format import Dialect

if TYPE_CHECKING:
    import pyarrow as pa

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9:]+)?)?$"
_LOCAL_DATE = r"^[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}(?: [0-9:]+)?$"
_BOOLEAN = "^(?:true|True|TRUE|false|False|FALSE)$"
_ISO_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
#: The kind of a column without values.
MISSING = "missing"
#: Characters around a cell that do not belong to its value; a newline in quotes does.
_BLANKS = " \t\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class ColumnCount:
    """What the cells of a column of text are.

    Parameters
    ----------
    counts : dict of str to int
        Number of cells of each kind that occurs: number, date, boolean, text.
    first : dict of str to (int, str)
        The index and text of the first of each kind.
    odd : tuple of (int, str)
        Index and text of each cell that is not of the column's kind, if that is certain.
    all_missing : bool
        Whether all cells are missing, but not all empty.
    """

    counts: dict[str, int]
    first: dict[str, tuple[int, str]]
    odd: tuple[tuple[int, str], ...] = ()
    all_missing: bool = False


class CellReader:
    """Reads the columns that Arrow parsed as text.

    Parameters
    ----------
    dialect : Dialect
        How the file is written.
    kinds : ColumnKinds
        The kinds known so far.
    """

    def __init__(self, dialect: Dialect, kinds: ColumnKinds) -> None:
        self._dialect = dialect
        self._kinds = kinds
        self._plain: pa.Schema | None = None  # the last one that was plain
        self._marks = string_array(["", *dialect.missing])

    def is_plain(self, schema: pa.Schema) -> bool:
        """Return whether there are no columns of text, and none that are missing throughout."""
        import pyarrow as pa

        if schema == self._plain:
            return True
        if any(pa.types.is_string(type_) or pa.types.is_null(type_) for type_ in schema.types):
            return False
        self._plain = schema
        return True

    def interpret(self, columns: pa.Table, text: Collection[str] = ()) -> tuple[pa.Table, dict[str, ColumnCount]]:
        """Return columns with numbers where all cells of a text are numbers, and counts of the other columns of text.

        Blanks around text are removed, and empty cells are null.

        Parameters
        ----------
        columns : pyarrow.Table
            A block.
        text : collection of str
            Columns to leave as text.
        """
        import pyarrow as pa

        if self.is_plain(columns.schema) or not len(columns):
            return columns, {}
        result = columns.columns
        positions = [index for index, type_ in enumerate(columns.schema.types) if pa.types.is_string(type_)]
        if not positions:
            return columns, {}
        all_names = columns.column_names
        names = [all_names[position] for position in positions]
        settled = [self._kinds.settled.get(name) for name in names]
        as_text = frozenset(text)
        cells = self._cells([columns.column(position) for position in positions], set(settled) != {TEXT})
        counts: dict[str, ColumnCount] = {}
        for index, (position, name, kind) in enumerate(zip(positions, names, settled, strict=True)):
            if kind is None:
                kind, count = cells.judge(index)
                kind = TEXT if name in as_text else kind
                if kind in (TEXT, MISSING):
                    counts[name] = count
            elif kind != TEXT:
                counts[name] = cells.odd(index, kind)
            result[position] = self._converted(kind, cells, index)
        return pa.table(result, all_names), counts

    def _cells(self, columns: Sequence[Any], judge: bool) -> _Cells:
        """Return what the cells of columns of text are; all columns are looked at together, which takes less time."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = pa.concat_arrays([chunk for column in columns for chunk in column.chunks])
        text = pc.utf8_trim(whole, _BLANKS)
        shape = (len(columns), len(columns[0]))
        if not judge:
            return _Cells(text, self._nulls(text), np.zeros(shape, bool), {})
        missing = _mask(pc.is_in(text, self._marks)).reshape(shape)
        masks = {kind: self._matches(text, kind).reshape(shape) & ~missing for kind in (NUMBER, DATE, BOOLEAN)}
        masks[TEXT] = ~np.any([missing, *masks.values()], axis=0)
        return _Cells(text, self._nulls(text), missing, masks)

    def _matches(self, text: Any, kind: str) -> Array:
        """Return whether each cell is of a kind, bool (samples,)."""
        import pyarrow.compute as pc

        if kind == NUMBER:
            return _mask(pc.match_substring_regex(text, self._dialect.number))
        if kind == BOOLEAN:
            return _mask(pc.match_substring_regex(text, _BOOLEAN))
        local = pc.match_substring_regex(text, _LOCAL_DATE)
        return _mask(pc.or_(pc.match_substring_regex(text, _DATE), local))

    def _converted(self, kind: str, cells: _Cells, index: int) -> Any:
        """Return a column, converted to a kind; null where a cell is not of this kind."""
        import pyarrow as pa
        import pyarrow.compute as pc

        length = cells.missing.shape[1]
        if kind == MISSING:
            return pa.nulls(length)
        if kind == TEXT:
            return cells.nulls.slice(index * length, length)
        text = cells.text.slice(index * length, length)
        valid = cells.masks[kind][index]
        if not valid.all():
            text = pc.if_else(from_bool_array(valid), text, string_scalar(None))
        if kind == NUMBER:
            return self._numbers(text)
        return text.cast(pa.bool_()) if kind == BOOLEAN else self._dates(text)

    def _numbers(self, column: Any) -> Any:
        """Convert a column of text, each of whose cells is a number or null, to int64 or float64."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = pc.ascii_trim(column, " \t+")
        if self._dialect.thousands:
            column = pc.replace_substring(column, self._dialect.thousands, "")
        if self._dialect.decimal != ".":
            column = pc.replace_substring(column, self._dialect.decimal, ".")
        try:
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            return pc.cast(column, pa.float64())

    def _dates(self, column: Any) -> Any:
        """Convert a column of text, each of whose cells is a date or null, to timestamps; null for impossible dates."""
        import pyarrow as pa
        import pyarrow.compute as pc

        result = pa.chunked_array([pa.nulls(len(column), pa.timestamp("us"))])
        for date_format in (*_ISO_FORMATS, *self._dialect.date_formats):
            parsed = pc.strptime(column, format=date_format, unit="us", error_is_null=True)
            result = pc.coalesce(result, parsed)
        return result

    def _nulls(self, text: Any) -> Any:
        """Set missing cells of a column of text to null."""
        import pyarrow.compute as pc

        is_missing = pc.is_in(text, self._marks) if self._dialect.missing_in_text else pc.equal(text, string_scalar(""))
        return pc.if_else(is_missing, string_scalar(None), text) if pc.any(is_missing).as_py() else text


@dataclass(frozen=True)
class _Cells:
    """The cells of k columns of n rows.

    Parameters
    ----------
    text, nulls : pyarrow.Array (k · n)
        The trimmed cells of one column after the other; and the same, null where they are missing in a column of text.
    missing : array (k, n), bool
        Which of them mean a missing value.
    masks : dict of str to array (k, n), bool
        Which of the others are numbers, dates, booleans, or other text.
    """

    text: Any
    nulls: Any
    missing: Array
    masks: dict[str, Array]

    @cached_property
    def _count(self) -> dict[str, list[int]]:
        return {kind: mask.sum(axis=1).tolist() for kind, mask in self.masks.items()}

    @cached_property
    def _first(self) -> dict[str, list[int]]:
        return {kind: mask.argmax(axis=1).tolist() for kind, mask in self.masks.items()}

    def judge(self, index: int) -> tuple[str, ColumnCount]:
        """Return the kind of a column by its cells, and their counts."""
        length = self.missing.shape[1]
        count = {kind: counts[index] for kind, counts in self._count.items() if counts[index]}
        if not count:
            empty = all(not self.text[index * length + row].as_py() for row in range(length))
            return MISSING, ColumnCount({}, {}, all_missing=not empty)
        first = {kind: self._cell(index, self._first[kind][index]) for kind in count}
        return next(iter(count)) if len(count) == 1 else TEXT, ColumnCount(count, first)

    def odd(self, index: int, kind: str) -> ColumnCount:
        """Return the cells of a column that are not of its kind."""
        rows = np.flatnonzero(~(self.missing[index] | self.masks[kind][index])).tolist()
        return ColumnCount({}, {}, tuple(self._cell(index, row) for row in rows))

    def _cell(self, index: int, row: int) -> tuple[int, str]:
        return row, self.text[index * self.missing.shape[1] + row].as_py()


def _mask(values: Any) -> Array:
    """Convert an Arrow array of booleans to bool (samples,)."""
    import pyarrow as pa

    return to_bool_array(pa.chunked_array([values]))
