"""Memory for the rows of buffers: one is learned from while the other is filled."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows
from glassnet.training.source import Part


class DenseRooms:
    """One array for all rooms, one behind the other: an engine that looks at its rows need not look again.

    Parameters
    ----------
    count : int
        How many rooms.
    most : int
        Rows of each at most.
    columns, dtype : int, dtype
        Of the rows.
    scale : float
        What bytes are multiplied by.
    """

    def __init__(self, count: int, most: int, columns: int, dtype: Any, scale: float) -> None:
        self.count, self.most, self.scale = count, most, scale
        self.x: Array = np.empty((count * most, columns), dtype)
        self.y: Array = np.empty(0)
        self.holds_all = False
        self._begins = self._ends = 0
        self._all_used = False

    def begin(self, room: int) -> None:
        """Go to a room, and forget what lies there."""
        self._begins = self._ends = room * self.most

    def space(self, rows: int) -> Array:
        """Return the place (rows, columns) for the next rows."""
        return self.x[self._ends : self._ends + rows]

    def add(self, y: Array) -> None:
        """Note the targets of the rows that were put into the space."""
        if self.y.shape[1:] != y.shape[1:] or self.y.dtype != y.dtype or not len(self.y):
            self.y = np.zeros((len(self.x), *y.shape[1:]), y.dtype)
        self.y[self._ends : self._ends + len(y)] = y
        self._ends += len(y)

    def carry(self, room: int, places: Array) -> None:
        """Add rows of another room."""
        from_ = places + room * self.most
        self.space(len(places))[...] = self.x[from_]
        self.add(self.y[from_])

    def fill_others(self) -> None:
        """Fill the rooms that were never used with these rows: whoever looks at all of them sees what they are like."""
        size = self._ends - self._begins
        if self._all_used or not size:
            return
        self._all_used = True
        for first in range(0, len(self.x), size):
            if not self._begins <= first < self._ends:
                some = min(size, len(self.x) - first)
                self.x[first : first + some] = self.x[self._begins : self._begins + some]

    def part(self, order: Array, shuffled: bool) -> Part:
        """Return rows of this room by their places in it, as they stand where they are not shuffled."""
        if shuffled:
            return Part(Rows(self.x, self.y, scale=self.scale), order + self._begins)
        first, last = (self._begins + int(place) for place in (order[0], order[-1] + 1))
        return Part(Rows(self.x[first:last], self.y[first:last], scale=self.scale))


class SparseRooms:
    """CSR rows, which take as much memory as they have entries. See `DenseRooms`."""

    def __init__(self, count: int, most: int) -> None:
        self.count, self.most = count, most
        self.holds_all = False
        self._rooms: list[Any] = [None] * count
        self._here = 0
        self._xs: list[Any] = []
        self._ys: list[Array] = []

    def begin(self, room: int) -> None:
        """Go to a room, and forget what lies there."""
        self._here, self._xs, self._ys = room, [], []
        self._rooms[room] = None

    def add(self, x: Any, y: Array) -> None:
        """Add rows."""
        self._xs.append(x)
        self._ys.append(y.copy())  # a block of the file lends its memory

    def carry(self, room: int, places: Array) -> None:
        """Add rows of another room."""
        x, y = self._rooms[room]
        self.add(x[places], y[places])

    def end(self) -> None:
        """Put the rows together."""
        from scipy import sparse

        self._rooms[self._here] = sparse.vstack(self._xs, format="csr"), np.concatenate(self._ys)
        self._xs, self._ys = [], []

    def part(self, order: Array, shuffled: bool) -> Part:
        """Return rows of this room by their places in it, as they stand where they are not shuffled."""
        x, y = self._rooms[self._here]
        if shuffled:
            return Part(Rows(x, y), order)
        here = slice(int(order[0]), int(order[-1]) + 1)
        return Part(Rows(x[here], y[here]))
