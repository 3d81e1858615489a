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
from glassnet.engines.fused.arrays import part
from glassnet.engines.fused.cache import kept
from glassnet.engines.fused.layout import GROUP_ROWS, RECORD
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
from glassnet.engines.fused.sparsity import list_rows
from glassnet.engines.fused.threads import GIVE_UP, meet
from glassnet.engines.fused.update import (
    change_biases,
    change_chunk,
    change_listed_chunks,
    limit_norms,
    sum_up,
    whole_stage,
)

#: Rows are shared out so many at a time: whole tiles.
TOGETHER = max(TILE_ROWS, LISTED_ROWS)


class Work(NamedTuple):
    """What the loop works on: flat arrays, but for the records."""

    net: Array  # (1,) NET
    layers: Array  # (L+1,) LAYER
    floats: Array
    ints: Array  # int64: where rows begin
    terms: Array  # int32: lists of what is not zero, and their lengths
    bits: Array  # uint64: the blocks of each row that are not zero; a square for each thread
    figures: Array  # float64: the loss of each row of a batch, its score, the sums of each chunk
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


@njit(**INNER)
def _share(count, thread, threads, group):
    """Return one thread's share of count rows, in whole groups: the first, and the last, exclusive."""
    groups = (count + group - 1) // group
    return groups * thread // threads * group, min(groups * (thread + 1) // threads * group, count)


@njit(**INNER)
def _own_rows(net, size, thread, threads):
    """Return one thread's share of the rows of a batch.

    Forward only, the threads never meet: so each keeps the same rows, and their memory, in a last, smaller batch too.
    """
    first, last = _share(net.batch if net.only_forward else size, thread, threads, TOGETHER)
    return first, min(last, size)


@njit(**INNER)
def _rows_phase(work, thread, threads, s, start, size, parity, keys):
    """Phase B: one thread's rows to the loss and back to every dz; layer 1 too where A was not done by columns."""
    net, layers, floats, ints, terms = work.net[0], work.layers, work.floats, work.ints, work.terms
    total = np.float64(size)
    if net.weighted:
        total = 0.0
        for i in range(start, start + size):
            total += np.float64(work.weights[work.order[i]])
    share = floats.dtype.type(net.grad_scale / total if total > 0 else 0.0)
    out_at = s * net.batch * layers[net.layers].units
    first, last = _own_rows(net, size, thread, threads)
    for i in range(first, last, GROUP_ROWS):
        end = min(i + GROUP_ROWS, last)
        if not net.by_columns:
            if net.skips:
                q0, q1 = _tiles(i, end)
                list_tiles(net, layers, floats, ints, terms, work.bits, work.x, thread, size, q0, q1, parity)
            panels = layers[1].panels
            first_layer(net, layers, floats, ints, terms, work.x, keys, thread, parity, i, end, np.int64(0), panels)
        rows_forward(net, layers, floats, ints, terms, keys, parity, i, end)
        if net.only_forward:
            rows_out(net, layers, floats, work.outputs, out_at, parity, i, end)
        else:
            rows_judged(
                net, layers, floats, work.classes, work.values, work.weights, work.order, work.figures,
                work.outputs, out_at, share, thread, parity, start, i, end,
            )  # fmt: skip
            rows_back(net, layers, floats, ints, terms, keys, parity, i, end)
    return total


@njit(**INNER)
def _prepare(work, thread, threads, start, size, parity, lists, keys):
    """Get a batch ready while others are still at the one before: where its rows begin, or a copy, and its lists."""
    net, layers, floats, ints = work.net[0], work.layers, work.floats, work.ints
    first, last = _own_rows(net, size, thread, threads)
    if net.in_place:
        begin_rows(net, layers[0].units, work.order, ints, thread, start, size, parity)
    elif first < last:
        gather(net, layers, floats, work.x, work.starts, work.columns, work.order, keys, start, first, last, parity)
    if lists and first < last:
        q0, q1 = _tiles(first, last)
        list_tiles(net, layers, floats, ints, work.terms, work.bits, work.x, thread, size, q0, q1, parity)


@njit(**INNER)
def _sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


@njit(**INNER)
def _mean_loss(work, start, size, total):
    """Return the mean loss of a batch: every thread adds up the same numbers in the same order."""
    net, loss = work.net[0], 0.0
    if net.weighted:
        for i in range(size):
            loss += work.figures[i] * np.float64(work.weights[work.order[start + i]])
    else:
        for i in range(size):
            loss += work.figures[i]
    return loss / total if total > 0 else 0.0


