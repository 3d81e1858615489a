"""Where it all began: a program that someone wrote by hand to learn how networks work, working, on the eight steps.

Sigmoid layers in a line, half the mean squared error, back-propagation, and an update after every sample. The functions
have the original's names, and their arguments its order, so that its lines run unchanged::

    loss_list, parameters = train_nn(X_train, Y_train, X_test, Y_test, [784, 128, 64, 10], 30, 500)

Shapes are ours: ``W`` is (units before, units), ``z = a_prev @ W + b``. Labels ``y`` are one-hot rows.

**One sample at a time, or all at once.** The original's comments say: sum the gradients of all samples at the old
weights, then take one step. Its code takes ``parameters.copy()``, which copies the mapping and not the arrays in it, so
that every sample's gradient is applied as soon as it is computed, with alpha / m, and the next sample already sees the
new weights: online gradient descent. That is what it does when run, and the default here; on MNIST it learns, slowly:
about 0.2 of the test digits are right after one epoch and about half after ten. ``full_batch=True`` does what the
comments say, one step an epoch; with an alpha of 500 these are so long that after 2 to 14 of them all outputs are 0,
where the sigmoid is flat: the loss stays at 0.05, and the accuracy at the tenth that guessing gets.

``docs/walkthrough.md`` tells the same story step by step.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import Rows, Weights
from glassnet.errors import InputError
from glassnet.metrics.registry import METRICS
from glassnet.network import activations, backward, forward, optimizers
from glassnet.network.losses import LOSSES
from glassnet.network.structure import Structure
from glassnet.training import Settings
from glassnet.training.dispatch import select_engine

#: What is printed after an epoch: its number, and the share of the test rows that are right.
MESSAGES = {
    "en": "gradient descent {}, performance on the test set: {}",
    "ko": "{}번째 경사 하강, 테스트 셋에서 성능: {}",
}
LOSS = LOSSES["half_mean_squared_error"]
_DESCENT = optimizers.OPTIMIZERS["gradient_descent"]


def weight_initializer(units_before: int, units: int) -> Array:
    """Draw the weights between two layers: (units before, units), each from a standard normal of ``np.random``."""
    return np.random.randn(units_before, units)  # noqa: NPY002  # np.random.seed rules it, as it did the original


def initialize_parameters(neurons_per_layer: Sequence[int]) -> dict[str, Array]:
    """Draw a network's weights, layer after layer; biases start at zero.

    Parameters
    ----------
    neurons_per_layer : sequence of int
        The inputs, then the units of each layer: ``[784, 128, 64, 10]``.

    Returns
    -------
    dict of str to array
        ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), ``W2``, …, float64.
    """
    parameters: dict[str, Array] = {}
    for layer, before, units in _sigmoid_layers(neurons_per_layer).layers():
        parameters[f"W{layer}"] = weight_initializer(before, units)
        parameters[f"b{layer}"] = np.zeros(units)
    return parameters


def sigmoid(x: Any) -> Array:
    """Return 1 / (1 + exp(-x)), of the same shape."""
    return activations.sigmoid(np.asarray(x, float))


def d_sigmoid(x: Any) -> Array:
    """Return the derivative of the sigmoid at x: s (1 - s), s = sigmoid(x)."""
    x = np.asarray(x, float)
    return activations.d_sigmoid(np.ones_like(x), x, sigmoid(x))


def forward_pass(x: Any, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Take a sample, or rows of them, through the network.

    Parameters
    ----------
    x : array (features,) or (samples, features)
        The input.
    parameters : mapping of str to array
        ``W1, b1, …``.

    Returns
    -------
    dict of str to array
        The cache: ``a0`` (x), ``z1``, ``a1``, …, ``zL``, ``aL``.
    """
    structure = _layers_of(parameters)
    x = np.asarray(x, float)
    if x.shape[-1:] != (structure.n_inputs,):
        raise InputError(f"x has shape {x.shape}; W1 takes {structure.n_inputs} features")
    return forward.forward(structure, parameters, x)


