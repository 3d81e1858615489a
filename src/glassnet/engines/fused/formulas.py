"""The formulas of `glassnet.network`, compiled: activations and optimizers, over a piece of a row at a time.

Each is chosen by a whole number while it runs (`codes`), so that one compiled loop serves every network. Tests hold
every formula here to its original. Losses and scores are in `loss_kernels`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from glassnet.engines.fused.arrays import always_inline, noinline
from glassnet.engines.fused.codes import (
    ADADELTA,
    ADAGRAD,
    ADAM,
    ELU,
    EXPONENTIAL,
    GELU,
    GELU_TANH,
    HARD_SIGMOID,
    IDENTITY,
    LARS,
    LEAKY_RELU,
    LION,
    MISH,
    MOMENTUM,
    NADAM,
    RELU,
    RMSPROP,
    SELU,
    SIGMOID,
    SILU,
    SOFTMAX,
    SOFTPLUS,
    TANH,
)
from glassnet.engines.fused.exponentials import exp_of, expm1_of, logistic_of, tanh_of
from glassnet.engines.fused.processor import INNER
from glassnet.network.activations import GELU_CUBE, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)


@njit(**INNER)
def _normal_distribution(z):
    return z * 0 + 0.5 * math.erfc(-z / math.sqrt(2.0))


@njit(**INNER)
def _softmax(z, a):
    always_inline()
    n = z.size
    most = z[0]
    for c in range(1, n):
        most = max(most, z[c])
    total = z.dtype.type(0)
    for c in range(n):
        a[c] = exp_of(z[c] - most)
        total += a[c]
    for c in range(n):
        a[c] /= total


@njit(**INNER)
def activate(kind, z, a):
    """a = f(z), over a piece of a row; the whole row for softmax."""
    noinline()
    T = z.dtype.type
    n = z.size
    zero, half, one = T(0), T(0.5), T(1)
    if kind == RELU:
        for c in range(n):
            a[c] = max(z[c], zero)
    elif kind == IDENTITY:
        for c in range(n):
            a[c] = z[c]
    elif kind == SIGMOID:
        for c in range(n):
            a[c] = logistic_of(z[c])
    elif kind == TANH:
        for c in range(n):
            a[c] = tanh_of(z[c])
    elif kind == SOFTMAX:
        _softmax(z, a)
    elif kind == HARD_SIGMOID:
        sixth = T(1 / 6)
        for c in range(n):
            a[c] = min(max(z[c] * sixth + half, zero), one)
    elif kind == LEAKY_RELU:
        slope = T(LEAKY_SLOPE)
        for c in range(n):
            a[c] = max(z[c], slope * z[c])
    elif kind == ELU:
        for c in range(n):
            a[c] = z[c] if z[c] > 0 else expm1_of(z[c])
    elif kind == SELU:
        alpha, scale = T(SELU_ALPHA), T(SELU_SCALE)
        for c in range(n):
            a[c] = scale * (z[c] if z[c] > 0 else alpha * expm1_of(z[c]))
    elif kind == SOFTPLUS:
        for c in range(n):
            a[c] = max(z[c], zero) + np.log1p(exp_of(-abs(z[c])))
    elif kind == EXPONENTIAL:
        most = T(math.log(np.finfo(z.dtype).max) - 1e-3)
        for c in range(n):
            a[c] = exp_of(min(z[c], most))
    elif kind == GELU:
        for c in range(n):
            a[c] = z[c] * T(_normal_distribution(z[c]))
    elif kind == GELU_TANH:
        root, cube = T(_ROOT_2_OVER_PI), T(GELU_CUBE)
        for c in range(n):
            a[c] = half * z[c] * (one + tanh_of(root * z[c] * (one + cube * z[c] * z[c])))
    elif kind == SILU:
        for c in range(n):
            a[c] = z[c] * logistic_of(z[c])
    elif kind == MISH:
        for c in range(n):
            a[c] = z[c] * tanh_of(max(z[c], zero) + np.log1p(exp_of(-abs(z[c]))))


@njit(**INNER)
def derive(kind, d, z, a):
    """da → dz in place, over a piece of a row; the whole row for softmax."""
    noinline()
    T = z.dtype.type
    n = z.size
    zero, half, one = T(0), T(0.5), T(1)
    if kind == RELU:
        for c in range(n):
            d[c] = d[c] if z[c] > zero else zero
    elif kind == SIGMOID:
        for c in range(n):
            d[c] *= a[c] * (one - a[c])
    elif kind == TANH:
        for c in range(n):
            d[c] *= one - a[c] * a[c]
    elif kind == SOFTMAX:
        total = zero
        for c in range(n):
            total += d[c] * a[c]
        for c in range(n):
            d[c] = a[c] * (d[c] - total)
    elif kind == HARD_SIGMOID:
        sixth = T(1 / 6)
        for c in range(n):
            d[c] = d[c] * sixth if -3 < z[c] < 3 else zero
    elif kind == LEAKY_RELU:
        slope = T(LEAKY_SLOPE)
        for c in range(n):
            d[c] = d[c] if z[c] > zero else slope * d[c]
    elif kind == ELU:
        for c in range(n):
            d[c] = d[c] if z[c] > zero else d[c] * (a[c] + one)
    elif kind == SELU:
        scale, low = T(SELU_SCALE), T(SELU_SCALE * SELU_ALPHA)
        for c in range(n):
            d[c] *= scale if z[c] > zero else a[c] + low
    elif kind == SOFTPLUS:
        for c in range(n):
            d[c] *= logistic_of(z[c])
    elif kind == EXPONENTIAL:
        for c in range(n):
            d[c] *= a[c]
    elif kind == GELU:
        for c in range(n):
            density = exp_of(-half * z[c] * z[c]) * T(1 / math.sqrt(2 * math.pi))
            d[c] *= T(_normal_distribution(z[c])) + z[c] * density
    elif kind == GELU_TANH:
        root, cube, three = T(_ROOT_2_OVER_PI), T(GELU_CUBE), T(3)
        for c in range(n):
            square = z[c] * z[c]
            t = tanh_of(root * z[c] * (one + cube * square))
            d[c] *= half * (one + t + z[c] * (one - t * t) * root * (one + three * cube * square))
    elif kind == SILU:
        for c in range(n):
            s = logistic_of(z[c])
            d[c] *= s + a[c] * (one - s)
    elif kind == MISH:
        for c in range(n):
            t = tanh_of(max(z[c], zero) + np.log1p(exp_of(-abs(z[c]))))
            d[c] *= t + z[c] * (one - t * t) * logistic_of(z[c])


@njit(**INNER)
def direction(kind, k, g, m, v, v_most):
    """g ← u, the direction of a step, over a piece of the parameters; k holds the rule's numbers at this step.

    The moments are those of `Optimizer.moments`, in its order; a rule leaves those alone that it does not have.
    """
    noinline()
    n = g.size
    if kind in (MOMENTUM, LARS):
        nesterov = kind == MOMENTUM and k[1] > 0
        for c in range(n):
            m[c] = k[0] * m[c] + g[c]
        if nesterov:
            for c in range(n):
                g[c] += k[0] * m[c]
        else:
            for c in range(n):
                g[c] = m[c]
    elif kind == ADAGRAD:
        for c in range(n):
            m[c] += g[c] * g[c]
            g[c] /= np.sqrt(m[c]) + k[0]
    elif kind == RMSPROP:
        for c in range(n):
            m[c] = k[0] * m[c] + k[1] * (g[c] * g[c])
            g[c] /= np.sqrt(m[c]) + k[2]
    elif kind == ADADELTA:
        for c in range(n):
            m[c] = k[0] * m[c] + k[1] * (g[c] * g[c])
            u = np.sqrt((v[c] + k[2]) / (m[c] + k[2])) * g[c]
            v[c] = k[0] * v[c] + k[1] * (u * u)
            g[c] = u
    elif kind == ADAM and k[7] > 0:
        for c in range(n):
            m[c] = k[0] * m[c] + k[1] * g[c]
            v[c] = k[2] * v[c] + k[3] * (g[c] * g[c])
            v_most[c] = max(v_most[c], v[c])
            g[c] = k[5] * m[c] / (np.sqrt(v_most[c]) * k[4] + k[6])
    elif kind == ADAM:
        for c in range(n):
            m[c] = k[0] * m[c] + k[1] * g[c]
            v[c] = k[2] * v[c] + k[3] * (g[c] * g[c])
            g[c] = k[5] * m[c] / (np.sqrt(v[c]) * k[4] + k[6])
    elif kind == NADAM:
        for c in range(n):
            m[c] = k[0] * m[c] + k[1] * g[c]
            v[c] = k[2] * v[c] + k[3] * (g[c] * g[c])
            g[c] = (k[5] * g[c] + k[7] * m[c]) / (np.sqrt(v[c]) * k[4] + k[6])
    elif kind == LION:
        for c in range(n):
            u = k[0] * m[c] + k[1] * g[c]
            m[c] = k[2] * m[c] + k[3] * g[c]
            g[c] = np.sign(u)
