"""Blocks: a few hundred rows in a compact binary form, the unit in which a cache is read in random order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.preprocessing.statistics import are_bytes

#: Approximate size of a block of float32 numbers in bytes, whatever the width of the rows.
BLOCK_BYTES = 2**20
#: Maximum number of rows of a block.
MAX_ROWS = 4096

#: Types of x by their codes; the code of CSR rows has `SPARSE_FLAG` added.
X_DTYPES: tuple[Any, ...] = (np.dtype("u1"), np.dtype("<f4"), np.dtype("<f8"))
SPARSE_FLAG = 8
#: Types of y by their codes: integers, floats, indices into the list of texts.
Y_DTYPES: tuple[Any, ...] = (np.dtype("<i8"), np.dtype("<f8"), np.dtype("<i4"))


class Block(NamedTuple):
    """Raw rows and their targets: x an array (rows, columns) or CSR, y (rows,) as returned by `TargetProfile.add`."""

    x: Any
    y: Array


def block_rows(columns: int) -> int:
    """Return the number of rows of a block with this many columns: a power of 2, 256 for MNIST."""
    return int(2 ** np.floor(np.log2(np.clip(BLOCK_BYTES / (4 * max(columns, 1)), 1, MAX_ROWS))))


class BlockBuilder:
    """Collects rows into blocks of one size; only the last one is smaller.

    Parameters
    ----------
    rows : int
        Number of rows of a block.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._pending: list[Block] = []
        self._count = 0

    def add(self, x: Any, y: Array) -> Iterator[Block]:
        """Add rows, and yield every block that is full. A change of the target's type starts a new block."""
        if self._count and self._pending[-1].y.dtype != y.dtype:
            yield self._build()
        first = 0
        while first < len(y):
            last = min(len(y), first + self.rows - self._count)
            self._pending.append(Block(x[first:last], y[first:last]))
            self._count += last - first
            first = last
            if self._count == self.rows:
                yield self._build()

    def flush(self) -> Iterator[Block]:
        """Yield the last block, if there are rows left."""
        if self._count:
            yield self._build()

    def _build(self) -> Block:
        pieces = self._pending
        self._pending = []
        self._count = 0
        if len(pieces) == 1:
            return Block(compact(pieces[0].x), pieces[0].y)
        y = np.concatenate([piece.y for piece in pieces])
        if isinstance(pieces[0].x, np.ndarray):
            return Block(compact(np.concatenate([piece.x for piece in pieces])), y)
        from scipy import sparse

        return Block(compact(sparse.vstack([piece.x for piece in pieces], format="csr")), y)


def compact(x: Any) -> Any:
    """Return rows in the smallest type that holds them exactly: uint8, float32 or float64; CSR stays CSR."""
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
    return single if np.array_equal(single, numbers, equal_nan=True) else np.ascontiguousarray(numbers, np.float64)


def encode_block(block: Block) -> tuple[int, int, int, list[Any]]:
    """Return the codes of x and y, the number of stored entries, and the arrays whose bytes are the block."""
    y_code = Y_DTYPES.index(block.y.dtype.newbyteorder("<"))
    if isinstance(block.x, np.ndarray):
        return X_DTYPES.index(block.x.dtype.newbyteorder("<")), y_code, block.x.size, [block.x, block.y]
    x = block.x
    x_code = SPARSE_FLAG + X_DTYPES.index(x.data.dtype.newbyteorder("<"))
    return x_code, y_code, x.nnz, [x.data, x.indices, x.indptr, block.y]


def encoded_size(rows: int, columns: int, x_code: int, y_code: int, entries: int) -> int:
    """Return the size of a block in bytes; -1 if there is no such block."""
    if not (
        0 <= y_code < len(Y_DTYPES) and 0 <= x_code % SPARSE_FLAG < len(X_DTYPES) and 0 <= x_code // SPARSE_FLAG <= 1
    ):
        return -1
    x = entries * int(X_DTYPES[x_code % SPARSE_FLAG].itemsize)
    if x_code >= SPARSE_FLAG:
        x += 4 * (entries + rows + 1)
        if entries > rows * columns:
            return -1
    elif entries != rows * columns:
        return -1
    return x + rows * int(Y_DTYPES[y_code].itemsize)


def decode_block(
    content: Array, rows: int, columns: int, x_code: int, y_code: int, entries: int, may_be_missing: bool = False
) -> Block:
    """Decode a block; its arrays are views of the bytes.

    Parameters
    ----------
    content : array of uint8 (bytes,)
        Of the length that `encoded_size` returns.
    may_be_missing : bool
        Whether numbers may be NaN.

    Raises
    ------
    ValueError
        If the bytes are not a valid block: a number is not finite, or CSR indices are out of range.
    """
    offset = 0

    def take(dtype: Any, count: int) -> Array:
        nonlocal offset
        array: Array = content[offset : offset + count * dtype.itemsize].view(dtype)
        offset += count * int(dtype.itemsize)
        return array

    numbers = take(X_DTYPES[x_code % SPARSE_FLAG], entries)
    if numbers.dtype != np.uint8 and (np.isinf(numbers) if may_be_missing else ~np.isfinite(numbers)).any():
        raise ValueError("a number is not finite")
    if x_code < SPARSE_FLAG:
        return Block(numbers.reshape(rows, columns), take(Y_DTYPES[y_code], rows))
    from scipy import sparse

    indices = take(np.dtype("<i4"), entries)
    starts = take(np.dtype("<i4"), rows + 1)
    if starts[0] != 0 or starts[-1] != entries or (np.diff(starts) < 0).any():
        raise ValueError("invalid row pointers")
    if entries and (indices.min() < 0 or indices.max() >= columns):
        raise ValueError("column index out of range")
    x = sparse.csr_matrix((numbers, indices, starts), shape=(rows, columns), copy=False)
    return Block(x, take(Y_DTYPES[y_code], rows))
