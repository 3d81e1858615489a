"""The loop: one function for a run of batches, taken by every thread at once.

Each batch has three phases, with two meetings of the threads:

A  layer 1 forward, each thread its own columns of W1, which stay in its cache from batch to batch;
B  each thread its own rows: the other layers forward, the loss, back to every dz;
C  each thread its own pieces of the parameters: gradient and update. The next A needs no meeting: the columns of W1
   belong to the same thread.

Where the columns can't be shared out evenly, A is done by rows, as the first part of B, and C ends with a meeting.
Nothing is ever summed up by two threads, so the result does not depend on how many there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import part
from glassnet.engines.fused.cache import kept
from glassnet.engines.fused.changes import (
    change_biases,
    change_chunk,
    change_listed_chunks,
    limit_norms,
    sum_up,
    whole_stage,
)
from glassnet.engines.fused.layout import GROUP_ROWS
from glassnet.engines.fused.online import change_by_row
from glassnet.engines.fused.phases import (
    begin_rows,
    first_layer,
    gather,
    list_tiles,
    rows_back,
    rows_forward,
    rows_judged,
    rows_out,
)
from glassnet.engines.fused.processor import INNER, LISTED_PANELS, LISTED_ROWS, TILE_ROWS
from glassnet.engines.fused.threads import GIVE_UP, meet
from glassnet.engines.fused.zeros import list_rows
from glassnet.network.activations import Array


class Work(NamedTuple):
    """What the loop works on: flat arrays, but for the records."""

    net: Array  # (1,) NET
    layers: Array  # (L+1,) LAYER
    floats: Array
    ints: Array  # int64: where rows begin
    terms: Array  # int32: lists of what is not zero, and their lengths
    bits: Array  # uint64: the blocks of each row that are not zero; a square for each thread
    figures: Array  # float64: the loss of each row of a batch, the sums of each chunk
    x: Array  # all rows, or the entries of CSR; numbers or bytes
    starts: Array  # int64: where each row begins among CSR's entries
    columns: Array  # int32: the column of each of CSR's entries
    order: Array  # int64: the rows in the order in which they are met
    classes: Array  # int64 (rows,), or empty
    values: Array  # (rows, columns), or empty
    weights: Array  # (rows,), or empty
    steps: Array  # (batches, NUMBERS) of the rule
    keys: Array  # uint32 (batches, L) of dropout
    outputs: Array  # (rows of a run, outputs)
    records: Array  # float64 (batches of a run, 3): loss, penalties, length of the gradient
    flags: Array


@njit(**INNER)
def _tiles(first, last):
    """Return the listed tiles that rows first … last-1 make."""
    return first // LISTED_ROWS, (last + LISTED_ROWS - 1) // LISTED_ROWS


@njit(**INNER)
def _list_blocks(net, terms, bits, size, parity, thread, threads):
    """List the rows that each block of features needs back, one thread's share of the blocks."""
    square = part(bits, 2 * net.bits_step + 64 * thread, 64)
    counts_at = net.counts_at + net.row_lists_at // net.list_step
    for w in range(net.block_words * thread // threads, net.block_words * (thread + 1) // threads):
        list_rows(
            bits, parity * net.bits_step, net.block_words, w, size,
            terms, net.row_lists_at, net.row_list_step, counts_at, square,
        )  # fmt: skip


@kept
def run(thread, threads, work):
    """Take one thread's part in a run of batches; False if it ended early, because of a number that is not finite."""
    net, layers, floats, ints, terms, x = work.net[0], work.layers, work.floats, work.ints, work.terms, work.x
    met, p0, p1 = 0, layers[1].panels * thread // threads, layers[1].panels * (thread + 1) // threads
    lists_ahead = net.skips and net.in_place and net.by_columns and not net.outer
    features, tile_rows = layers[0].units, max(TILE_ROWS, LISTED_ROWS)
    n_keys = net.layers

    for s in range(-1, net.batches):
        start = (net.first_batch + s) * net.batch
        size = min(net.batch, net.n_rows - start) if s >= 0 else 0
        next_size = min(net.batch, net.n_rows - start - net.batch) if s + 1 < net.batches else 0
        parity = (net.first_step + s) & 1
        keys = part(work.keys, (net.first_batch + max(s, 0)) * n_keys, n_keys)
        # whole tiles for each thread
        tiles, next_tiles = (size + tile_rows - 1) // tile_rows, (next_size + tile_rows - 1) // tile_rows
        first, last = tiles * thread // threads * tile_rows, min(tiles * (thread + 1) // threads * tile_rows, size)
        share, judged = floats.dtype.type(0), 0.0

        if s >= 0:
            if net.skips and not lists_ahead and net.by_columns:
                q0, q1 = _tiles(first, last)
                list_tiles(net, layers, floats, ints, terms, work.bits, x, thread, size, q0, q1, parity)
                met += threads
                if not meet(work.flags, met):
                    return False
            if net.by_columns:  # phase A
                if p0 < p1:
                    first_layer(net, layers, floats, ints, terms, x, keys, thread, parity, np.int64(0), size, p0, p1)
                met += threads
                if not meet(work.flags, met):
                    return False
                if thread == 0 and s > 0 and net.updates and not net.whole and not net.outer:
                    sum_up(net, layers, work.figures, work.records, s - 1)
                    if not np.isfinite(work.records[3 * (s - 1) + 2]):
                        work.flags[GIVE_UP] = 1

            # phase B
            total = 0.0
            if net.weighted:
                for i in range(start, start + size):
                    total += np.float64(work.weights[work.order[i]])
            else:
                total = np.float64(size)
            share = floats.dtype.type(1 / total if total > 0 else 0.0)
            out_at = s * net.batch * layers[net.layers].units
            for i in range(first, last, GROUP_ROWS):
                end = min(i + GROUP_ROWS, last)
                if not net.by_columns:
                    if net.skips:
                        q0, q1 = _tiles(i, end)
                        list_tiles(net, layers, floats, ints, terms, work.bits, x, thread, size, q0, q1, parity)
                    first_layer(
                        net, layers, floats, ints, terms, x, keys, thread, parity, i, end, np.int64(0), layers[1].panels
                    )
                rows_forward(net, layers, floats, ints, terms, keys, parity, i, end)
                if net.only_forward:
                    rows_out(net, layers, floats, work.outputs, out_at, parity, i, end)
                else:
                    rows_judged(
                        net, layers, floats, work.classes, work.values, work.weights, work.order, work.figures,
                        work.outputs, out_at, share, thread, parity, start, i, end,
                    )  # fmt: skip
                    rows_back(net, layers, floats, ints, terms, keys, parity, i, end)
            judged = total

        # what the next batch needs, while the others are still at this one
        n0, n1 = (
            next_tiles * thread // threads * tile_rows,
            min(next_tiles * (thread + 1) // threads * tile_rows, next_size),
        )
        if net.in_place:
            begin_rows(net, features, work.order, ints, thread, start + net.batch, next_size, 1 - parity)
        elif n0 < n1:
            next_keys = part(work.keys, (net.first_batch + s + 1) * n_keys, n_keys)
            gather(
                net, layers, floats, x, work.starts, work.columns, work.order, next_keys,
                start + net.batch, n0, n1, 1 - parity,
            )  # fmt: skip
        if lists_ahead and n0 < n1:
            q0, q1 = _tiles(n0, n1)
            list_tiles(net, layers, floats, ints, terms, work.bits, x, thread, next_size, q0, q1, 1 - parity)
        if net.only_forward:  # each thread needs nothing but its own rows
            continue
        if net.skips and s >= 0 and net.by_columns and not net.outer:
            _list_blocks(net, terms, work.bits, size, parity, thread, threads)
        met += threads
        if not meet(work.flags, met):
            return False
        if s < 0:
            continue
        if net.skips and not net.by_columns:
            _list_blocks(net, terms, work.bits, size, parity, thread, threads)
            met += threads
            if not meet(work.flags, met):
                return False

        loss = 0.0
        if net.weighted:
            for i in range(size):
                loss += work.figures[i] * np.float64(work.weights[work.order[start + i]])
        else:
            for i in range(size):
                loss += work.figures[i]
        loss = loss / judged if judged > 0 else 0.0
        if thread == 0:
            work.records[3 * s] = loss
        if not np.isfinite(loss):
            return False

        if net.outer:
            squares = change_by_row(net, layers, floats, ints, terms, x, work.steps, s, parity)
            work.records[3 * s + 2] = np.sqrt(squares)
            if not np.isfinite(squares):
                return False
            continue

        # phase C
        for number in range(net.layers, 0, -1):
            layer = layers[number]
            pieces = layer.panels * layer.chunks
            q0, q1 = pieces * thread // threads, pieces * (thread + 1) // threads
            if number == 1 and net.by_columns:
                q0, q1 = p0 * layer.chunks, p1 * layer.chunks
            q = q0
            while q < q1:
                p, block = q // layer.chunks, q % layer.chunks
                if block == 0:
                    change_biases(net, layers, floats, work.figures, work.steps, s, size, number, p, thread)
                if number == 1 and net.skips:
                    # two panels at once where both are this thread's own
                    pair = LISTED_PANELS == 2 and net.by_columns and (p - p0) % 2 == 0 and p + 1 < p1
                    if pair and block == 0:
                        change_biases(net, layers, floats, work.figures, work.steps, s, size, number, p + 1, thread)
                    change_listed_chunks(
                        net, layers, floats, ints, terms, x, work.figures, work.steps, s, parity,
                        p, 2 if pair else 1, block, thread,
                    )  # fmt: skip
                    if pair and block == layer.chunks - 1:
                        q += layer.chunks
                else:
                    change_chunk(
                        net, layers, floats, ints, terms, x, work.figures, work.steps, s, size, parity,
                        number, p, block, thread,
                    )  # fmt: skip
                q += 1
        if net.whole or not net.updates:
            met += threads
            if not meet(work.flags, met):
                return False
            if thread == 0:
                sum_up(net, layers, work.figures, work.records, s)
            met += threads
            if not meet(work.flags, met):
                return False
            if not np.isfinite(work.records[3 * s + 2]):
                return False
        if net.whole:
            for stage in range(2):
                whole_stage(net, layers, floats, work.figures, work.records, work.steps, s, thread, threads, stage)
                met += threads
                if not meet(work.flags, met):
                    return False
        if net.max_norm > 0 and net.updates:
            met += threads
            if not meet(work.flags, met):
                return False
            limit_norms(net, layers, floats, thread, threads)
            met += threads
            if not meet(work.flags, met):
                return False
        if not net.by_columns:
            met += threads
            if not meet(work.flags, met):
                return False
            if net.updates and not net.whole:
                if thread == 0:
                    sum_up(net, layers, work.figures, work.records, s)
                met += threads
                if not meet(work.flags, met):
                    return False
                if not np.isfinite(work.records[3 * s + 2]):
                    return False
    met += threads
    if not meet(work.flags, met):
        return False
    if thread == 0 and net.by_columns and net.updates and not (net.whole or net.outer) and net.batches > 0:
        sum_up(net, layers, work.figures, work.records, net.batches - 1)
    return True
