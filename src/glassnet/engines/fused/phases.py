"""Phases A and B of a step: rows forward, to their loss, and back to every dz.

Everything here is done for a piece of the batch, some rows and some panels of a layer, while it is in a near cache.
`loop` says which thread does which piece, `changes` makes the third phase.

The arrays go by the same names everywhere: ``net`` and ``layers`` (`layout`), ``floats``, ``ints`` (where rows begin),
``terms`` (lists of what is not zero), ``x`` and the truth of all rows, ``parity`` (of the batch: 0 or 1).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import apart, number, part
from glassnet.engines.fused.formulas import SOFTMAX, activate, derive
from glassnet.engines.fused.kernel import ALL, ALL_AND_FETCH, tile, transpose
from glassnet.engines.fused.layout import GROUP_ROWS
from glassnet.engines.fused.loss_kernels import ROOM, SIDE, judge, score
from glassnet.engines.fused.processor import INNER, LISTED_PANELS, LISTED_ROWS, PANEL_VECTORS, TILE_ROWS, VECTOR_BYTES
from glassnet.engines.fused.sparsity import list_features

_wide, _narrow = tile(TILE_ROWS, PANEL_VECTORS), tile(TILE_ROWS, 1)
_row, _row_of_four = tile(1, PANEL_VECTORS), tile(1, 4 * PANEL_VECTORS)
_listed, _listed_pair = tile(LISTED_ROWS, PANEL_VECTORS), tile(LISTED_ROWS, 2 * PANEL_VECTORS)


@njit(**INNER)
def scrambled(place, key):
    """Return 32 random-looking bits; the same as `glassnet.network.forward.random_bits`."""
    x = np.uint32(np.uint32(np.uint32(place) * np.uint32(0x9E3779B9)) ^ np.uint32(key))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x21F0AAAD))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


@njit(**INNER)
def _drop(h, a, key, first, layer):
    """h = a ⊙ mask, the mask drawn from its key and the place of each unit in the batch."""
    kept, zero, threshold = a.dtype.type(layer.kept), a.dtype.type(0), np.uint32(layer.threshold)
    for c in range(a.size):
        h[c] = a[c] * (kept if scrambled(first + c, key) >= threshold else zero)


@njit(**INNER)
def begin_rows(net, features, order, ints, thread, start, size, parity):
    """Note where each row of a batch begins in x, for one thread."""
    at = net.rows_at + (2 * thread + parity) * net.capacity
    for i in range(size):
        ints[at + i] = order[start + i] * features


@njit(**INNER)
def gather(net, layers, floats, x, starts, columns, order, keys, start, first, last, parity):
    """Copy rows first … last-1 of the batch that begins at `start`, with the input's dropout."""
    features, layer = layers[0].units, layers[0]
    one = floats.dtype.type(1)
    for i in range(first, last):
        h = part(floats, layer.h_at + parity * layer.odd + i * layer.step, features)
        row = order[start + i]
        if net.sparse:
            for c in range(features):
                h[c] = 0
            for place in range(starts[row], starts[row + 1]):
                h[columns[place]] = number(x, floats, net.table_at, place) * one
        else:
            for c in range(features):
                h[c] = number(x, floats, net.table_at, row * features + c) * one
        if layer.threshold > 0:
            _drop(h, h, keys[0], i * features, layer)


@njit(**INNER)
def list_tiles(net, layers, floats, ints, terms, bits, x, thread, size, first, last, parity):
    """List the features that tiles first … last-1 of a batch of that size need forward."""
    features, rows_at = layers[0].units, net.rows_at + (2 * thread + parity) * net.capacity
    for q in range(first, last):
        i, end = q * LISTED_ROWS, min(q * LISTED_ROWS + LISTED_ROWS, size)
        bits_at = parity * net.bits_step + i * net.block_words
        if net.in_place:
            found = list_features(
                x,
                ints,
                rows_at + i,
                rows_at + end,
                np.int64(0),
                features,
                terms,
                q * net.list_step,
                bits,
                bits_at,
                net.block_words,
            )
        else:
            column, table_at = layers[0].h_at + parity * layers[0].odd, layers[0].table_at
            found = list_features(
                floats, ints, table_at + i, table_at + end, column, features,
                terms, q * net.list_step, bits, bits_at, net.block_words,
            )  # fmt: skip
        terms[net.counts_at + q] = found