@njit(**INNER)
def _parameters_phase(work, thread, threads, s, size, parity):
    """Phase C: gradient and update of one thread's pieces of the parameters."""
    net, layers, floats, ints, terms = work.net[0], work.layers, work.floats, work.ints, work.terms
    x, figures, steps = work.x, work.figures, work.steps
    p0, p1 = _columns(layers, thread, threads)
    for l in range(net.layers, 0, -1):
        chunks = layers[l].chunks
        pieces = layers[l].panels * chunks
        q, end = pieces * thread // threads, pieces * (thread + 1) // threads
        if l == 1 and net.by_columns:
            q, end = p0 * chunks, p1 * chunks
        while q < end:
            p, block = q // chunks, q % chunks
            # where zeros are left out, two panels at once if both are this thread's own
            pair = l == 1 and net.skips and LISTED_PANELS == 2 and net.by_columns and (p - p0) % 2 == 0 and p + 1 < p1
            panels = 2 if pair else 1
            if block == 0:
                for panel in range(p, p + panels):
                    change_biases(net, layers, floats, figures, steps, s, size, l, panel, thread)
            if l == 1 and net.skips:
                change_listed_chunks(
                    net, layers, floats, ints, terms, x, figures, steps, s, parity, p, panels, block, thread
                )
            else:
                change_chunk(net, layers, floats, ints, terms, x, figures, steps, s, size, parity, l, p, block, thread)
            q += chunks + 1 if pair and block == chunks - 1 else 1


@njit(**INNER)
def _columns(layers, thread, threads):
    """Return the panels of layer 1 that belong to a thread."""
    return layers[1].panels * thread // threads, layers[1].panels * (thread + 1) // threads


@kept
def run(thread, threads, work):
    """Take one thread's part in a run of batches; False if it ended early, because of a number that is not finite.

    ``net.by_columns``: A is a phase of its own. ``net.whole``: the update needs the whole gradient first.
    """
    net, layers, floats, ints, terms = work.net[0], work.layers, work.floats, work.ints, work.terms
    flags, records = work.flags, work.records
    p0, p1 = _columns(layers, thread, threads)
    lists_ahead = net.skips and net.in_place and net.by_columns and not net.outer
    length_follows = net.updates and not net.whole and not net.outer  # the gradient's, once the update is done
    met = 0

    for s in range(-1, net.batches):  # -1: there is a first batch to get ready, and nothing else
        start = (net.first_batch + s) * net.batch
        size = min(net.batch, net.n_rows - start) if s >= 0 else 0
        parity, total = (net.first_step + s) & 1, 0.0
        keys = part(work.keys, (net.first_batch + max(s, 0)) * net.layers, net.layers)

        if s >= 0 and net.by_columns:
            if net.skips and not lists_ahead:
                first, last = _share(size, thread, threads, TOGETHER)
                q0, q1 = _tiles(first, last)
                list_tiles(net, layers, floats, ints, terms, work.bits, work.x, thread, size, q0, q1, parity)
                met += threads
                if not meet(flags, met):
                    return False
            if p0 < p1:  # A
                first_layer(net, layers, floats, ints, terms, work.x, keys, thread, parity, np.int64(0), size, p0, p1)
            met += threads
            if not meet(flags, met):
                return False
            if thread == 0 and s > 0 and length_follows:
                sum_up(net, layers, work.figures, records, work.steps, s - 1)
                if not np.isfinite(records[RECORD * (s - 1) + 2]):
                    flags[GIVE_UP] = 1
        if s >= 0:
            total = _rows_phase(work, thread, threads, s, start, size, parity, keys)  # B
        if s + 1 < net.batches:
            next_size = min(net.batch, net.n_rows - start - net.batch)
            next_keys = part(work.keys, (net.first_batch + s + 1) * net.layers, net.layers)
            _prepare(work, thread, threads, start + net.batch, next_size, 1 - parity, lists_ahead, next_keys)
        if net.only_forward:  # each thread needs nothing but its own rows
            continue
        lists_rows = s >= 0 and net.skips and not net.outer
        if lists_rows and net.by_columns:
            _list_blocks(net, terms, work.bits, size, parity, thread, threads)
        met += threads
        if not meet(flags, met):
            return False
        if lists_rows and not net.by_columns:  # only now are the bits of all rows there
            _list_blocks(net, terms, work.bits, size, parity, thread, threads)
            met += threads
            if not meet(flags, met):
                return False
        if s < 0:
            continue

        loss = _mean_loss(work, start, size, total)
        if thread == 0:
            records[RECORD * s] = loss
            if net.score >= 0:
                records[RECORD * s + 3] = _sum(part(work.figures, net.scores_at, size))
        if not np.isfinite(loss):
            return False
        if net.outer:
            squares = change_by_row(net, layers, floats, ints, terms, work.x, work.steps, s, parity)
            records[RECORD * s + 2] = np.sqrt(squares)
            if not np.isfinite(squares):
                return False
            continue

        _parameters_phase(work, thread, threads, s, size, parity)  # C
        if not (net.by_columns and length_follows):
            met += threads
            if not meet(flags, met):
                return False
            if thread == 0:
                sum_up(net, layers, work.figures, records, work.steps, s)
            met += threads
            if not meet(flags, met):
                return False
            if not np.isfinite(records[RECORD * s + 2]):
                return False
        if net.whole:
            for stage in range(2):
                whole_stage(net, layers, floats, work.figures, records, work.steps, s, thread, threads, stage)
                met += threads
                if not meet(flags, met):
                    return False
        if net.max_norm > 0 and net.updates:
            met += threads
            if not meet(flags, met):
                return False
            limit_norms(net, layers, floats, thread, threads)
            met += threads
            if not meet(flags, met):
                return False
    met += threads
    if not meet(flags, met):
        return False
    if thread == 0 and net.by_columns and length_follows and net.batches > 0:
        sum_up(net, layers, work.figures, records, work.steps, net.batches - 1)
    return True
