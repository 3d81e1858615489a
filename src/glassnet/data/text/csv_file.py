"""CSV files with a header, plain or compressed (.gz, .bz2, .zst), read block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.data.arrow_columns import to_bool_array
from glassnet.data.bad_rows import REPLACEMENT
from glassnet.data.base_file import MAX_COLUMNS, File, ReadState, open_stream
from glassnet.data.formatting import first_line, is_number, short_repr
from glassnet.data.ordered_map import ordered_map
from glassnet.data.tables import ArrowTable, check_names
from glassnet.data.text.lines import MAX_ROW_BYTES, RowTooLong, UnclosedQuote, end_of_rows, split_rows
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RowError:
    """A row that could not be parsed.

    Parameters
    ----------
    row : int
        Its number in the block, from 1.
    message : str
        What is wrong with it.
    advice : str
        What to do.
    """

    row: int
    message: str
    advice: str


@dataclass(frozen=True)
class ParsedBlock:
    """A block of text as columns (None where an error ended it), and the rows that could not be parsed."""

    text: bytes
    columns: pa.Table | None
    errors: tuple[RowError, ...]


class CsvFile(File):
    """One CSV file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        If it can't be read, is empty or binary, or its first line is not a header.
    """

    format = "CSV"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with open_stream(path) as stream:
            self._header = _read_header(path, stream)
        self.names = _parse_names(path, self._header)

    def blocks(self, state: ReadState) -> Iterator[ArrowTable]:
        """Yield the rows in order, a few MB of text at a time: see `File.blocks`.

        Raises
        ------
        InputError
            If a row has the wrong number of columns or is not UTF-8 text, unless such rows are skipped.
        """
        rows_before = 0
        skip = state.bad_rows is not None
        with open_stream(self.path) as stream:
            stream.read(len(self._header))
            texts = ((text, state.types.expected()) for text in split_rows(stream))
            try:
                for parsed in ordered_map(lambda block: self._parse(*block, skip), texts):
                    if parsed.columns is None:
                        error = parsed.errors[0]
                        raise InputError(f"{self.path}: row {rows_before + error.row} {error.message}; {error.advice}")
                    yield self._to_table(state, parsed, rows_before)
                    rows_before += parsed.columns.num_rows + len(parsed.errors)
            except UnclosedQuote:
                raise InputError(
                    f"{self.path}: row {rows_before + 1} opens a quote that is never closed; close it"
                ) from None
            except RowTooLong:
                raise InputError(
                    f"{self.path}: row {rows_before + 1} is longer than {MAX_ROW_BYTES >> 20} MB; is a quote never "
                    "closed, or is this not a CSV file?"
                ) from None

    def _parse(self, text: bytes, expected: dict[str, Any], skip: bool) -> ParsedBlock:
        """Parse a block with the expected types, or else with inferred ones. Runs on several threads."""
        import pyarrow as pa

        errors: list[RowError] = []
        is_invalid = not text.isascii() and not _is_utf8(text)
        if is_invalid:  # bytes that are not UTF-8 become replacement characters
            text = text.decode(errors="replace").encode()
            if not skip:
                return ParsedBlock(text, None, (self._find_invalid_text(text),))
        try:
            return ParsedBlock(text, self._read(text, expected, errors, skip), tuple(errors))
        except pa.ArrowInvalid as error:
            if errors:
                return ParsedBlock(text, None, tuple(errors))
            text_types = {name: type_ for name, type_ in expected.items() if pa.types.is_string(type_)}
            if text_types == expected:
                raise InputError(f"{self.path}: this is not CSV: {first_line(error)}") from None
            return self._parse(text, text_types, skip)

    def _read(self, text: bytes, types: dict[str, Any], errors: list[RowError], skip: bool) -> Any:
        """Parse a block. Rows with a wrong number of columns are added to `errors`; the first ends it unless `skip`."""
        import pyarrow as pa
        import pyarrow.csv as csv

        def add_error(row: Any) -> Literal["skip", "error"]:
            message = f"has {row.actual_columns} columns and the header {row.expected_columns}"
            advice = f"fix the row {short_repr(row.text)}"
            if REPLACEMENT in row.text:
                message = "is not UTF-8 text"
                advice = "is this a CSV file? save it as CSV in UTF-8"
            errors.append(RowError(row.number, message, advice))
            return "skip" if skip else "error"

        convert = csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # only an empty cell is null: NA and the like are reported as text
            strings_can_be_null=True,
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
        )
        return csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(column_names=self.names, use_threads=False, block_size=len(text) + 1),
            csv.ParseOptions(newlines_in_values=b'"' in text, invalid_row_handler=add_error),
            convert,
        )

    def _find_invalid_text(self, text: bytes) -> RowError:
        """Find the first row with a replacement character."""
        import pyarrow as pa
        import pyarrow.compute as pc

        errors: list[RowError] = []
        columns = self._read(text, dict.fromkeys(self.names, pa.string()), errors, skip=True)
        rows = np.delete(np.arange(1, columns.num_rows + len(errors) + 1), [error.row - 1 for error in errors])
        advice = "save the file as CSV in UTF-8"
        for name, column in zip(self.names, columns.columns, strict=True):
            invalid = np.flatnonzero(to_bool_array(pc.match_substring(column, REPLACEMENT)))
            if len(invalid):
                message = f"has in column {name!r} {short_repr(column[invalid[0]].as_py())}, which is not UTF-8 text"
                errors.append(RowError(int(rows[invalid[0]]), message, advice))
        return min(errors, key=lambda error: error.row)

    def _to_table(self, state: ReadState, parsed: ParsedBlock, rows_before: int) -> ArrowTable:
        """Return a block as a table with the types known so far, without its invalid rows if those are skipped."""
        columns = parsed.columns
        assert columns is not None
        numeric = state.bad_rows.numeric_columns(columns) if state.bad_rows is not None else set()
        others = columns.select([name for name in self.names if name not in numeric]) if numeric else columns
        reparse = state.types.update(others)
        if reparse:  # numbers, dates or booleans in a column of text
            expected = state.types.expected()
            columns = self._parse(parsed.text, {name: expected[name] for name in reparse}, True).columns
            assert columns is not None
        table = ArrowTable(self.source, columns, first_row=rows_before + 1)
        if state.bad_rows is not None:
            rows = np.arange(rows_before + 1, rows_before + 1 + columns.num_rows + len(parsed.errors))
            rows = np.delete(rows, [error.row - 1 for error in parsed.errors])
            unparsed = [(rows_before + error.row, error.message) for error in parsed.errors]
            table = state.bad_rows.filter_rows(self.source, columns, rows, unparsed)
            state.types.update(table.columns.select([name for name in self.names if name in numeric]))
        columns = state.types.cast(table.columns)
        return replace(table, columns=columns if self.names == state.names else columns.select(state.names))


def _read_header(path: Path, stream: Any) -> bytes:
    """Return the bytes of the first row."""
    text = b""
    end = 0
    while not end and len(text) <= MAX_ROW_BYTES and (more := stream.read(max(1 << 16, len(text)))):
        text += more
        if b"\0" in more:
            raise InputError(f"{path}: this is a binary file, not CSV text; export it as CSV")
        blank = len(text) - len(text.lstrip())  # empty lines may precede it
        length = end_of_rows(text[blank:], first=True)
        end = blank + length if length else 0
    if not text.strip():
        raise InputError(f"{path}: the file is empty; it needs a header and rows")
    if not end and len(text) > MAX_ROW_BYTES:
        raise InputError(f"{path}: the first line is longer than {MAX_ROW_BYTES >> 20} MB; it must be a header")
    return text[:end] if end else text


def _parse_names(path: Path, header: bytes) -> list[str]:
    """Parse the names of the columns."""
    import pyarrow as pa
    import pyarrow.csv as csv

    if not _is_utf8(header):
        raise InputError(f"{path}: the header is not UTF-8 text; is this a CSV file? save it as CSV in UTF-8")
    if header.count(b",") >= MAX_COLUMNS:
        raise InputError(f"{path}: the header names more than {MAX_COLUMNS:,} columns; is this a CSV file?")
    try:
        names = csv.read_csv(
            pa.BufferReader(header),
            csv.ReadOptions(use_threads=False, block_size=len(header) + 1),
            csv.ParseOptions(newlines_in_values=True),
        ).column_names
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: this is not CSV: {first_line(error)}") from None
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
