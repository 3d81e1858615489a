"""Phase B, between forward and backward: the loss of some rows, dz_L, scores and outputs.

The rows are interleaved in blocks of `LOSS_ROWS` for `loss_kernels`.
"""

from __future__ import annotations

from numba import njit

from glassnet.engines.fused.arrays import always_inline, noinline, view
from glassnet.engines.fused.formulas import derive
from glassnet.engines.fused.kernel import transpose
from glassnet.engines.fused.layout import LOSS_ROWS, SCRATCH
from glassnet.engines.fused.loss_kernels import loss_and_grad, score
from glassnet.engines.fused.processor import INNER, PANEL_VECTORS, VECTOR_BYTES


@njit(**INNER)
def rows_loss(args, batch, share, out_at, first, last):
    """Phase B, between: the loss of some rows, its gradient dz_L, their scores, and the outputs if they are asked for.

    ``share`` is the factor of a row of weight 1 in the mean.
    """
    always_inline()
    net = args.net[0]
    floats = args.floats
    stats = args.stats
    layer = args.layers[net.layers]
    n = layer.units
    offset = batch.parity * layer.parity_stride if net.layers == 1 else 0
    lanes = net.width // PANEL_VECTORS
    size = (n + lanes - 1) // lanes * lanes * LOSS_ROWS  # whole vectors: beyond the units there is padding
    o_at = net.scratch_at + batch.thread * net.scratch_size
    d_at = o_at + 2 * size
    o, y, d = view(floats, o_at, size), view(floats, o_at + size, size), view(floats, d_at, size)
    p = view(floats, o_at + 3 * size, size)
    answers = p if net.linked else o
    each = view(floats, o_at + 4 * size, LOSS_ROWS)
    scratch = view(floats, o_at + 4 * size + LOSS_ROWS, SCRATCH)
    settings = view(floats, net.settings_at, max(1, net.n_settings))
    zero = floats.dtype.type(0)
    for c in range(size):
        y[c] = zero
        d[c] = zero
    source = layer.z_at if net.linked else layer.a_at
    for i in range(first, last, LOSS_ROWS):
        count = min(LOSS_ROWS, last - i)
        _interleave_rows(floats, source + offset + i * layer.step, layer.step, o_at, n, count)
        _load_targets(args, batch.start + i, count, n, y)
        loss_and_grad(net.loss, settings, n, o, y, d, p, each, scratch)
        for r in range(count):
            stats[i + r] = each[r]
        if net.score >= 0:
            score(net.score, n, answers, y, each, scratch)
            for r in range(count):
                stats[net.scores_at + i + r] = each[r]
        _scale_gradients(args, batch.start + i, count, n, share, d, scratch)
        _deinterleave_rows(floats, d_at, layer.d_at + i * layer.step, layer.step, n, count)
        if not net.linked:
            for r in range(i, i + count):
                z = view(floats, layer.z_at + offset + r * layer.step, n)
                a = view(floats, layer.a_at + offset + r * layer.step, n)
                derive(layer.kind, view(floats, layer.d_at + r * layer.step, n), z, a)
        if net.stores_outputs:
            for r in range(count):
                for c in range(n):
                    args.outputs[out_at + (i + r) * n + c] = answers[c * LOSS_ROWS + r]
        if net.target_columns == 0:
            for r in range(count):
                y[args.classes[args.order[batch.start + i + r]] * LOSS_ROWS + r] = zero


@njit(**INNER)
def _load_targets(args, start, count, n, y):
    """Put the targets of some rows into y, interleaved; y is 0 where they are classes."""
    always_inline()
    columns = args.net[0].target_columns
    for r in range(count):
        row = args.order[start + r]
        if columns == 0:
            y[args.classes[row] * LOSS_ROWS + r] = 1
        else:
            for c in range(n):
                y[c * LOSS_ROWS + r] = args.values[row * columns + min(c, columns - 1)]


@njit(**INNER)
def _scale_gradients(args, start, count, n, share, d, scratch):
    """Multiply the gradients of some rows, interleaved, by their share in the mean."""
    always_inline()
    if args.net[0].weighted:
        for r in range(count):
            scratch[r] = share * args.weights[args.order[start + r]]
        for c in range(n):
            for r in range(LOSS_ROWS):
                d[c * LOSS_ROWS + r] *= scratch[r]
    else:
        for c in range(n * LOSS_ROWS):
            d[c] *= share


@njit(**INNER)
def _interleave_rows(floats, at, step, block_at, n, count):
    """Interleave the rows of a block: (count, n) to (n, LOSS_ROWS)."""
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
    """Undo the interleaving: (n, LOSS_ROWS) to (count, n)."""
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