def feed_forward(x: Any, parameters: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Return the network's output aL for x, and the cache of `forward_pass`."""
    cache = forward_pass(x, parameters)
    return cache[f"a{len(parameters) // 2}"], cache


def compute_loss(x_val: Any, y_val: Any, parameters: Mapping[str, Array]) -> float:
    """Return the mean over the rows of mean((output - y)²) / 2; x_val (rows, features) or one sample, y_val one-hot."""
    output, y = _judged(x_val, y_val, parameters)
    return LOSS.mean(output, _labels(y, output.shape, "y_val"))


def compute_accuracy(x_val: Any, y_val: Any, parameters: Mapping[str, Array]) -> float:
    """Return the share of rows whose largest output is right; x_val (rows, features) or one sample, y_val one-hot."""
    output, y = _judged(x_val, y_val, parameters)
    y = _one_hot(y, output.shape, "y_val")
    return float(np.mean(np.argmax(output, axis=1) == np.argmax(y, axis=1)))


def back_prop(prediction: Any, y: Any, cache: Mapping[str, Array], parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Carry the error of one sample back through the network.

    Parameters
    ----------
    prediction : array (outputs,)
        The output that `feed_forward` gave.
    y : array (outputs,)
        Its one-hot label.
    cache : mapping of str to array
        What `feed_forward` kept.
    parameters : mapping of str to array
        ``W1, b1, …``.

    Returns
    -------
    dict of str to array
        ``dW1`` like W1, ``db1`` like b1, …: the gradients of mean((prediction - y)²) / 2. Of rows, the mean over them.
    """
    prediction = np.asarray(prediction, float)
    structure = _layers_of(parameters)
    last = structure.n_layers
    da = LOSS.gradient(prediction, _labels(y, prediction.shape, "y"))  # (prediction - y) / outputs
    dz = activations.d_sigmoid(da, cache[f"z{last}"], cache[f"a{last}"])
    gradients = backward.backward(structure, parameters, dict(cache), dz)
    return {f"d{name}": gradients[f"d{name}"] for name in structure.shapes}


def update(parameters: dict[str, Array], gradients: Mapping[str, Array], alpha: float, m: int) -> dict[str, Array]:
    """Take a step of alpha / m down the gradients, in place as the original's ``-=``, and return the parameters."""
    for name, array in parameters.items():
        array -= (alpha / m) * gradients[f"d{name}"]
    return parameters


def train_nn(
    X_train: Any,
    Y_train: Any,
    X_test: Any,
    Y_test: Any,
    neurons_per_layer: Sequence[int],
    epoch: int,
    alpha: float,
    *,
    full_batch: bool = False,
    language: str | None = None,
    engine: str = "reference",
) -> tuple[list[float], dict[str, Array]]:
    """Train the network as the original does, printing the accuracy on the test rows after every epoch.

    Parameters
    ----------
    X_train, X_test : array-like (rows, features)
        Inputs, NumPy or pandas, of about the size of 1.
    Y_train, Y_test : array-like (rows, outputs)
        One-hot labels.
    neurons_per_layer : sequence of int
        The inputs, then the units of each layer, the last as many as there are classes.
    epoch : int
        Passes over the training rows.
    alpha : float
        The step; each sample's gradient counts with alpha / m, m the number of training rows.
    full_batch : bool
        Sum the gradients of all rows at the old weights and take one step an epoch, as the original's comments say.
    language : str, optional
        ``"en"`` or ``"ko"``; the locale's if not given.
    engine : str
        ``"reference"`` goes through the steps below, one by one; ``"fused"`` computes the same, up to rounding, by the
        compiled loop, some seven times as fast.

    Returns
    -------
    loss_list : list of float
        The loss over the training rows after each epoch.
    parameters : dict of str to array
        ``W1, b1, …``.

    Raises
    ------
    InputError
        If the shapes do not fit the layers, or labels are not one-hot, or there is no such engine.
    """
    if engine not in ("reference", "fused"):
        raise InputError(f"engine is {engine!r}; it must be 'reference' or 'fused'")
    message = _message(language)
    structure = _sigmoid_layers(neurons_per_layer)
    X_train, X_test = _rows(X_train, "X_train"), _rows(X_test, "X_test")
    for name, rows in (("X_train", X_train), ("X_test", X_test)):
        if rows.shape[1] != structure.n_inputs:
            raise InputError(f"{name} has {rows.shape[1]} columns; neurons_per_layer begins with {structure.n_inputs}")
    Y_train = _one_hot(Y_train, (len(X_train), structure.n_outputs), "Y_train")
    Y_test = _one_hot(Y_test, (len(X_test), structure.n_outputs), "Y_test")

    vector = structure.flatten(initialize_parameters(neurons_per_layer))
    parameters = structure.views(vector)
    descend = _descend_at_once if full_batch else _descend_sample_by_sample
    if engine == "fused":
        descend = _descend_compiled(len(X_train) if full_batch else 1)
    loss_list = []
    for number in range(1, epoch + 1):
        descend(structure, vector, X_train, Y_train, alpha)
        loss_list.append(compute_loss(X_train, Y_train, parameters))
        print(message.format(number, f"{compute_accuracy(X_test, Y_test, parameters):.2f}"), flush=True)
    return loss_list, parameters


def _descend_sample_by_sample(structure: Structure, vector: Array, X: Array, Y: Array, alpha: float) -> None:
    """Go over the rows once: forward, backward, update, for one sample after another."""
    parameters, gradient = structure.views(vector), np.empty_like(vector)
    # room for the numbers of one sample, by their names, so that nothing is allocated for the next
    room = structure.views(gradient, "d")
    for layer, _, units in structure.layers():
        room |= {f"{name}{layer}": np.empty(units) for name in ("z", "a", "dz", "da")}
    state = _DESCENT.init(vector)
    for x, y in zip(X, Y, strict=True):
        cache = forward.forward(structure, parameters, x, out=room)
        dz = backward.output_gradient(LOSS, structure, cache, y)
        backward.backward(structure, parameters, cache, dz, out=room)
        optimizers.update(_DESCENT, structure, vector, gradient, state, alpha / len(X))


def _descend_at_once(structure: Structure, vector: Array, X: Array, Y: Array, alpha: float) -> None:
    """Take one step along the mean of all samples' gradients: m of them, each with alpha / m."""
    parameters, gradient = structure.views(vector), np.empty_like(vector)
    cache = forward.forward(structure, parameters, X)
    dz = backward.output_gradient(LOSS, structure, cache, Y)
    backward.backward(structure, parameters, cache, dz, out=structure.views(gradient, "d"))
    vector -= alpha * gradient


def _descend_compiled(batch_size: int) -> Callable[..., None]:
    """Return what does the same as one of the two functions above, by the fused engine."""
    settings = Settings(loss=LOSS, optimizer="gradient_descent", batch_size=batch_size, dtype="float64", engine="fused")
    update = settings.update_rule()

    def descend(structure: Structure, vector: Array, X: Array, Y: Array, alpha: float) -> None:
        engine = select_engine(settings, settings.objective(structure), update, len(X))
        weights, batches = Weights(vector, _DESCENT.init(vector), None), -(-len(X) // batch_size)
        rates, rng = np.full(batches, alpha * batch_size / len(X)), np.random.default_rng(0)  # nothing is drawn
        engine.train_epoch(weights, Rows(X, Y), None, rates, rng, METRICS["accuracy"].per_sample, None, None)

    return descend


def _sigmoid_layers(neurons_per_layer: Sequence[int]) -> Structure:
    return Structure(neurons_per_layer, ["sigmoid"] * (len(neurons_per_layer) - 1))


def _layers_of(parameters: Mapping[str, Array]) -> Structure:
    """Read the layers off the parameters' shapes, which must fit one another."""
    layers = range(1, len(parameters) // 2 + 1)
    missing = [name for layer in layers for name in (f"W{layer}", f"b{layer}") if name not in parameters]
    if missing or not parameters:
        raise InputError(f"parameters lack {missing[0] if missing else 'W1'}; they are W1, b1, W2, b2, …")
    sizes = [parameters["W1"].shape[0], *(parameters[f"W{layer}"].shape[-1] for layer in layers)]
    structure = _sigmoid_layers(sizes)
    for name, shape in structure.shapes.items():
        if parameters[name].shape != shape:
            raise InputError(f"{name} has shape {parameters[name].shape}; layers of {sizes} units need {shape}")
    return structure


def _judged(x_val: Any, y_val: Any, parameters: Mapping[str, Array]) -> tuple[Array, Any]:
    """Return the outputs for rows and their labels; one sample (features,) with its label is seen as one row."""
    if np.ndim(x_val) == 1:
        x_val, y_val = np.asarray(x_val)[np.newaxis], np.asarray(y_val)[np.newaxis]
    return feed_forward(_rows(x_val, "x_val"), parameters)[0], y_val


def _rows(x: Any, name: str) -> Array:
    """Return rows as a float64 array, whatever held them."""
    rows = np.asarray(x, float)
    if rows.ndim != 2 or not len(rows):
        raise InputError(f"{name} has shape {rows.shape}; it must be (rows, features), with one row or more")
    return rows


def _labels(y: Any, shape: tuple[int, ...], name: str) -> Array:
    """Return labels as a float64 array of the shape of the output."""
    labels = np.asarray(y, float)
    if labels.shape != shape:
        raise InputError(f"{name} has shape {labels.shape}; one-hot labels have {shape}, a 1 in the class's column")
    return labels


def _one_hot(y: Any, shape: tuple[int, ...], name: str) -> Array:
    """Return the labels of rows, each with a 1 in one column and 0 elsewhere."""
    labels = _labels(y, shape, name)
    wrong = np.flatnonzero((labels.max(axis=1) != 1) | (np.abs(labels).sum(axis=1) != 1))
    if len(wrong):
        raise InputError(f"{name} row {wrong[0] + 1} is {labels[wrong[0]]}; make it one-hot: a single 1, else 0")
    return labels


def _message(language: str | None) -> str:
    if language is None:
        set_to = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
        language = "ko" if (set_to or locale.getlocale()[0] or "").lower().startswith("ko") else "en"
    if language not in MESSAGES:
        raise InputError(f"language is {language!r}; it must be one of {', '.join(MESSAGES)}")
    return MESSAGES[language]


__all__ = ["back_prop", "compute_accuracy", "compute_loss", "d_sigmoid", "feed_forward", "forward_pass"]
__all__ += ["initialize_parameters", "sigmoid", "train_nn", "update", "weight_initializer"]
