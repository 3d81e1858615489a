"""Phase C of a step: the gradient of each piece of the parameters, dW = hᵀ dz, and the update right there.

A chunk's gradient is computed into the L1 cache and used at once, so that no gradient is written to memory, unless the
update needs the whole gradient first: its length, to clip it, or that of each array (LARS, LAMB). Then C stores the
gradients, and after a barrier two more stages follow (`global_update`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, noinline, view
from glassnet.engines.fused.codes import DECAY, LARS, N_CONSTANTS, RATE
from glassnet.engines.fused.formulas import direction
from glassnet.engines.fused.kernel import ALL_TERMS, sum_of_magnitudes, sum_of_squares, tile, transpose
from glassnet.engines.fused.layout import ABSOLUTE_W, CHUNK_ROWS, RECORD_SIZE, SQUARES_G, SQUARES_U, SQUARES_W
from glassnet.engines.fused.processor import INNER, PANEL_VECTORS, SPARSE_PANELS, SPARSE_ROWS, TILE_ROWS
from glassnet.engines.fused.records import LeftOperand, Panels, Terms, at_offset

_wide, _narrow = tile(TILE_ROWS, PANEL_VECTORS, across=True), tile(TILE_ROWS, 1, across=True)
_listed, _listed_pair = tile(SPARSE_ROWS, PANEL_VECTORS, across=True), tile(SPARSE_ROWS, 2 * PANEL_VECTORS, across=True)

#: Instead of the number of columns of x, where a tile may read beyond a row: there is padding.
NO_LIMIT = 2**62


class Piece(NamedTuple):
    """Parameters that are updated together."""

    g_at: int  # their gradient
    at: int
    n: int
    is_weight: int
    chunk: int


#: Rows of the batch that are summed before the tile moves on: their h and dz stay in a near cache.
SUMMED_ROWS = 512


@njit(**INNER)
def chunk_rows(layer, before, block):
    """Return the first and the last row, exclusive, of a chunk of W."""
    always_inline()
    first = block * CHUNK_ROWS
    return first, before.units if block == layer.chunks - 1 else first + CHUNK_ROWS


@njit(**INNER)
def _products_across(left, terms, dz, g, limit, f0, f1, wide):
    """g = hᵀ dz for rows f0 … f1-1 of a panel of W; a tile never reads beyond column `limit` of h."""
    size = terms.size
    width = g.step
    for k in range(0, size, SUMMED_ROWS):
        more = 1 if k else 0
        some = Terms(terms.numbers, np.int64(ALL_TERMS), min(SUMMED_ROWS, size - k))
        for f in range(f0, f1, TILE_ROWS):
            # the last tile of x reaches back, so as not to read beyond the row, and sums up beside the others
            beside = f + TILE_ROWS > limit
            first, at = (limit - TILE_ROWS, (f1 - f0) * width) if beside else (f, (f - f0) * width)
            h = LeftOperand(left.numbers, left.table, left.table_at, left.rows, left.first + k, left.column + first)
            if wide:
                _wide(h, some, at_offset(dz, k * dz.step), at_offset(g, at), more)
            else:
                _narrow(h, some, at_offset(dz, k * dz.step), at_offset(g, at), more)
    over = f1 % TILE_ROWS if f1 == limit else 0
    target = view(g.numbers, g.at + (f1 - f0 - over) * width, over * width)
    source = view(g.numbers, g.at + (f1 - f0 + TILE_ROWS - over) * width, over * width)
    for c in range(target.size):
        target[c] = source[c]


@njit(**INNER)
def update_chunk(mem, batch, number, p, block):
    """Compute the gradient of a chunk of panel p of W{number}, and update the chunk by it."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    layer = mem.layers[number]
    before = mem.layers[number - 1]
    f0, f1 = chunk_rows(layer, before, block)
    width = net.width
    g_at = net.scratch_at + batch.thread * net.scratch_size
    wide = layer.units - p * width > width // PANEL_VECTORS
    if not wide:  # the tile leaves the second half of each row as it is
        padding = view(floats, g_at, (f1 - f0 + TILE_ROWS) * width)
        for c in range(padding.size):
            padding[c] = 0
    terms = Terms(mem.terms, np.int64(ALL_TERMS), batch.size)
    dz = Panels(floats, layer.d_at + p * width, layer.step, np.int64(0))
    g = Panels(floats, g_at, width, np.int64(0))
    if number == 1 and net.in_place:
        rows_at = net.rows_at + (2 * batch.thread + batch.parity) * net.capacity
        if net.holds_bytes:
            left = LeftOperand(mem.x_bytes, floats, net.table_at, mem.ints, rows_at, np.int64(0))
            _products_across(left, terms, dz, g, before.units, f0, f1, wide)
        else:
            numbers = LeftOperand(mem.x, floats, net.table_at, mem.ints, rows_at, np.int64(0))
            _products_across(numbers, terms, dz, g, before.units, f0, f1, wide)
    else:
        h_at = before.h_at + (batch.parity * before.parity_stride if number <= 2 else 0)
        gathered = LeftOperand(floats, floats, net.table_at, mem.ints, before.table_at, h_at)
        _products_across(gathered, terms, dz, g, np.int64(NO_LIMIT), f0, f1, wide)
    at = layer.weights_at + (p * before.units + f0) * width
    chunk = layer.chunk_at + p * layer.chunks + block
    piece = Piece(g_at, at, (f1 - f0) * width, np.int64(1), chunk)
    _apply_gradient(net, floats, mem.stats, mem.steps, batch.number, piece)
    if number > 1 and net.updates and not net.whole:
        transpose_panel(net, mem.layers, floats, number, p, f0, f1)


