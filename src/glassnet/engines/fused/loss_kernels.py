"""Losses and scores, compiled, for 16 interleaved rows.

An output layer is often narrow, ten classes or a single value, and would leave most of a vector empty. So rows are
interleaved, number c of row r at ``c · LOSS_ROWS + r``: a vector then holds one number of many rows, and a
row's sum still goes from its first number to its last. Values of
missing rows are never read.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, noinline, view
from glassnet.engines.fused.codes import (
    ACCURACY,
    BINARY_CROSSENTROPY,
    CATEGORICAL_CROSSENTROPY,
    FOCAL,
    HALF_MEAN_SQUARED_ERROR,
    HINGE,
    HUBER,
    LOG_COSH,
    MEAN_ABSOLUTE_ERROR,
    PINBALL,
    POISSON,
    SQUARED_ERROR,
    SUBSET_ACCURACY,
)
from glassnet.engines.fused.exponentials import exp_of, logistic_of, tanh_of
from glassnet.engines.fused.layout import LOSS_ROWS
from glassnet.engines.fused.processor import INNER


@njit(**INNER)
def loss_and_grad(kind, settings, n, o, y, d, p, each, scratch):
    """Put the loss of each row of n outputs o into `each`, and its gradient with respect to o into d.

    A loss with a link also puts the activations of its logits o into p.
    """
    noinline()
    for r in range(LOSS_ROWS):
        each[r] = 0
    if kind == CATEGORICAL_CROSSENTROPY:
        _categorical_crossentropy(settings, n, o, y, d, p, each, scratch)
    elif kind == FOCAL:
        _focal(settings, n, o, y, d, p, each, scratch)
    elif kind == HALF_MEAN_SQUARED_ERROR:
        _half_mean_squared_error(n, o, y, d, each)
    elif kind == MEAN_ABSOLUTE_ERROR:
        _mean_absolute_error(n, o, y, d, each)
    elif kind == HUBER:
        _huber(settings, n, o, y, d, each)
    elif kind == LOG_COSH:
        _log_cosh(n, o, y, d, each)
    elif kind == PINBALL:
        _pinball(settings, n, o, y, d, each)
    elif kind == POISSON:
        _poisson(n, o, y, d, p, each)
    elif kind == BINARY_CROSSENTROPY:
        _binary_crossentropy(settings, n, o, y, d, p, each)
    elif kind == HINGE:
        _hinge(n, o, y, d, each)


@njit(**INNER)
def _categorical_crossentropy(settings, n, o, y, d, p, each, scratch):
    always_inline()
    T = o.dtype.type
    one = T(1)
    _soft_max(n, o, p, scratch)
    total = view(scratch, LOSS_ROWS, LOSS_ROWS)
    log_total = view(scratch, 2 * LOSS_ROWS, LOSS_ROWS)
    keep, spread = one - settings[0], settings[0] / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            i = c * LOSS_ROWS + r
            truth = y[i] * keep + spread
            each[r] -= truth * (o[i] - log_total[r])
            p[i] /= total[r]
            d[i] = p[i] - truth
    for r in range(LOSS_ROWS):
        each[r] = settings[1] if each[r] > settings[1] else each[r]


@njit(**INNER)
def _focal(settings, n, o, y, d, p, each, scratch):
    always_inline()
    T = o.dtype.type
    zero = T(0)
    one = T(1)
    _soft_max(n, o, p, scratch)
    total = view(scratch, LOSS_ROWS, LOSS_ROWS)
    log_total = view(scratch, 2 * LOSS_ROWS, LOSS_ROWS)
    gamma, whole = settings[0], view(scratch, 3 * LOSS_ROWS, LOSS_ROWS)
    least = T(np.finfo(o.dtype).tiny)
    for r in range(LOSS_ROWS):
        whole[r] = zero
    for c in range(n):
        for r in range(LOSS_ROWS):
            i = c * LOSS_ROWS + r
            log_p = o[i] - log_total[r]
            missing = max(-np.expm1(log_p), least)
            power = missing**gamma
            each[r] -= y[i] * power * log_p
            p[i] /= total[r]
            d[i] = y[i] * (gamma * p[i] * missing ** (gamma - one) * log_p - power)
            whole[r] += d[i]
    for c in range(n):
        for r in range(LOSS_ROWS):
            i = c * LOSS_ROWS + r
            d[i] -= exp_of(o[i] - log_total[r]) * whole[r]


@njit(**INNER)
def _half_mean_squared_error(n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    half = T(0.5)
    one = T(1)
    share = one / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            e = o[c * LOSS_ROWS + r] - y[c * LOSS_ROWS + r]
            each[r] += half * share * e * e
            d[c * LOSS_ROWS + r] = e * share


@njit(**INNER)
def _mean_absolute_error(n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    one = T(1)
    share = one / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            e = o[c * LOSS_ROWS + r] - y[c * LOSS_ROWS + r]
            each[r] += share * abs(e)
            d[c * LOSS_ROWS + r] = share * np.sign(e)


@njit(**INNER)
def _huber(settings, n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    half = T(0.5)
    one = T(1)
    share = one / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            e = o[c * LOSS_ROWS + r] - y[c * LOSS_ROWS + r]
            low = min(abs(e), settings[0])
            each[r] += share * low * (abs(e) - half * low)
            d[c * LOSS_ROWS + r] = share * min(max(e, -settings[0]), settings[0])


@njit(**INNER)
def _log_cosh(n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    one = T(1)
    share = one / T(n)
    two, log_2 = T(2), T(math.log(2.0))
    for c in range(n):
        for r in range(LOSS_ROWS):
            e = o[c * LOSS_ROWS + r] - y[c * LOSS_ROWS + r]
            each[r] += share * (abs(e) + np.log1p(exp_of(-two * abs(e))) - log_2)
            d[c * LOSS_ROWS + r] = share * tanh_of(e)


@njit(**INNER)
def _pinball(settings, n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    zero = T(0)
    one = T(1)
    share = one / T(n)
    for c in range(n):
        q = settings[min(c, settings.size - 1)]
        for r in range(LOSS_ROWS):
            e = y[c * LOSS_ROWS + r] - o[c * LOSS_ROWS + r]
            each[r] += share * max(q * e, (q - one) * e)
            slope = share * (one - q) if e < zero else -share * q
            d[c * LOSS_ROWS + r] = zero if e == zero else slope


@njit(**INNER)
def _poisson(n, o, y, d, p, each):
    always_inline()
    T = o.dtype.type
    one = T(1)
    share = one / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            i = c * LOSS_ROWS + r
            rate = np.exp(o[i])  # may be infinite, and is then noticed
            each[r] += share * (rate - y[i] * o[i])
            p[i] = exp_of(o[i])
            d[i] = share * (rate - y[i])


@njit(**INNER)
def _binary_crossentropy(settings, n, o, y, d, p, each):
    always_inline()
    T = o.dtype.type
    zero = T(0)
    half = T(0.5)
    one = T(1)
    keep, spread = one - settings[0], settings[0] * half
    for c in range(n):
        for r in range(LOSS_ROWS):
            i = c * LOSS_ROWS + r
            truth = y[i] * keep + spread
            loss = max(o[i], zero) - truth * o[i] + np.log1p(exp_of(-abs(o[i])))
            each[r] += settings[1] if loss > settings[1] else loss
            p[i] = logistic_of(o[i])
            d[i] = p[i] - truth


@njit(**INNER)
def _hinge(n, o, y, d, each):
    always_inline()
    T = o.dtype.type
    zero = T(0)
    one = T(1)
    share = one / T(n)
    for c in range(n):
        for r in range(LOSS_ROWS):
            t = y[c * LOSS_ROWS + r] + y[c * LOSS_ROWS + r] - one
            each[r] += share * max(zero, one - t * o[c * LOSS_ROWS + r])
            d[c * LOSS_ROWS + r] = -t * share if t * o[c * LOSS_ROWS + r] < one else zero


@njit(**INNER)
def _soft_max(n, o, p, scratch):
    """p = exp(o - most); leave the largest o of each row in the room, then the sum of p, and log Σ exp(o)."""
    most, total, log_total = (
        view(scratch, 0, LOSS_ROWS),
        view(scratch, LOSS_ROWS, LOSS_ROWS),
        view(scratch, 2 * LOSS_ROWS, LOSS_ROWS),
    )
    for r in range(LOSS_ROWS):
        most[r] = o[r]
        total[r] = 0
    for c in range(1, n):
        for r in range(LOSS_ROWS):
            most[r] = max(most[r], o[c * LOSS_ROWS + r])
    for c in range(n):
        for r in range(LOSS_ROWS):
            p[c * LOSS_ROWS + r] = exp_of(o[c * LOSS_ROWS + r] - most[r])
            total[r] += p[c * LOSS_ROWS + r]
    for r in range(LOSS_ROWS):
        log_total[r] = np.log(total[r]) + most[r]


@njit(**INNER)
def score(kind, n, a, y, each, scratch):
    """Put the score of each row of n outputs a into `each` (`glassnet.metrics.per_sample`)."""
    noinline()
    T = a.dtype.type
    zero, half, one = T(0), T(0.5), T(1)
    if kind == ACCURACY and n == 1:
        for r in range(LOSS_ROWS):
            each[r] = one if (a[r] >= half) == (y[r] >= half) else zero
    elif kind == ACCURACY:
        answer, truth = view(scratch, 0, LOSS_ROWS), view(scratch, LOSS_ROWS, LOSS_ROWS)
        _largest(n, a, answer, view(scratch, 2 * LOSS_ROWS, LOSS_ROWS))
        _largest(n, y, truth, view(scratch, 2 * LOSS_ROWS, LOSS_ROWS))
        for r in range(LOSS_ROWS):
            each[r] = one if answer[r] == truth[r] else zero
    elif kind == SUBSET_ACCURACY:
        for r in range(LOSS_ROWS):
            each[r] = one
        for c in range(n):
            for r in range(LOSS_ROWS):
                each[r] = each[r] if (a[c * LOSS_ROWS + r] >= half) == (y[c * LOSS_ROWS + r] >= half) else zero
    elif kind == SQUARED_ERROR:
        for r in range(LOSS_ROWS):
            each[r] = zero
        for c in range(n):
            for r in range(LOSS_ROWS):
                e = a[c * LOSS_ROWS + r] - y[c * LOSS_ROWS + r]
                each[r] += e * e
    else:  # no metric
        for r in range(LOSS_ROWS):
            each[r] = np.nan


@njit(**INNER)
def _largest(n, a, place, most):
    """Find the place of each row's largest number, of equal ones the first."""
    T = a.dtype.type
    for r in range(LOSS_ROWS):
        place[r], most[r] = 0, a[r]
    for c in range(1, n):
        for r in range(LOSS_ROWS):
            value, before, at = a[c * LOSS_ROWS + r], most[r], place[r]  # read before: so there is nothing to jump over
            most[r] = max(before, value)
            place[r] = T(c) if value > before else at
