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

from glassnet._utils.arrays import Array
from glassnet.engines.fused.arrays import view
from glassnet.engines.fused.cache import cached_njit
from glassnet.engines.fused.layout import GROUP_ROWS, RECORD_SIZE
from glassnet.engines.fused.online import update_by_row
from glassnet.engines.fused.phases import (
    first_layer,
    gather,
    list_tile_features,
    rows_backward,
    rows_forward,
    rows_loss,
    rows_outputs,
    set_row_starts,
)
from glassnet.engines.fused.processor import INNER, SPARSE_PANELS, SPARSE_ROWS, TILE_ROWS
from glassnet.engines.fused.sparsity import list_rows
from glassnet.engines.fused.threads import ABORT, barrier
from glassnet.engines.fused.update import (
    apply_max_norm,
    global_update,
    summarize_batch,
    update_biases,
    update_chunk,
    update_sparse_chunks,
)

#: Rows are shared out so many at a time: whole tiles.
ROW_BLOCK = max(TILE_ROWS, SPARSE_ROWS)


class KernelArgs(NamedTuple):
    """What the loop works on: flat arrays, but for the records."""

    net: Array  # (1,) NET
    layers: Array  # (L+1,) LAYER
    floats: Array
    ints: Array  # int64: where rows begin
    terms: Array  # int32: lists of what is not zero, and their lengths
    bits: Array  # uint64: the blocks of each row that are not zero; a square for each thread
    stats: Array  # float64: the loss of each row of a batch, its score, the sums of each chunk
    x: Array  # all rows, or the entries of CSR; numbers or bytes
    starts: Array  # int64: where each row begins among CSR's entries
    columns: Array  # int32: the column of each of CSR's entries
    order: Array  # int64: the rows in the order in which they are met
    classes: Array  # int64 (rows,), or empty
    values: Array  # (rows, columns), or empty
    weights: Array  # (rows,), or empty
    steps: Array  # (batches, NUMBERS) of the rule
    keys: Array  # uint32 (batches, L) of dropout
    outputs: Array  # (rows of a run, outputs), or empty
    records: Array  # float64 (batches of a run, RECORD)
    flags: Array


@njit(**INNER)
def _tiles(first, last):
    """Return the listed tiles that rows first … last-1 make."""
    return first // SPARSE_ROWS, (last + SPARSE_ROWS - 1) // SPARSE_ROWS


