"""Phases A and B of a step: rows forward, to their loss, and back to every dz.

Each function works on some rows and some panels of a layer, while they are in a near cache. `epoch_loop` divides the
work among the threads, `update` is the third phase; the records that the functions take are in `records`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, number, view
from glassnet.engines.fused.codes import SOFTMAX
from glassnet.engines.fused.formulas import activate, derive
from glassnet.engines.fused.kernel import ALL_TERMS, ALL_TERMS_PREFETCH, tile
from glassnet.engines.fused.layout import GROUP_ROWS
from glassnet.engines.fused.processor import INNER, PANEL_VECTORS, SPARSE_PANELS, SPARSE_ROWS, TILE_ROWS
from glassnet.engines.fused.records import LeftOperand, Panels, RowBlock, Terms, at_offset, at_row, memory
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
    keep_scale = a.dtype.type(layer.keep_scale)
    zero = a.dtype.type(0)
    threshold = np.uint32(layer.threshold)
    for c in range(a.size):
        h[c] = a[c] * (keep_scale if random_bits_at(first + c, key) >= threshold else zero)


@njit(**INNER)
def set_row_starts(args, batch):
    """Store where each row of a batch begins in x, for one thread."""
    always_inline()
    net = args.net[0]
    features = args.layers[0].units
    at = net.rows_at + (2 * batch.thread + batch.parity) * net.capacity
    for i in range(batch.size):
        args.ints[at + i] = args.order[batch.start + i] * features


@njit(**INNER)
def gather(args, batch, first, last):
    """Copy rows first … last-1 of the batch into a0, with the input's dropout."""
    always_inline()
    net = args.net[0]
    layer = args.layers[0]
    floats = args.floats
    features = layer.units
    for i in range(first, last):
        h = view(floats, layer.h_at + batch.parity * layer.parity_stride + i * layer.step, features)
        row = args.order[batch.start + i]
        if net.holds_bytes:
            _gather_row(args, args.x_bytes, row, h)
        else:
            _gather_row(args, args.x, row, h)
        if layer.threshold > 0:
            _dropout(h, h, batch.keys[0], i * features, layer)


@njit(**INNER)
def _gather_row(args, x, row, h):
    """Copy a row of x, numbers or bytes, into h."""
    net = args.net[0]
    floats = args.floats
    features = args.layers[0].units
    one = floats.dtype.type(1)
    if net.sparse:
        for c in range(features):
            h[c] = 0
        for index in range(args.starts[row], args.starts[row + 1]):
            h[args.columns[index]] = number(x, floats, net.table_at, index) * one
    else:
        for c in range(features):
            h[c] = number(x, floats, net.table_at, row * features + c) * one


@njit(**INNER)
def list_tile_features(args, batch, first, last):
    """List the features that tiles first … last-1 of a batch need forward."""
    always_inline()
    net = args.net[0]
    layer = args.layers[0]
    terms = args.terms
    ints = args.ints
    rows_at = net.rows_at + (2 * batch.thread + batch.parity) * net.capacity
    for q in range(first, last):
        i = q * SPARSE_ROWS
        end = min(i + SPARSE_ROWS, batch.size)
        bits_at = batch.parity * net.bits_step + i * net.block_words
        if net.in_place and net.holds_bytes:
            found = list_features(
                args.x_bytes, ints, rows_at + i, rows_at + end, np.int64(0), layer.units,
                terms, q * net.list_step, args.bits, bits_at, net.block_words,
            )  # fmt: skip
        elif net.in_place:
            found = list_features(
                args.x, ints, rows_at + i, rows_at + end, np.int64(0), layer.units,
                terms, q * net.list_step, args.bits, bits_at, net.block_words,
            )  # fmt: skip
        else:
            column = layer.h_at + batch.parity * layer.parity_stride
            found = list_features(
                args.floats, ints, layer.table_at + i, layer.table_at + end, column, layer.units,
                terms, q * net.list_step, args.bits, bits_at, net.block_words,
            )  # fmt: skip
        terms[net.counts_at + q] = found