@njit(**INNER)
def update_sparse_chunks(mem, batch, p, panels, block):
    """Do the same for a chunk of W1, and the one beside it if `panels` is 2, the zeros of x left out."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    layer = mem.layers[1]
    before = mem.layers[0]
    f0, f1 = chunk_rows(layer, before, block)
    width = net.width
    K = before.units
    n = (f1 - f0) * net.width
    g_at = net.scratch_at + batch.thread * net.scratch_size
    dz = Panels(floats, layer.d_at + p * width, layer.step, width)
    rows_at = net.rows_at + (2 * batch.thread + batch.parity) * net.capacity
    h_at = before.h_at + batch.parity * before.parity_stride
    for f in range(f0, f1, SPARSE_ROWS):
        first = min(f, K - SPARSE_ROWS)
        count = np.int64(mem.terms[net.counts_at + net.row_lists_at // net.list_step + f // SPARSE_ROWS])
        terms = Terms(mem.terms, net.row_lists_at + f // SPARSE_ROWS * net.row_list_step, count)
        g = Panels(floats, g_at + (first - f0) * width, width, n)
        if net.in_place and net.holds_bytes:
            _sparse_gradient(
                LeftOperand(mem.x_bytes, floats, net.table_at, mem.ints, rows_at, first), terms, dz, g, panels
            )
        elif net.in_place:
            _sparse_gradient(LeftOperand(mem.x, floats, net.table_at, mem.ints, rows_at, first), terms, dz, g, panels)
        else:
            gathered = LeftOperand(floats, floats, net.table_at, mem.ints, before.table_at, h_at + first)
            _sparse_gradient(gathered, terms, dz, g, panels)
    for panel in range(panels):
        at = layer.weights_at + ((p + panel) * K + f0) * width
        chunk = layer.chunk_at + (p + panel) * layer.chunks + block
        piece = Piece(g_at + panel * n, at, n, np.int64(1), chunk)
        _apply_gradient(net, floats, mem.stats, mem.steps, batch.number, piece)


@njit(**INNER)
def _sparse_gradient(left, terms, dz, g, panels):
    """g = hᵀ dz for a block of rows of one panel of W1, or of two."""
    always_inline()
    if SPARSE_PANELS == 2 and panels == 2:
        _listed_pair(left, terms, dz, g, 0)
    else:
        for panel in range(panels):
            _listed(left, terms, at_offset(dz, panel * dz.panel_step), at_offset(g, panel * g.panel_step), 0)


@njit(**INNER)
def update_biases(mem, batch, number, p):
    """Compute the gradient of a panel's biases, Σ dz, and update them by it."""
    always_inline()
    net = mem.net[0]
    floats = mem.floats
    layer = mem.layers[number]
    width = net.width
    g_at = net.scratch_at + batch.thread * net.scratch_size
    g = view(floats, g_at, width)
    for c in range(width):
        g[c] = 0
    for k in range(batch.size):
        d = view(floats, layer.d_at + k * layer.step + p * width, width)
        for c in range(width):
            g[c] += d[c]
    piece = Piece(g_at, layer.biases_at + p * width, width, np.int64(0), layer.bias_chunk_at + p)
    _apply_gradient(net, floats, mem.stats, mem.steps, batch.number, piece)


