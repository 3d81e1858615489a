"""Memory for the rows of buffers: the network trains on one while the next one is filled."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows
from glassnet.training.source import Part


class DenseBuffers:
    """All buffers in one array, one after another, so that an engine inspects the array only once.

    Parameters
    ----------
    count : int
        Number of buffers.
    max_rows : int
        Maximum number of rows of a buffer.
    columns, dtype : int, dtype
        Number of columns, and type of the entries.
    scale : float
        Factor for rows of bytes.
    """

    def __init__(self, count: int, max_rows: int, columns: int, dtype: Any, scale: float) -> None:
        self.count = count
        self.max_rows = max_rows
        self.scale = scale
        self.x: Array = np.empty((count * max_rows, columns), dtype)
        self.y: Array = np.empty(0)
        #: Whether the only buffer holds all rows of the epoch already.
        self.holds_all = False
        self._start = 0
        self._end = 0
        self._all_used = False

    def select(self, index: int) -> None:
        """Make a buffer the current one, and empty it."""
        self._start = index * self.max_rows
        self._end = self._start

    def reserve(self, rows: int) -> Array:
        """Return the array (rows, columns) to write the next rows of x to."""
        return self.x[self._end : self._end + rows]

    def append(self, y: Array) -> None:
        """Append the targets of the rows that were written to the reserved array."""
        if self.y.shape[1:] != y.shape[1:] or self.y.dtype != y.dtype or not len(self.y):
            self.y = np.zeros((len(self.x), *y.shape[1:]), y.dtype)
        self.y[self._end : self._end + len(y)] = y
        self._end += len(y)

    def copy_rows(self, index: int, rows: Array) -> None:
        """Append rows of another buffer, by their indices in it."""
        source = rows + index * self.max_rows
        self.reserve(len(rows))[...] = self.x[source]
        self.append(self.y[source])

    def fill_unused(self) -> None:
        """Fill buffers that were never used with copies of the current one, so that the whole array is typical."""
        size = self._end - self._start
        if self._all_used or not size:
            return
        self._all_used = True
        for first in range(0, len(self.x), size):
            if not self._start <= first < self._end:
                some = min(size, len(self.x) - first)
                self.x[first : first + some] = self.x[self._start : self._start + some]

    def part(self, order: Array, shuffled: bool) -> Part:
        """Return rows of the current buffer by their indices in it; without a copy if they are not shuffled."""
        if shuffled:
            return Part(Rows(self.x, self.y, scale=self.scale), order + self._start)
        rows = slice(self._start + int(order[0]), self._start + int(order[-1]) + 1)
        return Part(Rows(self.x[rows], self.y[rows], scale=self.scale))


class SparseBuffers:
    """Buffers of CSR rows, which take as much memory as they have entries. See `DenseBuffers`."""

    def __init__(self, count: int, max_rows: int) -> None:
        self.count = count
        self.max_rows = max_rows
        self.holds_all = False
        self._buffers: list[Any] = [None] * count
        self._current = 0
        self._xs: list[Any] = []
        self._ys: list[Array] = []

    def select(self, index: int) -> None:
        """Make a buffer the current one, and empty it."""
        self._current = index
        self._buffers[index] = None
        self._xs = []
        self._ys = []

    def append(self, x: Any, y: Array) -> None:
        """Append rows."""
        self._xs.append(x)
        self._ys.append(y.copy())  # the memory of a block of the cache is reused

    def copy_rows(self, index: int, rows: Array) -> None:
        """Append rows of another buffer, by their indices in it."""
        x, y = self._buffers[index]
        self.append(x[rows], y[rows])

    def finish(self) -> None:
        """Concatenate the rows of the current buffer."""
        from scipy import sparse

        self._buffers[self._current] = (sparse.vstack(self._xs, format="csr"), np.concatenate(self._ys))
        self._xs = []
        self._ys = []

    def part(self, order: Array, shuffled: bool) -> Part:
        """Return rows of the current buffer by their indices in it."""
        x, y = self._buffers[self._current]
        if shuffled:
            return Part(Rows(x, y), order)
        rows = slice(int(order[0]), int(order[-1]) + 1)
        return Part(Rows(x[rows], y[rows]))
