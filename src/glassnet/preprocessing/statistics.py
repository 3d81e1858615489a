"""Statistics of columns in one pass over blocks of rows: count, mean, deviation, minimum, maximum, missing values."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array

#: Numbers summed at once, so that the float64 copy stays in a core's cache; but not fewer rows than `MIN_ROWS`.
NUMBERS_AT_ONCE = 2**17
MIN_ROWS = 256
#: Up to this many squares of 255 add up without rounding in float32.
MAX_EXACT_ROWS = 257


class ColumnStatistics:
    """Count, mean, deviation, minimum and maximum of each column; those of two blocks merge into those of all rows.

    The formula is that of Chan, Golub & LeVeque (1979, "Updating formulae and a pairwise algorithm for computing sample
    variances"): with δ the difference of the means,

        mean = mean_a + δ n_b / n        S = S_a + S_b + δ² n_a n_b / n

    It loses no digits where the mean is large compared with the deviation. The sum of squared deviations is in units of
    ``unit``², a power of 2 near the column's largest deviation, so that it neither overflows nor underflows.

    Parameters
    ----------
    columns : int
        Number of columns.

    Attributes
    ----------
    rows : int
        Number of rows.
    count : array (columns,), int64
        Number of values that are not missing (NaN).
    mean, squares, unit : array (columns,), float64
        Mean, and sum of squared deviations in units of ``unit``².
    min, max : array (columns,), float64
        Smallest and largest value; inf and -inf for a column without values.
    all_bytes : bool
        Whether every entry is a whole number from 0 to 255.
    """

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self.count = np.zeros(columns, np.int64)
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)
        self.unit = np.zeros(columns)
        self.min = np.full(columns, np.inf)
        self.max = np.full(columns, -np.inf)
        self.all_bytes = True

    @classmethod
    def of(cls, rows: Any) -> ColumnStatistics:
        """Return the statistics of rows in memory: see `add`."""
        statistics = cls(rows.shape[1])
        statistics.add(rows)
        return statistics

    def add(self, rows: Any) -> None:
        """Add rows.

        Parameters
        ----------
        rows : array (rows, columns), or SciPy CSR or CSC matrix
            Numbers. NaN in an array is a missing value; an entry that a sparse matrix does not store is 0.
        """
        if not isinstance(rows, np.ndarray):
            self._add_sparse(rows)
            return
        step = max(MIN_ROWS, NUMBERS_AT_ONCE // max(1, rows.shape[1]))
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            if part.dtype == np.uint8:
                self._add_bytes(part)
            else:
                self._add_numbers(part)
            self.rows += len(part)

    def _add_bytes(self, part: Array) -> None:
        # sums and sums of squares of bytes are exact
        wide: Array = part.astype(np.float32 if len(part) <= MAX_EXACT_ROWS else np.float64)
        total = wide.sum(axis=0).astype(np.int64)
        squares = len(part) * np.einsum("ij,ij->j", wide, wide).astype(np.int64) - total * total
        rows = len(part)
        self._merge(rows, total / rows, squares / rows, np.ones_like(self.mean), *_extremes(part))

    def _add_numbers(self, part: Array) -> None:
        self.all_bytes = self.all_bytes and are_bytes(part)
        low, high = _extremes(part)
        wide = part.astype(np.float64)
        count: Any = len(part)
        start = wide[0].copy()  # sums of small numbers lose fewer digits
        missing = None
        if np.isnan(low).any():
            missing = np.isnan(wide)
            count = len(part) - missing.sum(axis=0)
            low = np.where(count > 0, np.fmin.reduce(wide, axis=0), np.inf)
            high = np.where(count > 0, np.fmax.reduce(wide, axis=0), -np.inf)
            start = np.where(count > 0, low, 0.0)
            np.copyto(wide, start, where=missing)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks whether the mean is finite
            wide -= start
            offset = wide.sum(axis=0) / np.maximum(count, 1)
            wide -= offset
            mean = start + offset
            unit = _power_of_two(np.maximum(high - mean, mean - low))
            wide /= np.where(unit > 0, unit, 1)
            if missing is not None:
                np.copyto(wide, 0, where=missing)
            self._merge(count, mean, np.einsum("ij,ij->j", wide, wide), unit, low, high)

    def _add_sparse(self, matrix: Any) -> None:
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        rows, columns = matrix.shape
        if rows == 0:
            return
        data = matrix.data.astype(np.float64)
        column = column_indices(matrix)
        self.all_bytes = self.all_bytes and are_bytes(matrix.data)
        stored = np.bincount(column, minlength=columns)
        low = np.where(stored == rows, np.inf, 0.0)
        high = np.where(stored == rows, -np.inf, 0.0)
        np.minimum.at(low, column, data)
        np.maximum.at(high, column, data)
        unit = _power_of_two(np.maximum(np.abs(low), np.abs(high)))
        data /= np.where(unit > 0, unit, 1)[column]
        mean = np.bincount(column, data, columns) / rows
        squares = np.bincount(column, np.square(data - mean[column]), columns) + (rows - stored) * np.square(mean)
        self._merge(rows, mean * unit, squares, unit, low, high)
        self.rows += rows

    def merge(self, other: ColumnStatistics) -> None:
        """Add the rows of other statistics."""
        if other.rows:
            self.all_bytes = self.all_bytes and other.all_bytes
            self._merge(other.count, other.mean, other.squares, other.unit, other.min, other.max)
            self.rows += other.rows

    def _merge(self, count: Any, mean: Array, squares: Array, unit: Array, low: Array, high: Array) -> None:
        total = self.count + count
        weight = count / np.maximum(total, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            delta = np.where((self.count > 0) & (count > 0), mean - self.mean, 0.0)
            common = np.maximum(np.maximum(self.unit, unit), _power_of_two(np.abs(delta)))
            safe = np.where(common > 0, common, 1)
            self.squares = (
                self.squares * np.square(self.unit / safe)
                + squares * np.square(unit / safe)
                + np.square(delta / safe) * (self.count * weight)
            )
            self.mean = np.where(self.count > 0, self.mean + delta * weight, mean)
        self.unit = common
        self.count = total
        self.min = np.minimum(self.min, low)
        self.max = np.maximum(self.max, high)

    def fill_missing(self, values: Array) -> ColumnStatistics:
        """Return the statistics of the columns with their missing values replaced by values (columns,)."""
        filled = copy.copy(self)
        missing = self.missing
        none = np.zeros_like(self.mean)
        low = np.where(missing > 0, values, np.inf)
        high = np.where(missing > 0, values, -np.inf)
        filled._merge(missing, values, none, none, low, high)
        return filled

    @property
    def missing(self) -> Array:
        """Number of missing values of each column, int64 (columns,)."""
        return self.rows - self.count

    @property
    def deviation(self) -> Array:
        """Population standard deviation √(Σ(x - mean)² / n) of each column, (columns,)."""
        return self.unit * np.sqrt(self.squares / np.maximum(self.count, 1))

    @property
    def is_constant(self) -> Array:
        """Whether all values of a column are equal, bool (columns,)."""
        return self.min == self.max

    @property
    def is_finite(self) -> Array:
        """Whether mean and deviation of a column are finite, bool (columns,)."""
        return np.isfinite(self.mean) & np.isfinite(self.squares)

    def take(self, columns: Sequence[int]) -> ColumnStatistics:
        """Return the statistics of some of the columns."""
        taken = copy.copy(self)
        for name in ("count", "mean", "squares", "unit", "min", "max"):
            setattr(taken, name, getattr(self, name)[list(columns)])
        return taken

    def to_array(self) -> Array:
        """Return mean, squares, unit, min, max and count, (6, columns) finite float64."""
        stacked = np.stack([self.mean, self.squares, self.unit, self.min, self.max, self.count])
        return np.where(np.isfinite(stacked), stacked, 0.0)

    @classmethod
    def from_array(cls, array: Array, rows: int, all_bytes: bool = True) -> ColumnStatistics:
        """Restore statistics from the result of `to_array`; a ValueError if a count is impossible."""
        statistics = cls(array.shape[1])
        if rows:
            statistics.rows = rows
            statistics.mean, statistics.squares, statistics.unit, statistics.min, statistics.max, count = array
            if (count < 0).any() or (count > rows).any():
                raise ValueError("a count is impossible")
            statistics.count = count.astype(np.int64)
            empty = statistics.count == 0
            statistics.min = np.where(empty, np.inf, statistics.min)
            statistics.max = np.where(empty, -np.inf, statistics.max)
        statistics.all_bytes = all_bytes
        return statistics


def column_indices(matrix: Any) -> Array:
    """Return the column of each stored entry of a CSR or CSC matrix."""
    if matrix.format == "csr":
        indices: Array = matrix.indices
        return indices
    return np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))


def are_bytes(numbers: Array) -> bool:
    """Return whether every number is a whole number from 0 to 255."""
    if numbers.dtype == np.uint8 or numbers.size == 0:
        return True
    first = numbers[:1]  # mostly enough to reject them
    for some in (first, numbers):
        if not (some.min() >= 0 and some.max() <= 255 and np.array_equal(some, np.floor(some))):
            return False
    return True


def _extremes(part: Array) -> tuple[Array, Array]:
    """Return the minimum and maximum of each column, float64 (columns,); NaN where one is missing."""
    return part.min(axis=0).astype(np.float64), part.max(axis=0).astype(np.float64)


def _power_of_two(values: Array) -> Array:
    """Return the largest power of 2 up to each value, 0 for 0."""
    fraction, exponent = np.frexp(np.where(np.isfinite(values), values, 1.0))
    return np.where(fraction > 0, np.ldexp(0.5, exponent), 0.0)
