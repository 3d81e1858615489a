"""CSV files with a header, plain or compressed (.gz, .bz2, .zst), block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.data.arrow_numbers import mask_of
from glassnet.data.bad_rows import FOREIGN
from glassnet.data.file import MAX_COLUMNS, File, opened
from glassnet.data.formatting import first_line, is_number, short
from glassnet.data.ordered_map import ahead
from glassnet.data.passes import Pass
from glassnet.data.tables import Table, check_names
from glassnet.data.text.lines import LONGEST_ROW, QuoteLeftOpen, RowTooLong, blocks_of_rows, rows_end
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Fault:
    """A row that could not be read: its number in the block, from 1, what it has or is, and what to do."""

    row: int
    told: str
    advice: str


@dataclass(frozen=True)
class Parsed:
    """A block of text as columns (None where a fault ended it), and the rows that could not be read."""

    text: bytes
    columns: pa.Table | None
    faults: tuple[Fault, ...]


class CsvFile(File):
    """One CSV file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        If it can't be read, is empty or binary, or its first line is no header.
    """

    format = "CSV"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with opened(path) as stream:
            self._header = _header(path, stream)
        self.names = _names(path, self._header)

    def blocks(self, state: Pass) -> Iterator[Table]:
        """Yield the rows in order, some MB of text at a time.

        Raises
        ------
        InputError
            If a row is ragged or no UTF-8 text, unless such rows are left out.
        """
        before = 0
        with opened(self.path) as stream:
            stream.read(len(self._header))
            texts = ((text, state.kinds.expected()) for text in blocks_of_rows(stream))
            try:
                for parsed in ahead(lambda block: self._parsed(*block, state.bad is not None), texts):
                    if parsed.columns is None:
                        fault = parsed.faults[0]
                        raise InputError(f"{self.path}: row {before + fault.row} {fault.told}; {fault.advice}")
                    yield self._delivered(state, parsed, before)
                    before += parsed.columns.num_rows + len(parsed.faults)
            except QuoteLeftOpen:
                raise InputError(f"{self.path}: row {before + 1} opens a quote that is never closed; mend it") from None
            except RowTooLong:
                raise InputError(
                    f"{self.path}: row {before + 1} is longer than {LONGEST_ROW >> 20} MB; is a quote never closed, or "
                    "is this no CSV file?"
                ) from None

    def _parsed(self, text: bytes, expected: dict[str, Any], leave_out: bool) -> Parsed:
        """Read a block in the types expected, or in those that it shows. Runs on several threads."""
        import pyarrow as pa

        faults: list[Fault] = []
        foreign = not text.isascii() and not _is_utf8(text)
        if foreign:  # each byte that is no UTF-8 becomes a mark
            text = text.decode(errors="replace").encode()
            if not leave_out:
                return Parsed(text, None, (self._foreign(text),))
        try:
            return Parsed(text, self._read(text, expected, faults, leave_out), tuple(faults))
        except pa.ArrowInvalid as error:
            if faults:
                return Parsed(text, None, tuple(faults))
            wider = {name: type_ for name, type_ in expected.items() if pa.types.is_string(type_)}
            if wider == expected:
                raise InputError(f"{self.path}: this is no CSV: {first_line(error)}") from None
            return self._parsed(text, wider, leave_out)

    def _read(self, text: bytes, types: dict[str, Any], faults: list[Fault], leave_out: bool) -> Any:
        """Parse a block; ragged rows are noted, and the first one ends it unless they are left out."""
        import pyarrow as pa
        import pyarrow.csv as csv

        def note(row: Any) -> Literal["skip", "error"]:
            told = f"has {row.actual_columns} columns and the header {row.expected_columns}"
            advice = f"mend the row {short(row.text)}"
            if FOREIGN in row.text:
                told, advice = "is no UTF-8 text", "is this a CSV file? save it as CSV in UTF-8"
            faults.append(Fault(row.number, told, advice))
            return "skip" if leave_out else "error"

        cells = csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # only an empty cell is a missing one: NA and the like are told as what they are
            strings_can_be_null=True,
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
        )
        return csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(column_names=self.names, use_threads=False, block_size=len(text) + 1),
            csv.ParseOptions(newlines_in_values=b'"' in text, invalid_row_handler=note),
            cells,
        )

    def _foreign(self, text: bytes) -> Fault:
        """Find the first row with a mark for what is no UTF-8."""
        import pyarrow as pa
        import pyarrow.compute as pc

        faults: list[Fault] = []
        columns = self._read(text, dict.fromkeys(self.names, pa.string()), faults, leave_out=True)
        rows = np.delete(np.arange(1, columns.num_rows + len(faults) + 1), [fault.row - 1 for fault in faults])
        advice = "save the file as CSV in UTF-8"
        for name, column in zip(self.names, columns.columns, strict=True):
            marked = np.flatnonzero(mask_of(pc.match_substring(column, FOREIGN)))
            if len(marked):
                told = f"has in column {name!r} {short(column[marked[0]].as_py())}, which is no UTF-8 text"
                faults.append(Fault(int(rows[marked[0]]), told, advice))
        return min(faults, key=lambda fault: fault.row)

    def _delivered(self, state: Pass, parsed: Parsed, before: int) -> Table:
        """Return a block as a table in the types known so far, without its bad rows where those are left out."""
        columns, source = parsed.columns, self.source
        assert columns is not None
        numbers = state.bad.numbers_in(columns) if state.bad is not None else set()
        certain = columns.select([name for name in self.names if name not in numbers]) if numbers else columns
        again = state.kinds.learn(certain)
        if again:  # numbers, dates or true and false, in a column of text
            expected = state.kinds.expected()
            columns = self._parsed(parsed.text, {name: expected[name] for name in again}, True).columns
            assert columns is not None
        table = Table(source, columns, first_row=before + 1)
        if state.bad is not None:
            rows = np.arange(before + 1, before + 1 + columns.num_rows + len(parsed.faults))
            rows = np.delete(rows, [fault.row - 1 for fault in parsed.faults])
            unread = [(before + fault.row, fault.told) for fault in parsed.faults]
            table = state.bad.sift(source, columns, rows, unread)
            state.kinds.learn(table.columns.select([name for name in self.names if name in numbers]))
        columns = state.kinds.widen(table.columns)
        return replace(table, columns=columns if self.names == state.names else columns.select(state.names))


def _header(path: Path, stream: Any) -> bytes:
    """Return the first row as it stands."""
    text, end = b"", 0
    while not end and len(text) <= LONGEST_ROW and (more := stream.read(max(1 << 16, len(text)))):
        text += more
        if b"\0" in more:
            raise InputError(f"{path}: this is a binary file, not CSV text; export it as CSV")
        blank = len(text) - len(text.lstrip())  # lines without anything may stand before it
        end = rows_end(text[blank:], first=True) and blank + rows_end(text[blank:], first=True)
    if not text.strip():
        raise InputError(f"{path}: the file is empty; it needs a header and rows")
    if not end and len(text) > LONGEST_ROW:
        raise InputError(f"{path}: the first line is longer than {LONGEST_ROW >> 20} MB; it must be a header")
    return text[:end] if end else text


def _names(path: Path, header: bytes) -> list[str]:
    """Read the columns' names."""
    import pyarrow as pa
    import pyarrow.csv as csv

    if not _is_utf8(header):
        raise InputError(f"{path}: the header is no UTF-8 text; is this a CSV file? save it as CSV in UTF-8")
    if header.count(b",") >= MAX_COLUMNS:
        raise InputError(f"{path}: the header names more than {MAX_COLUMNS:,} columns; is this a CSV file?")
    try:
        names = csv.read_csv(
            pa.BufferReader(header),
            csv.ReadOptions(use_threads=False, block_size=len(header) + 1),
            csv.ParseOptions(newlines_in_values=True),
        ).column_names
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: this is no CSV: {first_line(error)}") from None
    if all(is_number(name) for name in names):
        raise InputError(f"{path}: the first line is all numbers; it must be a header that names the columns")
    check_names(str(path), names)
    return list(names)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
