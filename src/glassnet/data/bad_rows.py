"""Invalid rows that are skipped: filtered out, counted and listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.data.arrow_columns import from_bool_array, to_bool_array
from glassnet.data.formatting import format_cell
from glassnet.data.provenance import RowSpan
from glassnet.data.tables import ArrowTable, Matrix

if TYPE_CHECKING:
    import pyarrow as pa

#: Maximum number of rows listed; more are only counted, so that memory stays bounded.
MAX_LISTED = 100_000
#: Replaces bytes that are not UTF-8.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass
class BadRows:
    """The invalid rows that a pass skipped.

    Parameters
    ----------
    listed : list of (file, row, reason)
        The first `MAX_LISTED` of them, in the order of the rows; rows count from 1 below the header.
    count : int
        Number of invalid rows.
    required : frozenset of str
        Columns in which an empty cell makes a row invalid: the target. In others it is a missing value.
    """

    listed: list[tuple[str, int, str]] = field(default_factory=list)
    count: int = 0
    required: frozenset[str] = frozenset()

    def add(self, source: str, reasons: Iterable[tuple[int, str]]) -> None:
        """Add rows by number and reason."""
        for row, reason in sorted(reasons):
            self.count += 1
            if len(self.listed) < MAX_LISTED:
                self.listed.append((source, row, reason))

    def filter_rows(
        self,
        source: str,
        columns: pa.Table,
        rows: Array,
        unparsed: Iterable[tuple[int, str]] = (),
        invalid: Mapping[int, str] | None = None,
    ) -> ArrowTable:
        """Return the valid rows of a block as a table, and add the others to the list.

        Parameters
        ----------
        source : str
            The file.
        columns : pyarrow.Table
            The block.
        rows : array (samples,), int64
            The number of each row in the file.
        unparsed : iterable of (row, reason)
            Rows between these that could not be parsed.
        invalid : mapping of int to str, optional
            Rows known to be invalid, by index in the block, and why.
        """
        reasons = dict(invalid or {})
        for name, column in zip(columns.column_names, columns.columns, strict=True):
            for index in _invalid_cells(column, name in self.required).tolist():
                reasons.setdefault(index, f"column {name!r} is {format_cell(column[index].as_py())}")
        self.add(source, [*unparsed, *((int(rows[index]), reason) for index, reason in reasons.items())])
        if reasons:
            valid = np.ones(len(rows), bool)
            valid[list(reasons)] = False
            columns = columns.filter(from_bool_array(valid))
            rows = rows[valid]
        return ArrowTable(source, columns, **_row_numbers(source, rows))

    def filter_matrix(self, matrix: Matrix, rows: Array, unparsed: Iterable[tuple[int, str]] = ()) -> Matrix:
        """Return the valid rows of a block that is a matrix: see `filter_rows`."""
        reasons: dict[int, str] = {}
        x = matrix.x
        y = matrix.y
        stored = x.data if issparse(x) else x
        if stored.dtype.kind == "f" and not np.isfinite(stored).all():
            if issparse(x):
                entries = np.flatnonzero(~np.isfinite(stored))
                at = np.column_stack([np.searchsorted(x.indptr, entries, side="right") - 1, x.indices[entries]])
            else:
                at = np.argwhere(~np.isfinite(x))
            for index, column in at.tolist():
                reasons.setdefault(index, f"column {matrix.feature_names[column]!r} is {x[index, column]}")
        if y is not None and y.dtype.kind == "f":
            for index in np.flatnonzero(~np.isfinite(y)).tolist():
                reasons.setdefault(index, f"column {matrix.target_name!r} is {y[index]}")
        self.add(matrix.source, [*unparsed, *((int(rows[index]), reason) for index, reason in reasons.items())])
        if reasons:
            valid = np.setdiff1d(np.arange(len(matrix)), list(reasons))
            matrix = replace(matrix, x=x[valid], y=None if y is None else y[valid])
            rows = rows[valid]
        return replace(matrix, **_row_numbers(matrix.source, rows))


@dataclass
class MarkedRows(BadRows):
    """The invalid rows of a pass that keeps those that have all columns: a cell that is invalid becomes missing.

    Parameters
    ----------
    kept : dict of (file, row) to str
        Rows with an invalid cell among those read since `take`, and why.
    lost : list of (file, row)
        Rows that could not be parsed since then, which are in no block.
    """

    kept: dict[tuple[str, int], str] = field(default_factory=dict)
    lost: list[tuple[str, int]] = field(default_factory=list)

    def filter_rows(
        self,
        source: str,
        columns: pa.Table,
        rows: Array,
        unparsed: Iterable[tuple[int, str]] = (),
        invalid: Mapping[int, str] | None = None,
    ) -> ArrowTable:
        """Return all rows of a block: see `BadRows.filter_rows`. A missing cell is not invalid."""
        self._mark(source, rows, unparsed, invalid or {})
        return ArrowTable(source, columns, **_row_numbers(source, rows))

    def filter_matrix(self, matrix: Matrix, rows: Array, unparsed: Iterable[tuple[int, str]] = ()) -> Matrix:
        """Return all rows of a block that is a matrix."""
        self._mark(matrix.source, rows, unparsed, {})
        return replace(matrix, **_row_numbers(matrix.source, rows))

    def take(self) -> tuple[dict[tuple[str, int], str], list[tuple[str, int]]]:
        """Return `kept` and `lost`, and empty them."""
        taken = self.kept, self.lost
        self.kept = {}
        self.lost = []
        return taken

    def _mark(self, source: str, rows: Array, unparsed: Iterable[tuple[int, str]], invalid: Mapping[int, str]) -> None:
        errors = list(unparsed)
        reasons = {int(rows[index]): reason for index, reason in invalid.items()}
        self.kept |= {(source, row): reason for row, reason in reasons.items()}
        self.lost += [(source, row) for row, _ in errors]
        self.add(source, [*errors, *reasons.items()])


def _row_numbers(source: str, rows: Array) -> dict[str, Any]:
    """Return the arguments of a table whose rows have these numbers in the file."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1) != 1)
    spans = tuple(RowSpan(int(index), source, int(rows[index])) for index in starts)
    return {"first_row": spans[0].row if spans else 1, "spans": spans if len(spans) > 1 else ()}


def _invalid_cells(column: Any, is_required: bool) -> Array:
    """Return the sorted indices of cells that are infinite, not UTF-8 or, where one is required, empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    invalid = []
    if is_required:
        invalid.append(to_bool_array(column.is_null(nan_is_null=True)))
    if pa.types.is_floating(column.type):
        invalid.append(to_bool_array(pc.is_inf(column)))
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        invalid.append(to_bool_array(pc.match_substring(column, REPLACEMENT)))
    return np.flatnonzero(np.any(invalid, axis=0)) if invalid else np.empty(0, np.int64)