@njit(**INNER)
def _sparse_products(mem, left, parity, block):
    """z1 = x W1 for some rows and panels, the zeros of x left out."""
    net = mem.net[0]
    layer = mem.layers[1]
    panel_step, z1_at = mem.layers[0].units * net.width, layer.z_at + parity * layer.parity_stride
    right = Panels(mem.floats, layer.weights_at, net.width, panel_step)
    for i in range(block.first, block.last, SPARSE_ROWS):
        tile_number = i // SPARSE_ROWS
        terms = Terms(mem.terms, tile_number * net.list_step, np.int64(mem.terms[net.counts_at + tile_number]))
        rows = at_row(left, i)
        result = Panels(mem.floats, z1_at + i * layer.step, layer.step, net.width)
        if block.last - block.first == 1:
            _single_row_product(rows, terms, right, result, block.p0, block.p1)
            return
        p = block.p0
        while p < block.p1:
            W, z = at_offset(right, p * panel_step), at_offset(result, p * net.width)
            if SPARSE_PANELS == 2 and p + 1 < block.p1:
                _listed_pair(rows, terms, W, z, 0)
                p += 2
            else:
                _listed(rows, terms, W, z, 0)
                p += 1


@njit(**INNER)
def _single_row_product(left, terms, right, result, p0, p1):
    """C = A B where A is a single row: four panels at once keep the processor's multipliers busy."""
    p = p0
    width = right.step
    while p < p1:
        B, C = at_offset(right, p * right.panel_step), at_offset(result, p * width)
        if p + 4 <= p1:
            _row_of_four(left, terms, B, C, 0)
            p += 4
        else:
            _row(left, terms, B, C, 0)
            p += 1


@njit(**INNER)
def _products(left, terms, right, result, units, block):
    """C = A B for a block of rows and panels: z = h W, or da = dz Wᵀ."""
    first = block.first
    last = block.last
    width = right.step
    if last - first == 1:
        everything = Terms(terms.numbers, np.int64(ALL_TERMS), terms.size)
        C = at_offset(result, first * result.step)
        _single_row_product(at_row(left, first), everything, right, C, block.p0, block.p1)
        return
    half = width // PANEL_VECTORS
    for p in range(block.p0, block.p1):
        B, C = at_offset(right, p * right.panel_step), at_offset(result, p * width)
        for i in range(first, last, TILE_ROWS):
            if units - p * width > half:
                _wide(at_row(left, i), terms, B, at_offset(C, i * result.step), 0)
            else:
                _narrow(at_row(left, i), terms, B, at_offset(C, i * result.step), 0)


@njit(**INNER)
def _first_products(mem, left, parity, block):
    """z1 = x W1 for some rows and panels."""
    net = mem.net[0]
    layer = mem.layers[1]
    K = mem.layers[0].units
    if net.skip_zeros:
        _sparse_products(mem, left, parity, block)
    else:
        terms = Terms(mem.terms, np.int64(ALL_TERMS_PREFETCH), K)
        right = Panels(mem.floats, layer.weights_at, net.width, K * net.width)
        result = Panels(mem.floats, layer.z_at + parity * layer.parity_stride, layer.step, net.width)
        _products(left, terms, right, result, layer.units, block)


@njit(**INNER)
def first_layer(args, batch, first, last, p0, p1):
    """Phase A: z1, a1, h1 of some rows and some panels."""
    mem = memory(args)
    parity = batch.parity
    net = mem.net[0]
    layer = mem.layers[1]
    source = mem.layers[0]
    rows_at = net.rows_at + (2 * batch.thread + parity) * net.capacity
    in_x = LeftOperand(mem.x, mem.floats, net.table_at, mem.ints, rows_at, np.int64(0))
    in_bytes = LeftOperand(mem.x_bytes, mem.floats, net.table_at, mem.ints, rows_at, np.int64(0))
    h_at = source.h_at + parity * source.parity_stride
    gathered = LeftOperand(mem.floats, mem.floats, net.table_at, mem.ints, source.table_at, h_at)
    for i in range(first, last, GROUP_ROWS):
        block = RowBlock(i, min(i + GROUP_ROWS, last), p0, p1)
        if net.in_place and net.holds_bytes:
            _first_products(mem, in_bytes, parity, block)
        elif net.in_place:
            _first_products(mem, in_x, parity, block)
        else:
            _first_products(mem, gathered, parity, block)
        if layer.kind != SOFTMAX and net.layers > 1:
            _activate(mem, batch, np.int64(1), RowBlock(i, block.last, p0 * net.width, p1 * net.width))


