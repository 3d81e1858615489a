"""Cutting a stream of text into blocks that end where a row ends: not at a newline inside quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array

#: Bytes of text that are parsed at once; the first blocks are smaller, so that it is soon known what columns hold.
BLOCK = 1 << 21
FIRST_BLOCK = 1 << 16
#: A row of more bytes is refused: it is a quote that is never closed, or no table.
LONGEST_ROW = 1 << 26

# a quote opens a cell only where one begins; inside, two quotes stand for one
_QUOTED = re.compile(rb'(?<![^,\r\n])"(?:[^"]++|"")*+"?')
_AROUND = np.frombuffer(b',\r\n"', np.uint8)


class RowTooLong(Exception):
    """A row is longer than `LONGEST_ROW`."""


class QuoteLeftOpen(Exception):
    """The text ends inside quotes."""


def blocks_of_rows(stream: Any, size: int = BLOCK, longest: int = LONGEST_ROW, quotes: bool = True) -> Iterator[bytes]:
    """Cut a binary stream into blocks of whole rows: the first of about `FIRST_BLOCK` bytes, most of about `size`.

    Parameters
    ----------
    stream : binary stream
        Where it stands, a row begins.
    size, longest : int
        Bytes.
    quotes : bool
        Whether a newline inside quotes ends no row.

    Raises
    ------
    RowTooLong
        If a row has more than `longest` bytes.
    QuoteLeftOpen
        If the last row opens a quote and does not close it; all rows before were given.
    """
    rest, now = b"", min(size, FIRST_BLOCK)
    while more := stream.read(max(now, len(rest))):
        now = min(size, 4 * now)
        plain = not quotes or (b'"' not in more and b'"' not in rest)
        if plain and (end := more.rfind(b"\n") + 1):  # as nearly always; each byte is copied once
            yield b"".join((rest, memoryview(more)[:end]))
            rest = more[end:]
        else:
            text = rest + more
            end = rows_end(text) if quotes else 0
            if end:
                yield text[:end]
            rest = text[end:]
        if len(rest) > longest:
            raise RowTooLong
    if rest:
        if quotes and _is_open(rest):
            raise QuoteLeftOpen
        yield rest


def rows_end(text: bytes, first: bool = False) -> int:
    """Return the place after the last row that ends in the text (or the first one), 0 if none does."""
    if b"\n" in text:
        newline, search = b"\n", text
    else:  # an old Mac's lines end with \r; one at the very end may be half of \r\n
        newline, search = b"\r", text[:-1]
    find = search.find if first else search.rfind
    place = find(newline)
    if place < 0 or b'"' not in text:
        return place + 1
    starts, ends = quoted(text)
    while place >= 0:
        cell = int(np.searchsorted(starts, place, side="right")) - 1
        if cell < 0 or ends[cell] <= place:
            return place + 1
        place = search.find(newline, int(ends[cell])) if first else search.rfind(newline, 0, int(starts[cell]))
    return 0


def quoted(text: bytes) -> tuple[Array, Array]:
    """Return where the quoted parts of the text begin and end, quotes included; an open one ends with the text."""
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == ord('"'))
    starts, ends = quotes[0::2], quotes[1::2] + 1
    # nearly always every other quote closes; a quote inside a cell that has none around it would upset that
    before = codes[np.maximum(starts - 1, 0)]
    after = codes[np.minimum(ends, len(codes) - 1)]
    if (
        not (np.isin(before, _AROUND) | (starts == 0)).all()
        or not (np.isin(after, _AROUND) | (ends == len(codes))).all()
    ):
        spans = np.array([match.span() for match in _QUOTED.finditer(text)], np.int64).reshape(-1, 2)
        return spans[:, 0], spans[:, 1]
    if len(ends) < len(starts):
        ends = np.append(ends, len(codes))
    return starts, ends


def _is_open(text: bytes) -> bool:
    """Say whether the text, which begins with a row, ends inside quotes."""
    if b'"' not in text:
        return False
    starts, ends = quoted(text)
    # after the quote that opens stand pairs, and one more that closes
    return bool(len(starts) and ends[-1] == len(text) and text.count(b'"', int(starts[-1]) + 1) % 2 == 0)
