"""The loop: one function for a run of batches, run by all threads at once.

Each batch has three phases, with two barriers:

A  layer 1 forward: each thread some columns of W1, which stay in its cache from batch to batch;
B  each thread some rows: the other layers forward, the loss, back to every dz;
C  each thread some chunks of the parameters: gradient and update. The next A needs no barrier: the columns of W1
   belong to the same thread.

Where the columns can't be divided evenly, A is done by rows, as the first part of B, and C ends with a barrier.
No sum is ever divided among threads, so the result does not depend on their number.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, view
from glassnet.engines.fused.barrier import barrier
from glassnet.engines.fused.layout import ABORT, GROUP_ROWS, RECORD_SIZE
from glassnet.engines.fused.online import update_by_row
from glassnet.engines.fused.output_loss import rows_loss
from glassnet.engines.fused.phases import (
    first_layer,
    gather,
    list_tile_features,
    rows_backward,
    rows_forward,
    rows_outputs,
    set_row_starts,
)
from glassnet.engines.fused.processor import INNER, SPARSE_PANELS, SPARSE_ROWS, TILE_ROWS
from glassnet.engines.fused.records import Batch, memory
from glassnet.engines.fused.sparsity import list_rows
from glassnet.engines.fused.update import (
    apply_max_norm,
    global_update,
    summarize_batch,
    update_biases,
    update_chunk,
    update_sparse_chunks,
)

#: Rows are divided among the threads in multiples of this: whole tiles.
ROW_BLOCK = max(TILE_ROWS, SPARSE_ROWS)


@njit(**INNER)
def _tiles(first, last):
    """Return the listed tiles that rows first … last-1 make."""
    always_inline()
    return first // SPARSE_ROWS, (last + SPARSE_ROWS - 1) // SPARSE_ROWS


@njit(**INNER)
def _list_blocks(args, batch, threads):
    """List the rows that each block of features needs in phase C, one thread's share of the blocks."""
    always_inline()
    net = args.net[0]
    thread = batch.thread
    square = view(args.bits, 2 * net.bits_step + 64 * thread, 64)
    counts_at = net.counts_at + net.row_lists_at // net.list_step
    for w in range(net.block_words * thread // threads, net.block_words * (thread + 1) // threads):
        list_rows(
            args.bits, batch.parity * net.bits_step, net.block_words, w, batch.size,
            args.terms, net.row_lists_at, net.row_list_step, counts_at, square,
        )  # fmt: skip


@njit(**INNER)
def _row_range(count, thread, threads, group):
    """Return one thread's share of count rows, in whole groups: the first, and the last, exclusive."""
    always_inline()
    groups = (count + group - 1) // group
    return groups * thread // threads * group, min(groups * (thread + 1) // threads * group, count)


@njit(**INNER)
def _thread_rows(net, size, thread, threads):
    """Return one thread's share of the rows of a batch.

    Forward only, there are no barriers: so each thread keeps the same rows, and their memory, in a smaller batch.
    """
    always_inline()
    first, last = _row_range(net.batch if net.only_forward else size, thread, threads, ROW_BLOCK)
    return first, min(last, size)


@njit(**INNER)
def _batch(args, thread, s):
    """Return batch number s of this run; -1 is the empty one before the first."""
    always_inline()
    net = args.net[0]
    start = (net.first_batch + s) * net.batch
    size = min(net.batch, net.n_rows - start) if s >= 0 else 0
    keys = view(args.keys, (net.first_batch + max(s, 0)) * net.layers, net.layers)
    return Batch(thread, s, start, size, (net.first_step + s) & 1, keys)


@njit(**INNER)
def _lists_ahead(net):
    """Say whether the lists of nonzero features are made a batch ahead."""
    always_inline()
    return net.skip_zeros and net.in_place and net.by_columns and not net.outer


@njit(**INNER)
def _norm_follows(net):
    """Say whether the length of the gradient is only known after the update."""
    always_inline()
    return net.updates and not net.whole and not net.outer


@njit(**INNER)
def _first_layer_phase(args, batch, threads, arrived):
    """Phase A: one thread's columns of layer 1. Return what `barrier` returns."""
    always_inline()
    net = args.net[0]
    thread = batch.thread
    if net.skip_zeros and not _lists_ahead(net):
        first, last = _row_range(batch.size, thread, threads, ROW_BLOCK)
        q0, q1 = _tiles(first, last)
        list_tile_features(args, batch, q0, q1)
        arrived = barrier(args.flags, arrived, threads)
        if arrived < 0:
            return arrived
    p0, p1 = _thread_panels(args.layers, thread, threads)
    if p0 < p1:
        first_layer(args, batch, np.int64(0), batch.size, p0, p1)
    arrived = barrier(args.flags, arrived, threads)
    if arrived >= 0 and thread == 0 and batch.number > 0 and _norm_follows(net):
        before = batch.number - 1
        summarize_batch(net, args.layers, args.stats, args.records, args.steps, before)
        if not np.isfinite(args.records[RECORD_SIZE * before + 2]):
            args.flags[ABORT] = 1
    return arrived


@njit(**INNER)
def _rows_phase(args, batch, threads):
    """Phase B: one thread's rows to the loss and back to every dz; layer 1 too where A was not done by columns."""
    always_inline()
    net = args.net[0]
    layers = args.layers
    mem = memory(args)
    total = np.float64(batch.size)
    if net.weighted:
        total = 0.0
        for i in range(batch.start, batch.start + batch.size):
            total += np.float64(args.weights[args.order[i]])
    share = args.floats.dtype.type(net.grad_scale / total if total > 0 else 0.0)
    out_at = batch.number * net.batch * layers[net.layers].units
    first, last = _thread_rows(net, batch.size, batch.thread, threads)
    for i in range(first, last, GROUP_ROWS):
        end = min(i + GROUP_ROWS, last)
        if not net.by_columns:
            if net.skip_zeros:
                q0, q1 = _tiles(i, end)
                list_tile_features(args, batch, q0, q1)
            first_layer(args, batch, i, end, np.int64(0), layers[1].panels)
        rows_forward(mem, batch, i, end)
        if net.only_forward:
            rows_outputs(args, batch, out_at, i, end)
        else:
            rows_loss(args, batch, share, out_at, i, end)
            rows_backward(mem, batch, i, end)
    return total


@njit(**INNER)
def _prepare_batch(args, batch, threads):
    """Prepare a batch while other threads still work on the one before: set or copy its rows, make its lists."""
    always_inline()
    net = args.net[0]
    first, last = _thread_rows(net, batch.size, batch.thread, threads)
    if net.in_place:
        set_row_starts(args, batch)
    elif first < last:
        gather(args, batch, first, last)
    if _lists_ahead(net) and first < last:
        q0, q1 = _tiles(first, last)
        list_tile_features(args, batch, q0, q1)


@njit(**INNER)
def _end_of_rows(args, batch, threads, arrived):
    """Wait for the end of phase B; list the rows that each block of features needs. Return what `barrier` returns."""
    always_inline()
    net = args.net[0]
    lists_rows = batch.number >= 0 and net.skip_zeros and not net.outer
    if lists_rows and net.by_columns:
        _list_blocks(args, batch, threads)
    arrived = barrier(args.flags, arrived, threads)
    if arrived >= 0 and lists_rows and not net.by_columns:  # only now are the bits of all rows there
        _list_blocks(args, batch, threads)
        arrived = barrier(args.flags, arrived, threads)
    return arrived


@njit(**INNER)
def _sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


@njit(**INNER)
def _mean_loss(args, batch, total):
    """Return the mean loss of a batch: every thread adds up the same numbers in the same order."""
    always_inline()
    net = args.net[0]
    loss = 0.0
    if net.weighted:
        for i in range(batch.size):
            loss += args.stats[i] * np.float64(args.weights[args.order[batch.start + i]])
    else:
        for i in range(batch.size):
            loss += args.stats[i]
    return loss / total if total > 0 else 0.0


@njit(**INNER)
def _record_loss(args, batch, total):
    """Record the mean loss and the score of a batch; return the loss."""
    always_inline()
    net = args.net[0]
    s = batch.number
    loss = _mean_loss(args, batch, total)
    if batch.thread == 0:
        args.records[RECORD_SIZE * s] = loss
        if net.score >= 0:
            args.records[RECORD_SIZE * s + 3] = _sum(view(args.stats, net.scores_at, batch.size))
    return loss


@njit(**INNER)
def _parameters_phase(args, batch, threads):
    """Phase C: gradient and update of one thread's pieces of the parameters."""
    always_inline()
    mem = memory(args)
    net = args.net[0]
    layers = args.layers
    thread = batch.thread
    p0, p1 = _thread_panels(layers, thread, threads)
    for l in range(net.layers, 0, -1):
        chunks = layers[l].chunks
        pieces = layers[l].panels * chunks
        q, end = pieces * thread // threads, pieces * (thread + 1) // threads
        if l == 1 and net.by_columns:
            q, end = p0 * chunks, p1 * chunks
        sparse = l == 1 and net.skip_zeros
        pairs = sparse and SPARSE_PANELS == 2 and net.by_columns
        while q < end:
            p, block = q // chunks, q % chunks
            # where zeros are left out, two panels at once if both are this thread's own
            panels = 2 if pairs and (p - p0) % 2 == 0 and p + 1 < p1 else 1
            if block == 0:
                for panel in range(p, p + panels):
                    update_biases(mem, batch, l, panel)
            if sparse:
                update_sparse_chunks(mem, batch, p, panels, block)
            else:
                update_chunk(mem, batch, l, p, block)
            q += chunks + 1 if panels == 2 and block == chunks - 1 else 1


@njit(**INNER)
def _end_of_update(args, batch, threads, arrived):
    """Do what needs all gradients: record their length, `global_update`, max-norm. Return what `barrier` returns."""
    always_inline()
    net = args.net[0]
    layers = args.layers
    flags = args.flags
    s = batch.number
    if not (net.by_columns and _norm_follows(net)):
        arrived = barrier(flags, arrived, threads)
        if arrived >= 0 and batch.thread == 0:
            summarize_batch(net, layers, args.stats, args.records, args.steps, s)
        if arrived >= 0:
            arrived = barrier(flags, arrived, threads)
        if arrived < 0 or not np.isfinite(args.records[RECORD_SIZE * s + 2]):
            return -1
    if net.whole:
        mem = memory(args)
        for stage in range(2):
            global_update(mem, args.records, s, batch.thread, threads, stage)
            arrived = barrier(flags, arrived, threads)
            if arrived < 0:
                return arrived
    if net.max_norm > 0 and net.updates:
        arrived = barrier(flags, arrived, threads)
        if arrived >= 0:
            apply_max_norm(net, layers, args.floats, batch.thread, threads)
            arrived = barrier(flags, arrived, threads)
    return arrived


@njit(**INNER)
def _thread_panels(layers, thread, threads):
    """Return the panels of layer 1 that belong to a thread."""
    always_inline()
    return layers[1].panels * thread // threads, layers[1].panels * (thread + 1) // threads


@njit(**INNER)
def run(thread, threads, args):
    """Take one thread's part in a run of batches; False if it ended early, because of a number that is not finite.

    ``net.by_columns``: A is a separate phase. ``net.whole``: the update needs the whole gradient first.
    """
    net = args.net[0]
    records = args.records
    arrived = 0
    for s in range(-1, net.batches):  # -1: only prepare the first batch
        batch = _batch(args, thread, s)
        total = 0.0
        if s >= 0 and net.by_columns:
            arrived = _first_layer_phase(args, batch, threads, arrived)
            if arrived < 0:
                return False
        if s >= 0:
            total = _rows_phase(args, batch, threads)
        if s + 1 < net.batches:
            _prepare_batch(args, _batch(args, thread, s + 1), threads)
        if net.only_forward:  # each thread needs only its own rows
            continue
        arrived = _end_of_rows(args, batch, threads, arrived)
        if arrived < 0:
            return False
        if s < 0:
            continue
        if not np.isfinite(_record_loss(args, batch, total)):
            return False
        if net.outer:
            squares = update_by_row(memory(args), batch)
            records[RECORD_SIZE * s + 2] = np.sqrt(squares)
            if not np.isfinite(squares):
                return False
            continue
        _parameters_phase(args, batch, threads)
        arrived = _end_of_update(args, batch, threads, arrived)
        if arrived < 0:
            return False
    if barrier(args.flags, arrived, threads) < 0:
        return False
    if thread == 0 and net.by_columns and _norm_follows(net) and net.batches > 0:
        summarize_batch(net, args.layers, args.stats, records, args.steps, net.batches - 1)
    return True
