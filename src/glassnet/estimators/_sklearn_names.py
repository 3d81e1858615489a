"""Translate scikit-learn's names of activations, losses, solvers and schedules to the library's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.estimators._sklearn_losses import with_sklearn_values
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.losses import CLASSIFICATION, LOSSES, REGRESSION, Loss
from glassnet.network.optimizers import OPTIMIZERS, Optimizer
from glassnet.network.schedules import SCHEDULES
from glassnet.network.structure import Structure

#: scikit-learn's names that differ from the library's.
ACTIVATION = {"logistic": "sigmoid", "exp": "exponential"}
LOSS = {"absolute_error": "mean_absolute_error"}
SCHEDULE = {"invscaling": "constant", "adaptive": "constant"}
#: Solvers whose learning rate follows scikit-learn's own three rules.
SGD = "sgd"


def find_activation(chosen: Any) -> Activation:
    """Return an activation by scikit-learn's or the library's name, or made from a pair of functions.

    Raises
    ------
    InputError
        If the name is unknown, or it is not a pair of functions.
    """
    if isinstance(chosen, Activation):
        return chosen
    if isinstance(chosen, str):
        return lookup(ACTIVATIONS, ACTIVATION.get(chosen, chosen), "activation")
    if isinstance(chosen, tuple) and len(chosen) == 2 and all(map(callable, chosen)):
        return custom_activation(*chosen)
    raise InputError(
        f"activation is {chosen!r}; give a name, a list with one for each hidden layer, or a pair of functions "
        "(f(z) -> a, derivative(z) -> da/dz)"
    )


def custom_activation(function: Callable[[Array], Array], derivative: Callable[[Array], Array]) -> Activation:
    """Return a custom activation of two functions of z, each (samples, units) → (samples, units)."""
    name = getattr(function, "__name__", "custom")
    return Activation(name, partial(_activate, function), partial(_derive, derivative))


def _activate(function: Callable[[Array], Array], z: Array, out: Array | None = None) -> Array:
    return np.positive(function(z), out=out)


def _derive(derivative: Callable[[Array], Array], da: Array, z: Array, a: Array, out: Array | None = None) -> Array:
    return np.multiply(da, derivative(z), out=out)


def _value(function: Callable[[Array, Array], Array], o: Array, y: Array) -> Array:
    return function(y, o)


def sklearn_name(activation: Activation) -> str:
    """Return scikit-learn's name of an activation, or glassnet's if it has none."""
    sklearn_names = {name: sklearn for sklearn, name in ACTIVATION.items()}
    return sklearn_names.get(activation.name, activation.name)


def build_structure(
    columns: int,
    hidden: Sequence[int],
    activation: Any,
    output: Activation,
    outputs: int,
    embeddings: tuple[tuple[int, int], ...] = (),
) -> Structure:
    """Return the layers: one activation for all hidden layers, or a list with one for each.

    If there are embeddings, the last of the ``columns`` are their codes.
    """
    many = isinstance(activation, list) or (
        isinstance(activation, tuple) and all(isinstance(a, str) for a in activation)
    )
    chosen = list(activation) if many else [activation] * len(hidden)
    if len(chosen) != len(hidden):
        raise InputError(
            f"activation has {len(chosen)} entries for {len(hidden)} hidden layers; give one name, or one for each"
        )
    inputs = columns + sum(size - 1 for _, size in embeddings)
    return Structure((inputs, *hidden, outputs), [*map(find_activation, chosen), output], embeddings)


def find_loss(chosen: Any, settings: Mapping[str, Any], *, classes: bool, binary: bool, outputs: int) -> Loss:
    """Return a loss by scikit-learn's or the library's name, or a custom one.

    Parameters
    ----------
    chosen : str, Loss, or tuple (value, gradient)
        ``value(y, output) -> (samples,)`` and ``gradient(y, output) -> (samples, outputs)``.
    settings : mapping
        Hyperparameters of the loss.
    classes, binary : bool
        Whether it is for classification; whether each output is a binary classification.
    outputs : int
        Number of outputs.
    """
    if isinstance(chosen, tuple):
        if len(chosen) != 2 or not all(map(callable, chosen)):
            sizes = all(isinstance(size, int) for size in chosen)  # a regressor's first parameter is its loss
            hint = f"; for layers write hidden_layer_sizes={chosen!r}" if sizes else ""
            raise InputError(
                f"loss is {chosen!r}; a custom loss is a pair of functions (value, gradient) of (y, output){hint}"
            )
        value, gradient = chosen
        return Loss(getattr(value, "__name__", "custom"), partial(_value, value), partial(_value, gradient))
    if isinstance(chosen, Loss):
        return chosen
    if chosen == "log_loss":
        return LOSSES["binary_crossentropy" if binary else "categorical_crossentropy"].with_settings(**settings)
    if chosen == "squared_error":  # scikit-learn reports the mean over the outputs and descends along their sum
        return replace(LOSSES["half_mean_squared_error"], grad_scale=float(outputs)).with_settings(**settings)
    if chosen == "poisson" and outputs > 1:
        return with_sklearn_values(LOSSES["poisson"])
    loss = lookup(LOSSES, LOSS.get(chosen, chosen), "loss")
    if not classes and loss.name in CLASSIFICATION:
        raise InputError(f"loss {chosen!r} is for classes; a regressor takes {', '.join(_of_values())}")
    if classes and loss.name in REGRESSION:
        raise InputError(f"loss {chosen!r} is for values; a classifier takes log_loss, {', '.join(CLASSIFICATION)}")
    if classes and binary and loss.link == "softmax":
        raise InputError(
            f"loss {chosen!r} needs a single class for each row, and here each output is a binary classification; "
            "use 'binary_crossentropy' or 'hinge'"
        )
    return loss.with_settings(**settings)


def _of_values() -> list[str]:
    return ["squared_error", *(name for name in LOSSES if name not in CLASSIFICATION)]


def find_optimizer(solver: str, params: Mapping[str, Any], momentum: float, nesterov: bool, **adam: float) -> Optimizer:
    """Return the optimizer of a solver: sgd and adam with scikit-learn's parameters, others by name.

    Raises
    ------
    InputError
        If the solver or a parameter is unknown.
    """
    if solver == SGD:
        chosen = OPTIMIZERS["nesterov" if nesterov else "momentum"].with_settings(momentum=momentum)
        return chosen.with_settings(**params) if momentum > 0 or params else OPTIMIZERS["gradient_descent"]
    rule = lookup(OPTIMIZERS, solver, "solver")
    if solver == "adam":
        rule = rule.with_settings(**adam, epsilon_hat=True)
    return rule.with_settings(**params)


def find_schedule(learning_rate: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the library's schedule and its settings; scikit-learn's own three are kept by `Convergence`."""
    name = SCHEDULE.get(learning_rate, learning_rate)
    lookup(SCHEDULES, name, "learning_rate")
    return name, dict(params)
