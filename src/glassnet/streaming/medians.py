"""Exact medians of columns of any length in bounded memory, by counting leading bits in several passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from glassnet._utils.arrays import Array

#: Bits that are decided in one pass; a counter for each of their values and each column.
BITS = 16
#: Columns whose medians are found at once: 16 MB of counters.
COLUMNS_AT_ONCE = 16


def streamed_medians(passes: Callable[[], Iterable[Array]], count: Array) -> Array:
    """Return the median of each column, without missing values, as `numpy.median` returns it; 0 if all are missing.

    The order of floating-point numbers is that of their bits, with the sign inverted, as whole numbers. A pass over the
    rows counts how often each value of the leading 16 bits occurs, the next looks only at numbers with the leading bits
    of the median, and so on: after four passes all 64 bits are known.

    Parameters
    ----------
    passes : callable
        Returns an iterator over blocks of rows (rows, columns), NaN where missing; called once for each pass.
    count : array (columns,), int
        The number of values of each column that are not missing.

    Returns
    -------
    array (columns,), float64
    """
    median = np.zeros(len(count))
    present = np.flatnonzero(count > 0)
    for first in range(0, len(present), COLUMNS_AT_ONCE):
        columns = present[first : first + COLUMNS_AT_ONCE]
        lower = _select(passes, columns, (count[columns] - 1) // 2)
        upper = _select(passes, columns, count[columns] // 2)
        with np.errstate(over="ignore"):  # the caller checks whether it is finite
            median[columns] = np.where(count[columns] % 2 == 1, lower, (lower + upper) / 2)
    return median


def _select(passes: Callable[[], Iterable[Array]], columns: Array, rank: Array) -> Array:
    """Return the value of this rank, from 0, of each of the columns: (columns,) float64."""
    prefix = np.zeros(len(columns), np.uint64)
    rank = rank.copy()
    for shift in range(64 - BITS, -1, -BITS):
        counts = np.zeros((len(columns), 2**BITS), np.int64)
        for block in passes():
            for index, column in enumerate(columns.tolist()):
                values = block[:, column].astype(np.float64)
                keys = _sortable(values[~np.isnan(values)])
                if shift < 64 - BITS:
                    keys = keys[keys >> np.uint64(shift + BITS) == prefix[index]]
                leading = (keys >> np.uint64(shift)) & np.uint64(2**BITS - 1)
                counts[index] += np.bincount(leading.astype(np.int64), minlength=2**BITS)
        ends = counts.cumsum(axis=1)
        found = (ends <= rank[:, np.newaxis]).sum(axis=1)
        rank -= np.where(found > 0, ends[np.arange(len(columns)), found - 1], 0)
        prefix = (prefix << np.uint64(BITS)) | found.astype(np.uint64)
    return _from_sortable(prefix)


def _sortable(values: Array) -> Array:
    """Return numbers as uint64 of the same order."""
    bits = (values + 0.0).view(np.uint64)  # -0 becomes 0
    negative = bits >> np.uint64(63) == 1
    return np.where(negative, ~bits, bits | np.uint64(2**63))


def _from_sortable(keys: Array) -> Array:
    """Return the numbers that `_sortable` converted."""
    negative = keys < np.uint64(2**63)
    bits: Array = np.where(negative, ~keys, keys & np.uint64(2**63 - 1))
    return bits.view(np.float64)
