"""Batches of one row with plain gradient descent: online gradient descent.

dW = hᵀ dz is an outer product, and a row of W whose h is 0 stays as it is. So each row of W1 that the input touches is
read and written once, in the nearest cache, and nothing else is done; the gradient's length follows from |h| and |dz|.
The transposed weights get the same update, bit for bit, instead of being transposed again.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, noinline, number, view
from glassnet.engines.fused.codes import N_CONSTANTS, RATE
from glassnet.engines.fused.kernel import ALL_TERMS
from glassnet.engines.fused.processor import INNER, PANEL_VECTORS, VECTOR_BYTES
from glassnet.engines.fused.records import Terms


@njit(**INNER)
def update_by_row(mem, batch):
    """W ← W - η hᵀ dz and b ← b - η dz for every layer; return the square of the gradient's length."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    squares = 0.0
    rate = mem.steps[(net.first_batch + batch.number) * N_CONSTANTS + RATE]
    for l in range(net.layers, 0, -1):
        layer, before = mem.layers[l], mem.layers[l - 1]
        of_dz = 0.0
        for c in range(layer.units):
            d = np.float64(floats[layer.d_at + c])
            of_dz += d * d
        listed = l == 1 and net.skip_zeros
        count = np.int64(mem.terms[net.counts_at]) if listed else before.units
        terms = Terms(mem.terms, np.int64(0 if listed else ALL_TERMS), count)
        if l == 1 and net.in_place:
            row = mem.ints[net.rows_at + batch.parity * net.capacity]
            if net.holds_bytes:
                of_h = _subtract(layer, floats, mem.x_bytes, row, net.table_at, terms, before.units, rate)
            else:
                of_h = _subtract(layer, floats, mem.x, row, net.table_at, terms, before.units, rate)
        else:
            row = before.h_at + (batch.parity * before.parity_stride if l <= 2 else 0)
            of_h = _subtract(layer, floats, floats, row, net.table_at, terms, before.units, rate)
        squares += of_dz * (of_h + 1)
        if l > 1:
            _subtract_transposed(layer, before, floats, row, rate)
        bias = view(floats, layer.biases_at, layer.step)
        for c in range(layer.step):
            bias[c] -= rate * floats[layer.d_at + c]
    return squares


@njit(**INNER)
def _subtract(layer, floats, h, row, table_at, terms, K, rate):
    """W ← W - η hᵀ dz, for all rows of W or those listed; return |h|²."""
    noinline()
    width = PANEL_VECTORS * VECTOR_BYTES // floats.itemsize  # known to the compiler, unlike net.width
    squares = 0.0
    for p in range(layer.panels):
        d = view(floats, layer.d_at + p * width, width)
        W_at = layer.weights_at + p * K * width
        for turn in range(terms.size):
            f = np.int64(terms.numbers[terms.at + turn]) if terms.at >= 0 else turn
            value = number(h, floats, table_at, row + f)
            if p == 0:
                squares += np.float64(value) * np.float64(value)
            w = view(floats, W_at + f * width, width)
            for c in range(width):
                w[c] -= rate * (value * d[c])
    return squares


@njit(**INNER)
def _subtract_transposed(layer, before, floats, row, rate):
    """Wᵀ ← Wᵀ - η dzᵀ h: the same products, the same bits."""
    noinline()
    width = PANEL_VECTORS * VECTOR_BYTES // floats.itemsize
    for p in range(before.panels):
        h = view(floats, row + p * width, width)
        W_at = layer.transposed_at + p * layer.step * width
        for j in range(layer.units):
            value = floats[layer.d_at + j]
            w = view(floats, W_at + j * width, width)
            for c in range(width):
                w[c] -= rate * (h[c] * value)
