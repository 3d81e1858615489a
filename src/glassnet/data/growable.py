"""An array that rows are added to, without ever state in memory twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


class Growing:
    """Rows of one dtype, added at the end.

    Parameters
    ----------
    shape : tuple of int
        Of one row.
    dtype : dtype
        Of the entries.
    rows : int
        How many there will be, where that is known.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, rows: int = 0) -> None:
        self._array: Array = np.empty((rows, *shape), dtype)
        self._length = 0

    def add(self, rows: Array) -> None:
        """Copy rows to the end; an array too small is made larger in place by an eighth."""
        end = self._length + len(rows)
        if end > len(self._array):
            self._resize(max(end, end + end // 8))
        self._array[self._length : end] = rows
        self._length = end

    def take(self) -> Array:
        """Return all rows; nothing can be added after."""
        if self._length < len(self._array):
            self._resize(self._length)
        return self._array

    def _resize(self, rows: int) -> None:
        # nobody else holds the array before take(), so that the system may move its pages instead of copying them
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)
