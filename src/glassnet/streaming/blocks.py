"""Blocks: a few hundred rows in a compact binary form, small enough to be met in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.preprocessing.statistics import are_bytes

#: Bytes of a block of float32 numbers, about: rows are narrow or wide, and blocks alike.
BLOCK_BYTES = 2**20
#: Rows of a block at most.
MAX_ROWS = 4096

#: How numbers lie in a block; CSR is as the dense kind with `SPARSE` added.
KINDS: tuple[Any, ...] = (np.dtype("u1"), np.dtype("<f4"), np.dtype("<f8"))
SPARSE = 8
#: How the target lies in it: whole numbers, numbers, places among the texts.
TARGET_KINDS: tuple[Any, ...] = (np.dtype("<i8"), np.dtype("<f8"), np.dtype("<i4"))


class Block(NamedTuple):
    """Raw rows and their targets: x an array (rows, columns) or CSR, y (rows,) as `Values.add` gives it."""

    x: Any
    y: Array


def block_rows(columns: int) -> int:
    """Return how many rows a block of so many columns has: a power of 2, 256 for MNIST."""
    return int(2 ** np.floor(np.log2(np.clip(BLOCK_BYTES / (4 * max(columns, 1)), 1, MAX_ROWS))))


class Packer:
    """Cuts rows that come in any number into blocks of one size; only the last one is smaller.

    Parameters
    ----------
    rows : int
        Of a block.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._waiting: list[Block] = []
        self._count = 0

    def add(self, x: Any, y: Array) -> Iterator[Block]:
        """Take rows; yield every block that is full. Another kind of target begins a new block."""
        if self._count and self._waiting[-1].y.dtype != y.dtype:
            yield self._put_together()
        first = 0
        while first < len(y):
            last = min(len(y), first + self.rows - self._count)
            self._waiting.append(Block(x[first:last], y[first:last]))
            self._count += last - first
            first = last
            if self._count == self.rows:
                yield self._put_together()

    def rest(self) -> Iterator[Block]:
        """Yield the last block, if rows are left."""
        if self._count:
            yield self._put_together()

    def _put_together(self) -> Block:
        pieces, self._waiting, self._count = self._waiting, [], 0
        if len(pieces) == 1:
            return Block(compact(pieces[0].x), pieces[0].y)
        y = np.concatenate([piece.y for piece in pieces])
        if isinstance(pieces[0].x, np.ndarray):
            return Block(compact(np.concatenate([piece.x for piece in pieces])), y)
        from scipy import sparse

        return Block(compact(sparse.vstack([piece.x for piece in pieces], format="csr")), y)


def compact(x: Any) -> Any:
    """Return rows in the smallest kind that holds them exactly: bytes, float32, or float64; CSR stays CSR."""
    if not isinstance(x, np.ndarray):
        from scipy import sparse

        if not x.has_canonical_format:
            x = x.copy()
            x.sum_duplicates()
        parts = (_compact(x.data), x.indices.astype(np.int32, copy=False), x.indptr.astype(np.int32, copy=False))
        return sparse.csr_matrix(parts, shape=x.shape)
    return _compact(x)


def _compact(numbers: Array) -> Array:
    if numbers.dtype == np.uint8:
        return np.ascontiguousarray(numbers)
    if are_bytes(numbers):
        return np.ascontiguousarray(numbers, np.uint8)
    if numbers.dtype == np.float32:
        return np.ascontiguousarray(numbers)
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    return single if np.array_equal(single, numbers) else np.ascontiguousarray(numbers, np.float64)


def encoded(block: Block) -> tuple[int, int, int, list[Any]]:
    """Return a block's kind of x and of y, its stored entries, and the arrays whose bytes it consists of."""
    y_kind = TARGET_KINDS.index(block.y.dtype.newbyteorder("<"))
    if isinstance(block.x, np.ndarray):
        return KINDS.index(block.x.dtype.newbyteorder("<")), y_kind, block.x.size, [block.x, block.y]
    x = block.x
    kind = SPARSE + KINDS.index(x.data.dtype.newbyteorder("<"))
    return kind, y_kind, x.nnz, [x.data, x.indices, x.indptr, block.y]


def size_of(rows: int, columns: int, kind: int, y_kind: int, entries: int) -> int:
    """Return how many bytes a block takes; -1 if there is no such block."""
    if not (0 <= y_kind < len(TARGET_KINDS) and 0 <= kind % SPARSE < len(KINDS) and 0 <= kind // SPARSE <= 1):
        return -1
    x = entries * int(KINDS[kind % SPARSE].itemsize)
    if kind >= SPARSE:
        x += 4 * (entries + rows + 1)
        if entries > rows * columns:
            return -1
    elif entries != rows * columns:
        return -1
    return x + rows * int(TARGET_KINDS[y_kind].itemsize)


def decoded(content: Array, rows: int, columns: int, kind: int, y_kind: int, entries: int) -> Block:
    """Return the block that bytes stand for, as views of them.

    Parameters
    ----------
    content : array of uint8 (bytes,)
        As many as `size_of` says.

    Raises
    ------
    ValueError
        If they are no such block: a number is not finite, or CSR points outside.
    """
    at = 0

    def take(dtype: Any, count: int) -> Array:
        nonlocal at
        found: Array = content[at : at + count * dtype.itemsize].view(dtype)
        at += count * int(dtype.itemsize)
        return found

    numbers = take(KINDS[kind % SPARSE], entries)
    if numbers.dtype != np.uint8 and not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    if kind < SPARSE:
        return Block(numbers.reshape(rows, columns), take(TARGET_KINDS[y_kind], rows))
    from scipy import sparse

    indices, starts = take(np.dtype("<i4"), entries), take(np.dtype("<i4"), rows + 1)
    if starts[0] != 0 or starts[-1] != entries or (np.diff(starts) < 0).any():
        raise ValueError("rows begin where they can't")
    if entries and (indices.min() < 0 or indices.max() >= columns):
        raise ValueError("a column is not there")
    x = sparse.csr_matrix((numbers, indices, starts), shape=(rows, columns), copy=False)
    return Block(x, take(TARGET_KINDS[y_kind], rows))