@njit(**INNER)
def _listed_products(net, layers, floats, ints, terms, a, rows_at, column, parity, first, last, p0, p1):
    """z1 = x W1 for some rows and panels, the zeros of x left out."""
    layer, width = layers[1], net.width
    panel, z1_at = layers[0].units * width, layer.z_at + parity * layer.odd
    for i in range(first, last, LISTED_ROWS):
        listed = i // LISTED_ROWS * net.list_step
        count = terms[net.counts_at + i // LISTED_ROWS]
        if last - first == 1:
            z_at = z1_at + i * layer.step
            _one_row(
                net, floats, ints, terms, a, rows_at + i, column, listed, count,
                layer.weights_at, panel, z_at, p0, p1,
            )  # fmt: skip
            return
        p = p0
        while p < p1:
            z_at = z1_at + i * layer.step + p * width
            W_at = layer.weights_at + p * panel
            if LISTED_PANELS == 2 and p + 1 < p1:
                _listed_pair(
                    a, floats, net.table_at, ints, rows_at + i, column, terms, listed, count,
                    floats, W_at, width, panel, floats, z_at, layer.step, width, 0,
                )  # fmt: skip
                p += 2
            else:
                _listed(
                    a, floats, net.table_at, ints, rows_at + i, column, terms, listed, count,
                    floats, W_at, width, 0, floats, z_at, layer.step, 0, 0,
                )  # fmt: skip
                p += 1


@njit(**INNER)
def _one_row(net, floats, ints, terms, a, row_at, column, listed, count, B_at, B_panel, C_at, p0, p1):
    """C = A B where A is a single row: four panels at once keep the processor's multipliers busy."""
    p, width = p0, net.width
    while p < p1:
        B, C = B_at + p * B_panel, C_at + p * width
        if p + 4 <= p1:
            _row_of_four(
                a, floats, net.table_at, ints, row_at, column, terms, listed, count,
                floats, B, width, B_panel, floats, C, 0, width, 0,
            )  # fmt: skip
            p += 4
        else:
            _row(
                a, floats, net.table_at, ints, row_at, column, terms, listed, count,
                floats, B, width, 0, floats, C, 0, 0, 0,
            )  # fmt: skip
            p += 1


@njit(**INNER)
def _products(
    net, floats, ints, terms, a, rows_at, column, K, units, B_at, B_panel, C_at, C_step, first, last, p0, p1, walk
):  # fmt: skip
    """C = A B for some rows and panels: z = h W, or da = dz Wᵀ; ``walk`` is `ALL` or `ALL_AND_FETCH`."""
    if last - first == 1:
        _one_row(
            net, floats, ints, terms, a, rows_at + first, column, np.int64(ALL), K,
            B_at, B_panel, C_at + first * C_step, p0, p1,
        )  # fmt: skip
        return
    width, half = net.width, net.width // PANEL_VECTORS
    for p in range(p0, p1):
        B, C = B_at + p * B_panel, C_at + p * width
        for i in range(first, last, TILE_ROWS):
            if units - p * width > half:
                _wide(
                    a, floats, net.table_at, ints, rows_at + i, column, terms, walk, K,
                    floats, B, width, 0, floats, C + i * C_step, C_step, 0, 0,
                )  # fmt: skip
            else:
                _narrow(
                    a, floats, net.table_at, ints, rows_at + i, column, terms, walk, K,
                    floats, B, width, 0, floats, C + i * C_step, C_step, 0, 0,
                )  # fmt: skip


@njit(**INNER)
def first_layer(net, layers, floats, ints, terms, x, keys, thread, parity, first, last, p0, p1):
    """Phase A: z1, a1, h1 of some rows and some panels."""
    layer, K = layers[1], layers[0].units
    rows_at, column = net.rows_at + (2 * thread + parity) * net.capacity, np.int64(0)
    if not net.in_place:
        rows_at, column = layers[0].table_at, layers[0].h_at + parity * layers[0].odd
    z_at, panel = layer.z_at + parity * layer.odd, K * net.width
    for i in range(first, last, GROUP_ROWS):
        end = min(i + GROUP_ROWS, last)
        if net.skips and net.in_place:
            _listed_products(net, layers, floats, ints, terms, x, rows_at, column, parity, i, end, p0, p1)
        elif net.skips:
            _listed_products(net, layers, floats, ints, terms, floats, rows_at, column, parity, i, end, p0, p1)
        elif net.in_place:
            _products(
                net, floats, ints, terms, x, rows_at, column, K, layer.units,
                layer.weights_at, panel, z_at, layer.step, i, end, p0, p1, np.int64(ALL_AND_FETCH),
            )  # fmt: skip
        else:
            _products(
                net, floats, ints, terms, floats, rows_at, column, K, layer.units,
                layer.weights_at, panel, z_at, layer.step, i, end, p0, p1, np.int64(ALL_AND_FETCH),
            )  # fmt: skip
        if layer.kind != SOFTMAX and net.layers > 1:
            _activate(net, layers, floats, keys, np.int64(1), parity, i, end, p0 * net.width, p1 * net.width)


@njit(**INNER)
def _activate(net, layers, floats, keys, l, parity, first, last, c0, c1):
    """z += b, a = f(z), h = a ⊙ mask, for some rows and columns of a layer.

    The last layer's a is left to the loss that is linked to it, which needs the same exponentials.
    """
    layer = layers[l]
    n, second = c1 - c0, (parity * layer.odd if l == 1 else 0)
    bias = part(floats, layer.biases_at + c0, n)
    left_out, zero = l == net.layers and net.linked and not net.only_forward, floats.dtype.type(0)
    for i in range(first, last):
        z = part(floats, layer.z_at + second + i * layer.step + c0, n)
        a = part(floats, layer.a_at + second + i * layer.step + c0, n)
        if layer.a_at == layer.z_at:
            for c in range(n):
                z[c] = max(z[c] + bias[c], zero)
        else:
            for c in range(n):
                z[c] += bias[c]
            if not left_out:
                activate(layer.kind, z, a)
        if l < net.layers and layer.threshold > 0:
            h = part(floats, layer.h_at + second + i * layer.step + c0, n)
            _drop(h, a, keys[l], i * layer.units + c0, layer)


@njit(**INNER)
def rows_forward(net, layers, floats, ints, terms, keys, parity, first, last):
    """Phase B, there: some rows of the batch from z1 through all other layers."""
    for l in range(1, net.layers + 1):
        before, layer = layers[l - 1], layers[l]
        if l > 1:
            h_at = before.h_at + (parity * before.odd if l == 2 else 0)
            _products(
                net, floats, ints, terms, floats, before.table_at, h_at, before.units, layer.units, layer.weights_at,
                before.units * net.width, layer.z_at, layer.step, first, last, np.int64(0), layer.panels, np.int64(ALL),
            )  # fmt: skip
        if l > 1 or net.layers == 1 or layer.kind == SOFTMAX:
            columns = layer.units if layer.kind == SOFTMAX or l == net.layers else layer.step
            _activate(net, layers, floats, keys, l, parity, first, last, np.int64(0), columns)


@njit(**INNER)
def rows_back(net, layers, floats, ints, terms, keys, parity, first, last):
    """Phase B, back: dz of every layer from dz of the last, for some rows of the batch."""
    for l in range(net.layers, 1, -1):
        layer, before = layers[l], layers[l - 1]
        _products(
            net, floats, ints, terms, floats, layer.table_at, layer.d_at, layer.units, before.units,
            layer.turned_at, layer.step * net.width, before.d_at, before.step, first, last, np.int64(0), before.panels,
            np.int64(ALL),
        )  # fmt: skip
        second, step = parity * before.odd if l == 2 else 0, before.step
        if before.threshold > 0:
            n = before.units if before.kind == SOFTMAX else step
            for i in range(first, last):
                d = part(floats, before.d_at + i * step, n)
                _drop(d, d, keys[l - 1], i * before.units, before)
        # rows lie side by side, and all activations but one are taken number by number
        rows, n = (last - first, before.units) if before.kind == SOFTMAX else (1, (last - first) * step)
        for i in range(first, first + rows):
            d = part(floats, before.d_at + i * step, n)
            z = part(floats, before.z_at + second + i * step, n)
            a = part(floats, before.a_at + second + i * step, n)
            derive(before.kind, d, z, a)


@njit(**INNER)
def rows_judged(
    net, layers, floats, classes, values, weights, order, figures,
    outputs, out_at, share, thread, parity, start, first, last,
):  # fmt: skip
    """Phase B, between: the loss of some rows, its gradient dz_L, and their scores; the outputs, if they are wanted.

    ``share`` is what a row of weight 1 counts in the mean.
    """
    layer = layers[net.layers]
    n, second = layer.units, (parity * layer.odd if net.layers == 1 else 0)
    lanes = net.width // PANEL_VECTORS
    block = (n + lanes - 1) // lanes * lanes * SIDE  # whole vectors: what lies beyond the units is padding
    o_at = net.scratch_at + thread * net.scratch_size
    y_at, d_at, p_at = o_at + block, o_at + 2 * block, o_at + 3 * block
    o, y, d = part(floats, o_at, block), part(floats, y_at, block), part(floats, d_at, block)
    p = part(floats, p_at, block)
    answers = p if net.linked else o
    each, room = part(floats, p_at + block, SIDE), part(floats, p_at + block + SIDE, ROOM)
    settings = part(floats, net.settings_at, max(1, net.n_settings))
    zero, one = floats.dtype.type(0), floats.dtype.type(1)
    for c in range(block):
        y[c] = zero
        d[c] = zero
    source = layer.z_at if net.linked else layer.a_at
    for i in range(first, last, SIDE):
        count = min(SIDE, last - i)
        _beside(floats, source + second + i * layer.step, layer.step, o_at, n, count)
        for r in range(count):
            row = order[start + i + r]
            if net.truth_columns == 0:
                y[classes[row] * SIDE + r] = one
            else:
                for c in range(n):
                    y[c * SIDE + r] = values[row * net.truth_columns + min(c, net.truth_columns - 1)]
        judge(net.loss, settings, n, o, y, d, p, each, room)
        for r in range(count):
            figures[i + r] = each[r]
        if net.score >= 0:
            score(net.score, n, answers, y, each, room)
            for r in range(count):
                figures[net.scores_at + i + r] = each[r]
        if net.weighted:
            for r in range(count):
                room[r] = share * weights[order[start + i + r]]
            for c in range(n):
                for r in range(SIDE):
                    d[c * SIDE + r] *= room[r]
        else:
            for c in range(n * SIDE):
                d[c] *= share
        _below(floats, d_at, layer.d_at + i * layer.step, layer.step, n, count)
        if not net.linked:
            for r in range(i, i + count):
                z = part(floats, layer.z_at + second + r * layer.step, n)
                a = part(floats, layer.a_at + second + r * layer.step, n)
                derive(layer.kind, part(floats, layer.d_at + r * layer.step, n), z, a)
        if net.hands_out:
            for r in range(count):
                for c in range(n):
                    outputs[out_at + (i + r) * n + c] = answers[c * SIDE + r]
        if net.truth_columns == 0:
            for r in range(count):
                y[classes[order[start + i + r]] * SIDE + r] = zero


@njit(**INNER)
def _beside(floats, at, step, block_at, n, count):
    """Turn some rows to stand side by side."""
    apart()
    lanes = VECTOR_BYTES // floats.itemsize
    if count == SIDE:
        for c in range(0, n, lanes):
            for r in range(0, SIDE, lanes):
                transpose(floats, at + r * step + c, step, floats, block_at + c * SIDE + r, SIDE)
    else:
        for r in range(count):
            for c in range(n):
                floats[block_at + c * SIDE + r] = floats[at + r * step + c]


@njit(**INNER)
def _below(floats, block_at, at, step, n, count):
    """Turn rows that stand side by side to lie below each other again."""
    apart()
    lanes = VECTOR_BYTES // floats.itemsize
    if count == SIDE:
        for c in range(0, n, lanes):
            for r in range(0, SIDE, lanes):
                transpose(floats, block_at + c * SIDE + r, SIDE, floats, at + r * step + c, step)
    else:
        for r in range(count):
            for c in range(n):
                floats[at + r * step + c] = floats[block_at + c * SIDE + r]


@njit(**INNER)
def rows_out(net, layers, floats, outputs, out_at, parity, first, last):
    """Hand out a_L, or z_L, of some rows."""
    layer = layers[net.layers]
    n, second = layer.units, (parity * layer.odd if net.layers == 1 else 0)
    at = layer.z_at if net.logits else layer.a_at
    for i in range(first, last):
        source, out = part(floats, at + second + i * layer.step, n), part(outputs, out_at + i * n, n)
        for c in range(n):
            out[c] = source[c]
