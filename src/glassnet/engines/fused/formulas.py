"""The formulas of `glassnet.network`, compiled: activations and optimizers, over a piece of a row at a time.

Each is chosen by a whole number while it runs, so that one compiled loop serves every network. The numbers are places
in the library's own tables, and tests hold every formula here to its original there. Losses and scores are in
`loss_kernels`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from glassnet._utils.arrays import Array
from glassnet.engines.fused.arrays import always_inline, noinline
from glassnet.engines.fused.exponentials import exp_of, expm1_of, logistic_of, tanh_of
from glassnet.engines.fused.processor import INNER
from glassnet.engines.interface import Objective, RowMetric, UpdateRule
from glassnet.metrics import per_sample as scores
from glassnet.network import activations, losses, optimizers
from glassnet.network.activations import GELU_CUBE, LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE
from glassnet.network.optimizers import Optimizer

# The functions that have a compiled formula here, by name; what is new in the library's tables runs on the reference
# engine until it has one.
_ACTIVATIONS = (
    "identity", "sigmoid", "tanh", "hard_sigmoid", "relu", "leaky_relu", "elu", "selu",
    "softplus", "exponential", "gelu", "gelu_tanh", "silu", "mish", "softmax",
)  # fmt: skip
_LOSSES = (
    "half_mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "pinball", "poisson",
    "binary_crossentropy", "categorical_crossentropy", "focal", "hinge",
)  # fmt: skip
_RULES = ("gradient_descent", "momentum", "lars", "adagrad", "rmsprop", "adadelta", "adam", "nadam", "lion")
_SCORES = ("accuracy_per_sample", "subset_accuracy_per_sample", "squared_error_per_sample", "no_metric")

(
    IDENTITY, SIGMOID, TANH, HARD_SIGMOID, RELU, LEAKY_RELU, ELU, SELU,
    SOFTPLUS, EXPONENTIAL, GELU, GELU_TANH, SILU, MISH, SOFTMAX,
) = range(len(_ACTIVATIONS))  # fmt: skip
(
    HALF_MEAN_SQUARED_ERROR, MEAN_ABSOLUTE_ERROR, HUBER, LOG_COSH, PINBALL, POISSON,
    BINARY_CROSSENTROPY, CATEGORICAL_CROSSENTROPY, FOCAL, HINGE,
) = range(len(_LOSSES))  # fmt: skip
GRADIENT_DESCENT, MOMENTUM, LARS, ADAGRAD, RMSPROP, ADADELTA, ADAM, NADAM, LION = range(len(_RULES))
ACCURACY, SUBSET_ACCURACY, SQUARED_ERROR, NO_METRIC = range(len(_SCORES))
#: The score of a metric that has no formula here: it is given the outputs.
NO_SCORE = -1

#: name → number, by which compiled code chooses.
ACTIVATION, LOSS, RULE, SCORE = (
    {name: n for n, name in enumerate(names)} for names in (_ACTIVATIONS, _LOSSES, _RULES, _SCORES)
)
#: How many numbers there are for a step: the rule's (`step_constants`), the learning rate, the λ of λ/2 Σ W².
N_CONSTANTS, RATE, DECAY = 10, 8, 9

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)


def supports(objective: Objective, rule: UpdateRule) -> bool:
    """Check whether everything has a compiled formula and is from the library, not a custom Python function.

    Tables of embeddings have none.
    """
    structure, loss, optimizer = objective.structure, objective.loss, rule.optimizer
    rows = [getattr(losses, loss.name, None), getattr(losses, f"d_{loss.name}", None)]
    return (
        not structure.embeddings
        and all(a.name in ACTIVATION and activations.ACTIVATIONS.get(a.name) == a for a in structure.activations)
        and (loss.name in LOSS and rows == [loss.per_sample, loss.derivative])
        and optimizer.direction.__name__ in RULE
        and getattr(optimizers, optimizer.direction.__name__, None) is optimizer.direction
    )


def score_code(metric: RowMetric, y: Array, n_outputs: int) -> int:
    """Return the number of a metric's formula here, or NO_SCORE for a custom function or an unusual target."""
    name = getattr(metric, "__name__", "")
    if name not in SCORE or getattr(scores, name) is not metric:
        return NO_SCORE
    if y.ndim == 1 and n_outputs > 1:  # classes
        fits = name == "accuracy_per_sample" and y.dtype.kind in "iu"
    else:
        fits = y.ndim == 1 or y.shape[1] == n_outputs
    return SCORE[name] if fits or name == "no_metric" else NO_SCORE


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


def step_constants(optimizer: Optimizer, rates: Array, before: int, product: float) -> tuple[Array, float]:
    """Return what `direction` needs at each of the next steps (steps, NUMBERS), and NAdam's product after them.

    Parameters
    ----------
    optimizer : Optimizer
        The rule.
    rates : array (steps,)
        The learning rate of each of these steps.
    before : int
        How many steps were taken already.
    product : float
        NAdam's product of momenta so far.
    """
    chosen, steps = optimizer.settings, len(rates)
    numbers = np.zeros((steps, N_CONSTANTS))
    numbers[:, RATE] = rates
    t = before + np.arange(1.0, steps + 1)
    kind = optimizer.direction.__name__
    if kind in ("momentum", "lars"):
        numbers[:, :2] = chosen["momentum"], chosen.get("nesterov", False)
    elif kind == "adagrad":
        numbers[:, 0] = chosen["epsilon"]
    elif kind in ("rmsprop", "adadelta"):
        numbers[:, :3] = chosen["rho"], 1 - chosen["rho"], chosen["epsilon"]
    elif kind in ("adam", "nadam", "lion"):
        beta_1, beta_2 = chosen["beta_1"], chosen["beta_2"]
        numbers[:, :4] = beta_1, 1 - beta_1, beta_2, 1 - beta_2
        if kind != "lion":
            numbers[:, 4], numbers[:, 6] = 1 / np.sqrt(1 - beta_2**t), chosen["epsilon"]
        if kind == "adam":
            numbers[:, 5], numbers[:, 7] = 1 / (1 - beta_1**t), chosen["amsgrad"]
            if chosen["epsilon_hat"]:
                numbers[:, 6] *= numbers[:, 4]
        elif kind == "nadam":
            now, after = (beta_1 * (1 - 0.5 * 0.96 ** (s * chosen["momentum_decay"])) for s in (t, t + 1))
            products = np.multiply.accumulate(np.concatenate([[product], now]))[1:]  # the same wherever it is cut
            numbers[:, 5], numbers[:, 7] = (1 - now) / (1 - products), after / (1 - products * after)
            product = float(products[-1]) if steps else product
    return numbers, product