@njit(**INNER)
def _activate(mem, batch, l, block):
    """z += b, a = f(z), h = a ⊙ mask, for some rows and columns p0 … p1-1 of a layer.

    The last layer's a is left to the loss that is linked to it, which needs the same exponentials.
    """
    net = mem.net[0]
    layer = mem.layers[l]
    floats = mem.floats
    c0 = block.p0
    n = block.p1 - c0
    offset = batch.parity * layer.parity_stride if l == 1 else 0
    bias = view(floats, layer.biases_at + c0, n)
    left_out = l == net.layers and net.linked and not net.only_forward
    zero = floats.dtype.type(0)
    for i in range(block.first, block.last):
        z = view(floats, layer.z_at + offset + i * layer.step + c0, n)
        a = view(floats, layer.a_at + offset + i * layer.step + c0, n)
        if layer.a_at == layer.z_at:
            for c in range(n):
                z[c] = max(z[c] + bias[c], zero)
        else:
            for c in range(n):
                z[c] += bias[c]
            if not left_out:
                activate(layer.kind, z, a)
        if l < net.layers and layer.threshold > 0:
            h = view(floats, layer.h_at + offset + i * layer.step + c0, n)
            _dropout(h, a, batch.keys[l], i * layer.units + c0, layer)


@njit(**INNER)
def rows_forward(mem, batch, first, last):
    """Phase B, forward: some rows of the batch from z1 through all other layers."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    for l in range(1, net.layers + 1):
        before, layer = mem.layers[l - 1], mem.layers[l]
        if l > 1:
            h_at = before.h_at + (batch.parity * before.parity_stride if l == 2 else 0)
            _products(
                LeftOperand(floats, floats, net.table_at, mem.ints, before.table_at, h_at),
                Terms(mem.terms, np.int64(ALL_TERMS), before.units),
                Panels(floats, layer.weights_at, net.width, before.units * net.width),
                Panels(floats, layer.z_at, layer.step, net.width),
                layer.units, RowBlock(first, last, np.int64(0), layer.panels),
            )  # fmt: skip
        if l > 1 or net.layers == 1 or layer.kind == SOFTMAX:
            columns = layer.units if layer.kind == SOFTMAX or l == net.layers else layer.step
            _activate(mem, batch, l, RowBlock(first, last, np.int64(0), columns))


@njit(**INNER)
def rows_backward(mem, batch, first, last):
    """Phase B, backward: dz of every layer from dz of the last, for some rows of the batch."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    for l in range(net.layers, 1, -1):
        layer, before = mem.layers[l], mem.layers[l - 1]
        _products(
            LeftOperand(floats, floats, net.table_at, mem.ints, layer.table_at, layer.d_at),
            Terms(mem.terms, np.int64(ALL_TERMS), layer.units),
            Panels(floats, layer.transposed_at, net.width, layer.step * net.width),
            Panels(floats, before.d_at, before.step, net.width),
            before.units, RowBlock(first, last, np.int64(0), before.panels),
        )  # fmt: skip
        offset = batch.parity * before.parity_stride if l == 2 else 0
        step = before.step
        if before.threshold > 0:
            n = before.units if before.kind == SOFTMAX else step
            for i in range(first, last):
                d = view(floats, before.d_at + i * step, n)
                _dropout(d, d, batch.keys[l - 1], i * before.units, before)
        # rows lie side by side, and all activations but one are taken number by number
        rows, n = (last - first, before.units) if before.kind == SOFTMAX else (1, (last - first) * step)
        for i in range(first, first + rows):
            d = view(floats, before.d_at + i * step, n)
            z = view(floats, before.z_at + offset + i * step, n)
            a = view(floats, before.a_at + offset + i * step, n)
            derive(before.kind, d, z, a)


@njit(**INNER)
def rows_outputs(args, batch, out_at, first, last):
    """Copy a_L, or z_L, of some rows to the outputs."""
    always_inline()
    net = args.net[0]
    layer = args.layers[args.net[0].layers]
    floats = args.floats
    n = layer.units
    offset = batch.parity * layer.parity_stride if net.layers == 1 else 0
    at = layer.z_at if net.logits else layer.a_at
    for i in range(first, last):
        source, out = view(floats, at + offset + i * layer.step, n), view(args.outputs, out_at + i * n, n)
        for c in range(n):
            out[c] = source[c]
