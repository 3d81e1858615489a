"""CSV files, plain, compressed, zipped or out of Excel, read block by block."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glassnet.data.arrow_columns import from_bool_array, string_scalar, to_bool_array
from glassnet.data.bad_rows import REPLACEMENT
from glassnet.data.base_file import File, ReadState
from glassnet.data.formatting import first_line, format_cell, short_repr
from glassnet.data.ordered_map import ordered_map
from glassnet.data.tables import ArrowTable
from glassnet.data.text.cells import CellReader, ColumnCount
from glassnet.data.text.column_kinds import ColumnKinds, OddCell, odd_cell_error
from glassnet.data.text.csv_format import CsvFormat, Dialect
from glassnet.data.text.dialect_detection import detect_dialect
from glassnet.data.text.lines import MAX_ROW_BYTES, RowTooLong, UnclosedQuote, end_of_rows, split_rows
from glassnet.data.text.text_stream import FALLBACK, encoding_of, is_binary, open_text
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes at the beginning of a file that its dialect is detected from; more if the first row is longer.
HEAD_BYTES = 1 << 17


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
    """A block of text as columns (None where an error ended it), and the rows that could not be parsed.

    ``counts`` are those of the columns of text whose kind is open; ``marked`` are the columns whose cells are all
    missing, but not all empty.
    """

    text: bytes
    columns: pa.Table | None
    errors: tuple[RowError, ...]
    counts: dict[str, ColumnCount] = field(default_factory=dict)
    marked: tuple[str, ...] = ()


class CsvFile(File):
    """One CSV file.

    Parameters
    ----------
    path : Path
        The file.
    max_columns : int, optional
        See `File`.
    csv_format : CsvFormat
        How it is written, as far as it is not to be detected.
    expected : collection of str
        Names that a header is likely to have.

    Raises
    ------
    InputError
        If it can't be read, or is empty or binary.
    """

    format = "CSV"

    def __init__(
        self,
        path: Path,
        max_columns: int | None = None,
        csv_format: CsvFormat | None = None,
        expected: Collection[str] = (),
    ) -> None:
        super().__init__(path, max_columns)
        options = csv_format or CsvFormat()
        with open_text(path, options.encoding) as (stream, encoding):
            head, is_whole = _read_head(path, stream, encoding)
        dialect = detect_dialect(head, is_whole, options, expected)
        self.check_width(len(dialect.columns))
        self.dialect = replace(dialect, encoding=encoding)
        self._may_be_fallback = options.encoding is None and encoding == "utf-8"
        self.names = self.dialect.names
        self.codes = dialect.codes
        self.reading_key = repr(replace(self.dialect, notes=(), codes=frozenset()))
        self.notes = dialect.notes
        if options.encoding is None and encoding != "utf-8":
            self.notes = (f"the text is encoded in {encoding} (--encoding takes another)", *dialect.notes)

    def blocks(self, state: ReadState) -> Iterator[ArrowTable]:
        """Yield the rows in order, a few MB of text at a time: see `File.blocks`.

        Raises
        ------
        InputError
            If a row has the wrong number of columns or is not text, unless such rows are skipped, or a cell is not of
            the kind that its column has for certain.
        """
        rows_before = 0
        parser = _Parser(self, state)
        with open_text(self.path, self.dialect.encoding) as (stream, _):
            texts = ((text, state.kinds.expected()) for text in self._texts(stream))
            try:
                for parsed in ordered_map(lambda block: parser.parse(*block), texts):
                    if parsed.columns is None:
                        error = parsed.errors[0]
                        raise InputError(f"{self.path}: row {rows_before + error.row} {error.message}; {error.advice}")
                    table = parser.table(parsed, rows_before)
                    rows_before += parsed.columns.num_rows + len(parsed.errors)
                    yield table
            except UnclosedQuote:
                raise InputError(
                    f"{self.path}: row {rows_before + 1} opens a quote that is never closed; close it"
                ) from None
            except RowTooLong:
                raise InputError(
                    f"{self.path}: row {rows_before + 1} is longer than {MAX_ROW_BYTES >> 20} MB; is a quote never "
                    "closed, or is this not a CSV file?"
                ) from None

    def _texts(self, stream: Any) -> Iterator[bytes]:
        """Yield the text of the rows in blocks, as UTF-8 and in the form that Arrow reads."""
        dialect = self.dialect
        left = dialect.start
        while left and (skipped := stream.read(left)):
            left -= len(skipped)
        encoding = "" if self._may_be_fallback else "utf-8"
        for text in split_rows(stream, quoting=dialect.quoting):
            if not encoding and not text.isascii():  # the first character beyond ASCII decides
                encoding = encoding_of(text)
            if encoding == FALLBACK:
                text = text.decode(FALLBACK, errors="replace").encode()
            yield dialect.plain(text)


class _Parser:
    """Parses the blocks of one pass over a file."""

    def __init__(self, file: CsvFile, state: ReadState) -> None:
        self._file = file
        self._state = state
        self._kinds: ColumnKinds = state.kinds
        self._dialect: Dialect = file.dialect
        self._cells = CellReader(file.dialect, state.kinds)
        self._skip = state.bad_rows is not None
        self._has_marks = False
        self._names = [name for name in state.names if name not in state.ignored]
        self._trailing = self._dialect.columns[-1] if self._dialect.columns[-1] in self._dialect.dropped else ""

    def parse(self, text: bytes, expected: dict[str, Any]) -> ParsedBlock:
        """Parse a block with the expected types, or else with inferred ones. Runs on several threads."""
        import pyarrow as pa

        errors: list[RowError] = []
        if not text.isascii() and not _is_utf8(text):  # bytes that are not UTF-8 become replacement characters
            text = text.decode(errors="replace").encode()
            if not self._skip:
                return ParsedBlock(text, None, (self._find_invalid_text(text),))
        try:
            columns = self._read(text, expected, errors)
        except pa.ArrowInvalid as error:
            if errors and not self._skip:
                return ParsedBlock(text, None, tuple(errors))
            if not self._has_marks:  # a rarer mark of missing values may be the reason
                self._has_marks = True
                return self.parse(text, expected)
            text_types = {name: type_ for name, type_ in expected.items() if pa.types.is_string(type_)}
            if text_types == expected:
                raise InputError(f"{self._file.path}: this is not CSV: {first_line(error)}") from None
            return self.parse(text, text_types)
        marked = self._find_marked(text, columns)
        text_columns = [name for name, type_ in expected.items() if pa.types.is_string(type_)]
        columns, counts = self._cells.interpret(columns, text_columns)
        return ParsedBlock(text, columns, tuple(errors), counts, marked)

    def table(self, parsed: ParsedBlock, rows_before: int) -> ArrowTable:
        """Return a block as a table with the types known so far, without its invalid rows if those are skipped."""
        import pyarrow as pa

        state = self._state
        columns = parsed.columns
        assert columns is not None
        rows = np.arange(rows_before + 1, rows_before + 1 + columns.num_rows + len(parsed.errors))
        if parsed.errors:
            rows = np.delete(rows, [error.row - 1 for error in parsed.errors])
        self._kinds.add_marked(parsed.marked)
        self._kinds.rows_seen += len(rows)
        invalid = self._count(parsed.counts, rows)
        reparse = self._kinds.update(columns)
        if reparse:  # numbers, dates or booleans in a column of text
            texts = self._read(parsed.text, dict.fromkeys(reparse, pa.string()), [], reparse)
            texts, counts = self._cells.interpret(texts, reparse)
            invalid |= self._count(counts, rows)
            columns = _replace_columns(columns, texts)
            self._kinds.update(columns)
        columns = self._kinds.cast(columns)
        if state.bad_rows is None:
            return ArrowTable(self._file.source, columns, first_row=rows_before + 1)
        unparsed = [(rows_before + error.row, error.message) for error in parsed.errors]
        return state.bad_rows.filter_rows(self._file.source, columns, rows, unparsed, invalid)

    def _count(self, counts: dict[str, ColumnCount], rows: Any) -> dict[int, str]:
        """Count the cells of columns of text; return the rows to skip, by index, and why.

        Raises
        ------
        InputError
            If a cell is not of the kind that its column has for certain, and rows are not skipped.
        """
        invalid: dict[int, str] = {}
        source = self._file.source
        first = self._kinds.rows_seen
        self._kinds.add_marked([name for name, count in counts.items() if count.all_missing])
        for name, count in counts.items():
            for kind, (index, value) in count.first.items():
                cell = OddCell(source, int(rows[index]), value, first + index)
                self._kinds.add_count(name, kind, count.counts[kind], cell)
            for index, value in count.odd:
                if not self._skip:
                    raise odd_cell_error(name, OddCell(source, int(rows[index]), value), self._kinds.settled[name])
                invalid.setdefault(index, f"column {name!r} is {format_cell(value)}")
        return invalid

    def _read(
        self, text: bytes, types: dict[str, Any], errors: list[RowError], names: Collection[str] | None = None
    ) -> Any:
        """Parse a block; the first row with a wrong number of columns ends it, unless such rows are skipped."""
        import pyarrow as pa
        import pyarrow.csv as csv

        dialect = self._dialect
        expects_errors = names is not None

        def add_error(row: Any) -> Literal["skip", "error"]:
            what = "the header" if dialect.header else "the first row"
            message = f"has {row.actual_columns} columns and {what} {row.expected_columns}"
            advice = f"fix the row {short_repr(row.text)}"
            if REPLACEMENT in row.text:
                message = "is not UTF-8 text"
                advice = f"is this a CSV file? if it is, give its encoding, such as --encoding {FALLBACK}"
            errors.append(RowError(row.number, message, advice))
            return "skip" if self._skip or expects_errors else "error"

        wanted = list(self._names if names is None else names)
        if self._trailing and names is None:
            types = types | {self._trailing: pa.string()}
            wanted.append(self._trailing)
        convert = csv.ConvertOptions(
            column_types=types,
            include_columns=wanted,
            null_values=dialect.null_values if self._has_marks else dialect.common_null_values,
            strings_can_be_null=False,  # NA may be a category
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
            decimal_point=dialect.decimal,
            timestamp_parsers=[csv.ISO8601, *dialect.date_formats],
        )
        parse = csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            newlines_in_values=bool(dialect.quote) and dialect.quote.encode() in text,
            invalid_row_handler=add_error,
        )
        options = csv.ReadOptions(column_names=dialect.columns, use_threads=False, block_size=len(text) + 1)
        columns = csv.read_csv(pa.BufferReader(text), options, parse, convert)
        return self._without_trailing(columns, errors) if self._trailing and names is None else columns

    def _without_trailing(self, columns: pa.Table, errors: list[RowError]) -> pa.Table:
        """Drop what follows a delimiter at the end of each line; it must be empty."""
        import pyarrow as pa
        import pyarrow.compute as pc

        filled = np.flatnonzero(to_bool_array(pc.not_equal(columns[self._trailing], string_scalar(""))))
        columns = columns.drop_columns([self._trailing])
        if not len(filled):
            return columns
        rows = np.delete(
            np.arange(1, columns.num_rows + len(errors) + 1), [error.row - 1 for error in errors]
        )  # the numbers of the rows that were parsed
        width = len(self._dialect.columns)
        message = f"has {width} columns and the others {width - 1}"
        errors += [RowError(int(rows[index]), message, "fix the row") for index in filled]
        errors.sort(key=lambda error: error.row)
        if not self._skip:
            raise pa.ArrowInvalid(message)
        valid = np.ones(columns.num_rows, bool)
        valid[filled] = False
        return columns.filter(from_bool_array(valid))

    def _find_marked(self, text: bytes, columns: pa.Table) -> tuple[str, ...]:
        """Return the columns of open kind whose cells are all missing, but not all empty."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(columns) or self._cells.is_plain(columns.schema):
            return ()
        empty = [field.name for field in columns.schema if pa.types.is_null(field.type)]
        empty = [name for name in empty if self._kinds.is_open(name)]
        if not empty:
            return ()
        texts = self._read(text, dict.fromkeys(empty, pa.string()), [], empty)
        nothing = string_scalar("")
        found = (pc.any(pc.not_equal(column, nothing)).as_py() for column in texts.columns)
        return tuple(name for name, is_marked in zip(empty, found, strict=True) if is_marked)

    def _find_invalid_text(self, text: bytes) -> RowError:
        """Find the first row with a replacement character."""
        import pyarrow as pa
        import pyarrow.compute as pc

        errors: list[RowError] = []
        names = self._dialect.names
        columns = self._read(text, dict.fromkeys(names, pa.string()), errors, names)
        rows = np.delete(np.arange(1, columns.num_rows + len(errors) + 1), [error.row - 1 for error in errors])
        advice = f"give the encoding of the file, such as --encoding {FALLBACK}"
        for name, column in zip(names, columns.columns, strict=True):
            invalid = np.flatnonzero(to_bool_array(pc.match_substring(column, REPLACEMENT)))
            if len(invalid):
                message = f"has in column {name!r} {short_repr(column[invalid[0]].as_py())}, which is not UTF-8 text"
                errors.append(RowError(int(rows[invalid[0]]), message, advice))
        return min(errors, key=lambda error: error.row)


