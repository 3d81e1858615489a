"""Detection of how a CSV file is written, from its beginning.

Delimiter and quote are those of the highest consistency, as in van den Burg, Nazábal & Sutton, *Wrangling messy CSV
files by detecting row and type patterns* (2019): the product of how regular the rows are and of the share of cells with
a known type.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import islice

from glassnet.data.formatting import short_repr
from glassnet.data.text.csv_format import DELIMITERS, MISSING_MARKS, CsvFormat, Dialect
from glassnet.data.text.head_columns import (
    CLOCK,
    DATE,
    NUMBER,
    Rows,
    are_codes,
    columns_of,
    detect_date_formats,
    detect_thousands,
    has_header,
    name_columns,
)
from glassnet.data.text.lines import Quoting, end_of_rows

#: Rows that are looked at, and cells that are looked at for each pair of delimiter and quote.
MAX_ROWS = 300
MAX_CELLS = 4000
#: Cells of these rows, after which no more rows are read.
_ENOUGH_CELLS = 20_000
_FEW_ROWS = 5
#: Weight of rows of a single cell, which have no delimiter.
_SINGLE_CELL = 1e-3

_TIME = re.compile(CLOCK)
# a comma in text is followed by a blank; quotes are around a cell, not in one
_TEXT = re.compile(r"(?!['\"].*['\"]\Z)(?:[^,;\t|\"]|,(?=\s))+")
_COMMA_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d{3})*|),\d+(?:[eE][+-]?\d+)?")
_POINT_DECIMAL = re.compile(r"[+-]?(?:\d+(?:,\d{3})*|)\.\d+(?:[eE][+-]?\d+)?")
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?[ \t]*(?:\r\n|\n|\r)', re.IGNORECASE)
_DELIMITER_NAMES = {"\t": "a tab", ";": "';'", "|": "'|'", " ": "blanks", ",": "','"}


@dataclass(frozen=True)
class _Start:
    """The beginning of the rows, and what precedes them.

    Parameters
    ----------
    offset : int
        Number of bytes before them.
    delimiter : str
        The one of a line ``sep=;``, or an empty string.
    comment : bool
        Whether comments precede them.
    """

    offset: int
    delimiter: str
    comment: bool


def detect_dialect(head: bytes, is_whole: bool, options: CsvFormat, expected: Collection[str] = ()) -> Dialect:
    """Return how a file is written.

    Parameters
    ----------
    head : bytes
        The beginning of its text in UTF-8, with at least one whole row.
    is_whole : bool
        Whether that is the whole text.
    options : CsvFormat
        What is not to be detected.
    expected : collection of str
        Names of columns that a header is likely to have, such as those of a model.
    """
    begin = _find_start(head, options)
    body = head[begin.offset :]
    text = body.decode(errors="replace")
    if begin.comment:
        text = re.sub(r"(?m)^#[^\r\n]*(?:\r?\n|\Z)", "", text)
    delimiter, quote = _detect_delimiter(text, is_whole, options.delimiter or begin.delimiter)
    rows = _parse(text, delimiter, quote, is_whole)
    missing = options.missing or MISSING_MARKS
    decimal = options.decimal or _detect_decimal(rows, delimiter)
    header = options.header
    if header is None:
        header = has_header(rows, expected)
    dialect = Dialect(
        columns=(),
        start=begin.offset,
        delimiter=delimiter,
        quote=quote,
        decimal=decimal,
        header=header,
        comment=begin.comment,
        blank_runs=delimiter == " ",
        blanks=any(pair in text for pair in (f"{delimiter} ", f" {delimiter}", "\n ", " \n")),
        quote_after_blank=delimiter != " " and _has_blank_before_quote(text, delimiter, quote),
        missing=missing,
        missing_in_text=options.missing is not None,
    )
    data = rows[1:] if header else rows
    columns, dropped, names_note = name_columns(rows[0], data, header, expected)
    cells = columns_of(data, len(columns))
    thousands = options.thousands
    if thousands is None:
        thousands = detect_thousands(cells, decimal)
    dialect = replace(
        dialect,
        columns=columns,
        dropped=dropped,
        start=begin.offset + _length_of_header(body, dialect) if header else begin.offset,
        thousands=thousands,
        date_formats=detect_date_formats(cells),
        codes=frozenset(name for name, column in zip(columns, cells, strict=True) if are_codes(column, missing)),
    )
    return replace(dialect, notes=(*_describe(dialect, options), *names_note))


def _find_start(head: bytes, options: CsvFormat) -> _Start:
    """Find the first row: after empty lines, a line ``sep=;`` and comments."""
    offset = len(head) - len(head.lstrip(b"\r\n \t" if options.delimiter is None else b"\r\n"))
    while offset and head[offset - 1 : offset] not in (b"\n", b"\r"):  # blanks and tabs may begin a row
        offset -= 1
    delimiter = ""
    line = _SEPARATOR_LINE.match(head, offset)
    if line is not None:
        delimiter = line[1].decode("latin-1")
        offset = line.end()
    comment = False
    if head[offset : offset + 1] == b"#":
        lines = re.findall(rb"[^\r\n]+", head[offset : offset + (1 << 16)])[:2]
        # one line only may be a header, such as #id,name: then the next line has as many delimiters
        widths = [[line.count(d.encode()) for d in DELIMITERS] for line in lines]
        comment = len(lines) < 2 or lines[1].startswith(b"#") or widths[0] != widths[1] or not any(widths[0])
    return _Start(offset, delimiter, comment)


def _parse(text: str, delimiter: str, quote: str, is_whole: bool) -> Rows:
    """Return the first rows, without empty ones and without a last one that may be incomplete."""
    if delimiter == " ":
        rows = [line.split() for line in text.splitlines()[: MAX_ROWS + 1]]
    else:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            skipinitialspace=True,
        )
        rows = []
        cells = 0
        with contextlib.suppress(csv.Error):  # a cell longer than Python's limit
            for row in islice(reader, MAX_ROWS + 1):
                rows.append(row)
                cells += len(row)
                if cells > _ENOUGH_CELLS and len(rows) > _FEW_ROWS:
                    break
    if len(rows) > 1 and not is_whole and len(rows) <= MAX_ROWS:
        rows.pop()
    return [[cell.strip(" \t") for cell in row] for row in rows if row] or [[]]


def _detect_delimiter(text: str, is_whole: bool, given: str) -> tuple[str, str]:
    """Return delimiter and quote: the pair whose rows are the most regular, with cells of known types."""
    quotes = ['"', "'"] if "'" in text else ['"']
    best = 0.0
    found = (given or ",", '"')
    for delimiter in [given] if given else DELIMITERS:
        if delimiter != " " and delimiter not in text:
            continue
        for quote in quotes:
            score = _consistency(_parse(text, delimiter, quote, is_whole))
            if score > 1.001 * best:
                best = score
                found = (delimiter, quote)
    if not given and best < _SINGLE_CELL * MAX_ROWS:
        rows = _parse(text, " ", "", is_whole)
        widths = {len(row) for row in rows}
        numbers = sum(NUMBER.fullmatch(cell) is not None for row in rows for cell in row)
        if len(widths) == 1 and widths != {1} and len(rows) > 1 and 2 * numbers > len(rows) * len(rows[0]):
            return " ", ""
    return found


def _has_blank_before_quote(text: str, delimiter: str, quote: str) -> bool:
    """Return whether blanks stand between a delimiter and the quote of a cell."""
    if not quote or f"{delimiter} {quote}" not in text:
        return False
    before = re.escape(delimiter)
    unquoted = re.sub(f"(?<![^{before}\r\n]){quote}(?:[^{quote}]|{quote * 2})*+{quote}", "", text)
    return f"{delimiter} {quote}" in unquoted


def _consistency(rows: Rows) -> float:
    """Return the product of the regularity of the rows and the share of cells with a known type."""
    widths = Counter(map(len, rows))
    regularity = sum(count * max(width - 1, _SINGLE_CELL) / max(width, 1) for width, count in widths.items())
    cells = [cell for row in rows for cell in row[: max(1, MAX_CELLS // len(rows))]]
    known = sum(_is_known(cell) for cell in cells)
    return regularity / len(widths) * known / max(1, len(cells))


def _is_known(cell: str) -> bool:
    if not cell or cell in MISSING_MARKS:
        return True
    return any(pattern.fullmatch(cell) for pattern in (NUMBER, _TEXT, DATE, _TIME))


def _detect_decimal(rows: Rows, delimiter: str) -> str:
    """Return the decimal sign: a comma if more numbers are written with it than with a point."""
    commas = 0
    points = 0
    for row in rows:
        for cell in row[: max(1, 10 * MAX_CELLS // len(rows))]:
            if "," in cell and _COMMA_DECIMAL.fullmatch(cell):
                # 1,250 may have a separator of thousands
                commas += delimiter != "," or not re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell)
            elif "." in cell and _POINT_DECIMAL.fullmatch(cell):
                points += 1
    return "," if commas > points else "."


def _length_of_header(body: bytes, dialect: Dialect) -> int:
    """Return the number of bytes of the first row and what precedes it."""
    quoting = dialect.quoting if dialect.quote else Quoting(quote=b"")
    end = 0
    while True:
        length = end_of_rows(body[end:], first=True, quoting=quoting)
        row = body[end : end + length] if length else body[end:]
        end = end + length if length else len(body)
        is_comment = dialect.comment and row.startswith(b"#")
        if not length or (row.strip() and not is_comment):
            return end


def _describe(dialect: Dialect, options: CsvFormat) -> list[str]:
    """Return what was detected that is not plain."""
    notes = []
    if dialect.delimiter != "," and options.delimiter is None:
        notes.append(f"the delimiter is {_DELIMITER_NAMES.get(dialect.delimiter, short_repr(dialect.delimiter))}")
    if dialect.decimal != "." and options.decimal is None:
        notes.append("decimals have a comma (--decimal . takes a point)")
    if dialect.thousands and options.thousands is None:
        notes.append(f"{dialect.thousands!r} separates thousands")
    if not dialect.header and options.header is None:
        names = f"the columns are x1 to x{len(dialect.columns)}" if len(dialect.columns) > 1 else "the column is x1"
        notes.append(f"the first line looks like data, so {names} (--header takes it as their names)")
    if dialect.quote == "'":
        notes.append("cells are quoted with '")
    if dialect.comment:
        notes.append("lines that begin with # are left out")
    if dialect.date_formats:
        shown = ", ".join(re.sub("%(.)", _date_part, each) for each in dialect.date_formats)
        notes.append(f"dates are written as {shown}")
    return notes


def _date_part(match: re.Match[str]) -> str:
    return {"d": "day", "m": "month", "Y": "year", "H": "hour", "M": "minute", "S": "second"}[match[1]]