@njit(**INNER)
def _apply_gradient(net, floats, stats, steps, s, piece):
    """Add the penalties to a piece's gradient, clip it, record its sums, and update the piece or store the gradient."""
    noinline()
    at, n, is_weight = piece.at, piece.n, piece.is_weight
    g, w = view(floats, piece.g_at, n), view(floats, at, n)
    T = floats.dtype.type
    sums = net.sums_at + 4 * piece.chunk
    if is_weight and net.l1 > 0:
        l1 = T(net.l1)
        for c in range(n):
            g[c] += l1 * np.sign(w[c])
        stats[sums + ABSOLUTE_W] = np.float64(sum_of_magnitudes(w))
    if is_weight and net.has_l2:
        l2 = steps[(net.first_batch + s) * N_CONSTANTS + DECAY]
        for c in range(n):
            g[c] += l2 * w[c]
    if net.whole or (is_weight and net.has_l2):
        stats[sums + SQUARES_W] = np.float64(sum_of_squares(w))
    if net.clip_value > 0:
        most = T(net.clip_value)
        for c in range(n):
            g[c] = min(max(g[c], -most), most)
    stats[sums + SQUARES_G] = np.float64(sum_of_squares(g))
    if net.whole or not net.updates:
        stored = view(floats, net.gradients_at + at, n)
        for c in range(n):
            stored[c] = g[c]
    else:
        _compute_direction(net, floats, steps, s, g, at, is_weight)
        _step(net, floats, steps, s, g, at)


@njit(**INNER)
def _compute_direction(net, floats, steps, s, g, at, is_weight):
    """g ← the direction of the step, decoupled decay included."""
    n = g.size
    last = (net.n_slots - 1) * net.slot
    # for a rule with fewer moments, the missing ones are its last one, or the parameters
    m = view(floats, min(net.slot, last) + at, n)
    v = view(floats, min(2 * net.slot, last) + at, n)
    v_most = view(floats, min(3 * net.slot, last) + at, n)
    if net.flush_every and (net.first_step + s + 1) % net.flush_every == 0:
        _flush(m, net.flush_below)
        _flush(v, net.flush_below)
        _flush(v_most, net.flush_below)
    direction(net.rule, view(steps, (net.first_batch + s) * N_CONSTANTS, N_CONSTANTS), g, m, v, v_most)
    if is_weight and net.decay > 0:
        w = view(floats, at, n)
        decay = floats.dtype.type(net.decay)
        for c in range(n):
            g[c] += decay * w[c]


@njit(**INNER)
def _flush(moment, below):
    """Set to 0 what has decayed to nothing (`glassnet.network.optimizers`)."""
    limit = moment.dtype.type(below)
    for c in range(moment.size):
        moment[c] = moment[c] if abs(moment[c]) >= limit else moment[c] * 0


@njit(**INNER)
def _step(net, floats, steps, s, u, at):
    """w ← w - η u, and the running average."""
    n = u.size
    w = view(floats, at, n)
    rate = steps[(net.first_batch + s) * N_CONSTANTS + RATE]
    for c in range(n):
        w[c] -= rate * u[c]
    if net.ema_decay > 0 and not net.max_norm > 0:
        _update_ema(net, floats, at, n)


@njit(**INNER)
def _update_ema(net, floats, at, n):
    """mean ← decay · mean + (1 - decay) · w, for a piece."""
    w, mean = view(floats, at, n), view(floats, net.ema_at + at, n)
    decay, rest = floats.dtype.type(net.ema_decay), floats.dtype.type(1 - net.ema_decay)
    for c in range(n):
        mean[c] = decay * mean[c] + rest * w[c]


@njit(**INNER)
def transpose_panel(net, layers, floats, number, p, f0, f1):
    """Bring rows f0 … f1-1 of a panel of W over to the transposed weights."""
    noinline()
    layer = layers[number]
    before = layers[number - 1]
    width = net.width
    lanes, at = net.width // PANEL_VECTORS, layer.weights_at + p * before.units * width
    for f in range(f0, f1, lanes):
        target = layer.transposed_at + f // width * layer.step * width + f % width
        for j in range(0, min(width, layer.units - p * width), lanes):
            column = p * width + j
            if f + lanes <= f1:
                transpose(floats, at + f * width + j, width, floats, target + column * width, width)
            else:
                for i in range(f, f1):
                    for k in range(lanes):
                        floats[target + (column + k) * width + i - f] = floats[at + i * width + j + k]


@njit(**INNER)
def summarize_batch(net, layers, stats, records, steps, s):
    """Record the gradient's length and the penalties of a batch, from the sums of the chunks in their order."""
    squares, absolute, weights = 0.0, 0.0, 0.0
    n_weights = layers[1].bias_chunk_at
    for chunk in range(layers[net.layers].bias_chunk_at + layers[net.layers].panels):
        sums = net.sums_at + 4 * chunk
        squares += stats[sums + SQUARES_G]
        absolute += stats[sums + ABSOLUTE_W]
        if chunk < n_weights:
            weights += stats[sums + SQUARES_W]
    l2 = np.float64(steps[(net.first_batch + s) * N_CONSTANTS + DECAY])
    records[RECORD_SIZE * s + 1] = net.l1 * absolute + l2 / 2 * weights
    records[RECORD_SIZE * s + 2] = np.sqrt(squares)


