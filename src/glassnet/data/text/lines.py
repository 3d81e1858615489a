"""Splitting of a stream of text into blocks of whole rows; a newline inside quotes doesn't end a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array

#: Size in bytes of the text that is parsed at once.
BLOCK_BYTES = 1 << 21
#: Size of the first block: small, so that the types of the columns are known early.
FIRST_BLOCK_BYTES = 1 << 16
#: Maximum size of a row: a longer one has a quote that is never closed, or this is not a table.
MAX_ROW_BYTES = 1 << 26


@dataclass(frozen=True)
class Quoting:
    """How cells are delimited and quoted.

    Parameters
    ----------
    delimiter, quote : bytes
        One byte each; no quote if empty.
    blanks : bool
        Whether blanks may stand between a delimiter and a quote.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    blanks: bool = False

    @cached_property
    def cell(self) -> re.Pattern[bytes]:
        """Matches a quoted cell: a quote opens one only at its beginning; inside, two quotes are an escaped one."""
        before = re.escape(self.delimiter + (b" " if self.blanks else b""))
        quote = re.escape(self.quote)
        return re.compile(rb"(?<![^%b\r\n])%b(?:[^%b]++|%b)*+%b?" % (before, quote, quote, quote * 2, quote), re.DOTALL)

    @cached_property
    def neighbors(self) -> Array:
        """The bytes that may stand before or after a quoted cell."""
        return np.frombuffer(self.delimiter + b"\r\n" + self.quote + (b" " if self.blanks else b""), np.uint8)


#: Commas and double quotes.
STANDARD = Quoting()


class RowTooLong(Exception):
    """A row is longer than `MAX_ROW_BYTES`."""


class UnclosedQuote(Exception):
    """The text ends inside quotes."""


def split_rows(
    stream: Any, size: int = BLOCK_BYTES, max_row: int = MAX_ROW_BYTES, quoting: Quoting = STANDARD
) -> Iterator[bytes]:
    """Split a binary stream into blocks of whole rows: the first of about `FIRST_BLOCK_BYTES`, most of about `size`.

    Parameters
    ----------
    stream : binary stream
        Positioned at the beginning of a row.
    size, max_row : int
        Sizes of a block and of the longest row in bytes.
    quoting : Quoting
        How cells are quoted: a newline inside quotes doesn't end a row.

    Raises
    ------
    RowTooLong
        If a row has more than `max_row` bytes.
    UnclosedQuote
        If the last row opens a quote and does not close it; all rows before were yielded.
    """
    rest = b""
    quote = quoting.quote
    n_bytes = min(size, FIRST_BLOCK_BYTES)
    while more := stream.read(max(n_bytes, len(rest))):
        n_bytes = min(size, 4 * n_bytes)
        plain = not quote or (quote not in more and quote not in rest)
        if plain and (end := more.rfind(b"\n") + 1):  # the usual case: each byte is copied once
            yield b"".join((rest, memoryview(more)[:end]))
            rest = more[end:]
        else:
            text = rest + more
            end = end_of_rows(text, quoting=quoting) if quote else 0
            if end:
                yield text[:end]
            rest = text[end:]
        if len(rest) > max_row:
            raise RowTooLong
    if rest:
        if quote and _is_open(rest, quoting):
            raise UnclosedQuote
        yield rest


def end_of_rows(text: bytes, first: bool = False, quoting: Quoting = STANDARD) -> int:
    """Return the index after the last row (or the first one) that ends in the text, 0 if none does."""
    if b"\n" in text:
        newline = b"\n"
        search = text
    else:  # lines of old Macs end with \r; one at the very end may be the first half of \r\n
        newline = b"\r"
        search = text[:-1]
    find = search.find if first else search.rfind
    position = find(newline)
    if position < 0 or not quoting.quote or quoting.quote not in text:
        return position + 1
    starts, ends = quoted_spans(text, quoting)
    while position >= 0:
        cell = int(np.searchsorted(starts, position, side="right")) - 1
        if cell < 0 or ends[cell] <= position:
            return position + 1
        position = search.find(newline, int(ends[cell])) if first else search.rfind(newline, 0, int(starts[cell]))
    return 0


def quoted_spans(text: bytes, quoting: Quoting = STANDARD) -> tuple[Array, Array]:
    """Return starts and ends of the quoted parts of the text, quotes included; an unclosed one ends with the text."""
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == quoting.quote[0])
    starts = quotes[0::2]
    ends = quotes[1::2] + 1
    # usually every other quote closes a cell; a quote inside an unquoted cell needs the regular expression
    before = codes[np.maximum(starts - 1, 0)]
    after = codes[np.minimum(ends, len(codes) - 1)]
    if (
        not (np.isin(before, quoting.neighbors) | (starts == 0)).all()
        or not (np.isin(after, quoting.neighbors) | (ends == len(codes))).all()
    ):
        spans = np.array([match.span() for match in quoting.cell.finditer(text)], np.int64).reshape(-1, 2)
        return spans[:, 0], spans[:, 1]
    if len(ends) < len(starts):
        ends = np.append(ends, len(codes))
    return starts, ends


def _is_open(text: bytes, quoting: Quoting) -> bool:
    """Check whether the text, which begins with a row, ends inside quotes."""
    if quoting.quote not in text:
        return False
    starts, ends = quoted_spans(text, quoting)
    # the opening quote is followed by pairs of quotes and, if it is closed, one more
    return bool(len(starts) and ends[-1] == len(text) and text.count(quoting.quote, int(starts[-1]) + 1) % 2 == 0)
