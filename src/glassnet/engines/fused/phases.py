"""Phases A and B of a step: rows forward, to their loss, and back to every dz.

Everything here is done for a piece of the batch, some rows and some panels of a layer, while it is in a near cache.
`loop` says which thread does which piece, `update` does the third phase.

The arrays go by the same names everywhere: ``net`` and ``layers`` (`layout`), ``floats``, ``ints`` (where rows begin),
``terms`` (lists of what is not zero), ``x`` and the truth of all rows, ``parity`` (of the batch: 0 or 1).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import noinline, number, view
from glassnet.engines.fused.formulas import SOFTMAX, activate, derive
from glassnet.engines.fused.kernel import ALL_TERMS, ALL_TERMS_PREFETCH, tile, transpose
from glassnet.engines.fused.layout import GROUP_ROWS
from glassnet.engines.fused.loss_kernels import LOSS_ROWS, SCRATCH, loss_and_grad, score
from glassnet.engines.fused.processor import INNER, PANEL_VECTORS, SPARSE_PANELS, SPARSE_ROWS, TILE_ROWS, VECTOR_BYTES
from glassnet.engines.fused.sparsity import list_features

_wide, _narrow = tile(TILE_ROWS, PANEL_VECTORS), tile(TILE_ROWS, 1)
_row, _row_of_four = tile(1, PANEL_VECTORS), tile(1, 4 * PANEL_VECTORS)
_listed, _listed_pair = tile(SPARSE_ROWS, PANEL_VECTORS), tile(SPARSE_ROWS, 2 * PANEL_VECTORS)


@njit(**INNER)
def random_bits_at(place, key):
    """Return 32 random-looking bits; the same as `glassnet.network.forward.random_bits`."""
    x = np.uint32(np.uint32(np.uint32(place) * np.uint32(0x9E3779B9)) ^ np.uint32(key))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x21F0AAAD))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


@njit(**INNER)
def _dropout(h, a, key, first, layer):
    """h = a ⊙ mask, the mask drawn from its key and the place of each unit in the batch."""
    keep_scale, zero, threshold = a.dtype.type(layer.keep_scale), a.dtype.type(0), np.uint32(layer.threshold)
    for c in range(a.size):
        h[c] = a[c] * (keep_scale if random_bits_at(first + c, key) >= threshold else zero)


@njit(**INNER)
def set_row_starts(net, features, order, ints, thread, start, size, parity):
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
        h = view(floats, layer.h_at + parity * layer.parity_stride + i * layer.step, features)
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
            _dropout(h, h, keys[0], i * features, layer)


@njit(**INNER)
def list_tile_features(net, layers, floats, ints, terms, bits, x, thread, size, first, last, parity):
    """List the features that tiles first … last-1 of a batch of that size need forward."""
    features, rows_at = layers[0].units, net.rows_at + (2 * thread + parity) * net.capacity
    for q in range(first, last):
        i, end = q * SPARSE_ROWS, min(q * SPARSE_ROWS + SPARSE_ROWS, size)
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
            column, table_at = layers[0].h_at + parity * layers[0].parity_stride, layers[0].table_at
            found = list_features(
                floats, ints, table_at + i, table_at + end, column, features,
                terms, q * net.list_step, bits, bits_at, net.block_words,
            )  # fmt: skip
        terms[net.counts_at + q] = found


@njit(**INNER)
def _sparse_products(net, layers, floats, ints, terms, a, rows_at, column, parity, first, last, p0, p1):
    """z1 = x W1 for some rows and panels, the zeros of x left out."""
    layer, width = layers[1], net.width
    panel, z1_at = layers[0].units * width, layer.z_at + parity * layer.parity_stride
    for i in range(first, last, SPARSE_ROWS):
        listed = i // SPARSE_ROWS * net.list_step
        count = terms[net.counts_at + i // SPARSE_ROWS]
        if last - first == 1:
            z_at = z1_at + i * layer.step
            _single_row_product(
                net, floats, ints, terms, a, rows_at + i, column, listed, count,
                layer.weights_at, panel, z_at, p0, p1,
            )  # fmt: skip
            return
        p = p0
        while p < p1:
            z_at = z1_at + i * layer.step + p * width
            W_at = layer.weights_at + p * panel
            if SPARSE_PANELS == 2 and p + 1 < p1:
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
def _single_row_product(net, floats, ints, terms, a, row_at, column, listed, count, B_at, B_panel, C_at, p0, p1):
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
    """C = A B for some rows and panels: z = h W, or da = dz Wᵀ; ``walk`` is `ALL_TERMS` or `ALL_TERMS_PREFETCH`."""
    if last - first == 1:
        _single_row_product(
            net, floats, ints, terms, a, rows_at + first, column, np.int64(ALL_TERMS), K,
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
        rows_at, column = layers[0].table_at, layers[0].h_at + parity * layers[0].parity_stride
    z_at, panel = layer.z_at + parity * layer.parity_stride, K * net.width
    for i in range(first, last, GROUP_ROWS):
        end = min(i + GROUP_ROWS, last)
        if net.skip_zeros and net.in_place:
            _sparse_products(net, layers, floats, ints, terms, x, rows_at, column, parity, i, end, p0, p1)
        elif net.skip_zeros:
            _sparse_products(net, layers, floats, ints, terms, floats, rows_at, column, parity, i, end, p0, p1)
        elif net.in_place:
            _products(
                net, floats, ints, terms, x, rows_at, column, K, layer.units,
                layer.weights_at, panel, z_at, layer.step, i, end, p0, p1, np.int64(ALL_TERMS_PREFETCH),
            )  # fmt: skip
        else:
            _products(
                net, floats, ints, terms, floats, rows_at, column, K, layer.units,
                layer.weights_at, panel, z_at, layer.step, i, end, p0, p1, np.int64(ALL_TERMS_PREFETCH),
            )  # fmt: skip
        if layer.kind != SOFTMAX and net.layers > 1:
            _activate(net, layers, floats, keys, np.int64(1), parity, i, end, p0 * net.width, p1 * net.width)


@njit(**INNER)
def _activate(net, layers, floats, keys, l, parity, first, last, c0, c1):
    """z += b, a = f(z), h = a ⊙ mask, for some rows and columns of a layer.

    The last layer's a is left to the loss that is linked to it, which needs the same exponentials.
    """
    layer = layers[l]
    n, second = c1 - c0, (parity * layer.parity_stride if l == 1 else 0)
    bias = view(floats, layer.biases_at + c0, n)
    left_out, zero = l == net.layers and net.linked and not net.only_forward, floats.dtype.type(0)
    for i in range(first, last):
        z = view(floats, layer.z_at + second + i * layer.step + c0, n)
        a = view(floats, layer.a_at + second + i * layer.step + c0, n)
        if layer.a_at == layer.z_at:
            for c in range(n):
                z[c] = max(z[c] + bias[c], zero)
        else:
            for c in range(n):
                z[c] += bias[c]
            if not left_out:
                activate(layer.kind, z, a)
        if l < net.layers and layer.threshold > 0:
            h = view(floats, layer.h_at + second + i * layer.step + c0, n)
            _dropout(h, a, keys[l], i * layer.units + c0, layer)


@njit(**INNER)
def rows_forward(net, layers, floats, ints, terms, keys, parity, first, last):
    """Phase B, there: some rows of the batch from z1 through all other layers."""
    for l in range(1, net.layers + 1):
        before, layer = layers[l - 1], layers[l]
        if l > 1:
            h_at = before.h_at + (parity * before.parity_stride if l == 2 else 0)
            _products(
                net, floats, ints, terms, floats, before.table_at, h_at, before.units, layer.units, layer.weights_at,
                before.units * net.width, layer.z_at, layer.step, first, last, np.int64(0), layer.panels,
                np.int64(ALL_TERMS),
            )  # fmt: skip
        if l > 1 or net.layers == 1 or layer.kind == SOFTMAX:
            columns = layer.units if layer.kind == SOFTMAX or l == net.layers else layer.step
            _activate(net, layers, floats, keys, l, parity, first, last, np.int64(0), columns)


@njit(**INNER)
def rows_backward(net, layers, floats, ints, terms, keys, parity, first, last):
    """Phase B, back: dz of every layer from dz of the last, for some rows of the batch."""
    for l in range(net.layers, 1, -1):
        layer, before = layers[l], layers[l - 1]
        _products(
            net, floats, ints, terms, floats, layer.table_at, layer.d_at, layer.units, before.units,
            layer.transposed_at, layer.step * net.width, before.d_at, before.step, first, last,
            np.int64(0), before.panels, np.int64(ALL_TERMS),
        )  # fmt: skip
        second, step = parity * before.parity_stride if l == 2 else 0, before.step
        if before.threshold > 0:
            n = before.units if before.kind == SOFTMAX else step
            for i in range(first, last):
                d = view(floats, before.d_at + i * step, n)
                _dropout(d, d, keys[l - 1], i * before.units, before)
        # rows lie side by side, and all activations but one are taken number by number
        rows, n = (last - first, before.units) if before.kind == SOFTMAX else (1, (last - first) * step)
        for i in range(first, first + rows):
            d = view(floats, before.d_at + i * step, n)
            z = view(floats, before.z_at + second + i * step, n)
            a = view(floats, before.a_at + second + i * step, n)
            derive(before.kind, d, z, a)


@njit(**INNER)
def rows_loss(
    net, layers, floats, classes, values, weights, order, stats,
    outputs, out_at, share, thread, parity, start, first, last,
):  # fmt: skip
    """Phase B, between: the loss of some rows, its gradient dz_L, and their scores; the outputs, if they are wanted.

    ``share`` is what a row of weight 1 counts in the mean.
    """
    layer = layers[net.layers]
    n, second = layer.units, (parity * layer.parity_stride if net.layers == 1 else 0)
    lanes = net.width // PANEL_VECTORS
    block = (n + lanes - 1) // lanes * lanes * LOSS_ROWS  # whole vectors: what lies beyond the units is padding
    o_at = net.scratch_at + thread * net.scratch_size
    y_at, d_at, p_at = o_at + block, o_at + 2 * block, o_at + 3 * block
    o, y, d = view(floats, o_at, block), view(floats, y_at, block), view(floats, d_at, block)
    p = view(floats, p_at, block)
    answers = p if net.linked else o
    each, scratch = view(floats, p_at + block, LOSS_ROWS), view(floats, p_at + block + LOSS_ROWS, SCRATCH)
    settings = view(floats, net.settings_at, max(1, net.n_settings))
    zero, one = floats.dtype.type(0), floats.dtype.type(1)
    for c in range(block):
        y[c] = zero
        d[c] = zero
    source = layer.z_at if net.linked else layer.a_at
    for i in range(first, last, LOSS_ROWS):
        count = min(LOSS_ROWS, last - i)
        _interleave_rows(floats, source + second + i * layer.step, layer.step, o_at, n, count)
        for r in range(count):
            row = order[start + i + r]
            if net.target_columns == 0:
                y[classes[row] * LOSS_ROWS + r] = one
            else:
                for c in range(n):
                    y[c * LOSS_ROWS + r] = values[row * net.target_columns + min(c, net.target_columns - 1)]
        loss_and_grad(net.loss, settings, n, o, y, d, p, each, scratch)
        for r in range(count):
            stats[i + r] = each[r]
        if net.score >= 0:
            score(net.score, n, answers, y, each, scratch)
            for r in range(count):
                stats[net.scores_at + i + r] = each[r]
        if net.weighted:
            for r in range(count):
                scratch[r] = share * weights[order[start + i + r]]
            for c in range(n):
                for r in range(LOSS_ROWS):
                    d[c * LOSS_ROWS + r] *= scratch[r]
        else:
            for c in range(n * LOSS_ROWS):
                d[c] *= share
        _deinterleave_rows(floats, d_at, layer.d_at + i * layer.step, layer.step, n, count)
        if not net.linked:
            for r in range(i, i + count):
                z = view(floats, layer.z_at + second + r * layer.step, n)
                a = view(floats, layer.a_at + second + r * layer.step, n)
                derive(layer.kind, view(floats, layer.d_at + r * layer.step, n), z, a)
        if net.stores_outputs:
            for r in range(count):
                for c in range(n):
                    outputs[out_at + (i + r) * n + c] = answers[c * LOSS_ROWS + r]
        if net.target_columns == 0:
            for r in range(count):
                y[classes[order[start + i + r]] * LOSS_ROWS + r] = zero


@njit(**INNER)
def _interleave_rows(floats, at, step, block_at, n, count):
    """Turn some rows to stand side by side."""
    noinline()
    lanes = VECTOR_BYTES // floats.itemsize
    if count == LOSS_ROWS:
        for c in range(0, n, lanes):
            for r in range(0, LOSS_ROWS, lanes):
                transpose(floats, at + r * step + c, step, floats, block_at + c * LOSS_ROWS + r, LOSS_ROWS)
    else:
        for r in range(count):
            for c in range(n):
                floats[block_at + c * LOSS_ROWS + r] = floats[at + r * step + c]


@njit(**INNER)
def _deinterleave_rows(floats, block_at, at, step, n, count):
    """Turn rows that stand side by side to lie below each other again."""
    noinline()
    lanes = VECTOR_BYTES // floats.itemsize
    if count == LOSS_ROWS:
        for c in range(0, n, lanes):
            for r in range(0, LOSS_ROWS, lanes):
                transpose(floats, block_at + c * LOSS_ROWS + r, LOSS_ROWS, floats, at + r * step + c, step)
    else:
        for r in range(count):
            for c in range(n):
                floats[at + r * step + c] = floats[block_at + c * LOSS_ROWS + r]


@njit(**INNER)
def rows_outputs(net, layers, floats, outputs, out_at, parity, first, last):
    """Hand out a_L, or z_L, of some rows."""
    layer = layers[net.layers]
    n, second = layer.units, (parity * layer.parity_stride if net.layers == 1 else 0)
    at = layer.z_at if net.logits else layer.a_at
    for i in range(first, last):
        source, out = view(floats, at + second + i * layer.step, n), view(outputs, out_at + i * n, n)
        for c in range(n):
            out[c] = source[c]
