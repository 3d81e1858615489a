"""Rows that can't be used, where they are to be left out: found, counted and listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.arrow_numbers import mask_of
from glassnet.data.formatting import cell
from glassnet.data.tables import Matrix, Run, Table

if TYPE_CHECKING:
    import pyarrow as pa

#: So many bad rows are listed; beyond that they are only counted, so that memory stays bounded.
MAX_LISTED = 100_000
#: What Arrow reads as a number.
NUMBER = r"^[ \t]*-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*$"
#: What stands for bytes that are no UTF-8.
FOREIGN = "\N{REPLACEMENT CHARACTER}"


@dataclass
class BadRows:
    """The rows that a pass left out.

    Parameters
    ----------
    found : list of (file, row, reason)
        At most `MAX_LISTED` of them, in the order of the rows; rows count from 1 below the header.
    count : int
        How many there were.
    numbers : set of str, optional
        The columns that hold numbers, as the first block showed; text in them is bad.
    """

    found: list[tuple[str, int, str]] = field(default_factory=list)
    count: int = 0
    numbers: set[str] | None = None

    def add(self, source: str, reasons: Iterable[tuple[int, str]]) -> None:
        """Note rows by number and reason."""
        for row, reason in sorted(reasons):
            self.count += 1
            if len(self.found) < MAX_LISTED:
                self.found.append((source, row, reason))

    def numbers_in(self, columns: pa.Table) -> set[str]:
        """Return the columns that hold numbers: those of which the first block shows more numbers than other text."""
        if self.numbers is None:
            self.numbers = {
                name for name, c in zip(columns.column_names, columns.columns, strict=True) if _mostly_numbers(c)
            }
        return self.numbers

    def sift(self, source: str, columns: pa.Table, rows: Array, unread: Iterable[tuple[int, str]] = ()) -> Table:
        """Return the good rows of a block as a table, the others noted.

        Parameters
        ----------
        source : str
            The file.
        columns : pyarrow.Table
            The block.
        rows : array (samples,), int64
            Each row's number in the file.
        unread : iterable of (row, reason)
            Rows among these that could not even be read.
        """
        import pyarrow as pa

        numbers = self.numbers_in(columns)
        reasons: dict[int, str] = {}
        for name, column in zip(columns.column_names, columns.columns, strict=True):
            for index in _bad_cells(column, name in numbers).tolist():
                reasons.setdefault(index, f"column {name!r} is {cell(column[index].as_py())}")
        self.add(source, [*unread, *((int(rows[index]), reason) for index, reason in reasons.items())])
        if reasons:
            kept = np.ones(len(rows), bool)
            kept[list(reasons)] = False
            columns, rows = columns.filter(pa.array(kept)), rows[kept]
        for place, (name, column) in enumerate(zip(columns.column_names, columns.columns, strict=True)):
            if name in numbers and _is_text(column):
                columns = columns.set_column(place, name, _as_numbers(column))
        return placed(source, columns, rows)

    def sift_matrix(self, matrix: Matrix, rows: Array, unread: Iterable[tuple[int, str]] = ()) -> Matrix:
        """Return the good rows of a block that is a matrix, the others noted: see `sift`."""
        reasons: dict[int, str] = {}
        x, y = matrix.x, matrix.y
        stored = x.data if issparse(x) else x
        if stored.dtype.kind == "f" and not np.isfinite(stored).all():
            if issparse(x):
                places = np.flatnonzero(~np.isfinite(stored))
                at = np.column_stack([np.searchsorted(x.indptr, places, side="right") - 1, x.indices[places]])
            else:
                at = np.argwhere(~np.isfinite(x))
            for index, column in at.tolist():
                reasons.setdefault(index, f"column {matrix.feature_names[column]!r} is {x[index, column]}")
        if y is not None and y.dtype.kind == "f":
            for index in np.flatnonzero(~np.isfinite(y)).tolist():
                reasons.setdefault(index, f"column {matrix.target_name!r} is {y[index]}")
        self.add(matrix.source, [*unread, *((int(rows[index]), reason) for index, reason in reasons.items())])
        if reasons:
            kept = np.setdiff1d(np.arange(len(matrix)), list(reasons))
            matrix, rows = replace(matrix, x=x[kept], y=None if y is None else y[kept]), rows[kept]
        runs = _runs(matrix.source, rows)
        return replace(matrix, first_row=runs[0].row if runs else 1, runs=runs if len(runs) > 1 else ())


def _runs(source: str, rows: Array) -> tuple[Run, ...]:
    """Return the runs of rows that have these numbers in the file."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1) != 1)
    return tuple(Run(int(index), source, int(rows[index])) for index in starts)


def placed(source: str, columns: pa.Table, rows: Array) -> Table:
    """Return a table of rows that have these numbers in the file."""
    runs = _runs(source, rows)
    return Table(source, columns, first_row=runs[0].row if runs else 1, runs=runs if len(runs) > 1 else ())


def _bad_cells(column: Any, is_number: bool) -> Array:
    """Return the places of what is empty, no finite number or, in a column of numbers, no number; sorted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bad = []
    if column.null_count:
        bad.append(mask_of(column.is_null()))
    if pa.types.is_floating(column.type):
        bad.append(~mask_of(pc.is_finite(column), True))
    elif _is_text(column) and is_number:
        alike = pc.match_substring_regex(column, NUMBER)
        values = pc.cast(pc.utf8_trim_whitespace(pc.if_else(alike, column, None)), pa.float64())
        bad.append(~mask_of(pc.is_finite(values)))
    elif _is_text(column):
        bad.append(mask_of(pc.match_substring(column, FOREIGN)))
    return np.flatnonzero(np.any(bad, axis=0)) if bad else np.empty(0, np.int64)


def _is_text(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _mostly_numbers(column: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(column):
        return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
    alike = pc.sum(pc.match_substring_regex(column, NUMBER)).as_py() or 0
    return bool(2 * alike > len(column) - column.null_count)


def _as_numbers(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_trim_whitespace(column)
    try:
        return pc.cast(plain, pa.int64())
    except pa.ArrowInvalid:
        return pc.cast(plain, pa.float64())