@njit(**INNER)
def _list_blocks(net, terms, bits, size, parity, thread, threads):
    """List the rows that each block of features needs back, one thread's share of the blocks."""
    square = view(bits, 2 * net.bits_step + 64 * thread, 64)
    counts_at = net.counts_at + net.row_lists_at // net.list_step
    for w in range(net.block_words * thread // threads, net.block_words * (thread + 1) // threads):
        list_rows(
            bits, parity * net.bits_step, net.block_words, w, size,
            terms, net.row_lists_at, net.row_list_step, counts_at, square,
        )  # fmt: skip


@njit(**INNER)
def _row_range(count, thread, threads, group):
    """Return one thread's share of count rows, in whole groups: the first, and the last, exclusive."""
    groups = (count + group - 1) // group
    return groups * thread // threads * group, min(groups * (thread + 1) // threads * group, count)


@njit(**INNER)
def _thread_rows(net, size, thread, threads):
    """Return one thread's share of the rows of a batch.

    Forward only, the threads never meet: so each keeps the same rows, and their memory, in a last, smaller batch too.
    """
    first, last = _row_range(net.batch if net.only_forward else size, thread, threads, ROW_BLOCK)
    return first, min(last, size)


@njit(**INNER)
def _rows_phase(args, thread, threads, s, start, size, parity, keys):
    """Phase B: one thread's rows to the loss and back to every dz; layer 1 too where A was not done by columns."""
    net, layers, floats, ints, terms = args.net[0], args.layers, args.floats, args.ints, args.terms
    total = np.float64(size)
    if net.weighted:
        total = 0.0
        for i in range(start, start + size):
            total += np.float64(args.weights[args.order[i]])
    share = floats.dtype.type(net.grad_scale / total if total > 0 else 0.0)
    out_at = s * net.batch * layers[net.layers].units
    first, last = _thread_rows(net, size, thread, threads)
    for i in range(first, last, GROUP_ROWS):
        end = min(i + GROUP_ROWS, last)
        if not net.by_columns:
            if net.skip_zeros:
                q0, q1 = _tiles(i, end)
                list_tile_features(net, layers, floats, ints, terms, args.bits, args.x, thread, size, q0, q1, parity)
            panels = layers[1].panels
            first_layer(net, layers, floats, ints, terms, args.x, keys, thread, parity, i, end, np.int64(0), panels)
        rows_forward(net, layers, floats, ints, terms, keys, parity, i, end)
        if net.only_forward:
            rows_outputs(net, layers, floats, args.outputs, out_at, parity, i, end)
        else:
            rows_loss(
                net, layers, floats, args.classes, args.values, args.weights, args.order, args.stats,
                args.outputs, out_at, share, thread, parity, start, i, end,
            )  # fmt: skip
            rows_backward(net, layers, floats, ints, terms, keys, parity, i, end)
    return total


@njit(**INNER)
def _prepare_batch(args, thread, threads, start, size, parity, lists, keys):
    """Get a batch ready while others are still at the one before: where its rows begin, or a copy, and its lists."""
    net, layers, floats, ints = args.net[0], args.layers, args.floats, args.ints
    first, last = _thread_rows(net, size, thread, threads)
    if net.in_place:
        set_row_starts(net, layers[0].units, args.order, ints, thread, start, size, parity)
    elif first < last:
        gather(net, layers, floats, args.x, args.starts, args.columns, args.order, keys, start, first, last, parity)
    if lists and first < last:
        q0, q1 = _tiles(first, last)
        list_tile_features(net, layers, floats, ints, args.terms, args.bits, args.x, thread, size, q0, q1, parity)


@njit(**INNER)
def _sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


@njit(**INNER)
def _mean_loss(args, start, size, total):
    """Return the mean loss of a batch: every thread adds up the same numbers in the same order."""
    net, loss = args.net[0], 0.0
    if net.weighted:
        for i in range(size):
            loss += args.stats[i] * np.float64(args.weights[args.order[start + i]])
    else:
        for i in range(size):
            loss += args.stats[i]
    return loss / total if total > 0 else 0.0


@njit(**INNER)
def _parameters_phase(args, thread, threads, s, size, parity):
    """Phase C: gradient and update of one thread's pieces of the parameters."""
    net, layers, floats, ints, terms = args.net[0], args.layers, args.floats, args.ints, args.terms
    x, stats, steps = args.x, args.stats, args.steps
    p0, p1 = _thread_panels(layers, thread, threads)
    for l in range(net.layers, 0, -1):
        chunks = layers[l].chunks
        pieces = layers[l].panels * chunks
        q, end = pieces * thread // threads, pieces * (thread + 1) // threads
        if l == 1 and net.by_columns:
            q, end = p0 * chunks, p1 * chunks
        while q < end:
            p, block = q // chunks, q % chunks
            # where zeros are left out, two panels at once if both are this thread's own
            pair = (
                l == 1 and net.skip_zeros and SPARSE_PANELS == 2 and net.by_columns and (p - p0) % 2 == 0 and p + 1 < p1
            )
            panels = 2 if pair else 1
            if block == 0:
                for panel in range(p, p + panels):
                    update_biases(net, layers, floats, stats, steps, s, size, l, panel, thread)
            if l == 1 and net.skip_zeros:
                update_sparse_chunks(
                    net, layers, floats, ints, terms, x, stats, steps, s, parity, p, panels, block, thread
                )
            else:
                update_chunk(net, layers, floats, ints, terms, x, stats, steps, s, size, parity, l, p, block, thread)
            q += chunks + 1 if pair and block == chunks - 1 else 1


@njit(**INNER)
def _thread_panels(layers, thread, threads):
    """Return the panels of layer 1 that belong to a thread."""
    return layers[1].panels * thread // threads, layers[1].panels * (thread + 1) // threads


@cached_njit
def run(thread, threads, args):
    """Take one thread's part in a run of batches; False if it ended early, because of a number that is not finite.

    ``net.by_columns``: A is a phase of its own. ``net.whole``: the update needs the whole gradient first.
    """
    net, layers, floats, ints, terms = args.net[0], args.layers, args.floats, args.ints, args.terms
    flags, records = args.flags, args.records
    p0, p1 = _thread_panels(layers, thread, threads)
    lists_ahead = net.skip_zeros and net.in_place and net.by_columns and not net.outer
    length_follows = net.updates and not net.whole and not net.outer  # the gradient's, once the update is done
    arrived = 0

    for s in range(-1, net.batches):  # -1: there is a first batch to get ready, and nothing else
        start = (net.first_batch + s) * net.batch
        size = min(net.batch, net.n_rows - start) if s >= 0 else 0
        parity, total = (net.first_step + s) & 1, 0.0
        keys = view(args.keys, (net.first_batch + max(s, 0)) * net.layers, net.layers)

        if s >= 0 and net.by_columns:
            if net.skip_zeros and not lists_ahead:
                first, last = _row_range(size, thread, threads, ROW_BLOCK)
                q0, q1 = _tiles(first, last)
                list_tile_features(net, layers, floats, ints, terms, args.bits, args.x, thread, size, q0, q1, parity)
                arrived += threads
                if not barrier(flags, arrived):
                    return False
            if p0 < p1:  # A
                first_layer(net, layers, floats, ints, terms, args.x, keys, thread, parity, np.int64(0), size, p0, p1)
            arrived += threads
            if not barrier(flags, arrived):
                return False
            if thread == 0 and s > 0 and length_follows:
                summarize_batch(net, layers, args.stats, records, args.steps, s - 1)
                if not np.isfinite(records[RECORD_SIZE * (s - 1) + 2]):
                    flags[ABORT] = 1
        if s >= 0:
            total = _rows_phase(args, thread, threads, s, start, size, parity, keys)  # B
        if s + 1 < net.batches:
            next_size = min(net.batch, net.n_rows - start - net.batch)
            next_keys = view(args.keys, (net.first_batch + s + 1) * net.layers, net.layers)
            _prepare_batch(args, thread, threads, start + net.batch, next_size, 1 - parity, lists_ahead, next_keys)
        if net.only_forward:  # each thread needs nothing but its own rows
            continue
        lists_rows = s >= 0 and net.skip_zeros and not net.outer
        if lists_rows and net.by_columns:
            _list_blocks(net, terms, args.bits, size, parity, thread, threads)
        arrived += threads
        if not barrier(flags, arrived):
            return False
        if lists_rows and not net.by_columns:  # only now are the bits of all rows there
            _list_blocks(net, terms, args.bits, size, parity, thread, threads)
            arrived += threads
            if not barrier(flags, arrived):
                return False
        if s < 0:
            continue

        loss = _mean_loss(args, start, size, total)
        if thread == 0:
            records[RECORD_SIZE * s] = loss
            if net.score >= 0:
                records[RECORD_SIZE * s + 3] = _sum(view(args.stats, net.scores_at, size))
        if not np.isfinite(loss):
            return False
        if net.outer:
            squares = update_by_row(net, layers, floats, ints, terms, args.x, args.steps, s, parity)
            records[RECORD_SIZE * s + 2] = np.sqrt(squares)
            if not np.isfinite(squares):
                return False
            continue

        _parameters_phase(args, thread, threads, s, size, parity)  # C
        if not (net.by_columns and length_follows):
            arrived += threads
            if not barrier(flags, arrived):
                return False
            if thread == 0:
                summarize_batch(net, layers, args.stats, records, args.steps, s)
            arrived += threads
            if not barrier(flags, arrived):
                return False
            if not np.isfinite(records[RECORD_SIZE * s + 2]):
                return False
        if net.whole:
            for stage in range(2):
                global_update(net, layers, floats, args.stats, records, args.steps, s, thread, threads, stage)
                arrived += threads
                if not barrier(flags, arrived):
                    return False
        if net.max_norm > 0 and net.updates:
            arrived += threads
            if not barrier(flags, arrived):
                return False
            apply_max_norm(net, layers, floats, thread, threads)
            arrived += threads
            if not barrier(flags, arrived):
                return False
    arrived += threads
    if not barrier(flags, arrived):
        return False
    if thread == 0 and net.by_columns and length_follows and net.batches > 0:
        summarize_batch(net, layers, args.stats, records, args.steps, net.batches - 1)
    return True