def _replace_columns(columns: pa.Table, others: pa.Table) -> pa.Table:
    """Return a table with some columns replaced by those of the same name."""
    import pyarrow as pa

    replaced = dict(zip(others.column_names, others.columns, strict=True))
    names = columns.column_names
    return pa.table([replaced.get(name, column) for name, column in zip(names, columns.columns, strict=True)], names)


def _read_head(path: Path, stream: Any, encoding: str) -> tuple[bytes, bool]:
    """Return the beginning of the text, with at least one whole row, and whether that is all of it."""
    text = b""
    while len(text) <= MAX_ROW_BYTES:
        more = stream.read(max(HEAD_BYTES, len(text)))
        text += more
        if not more or (len(text) >= HEAD_BYTES and _has_row(text)):
            break
    if is_binary(text[:HEAD_BYTES], encoding):
        raise InputError(f"{path}: this is a binary file, not CSV text; export it as CSV")
    if not text.strip():
        raise InputError(f"{path}: the file is empty; it needs rows, with a header that names the columns")
    if len(text) > MAX_ROW_BYTES and not _has_row(text):
        raise InputError(f"{path}: the first line is longer than {MAX_ROW_BYTES >> 20} MB; it must be a header")
    return text, not more


def _has_row(text: bytes) -> bool:
    blank = len(text) - len(text.lstrip())  # empty lines may precede it
    return end_of_rows(text[blank:], first=True) > 0


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
