"""Cells of text as numbers where they are numbers; counts of those that are not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
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

        counts: dict[str, ColumnCount] = {}
        if self.is_plain(columns.schema):
            return columns, counts
        result = []
        for name, column in zip(columns.column_names, columns.columns, strict=True):
            if not pa.types.is_string(column.type):
                result.append(column)
            elif self._kinds.settled.get(name) == TEXT:
                result.append(self._as_text(column))
            else:
                result.append(self._interpret(name, column, counts, name not in text))
        return pa.table(result, columns.column_names), counts

    def _interpret(self, name: str, column: Any, counts: dict[str, ColumnCount], convert: bool) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = self._kinds.settled.get(name)
        text = pc.utf8_trim(column, _BLANKS)
        missing = to_bool_array(pc.is_in(text, self._marks))
        cells = {each: self._matches(text, each) & ~missing for each in (NUMBER, DATE, BOOLEAN) if kind in (None, each)}
        if kind is not None:
            odd = np.flatnonzero(~(missing | cells[kind])).tolist()
            counts[name] = ColumnCount({}, {}, tuple((row, text[row].as_py()) for row in odd))
            return self._converted(kind, _where(cells[kind], text))
        cells[TEXT] = ~np.any([missing, *cells.values()], axis=0)
        indices = {each: np.flatnonzero(mask) for each, mask in cells.items()}
        found = {each: rows for each, rows in indices.items() if len(rows)}
        first = {each: (int(rows[0]), text[int(rows[0])].as_py()) for each, rows in found.items()}
        counts[name] = ColumnCount({each: len(rows) for each, rows in found.items()}, first)
        if not found and convert:
            counts[name] = ColumnCount({}, {}, all_missing=bool(pc.any(pc.not_equal(text, string_scalar(""))).as_py()))
            return pa.chunked_array([pa.nulls(len(text))])
        if len(found) == 1 and TEXT not in found and convert:
            del counts[name]
            return self._converted(next(iter(found)), _where(~missing, text))
        return self._nulls(text)

    def _matches(self, text: Any, kind: str) -> Array:
        """Return whether each cell is of a kind, bool (samples,)."""
        import pyarrow.compute as pc

        if kind == NUMBER:
            return to_bool_array(pc.match_substring_regex(text, self._dialect.number))
        if kind == BOOLEAN:
            return to_bool_array(pc.match_substring_regex(text, _BOOLEAN))
        local = pc.match_substring_regex(text, _LOCAL_DATE)
        return to_bool_array(pc.or_(pc.match_substring_regex(text, _DATE), local))

    def _converted(self, kind: str, text: Any) -> Any:
        """Convert cells that are of a kind, or null."""
        import pyarrow as pa

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

    def _as_text(self, column: Any) -> Any:
        import pyarrow.compute as pc

        return self._nulls(pc.utf8_trim(column, _BLANKS))

    def _nulls(self, text: Any) -> Any:
        """Set missing cells of a column of text to null."""
        import pyarrow.compute as pc

        is_missing = pc.is_in(text, self._marks) if self._dialect.missing_in_text else pc.equal(text, string_scalar(""))
        return pc.if_else(is_missing, string_scalar(None), text) if pc.any(is_missing).as_py() else text


def _where(mask: Array, text: Any) -> Any:
    """Return cells of text, null where the mask is False."""
    import pyarrow.compute as pc

    return pc.if_else(from_bool_array(mask), text, string_scalar(None))
