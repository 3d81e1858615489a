"""Provenance of rows: the file and the row number that each row of a table comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


@dataclass(frozen=True)
class RowSpan:
    """Consecutive rows of a file: the table's rows from `index` on are those of `source` from `row` (from 1) on."""

    index: int
    source: str
    row: int


@dataclass(frozen=True, kw_only=True)
class RowProvenance:
    """Base of every table: where its rows come from.

    Parameters
    ----------
    source : str
        A path, or another name of the data.
    first_row : int
        Row number of the first row in the file, from 1 below the header.
    spans : tuple of RowSpan
        Where rows are left out, or come from several files: all spans, the first from index 0. Without spans, all rows
        are consecutive.
    """

    source: str
    first_row: int = 1
    spans: tuple[RowSpan, ...] = ()

    def locate(self, index: int) -> tuple[str, int]:
        """Return the file of a row of this table, and the row's number there, from 1."""
        if not self.spans:
            return self.source, self.first_row + index
        span = next(span for span in reversed(self.spans) if span.index <= index)
        return span.source, span.row + index - span.index

    def locate_many(self, rows: Array) -> tuple[list[str], list[int]]:
        """Return the files and the row numbers there, as `locate` does, of many rows, (rows,) of int."""
        if not self.spans:
            return [self.source] * len(rows), (self.first_row + rows).tolist()
        span = np.searchsorted([span.index for span in self.spans], rows, side="right") - 1
        numbers = np.array([span.row - span.index for span in self.spans])[span] + rows
        return [self.spans[number].source for number in span.tolist()], numbers.tolist()

    def spans_of(self, rows: Array) -> tuple[RowSpan, ...]:
        """Return the spans of a table that consists of these rows, (rows,) of int, in this order."""
        spans: list[RowSpan] = []
        for index, (source, number) in enumerate(zip(*self.locate_many(rows), strict=True)):
            last = spans[-1] if spans else None
            if last is None or (last.source, last.row) != (source, number - index + last.index):
                spans.append(RowSpan(index, source, number))
        return tuple(spans)

    def describe_row(self, index: int) -> str:
        """Return a row's location as error messages begin with it: ``part-7.csv: row 48113207``."""
        source, row = self.locate(index)
        return f"{source}: row {row}"

    def find_row(self, number: int, count: int) -> int | None:
        """Return the index, among ``count`` rows, of the first with this row number in its file; None without one."""
        spans = self.spans or (RowSpan(0, self.source, self.first_row),)
        ends = (*(span.index for span in spans[1:]), count)
        found = ((span.index + number - span.row, span.index, end) for span, end in zip(spans, ends, strict=True))
        return next((index for index, first, end in found if first <= index < end), None)


def append_spans(spans: list[RowSpan], more: RowProvenance, index: int) -> None:
    """Append the spans of a table whose rows follow from `index` on; adjacent spans are merged."""
    for span in more.spans or (RowSpan(0, more.source, more.first_row),):
        moved = RowSpan(index + span.index, span.source, span.row)
        last = spans[-1] if spans else None
        if last is None or (moved.source, moved.row) != (last.source, last.row + moved.index - last.index):
            spans.append(moved)


def provenance_of(table: RowProvenance, rows: Array, keep: bool) -> dict[str, Any]:
    """Return the provenance of a table's rows, (rows,) of int, as arguments of a new table; none unless `keep`."""
    return {"spans": table.spans_of(rows)} if keep else {}
