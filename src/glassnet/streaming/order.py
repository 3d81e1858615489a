"""The order of an epoch: blocks in a drawn order, then rows within a buffer of many blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glassnet._utils.arrays import Array


@dataclass(frozen=True)
class Buffer:
    """What is in memory at once: a few rows carried over from the buffer before, then the rows of its blocks.

    Parameters
    ----------
    carried : array of int64 (carried,)
        The numbers of the rows carried over.
    places : array of int64 (carried,)
        Where they lie in the buffer before.
    blocks : array of int64
        The numbers of the blocks.
    order : array of int64
        The places in this buffer in the order in which they are met: whole batches, but in the last buffer.
    batches : int
        How many batches of the epoch come before.
    shuffled : bool
        Whether the order is a drawn one, not 0, 1, 2, ….
    """

    carried: Array
    places: Array
    blocks: Array
    order: Array
    batches: int
    shuffled: bool


def buffers(rows: Array, blocks_at_once: int, batch_size: int, seed: int | None, any_order: bool) -> Iterator[Buffer]:
    """Yield an epoch's buffers: a pure function of the arguments.

    Rows are numbered block by block. What is left over at a buffer's end, less than a batch, begins the next one, so
    that every buffer but the last gives whole batches.

    Parameters
    ----------
    rows : array of int64 (blocks,)
        The rows of each block.
    blocks_at_once : int
        How many blocks a buffer holds, at most.
    batch_size : int
        Rows of a batch.
    seed : int or None
        Of the epoch; without one all rows come as they stand.
    any_order : bool
        Whether blocks may be met in any order, or only one after the other, as a text can be read.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    count = len(rows)
    starts = np.concatenate([[0], np.cumsum(rows)])
    # all of about one size: a small last one would hold rows of few blocks
    pieces = count_of(rows, blocks_at_once, batch_size)
    order_of_blocks = np.arange(count)
    if rng is not None and any_order and pieces > 1:
        order_of_blocks = rng.permutation(count)
    carried = places = np.empty(0, np.int64)
    batches, waiting = 0, order_of_blocks[:0]
    for number, some in enumerate(np.array_split(order_of_blocks, pieces)):
        # rows are shuffled within the buffer: its blocks may be read as they lie
        blocks, last = np.sort(np.concatenate([waiting, some])), number == pieces - 1
        if not last and len(carried) + rows[blocks].sum() < batch_size:
            waiting = blocks  # short blocks: together they will do
            continue
        waiting = waiting[:0]
        ids = np.concatenate([carried, *(np.arange(starts[b], starts[b + 1]) for b in blocks)])
        order = np.arange(len(ids)) if rng is None else rng.permutation(len(ids))
        whole = len(ids) if last else len(ids) // batch_size * batch_size
        yield Buffer(carried, places, blocks, order[:whole], batches, rng is not None)
        batches += whole // batch_size
        places = order[whole:]
        carried = ids[places]


def count_of(rows: Array, blocks_at_once: int, batch_size: int) -> int:
    """Return into how many buffers the blocks of an epoch go, at most; with one, its rows lie in it as they stand."""
    return max(1, -(-len(rows) // _at_once(rows, blocks_at_once, batch_size)))


def most_rows(rows: Array, blocks_at_once: int, batch_size: int) -> int:
    """Return how many rows a buffer may have to hold."""
    longest, every = int(rows.max(initial=1)), int(rows.sum())
    # a buffer of short blocks has up to a batch more, and begins with less than one
    return min(every, _at_once(rows, blocks_at_once, batch_size) * longest + 2 * batch_size)


def _at_once(rows: Array, blocks_at_once: int, batch_size: int) -> int:
    """Return how many blocks a buffer takes: two batches at least."""
    return max(blocks_at_once, -(-2 * batch_size // int(rows.max(initial=1))))
