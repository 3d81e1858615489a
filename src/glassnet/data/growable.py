"""An array that grows at the end, without being in memory twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array


class GrowableArray:
    """Rows of one shape and dtype, appended at the end.

    Parameters
    ----------
    shape : tuple of int
        Shape of one row.
    dtype : dtype
        Type of the entries.
    rows : int
        Expected number of rows, if known.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, rows: int = 0) -> None:
        self._array: Array = np.empty((rows, *shape), dtype)
        self._length = 0

    def append(self, rows: Array) -> None:
        """Copy rows to the end; an array that is too small is enlarged in place by an eighth."""
        end = self._length + len(rows)
        if end > len(self._array):
            self._resize(max(end, end + end // 8))
        self._array[self._length : end] = rows
        self._length = end

    def finish(self) -> Array:
        """Return all rows; nothing may be appended afterwards."""
        if self._length < len(self._array):
            self._resize(self._length)
        return self._array

    def _resize(self, rows: int) -> None:
        # there is no other reference to the array before finish(), so that the system may move its pages, not copy them
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)
