"""The figures of columns, from any number of blocks of rows, each met once: count, mean, deviation, least, largest."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.preprocessing.scaling import BYTE_SCALE, Scaling

#: Rows looked at once, so that the wide intermediate stays in a core's cache. Of bytes not more than 257: so many
#: squares of 255 still add up without rounding in float32.
ROWS_AT_ONCE = 256


class Moments:
    """Count, mean and sum of squared deviations of each column, and the least and largest entry.

    Two of them merge into those of all rows by the formula of Chan, Golub & LeVeque (1979, "Updating formulae and a
    pairwise algorithm for computing sample variances"): with δ the difference of the means,

        mean = mean_a + δ n_b / n        S = S_a + S_b + δ² n_a n_b / n

    which loses no digits where the mean is large beside the deviation. Squares are kept in units of ``reach``², a power
    of 2 near the column's largest deviation, so that they neither overflow nor vanish.

    Parameters
    ----------
    columns : int
        How many there are.
    """

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)
        self.reach = np.zeros(columns)
        self.low = np.full(columns, np.inf)
        self.high = np.full(columns, -np.inf)
        self.bytes = True

    def add(self, rows: Any) -> None:
        """Look at rows: an array (rows, columns) of finite numbers, or CSR."""
        if not isinstance(rows, np.ndarray):
            self._add_sparse(rows)
            return
        for first in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[first : first + ROWS_AT_ONCE]
            low, high = part.min(axis=0).astype(np.float64), part.max(axis=0).astype(np.float64)
            if part.dtype == np.uint8:
                small = part.astype(np.float32)  # sums and squares of so few bytes are whole numbers below 2**24
                total = small.sum(axis=0).astype(np.int64)
                squares = np.einsum("ij,ij->j", small, small).astype(np.int64)
                exact = len(part) * squares - total * total
                self._merge(len(part), total / len(part), exact / len(part), np.ones_like(self.mean), low, high)
                continue
            self.bytes = self.bytes and are_bytes(part)
            wide = part.astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):  # a mean that is not finite is told by `scaling`
                first_row = wide[0].copy()
                wide -= first_row  # sums of small numbers lose fewer digits
                aside = wide.mean(axis=0)
                wide -= aside
                mean = first_row + aside
                reach = _power_of_two(np.maximum(high - mean, mean - low))
                wide /= np.where(reach > 0, reach, 1)
                self._merge(len(part), mean, np.einsum("ij,ij->j", wide, wide), reach, low, high)

    def _add_sparse(self, rows: Any) -> None:
        """Look at CSR rows: an entry that is not stored is 0."""
        count, columns = rows.shape
        if count == 0:
            return
        data, place = rows.data.astype(np.float64), rows.indices
        self.bytes = self.bytes and are_bytes(rows.data)
        stored = np.bincount(place, minlength=columns)
        low, high = np.zeros(columns), np.zeros(columns)
        low[stored == count], high[stored == count] = np.inf, -np.inf
        np.minimum.at(low, place, data)
        np.maximum.at(high, place, data)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.bincount(place, data, columns) / count
            reach = _power_of_two(np.maximum(high - mean, mean - low))
            unit = np.where(reach > 0, reach, 1)
            squares = np.bincount(place, np.square((data - mean[place]) / unit[place]), columns)
            self._merge(count, mean, squares + (count - stored) * np.square(mean / unit), reach, low, high)

    def merge(self, other: Moments) -> None:
        """Add what another has seen."""
        if other.count:
            self.bytes = self.bytes and other.bytes
            self._merge(other.count, other.mean, other.squares, other.reach, other.low, other.high)

    def _merge(self, count: int, mean: Array, squares: Array, reach: Array, low: Array, high: Array) -> None:
        both = self.count + count
        with np.errstate(over="ignore", invalid="ignore"):
            apart = mean - self.mean if self.count else np.zeros_like(mean)
            unit = np.maximum(np.maximum(self.reach, reach), _power_of_two(np.abs(apart)))
            safe = np.where(unit > 0, unit, 1)
            self.squares = (
                self.squares * np.square(self.reach / safe)
                + squares * np.square(reach / safe)
                + np.square(apart / safe) * (self.count * count / both)
            )
            self.mean = self.mean + apart * (count / both) if self.count else mean
        self.count, self.reach = both, unit
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)

    @property
    def deviation(self) -> Array:
        """√(Σ(x - mean)² / n) of each column, (columns,)."""
        return self.reach * np.sqrt(self.squares / max(self.count, 1))

    def scaling(self, sparse: bool = False) -> Scaling:
        """Choose the scaling that suits these rows, as `fit_scaling` does with rows in memory.

        Parameters
        ----------
        sparse : bool
            Whether zeros are to stay zeros.
        """
        if sparse:
            largest = np.maximum(np.abs(self.low), np.abs(self.high))
            return Scaling("largest", np.zeros_like(largest), 1 / np.where(largest > 1e-300, largest, 1.0))
        if self.bytes and self.high.max() > 127:
            return Scaling("bytes", np.zeros_like(self.mean), np.full_like(self.mean, BYTE_SCALE))
        return self.standard()

    def standard(self) -> Scaling:
        """Return the scaling to mean 0 and deviation 1; a constant column becomes 0."""
        deviation = self.deviation
        # rounding leaves a constant column with a tiny deviation; dividing by that would blow it up
        least = np.maximum(1e-12 * np.abs(self.mean), np.finfo(np.float64).tiny)
        deviation = np.where((deviation <= least) | (self.low == self.high), 1.0, deviation)
        mean = np.where(self.low == self.high, self.low, self.mean)  # not a rounding beside it
        return Scaling("standard", mean, 1 / deviation)


def are_bytes(numbers: Array) -> bool:
    """Say whether every number is a whole one from 0 to 255."""
    if numbers.dtype == np.uint8 or numbers.size == 0:
        return True
    first = numbers[:1]  # mostly enough to see that they are not
    for some in (first, numbers):
        if not (some.min() >= 0 and some.max() <= 255 and np.array_equal(some, np.floor(some))):
            return False
    return True


def _power_of_two(values: Array) -> Array:
    """Return the power of 2 below each value, 0 for 0."""
    fraction, exponent = np.frexp(np.where(np.isfinite(values), values, 1.0))
    return np.where(fraction > 0, np.ldexp(0.5, exponent), 0.0)