@njit(**INNER)
def _over_array(net, layer, stats, is_weight, what):
    """Return the norm of W{l} or b{l}, or of another quantity of it, from the sums over its chunks."""
    first = layer.chunk_at if is_weight else layer.bias_chunk_at
    total = 0.0
    for chunk in range(first, first + layer.panels * (layer.chunks if is_weight else 1)):
        total += stats[net.sums_at + 4 * chunk + what]
    return np.sqrt(total)


@njit(**INNER)
def global_update(mem, records, s, thread, threads, stage):
    """Update all parameters by the whole gradient: stage 0 finds the direction, stage 1 takes the step."""
    always_inline()
    net = mem.net[0]
    layers = mem.layers
    floats = mem.floats
    stats = mem.stats
    T = floats.dtype.type
    width = net.width
    norm = records[RECORD_SIZE * s + 2]
    clipped = net.clip_norm / norm if net.clip_norm > 0 and norm > net.clip_norm else 1.0
    piece = 0
    for number in range(1, net.layers + 1):
        layer, before = layers[number], layers[number - 1]
        for kind in range(2):
            is_weight = np.int64(kind == 0)
            blocks = layer.chunks if is_weight else 1
            scale = clipped if stage == 0 else 1.0
            inside = 0.0
            if stage == 0 and net.rule == LARS:
                inside = net.lars_decay if is_weight else 0.0
                length = _over_array(net, layer, stats, is_weight, np.int64(SQUARES_W))
                grad_scale = _over_array(net, layer, stats, is_weight, np.int64(SQUARES_G)) * clipped
                if length > 0 and grad_scale > 0:
                    trust = net.lars_coefficient * length / (grad_scale + inside * length)
                    scale, inside = clipped * trust, inside * trust
            if stage == 1 and net.trust:
                length = _over_array(net, layer, stats, is_weight, np.int64(SQUARES_W))
                reach = _over_array(net, layer, stats, is_weight, np.int64(SQUARES_U))
                if length > 0 and reach > 0:
                    scale = length / reach
            for place in range(layer.panels * blocks):
                piece += 1
                if piece % threads != thread:
                    continue
                p, block = place // blocks, place % blocks
                f0, f1 = chunk_rows(layer, before, block) if is_weight else (0, 1)
                at = layer.weights_at + (p * before.units + f0) * width if is_weight else layer.biases_at + p * width
                n = (f1 - f0) * width
                g, w = view(floats, net.gradients_at + at, n), view(floats, at, n)
                of_g, of_w = T(scale), T(inside)
                for c in range(n):
                    g[c] = of_g * g[c] + of_w * w[c]
                if stage == 0:
                    _compute_direction(net, floats, mem.steps, s, g, at, is_weight)
                    chunk = (layer.chunk_at if is_weight else layer.bias_chunk_at) + place
                    stats[net.sums_at + 4 * chunk + SQUARES_U] = np.float64(sum_of_squares(g))
                else:
                    _step(net, floats, mem.steps, s, g, at)
                    if is_weight and number > 1:
                        transpose_panel(net, layers, floats, number, p, f0, f1)


@njit(**INNER)
def apply_max_norm(net, layers, floats, thread, threads):
    """Keep the incoming weights of each unit within max_norm, panel by panel; then the running average."""
    width = net.width
    piece = 0
    T = floats.dtype.type
    lengths = view(floats, net.scratch_at + thread * net.scratch_size, width)
    most = floats.dtype.type(net.max_norm)
    for number in range(1, net.layers + 1):
        layer = layers[number]
        K = layers[number - 1].units
        for p in range(layer.panels):
            piece += 1
            if piece % threads != thread:
                continue
            at = layer.weights_at + p * K * width
            for c in range(width):
                lengths[c] = 0
            for f in range(K):
                w = view(floats, at + f * width, width)
                for c in range(width):
                    lengths[c] += w[c] * w[c]
            for c in range(width):
                lengths[c] = min(T(1), most / max(np.sqrt(lengths[c]), most))
            for f in range(K):
                w = view(floats, at + f * width, width)
                for c in range(width):
                    w[c] *= lengths[c]
            if number > 1:
                for block in range(layer.chunks):
                    f0, f1 = chunk_rows(layer, layers[number - 1], block)
                    transpose_panel(net, layers, floats, number, p, f0, f1)
            if net.ema_decay > 0:
                _update_ema(net, floats, at, K * width)
                _update_ema(net, floats, layer.biases_at + p * width, width)
