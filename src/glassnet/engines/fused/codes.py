"""The numbers by which compiled code chooses a formula, what has one, and the constants of an optimizer's steps.

The numbers are places in the library's own tables; the formulas are in `formulas` and `loss_kernels`.
"""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Objective, RowMetric, UpdateRule
from glassnet.metrics import per_sample as scores
from glassnet.network import activations, losses, optimizers
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
N_CONSTANTS = 10
RATE, DECAY = range(8, N_CONSTANTS)


def supports(objective: Objective, rule: UpdateRule) -> bool:
    """Check whether everything has a compiled formula and is from the library, not a custom Python function.

    Tables of embeddings have none.
    """
    structure = objective.structure
    loss = objective.loss
    optimizer = rule.optimizer
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
    chosen = optimizer.settings
    steps = len(rates)
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
        beta_1 = chosen["beta_1"]
        beta_2 = chosen["beta_2"]
        numbers[:, :4] = beta_1, 1 - beta_1, beta_2, 1 - beta_2
        if kind != "lion":
            numbers[:, 4] = 1 / np.sqrt(1 - beta_2**t)
            numbers[:, 6] = chosen["epsilon"]
        if kind == "adam":
            numbers[:, 5] = 1 / (1 - beta_1**t)
            numbers[:, 7] = chosen["amsgrad"]
            if chosen["epsilon_hat"]:
                numbers[:, 6] *= numbers[:, 4]
        elif kind == "nadam":
            now, after = (beta_1 * (1 - 0.5 * 0.96 ** (s * chosen["momentum_decay"])) for s in (t, t + 1))
            products = np.multiply.accumulate(np.concatenate([[product], now]))[1:]  # the same wherever it is cut
            numbers[:, 5] = (1 - now) / (1 - products)
            numbers[:, 7] = after / (1 - products * after)
            product = float(products[-1]) if steps else product
    return numbers, product
