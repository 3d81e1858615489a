"""The order of an epoch: blocks are shuffled, then rows within a buffer of many blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glassnet._utils.arrays import Array


@dataclass(frozen=True)
class BufferPlan:
    """Content of a buffer: a few rows carried over from the previous buffer, then the rows of its blocks.

    Parameters
    ----------
    carried : array of int64 (carried,)
        The numbers of the rows carried over.
    carried_from : array of int64 (carried,)
        Their indices in the previous buffer.
    blocks : array of int64
        The numbers of the blocks.
    order : array of int64
        Indices into this buffer in the order of training: whole batches, except in the last buffer.
    first_batch : int
        Number of batches of the epoch before this buffer.
    shuffled : bool
        Whether the order is random, not 0, 1, 2, ….
    """

    carried: Array
    carried_from: Array
    blocks: Array
    order: Array
    first_batch: int
    shuffled: bool


def plan_buffers(
    rows: Array, blocks_per_buffer: int, batch_size: int, seed: int | None, random_access: bool
) -> Iterator[BufferPlan]:
    """Yield the buffers of an epoch: a pure function of the arguments.

    Rows are numbered block by block. The rows left over at the end of a buffer, less than a batch, are carried over to
    the next one, so that every buffer but the last has whole batches.

    Parameters
    ----------
    rows : array of int64 (blocks,)
        Number of rows of each block.
    blocks_per_buffer : int
        Maximum number of blocks in a buffer.
    batch_size : int
        Number of rows of a batch.
    seed : int or None
        Seed of the epoch; without one the rows are not shuffled.
    random_access : bool
        Whether blocks may be read in any order; a text can only be read sequentially.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    count = len(rows)
    starts = np.concatenate([[0], np.cumsum(rows)])
    # all of about one size: a small last buffer would hold rows of few blocks
    n_buffers = count_buffers(rows, blocks_per_buffer, batch_size)
    order_of_blocks = np.arange(count)
    if rng is not None and random_access and n_buffers > 1:
        order_of_blocks = rng.permutation(count)
    carried = carried_from = np.empty(0, np.int64)
    first_batch = 0
    waiting = order_of_blocks[:0]
    for number, some in enumerate(np.array_split(order_of_blocks, n_buffers)):
        # rows are shuffled within the buffer, so that its blocks may be read in the order of the file
        blocks = np.sort(np.concatenate([waiting, some]))
        last = number == n_buffers - 1
        if not last and len(carried) + rows[blocks].sum() < batch_size:
            waiting = blocks  # too few rows for a batch: add them to the next buffer
            continue
        waiting = waiting[:0]
        ids = np.concatenate([carried, *(np.arange(starts[b], starts[b + 1]) for b in blocks)])
        order = np.arange(len(ids)) if rng is None else rng.permutation(len(ids))
        whole = len(ids) if last else len(ids) // batch_size * batch_size
        yield BufferPlan(carried, carried_from, blocks, order[:whole], first_batch, rng is not None)
        first_batch += whole // batch_size
        carried_from = order[whole:]
        carried = ids[carried_from]


def count_buffers(rows: Array, blocks_per_buffer: int, batch_size: int) -> int:
    """Return the maximum number of buffers of an epoch; a single one holds all rows in the order of the file."""
    return max(1, -(-len(rows) // _blocks_per_buffer(rows, blocks_per_buffer, batch_size)))


def max_buffer_rows(rows: Array, blocks_per_buffer: int, batch_size: int) -> int:
    """Return the maximum number of rows in a buffer."""
    longest = int(rows.max(initial=1))
    # a buffer of short blocks has up to a batch more, and starts with less than one
    return min(int(rows.sum()), _blocks_per_buffer(rows, blocks_per_buffer, batch_size) * longest + 2 * batch_size)


def _blocks_per_buffer(rows: Array, blocks_per_buffer: int, batch_size: int) -> int:
    """Return the number of blocks per buffer: enough for at least two batches."""
    return max(blocks_per_buffer, -(-2 * batch_size // int(rows.max(initial=1))))
