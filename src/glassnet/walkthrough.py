"""The hand-written program that this project began from, built on the package's eight steps.

Sigmoid layers, half the mean squared error, backpropagation, and an update after every sample. The functions have the
original's names and take their arguments in its order, so its calls run unchanged after
``from glassnet.walkthrough import *``::

    param = weight_initializer([784, 128, 64, 32, 16, 10])
    cache_forward = forward_pass(x_train.iloc[0], param)
    loss_list, parameters = train_nn(X_train, Y_train, X_test, Y_test, [784, 128, 64, 10], 30, 500)

Shapes: ``W`` is (units before, units), ``z = a_prev @ W + b``. Labels ``y`` are one-hot rows. Inputs may be lists,
NumPy arrays or pandas frames and rows, of whole numbers or fractions.

**Online or full batch.** The original's comments say: sum the gradients of all samples at the old weights, then take
one step. Its code takes ``parameters.copy()``, which copies the mapping and not the arrays in it. So every sample's
gradient is applied as soon as it is computed, with alpha / m, and the next sample uses the updated weights: online
gradient descent. This is what the program does when run, and it is the default here. On MNIST the test accuracy is
about 0.2 after one epoch and about 0.7 after thirty. ``full_batch=True`` does what the comments say, one step per
epoch. With an alpha of 500 these steps are so long that after 2 to 14 of them all outputs are 0, where the sigmoid is
flat: the loss stays at 0.05, and the accuracy at 0.1, that of guessing.

``docs/walkthrough.md`` explains the program step by step; ``glassnet walkthrough`` runs it.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from glassnet._utils.arrays import Array
from glassnet._utils.blas_threads import SINGLE_THREADED_BLAS
from glassnet.engines.interface import Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.errors import InputError
from glassnet.metrics.registry import METRICS
from glassnet.network import activations, backward, forward, optimizers
from glassnet.network.losses import LOSSES
from glassnet.network.structure import Structure
from glassnet.training import Settings
from glassnet.training.dispatch import select_engine

#: The line printed after an epoch: its number, and the accuracy on the test rows.
MESSAGES = {
    "en": "gradient descent {}, performance on the test set: {}",
    "ko": "{}번째 경사 하강, 테스트 셋에서 성능: {}",
}
#: A function of structure, parameter vector, inputs, labels and alpha that trains for one epoch in place.
TrainEpoch: TypeAlias = Callable[[Structure, Array, Array, Array, float], None]
LOSS = LOSSES["half_mean_squared_error"]
_OPTIMIZER = optimizers.OPTIMIZERS["gradient_descent"]


def weight_initializer(neurons_per_layer: Sequence[int]) -> dict[str, Array]:
    """Draw a network's weights and biases from the standard normal distribution of ``np.random.randn``.

    They are drawn layer by layer, ``W`` before ``b``; ``np.random.seed`` makes them reproducible.

    Parameters
    ----------
    neurons_per_layer : sequence of int
        The number of inputs, then the units of each layer: ``[784, 128, 64, 10]``.

    Returns
    -------
    dict of str to array
        ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), ``W2``, …, float64.

    Raises
    ------
    InputError
        If there are fewer than two sizes, or a size is not a whole number above 0.
    """
    parameters: dict[str, Array] = {}
    for name, shape in _sigmoid_structure(neurons_per_layer).shapes.items():
        parameters[name] = np.random.randn(*shape)  # noqa: NPY002  # as the original: np.random.seed applies
    return parameters


#: The same function under the original's other name.
initialize_parameters = weight_initializer


def sigmoid(x: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-x)), of the same shape."""
    return activations.sigmoid(np.asarray(x, float))


def d_sigmoid(x: ArrayLike) -> Array:
    """Return the derivative of the sigmoid at x: s (1 - s) with s = sigmoid(x), of the same shape."""
    x = np.asarray(x, float)
    return activations.d_sigmoid(np.ones_like(x), x, sigmoid(x))


def forward_pass(x: ArrayLike, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Run the forward pass for one sample or a batch.

    Parameters
    ----------
    x : array-like (features,) or (samples, features)
        The input: a row of a pandas frame, a list or an array, of whole numbers or fractions.
    parameters : mapping of str to array
        ``W1``, ``b1``, ``W2``, ….

    Returns
    -------
    dict of str to array
        The cache: ``a0`` (x), ``z1``, ``a1``, …, ``zL``, ``aL``, each (units,) or (samples, units), float64.

    Raises
    ------
    InputError
        If the parameters' shapes do not fit one another, or x does not have W1's number of features.
    """
    structure = _structure_of(parameters)
    inputs = np.asarray(x, float)
    if inputs.shape[-1:] != (structure.n_inputs,):
        raise InputError(f"x has shape {inputs.shape}; W1 takes {structure.n_inputs} features")
    return forward.forward(structure, parameters, inputs)


def feed_forward(x: ArrayLike, parameters: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Return the network's output ``aL`` for x, and the cache of `forward_pass`."""
    cache = forward_pass(x, parameters)
    return cache[f"a{len(parameters) // 2}"], cache


def compute_loss(x_val: ArrayLike, y_val: ArrayLike, parameters: Mapping[str, Array]) -> float:
    """Return the loss: the mean over the rows of mean((output - y)²) / 2.

    Parameters
    ----------
    x_val : array-like (samples, features) or (features,)
        The inputs.
    y_val : array-like (samples, outputs) or (outputs,)
        The targets: one-hot labels, or any other numbers.
    parameters : mapping of str to array
        ``W1``, ``b1``, ``W2``, ….

    Raises
    ------
    InputError
        If the shapes do not fit one another.
    """
    output, targets = _predict(x_val, y_val, parameters)
    return LOSS.mean(output, _labels(targets, output.shape, "y_val"))


def compute_accuracy(x_val: ArrayLike, y_val: ArrayLike, parameters: Mapping[str, Array]) -> float:
    """Return the share of rows whose largest output is at the label's position.

    Parameters
    ----------
    x_val : array-like (samples, features) or (features,)
        The inputs.
    y_val : array-like (samples, outputs) or (outputs,)
        One-hot labels.
    parameters : mapping of str to array
        ``W1``, ``b1``, ``W2``, ….

    Raises
    ------
    InputError
        If the shapes do not fit one another, or a label is not one-hot.
    """
    output, labels = _predict(x_val, y_val, parameters)
    labels = _one_hot(labels, output.shape, "y_val")
    return float(np.mean(np.argmax(output, axis=1) == np.argmax(labels, axis=1)))


def back_prop(
    prediction: ArrayLike, y: ArrayLike, cache: Mapping[str, Array], parameters: Mapping[str, Array]
) -> dict[str, Array]:
    """Run the backward pass for one sample or a batch.

    Parameters
    ----------
    prediction : array-like (outputs,) or (samples, outputs)
        The output of `feed_forward`.
    y : array-like, of prediction's shape
        The one-hot labels.
    cache : mapping of str to array
        The cache of `feed_forward`.
    parameters : mapping of str to array
        ``W1``, ``b1``, ``W2``, ….

    Returns
    -------
    dict of str to array
        ``dW1`` like W1, ``db1`` like b1, …: the gradients of mean((prediction - y)²) / 2; for a batch, their mean.

    Raises
    ------
    InputError
        If y does not have prediction's shape.
    """
    output = np.asarray(prediction, float)
    structure = _structure_of(parameters)
    last = structure.n_layers
    da = LOSS.gradient(output, _labels(y, output.shape, "y"))  # (prediction - y) / outputs
    dz = activations.d_sigmoid(da, cache[f"z{last}"], cache[f"a{last}"])
    gradients = backward.backward(structure, parameters, dict(cache), dz)
    return {f"d{name}": gradients[f"d{name}"] for name in structure.shapes}


def update(parameters: dict[str, Array], gradients: Mapping[str, Array], alpha: float, m: int) -> dict[str, Array]:
    """Subtract alpha / m times the gradients from the parameters, in place, and return the parameters."""
    for name, array in parameters.items():
        array -= (alpha / m) * gradients[f"d{name}"]
    return parameters


def train_nn(
    X_train: ArrayLike,
    Y_train: ArrayLike,
    X_test: ArrayLike,
    Y_test: ArrayLike,
    neurons_per_layer: Sequence[int],
    epoch: int,
    alpha: float,
    *,
    full_batch: bool = False,
    language: str | None = None,
    engine: str = "reference",
) -> tuple[list[float], dict[str, Array]]:
    """Train the network as the original does, and print the accuracy on the test rows after every epoch.

    Parameters
    ----------
    X_train, X_test : array-like (rows, features)
        The inputs, in NumPy arrays or pandas frames, scaled to about 0 to 1.
    Y_train, Y_test : array-like (rows, outputs)
        One-hot labels.
    neurons_per_layer : sequence of int
        The number of inputs, then the units of each layer, the last one with a unit per class.
    epoch : int
        The number of passes over the training rows.
    alpha : float
        The learning rate: a sample's gradient is applied with alpha / m, m being the number of training rows.
    full_batch : bool, default False
        Sum the gradients of all rows at the old weights and take one step per epoch, as the original's comments say.
    language : {"en", "ko"}, optional
        The language of the lines printed; that of the locale if not given.
    engine : {"reference", "fused"}, default "reference"
        ``"reference"`` calls the steps one by one; ``"fused"`` computes the same, up to rounding, in a faster,
        compiled loop.

    Returns
    -------
    loss_list : list of float
        The loss over the training rows after each epoch.
    parameters : dict of str to array
        ``W1``, ``b1``, ``W2``, ….

    Raises
    ------
    InputError
        If the shapes do not fit the layers, a label is not one-hot, or the language or engine is unknown.
    """
    if engine not in ("reference", "fused"):
        raise InputError(f"engine is {engine!r}; it must be 'reference' or 'fused'")
    message = _message(language)
    structure = _sigmoid_structure(neurons_per_layer)
    x_train = _inputs(X_train, "X_train", structure)
    x_test = _inputs(X_test, "X_test", structure)
    y_train = _one_hot(Y_train, (len(x_train), structure.n_outputs), "Y_train")
    y_test = _one_hot(Y_test, (len(x_test), structure.n_outputs), "Y_test")

    vector = structure.flatten(weight_initializer(neurons_per_layer))
    parameters = structure.views(vector)
    train_epoch = _epoch_function(engine, len(x_train) if full_batch else 1)
    loss_list = []
    for number in range(1, epoch + 1):
        with SINGLE_THREADED_BLAS:
            train_epoch(structure, vector, x_train, y_train, alpha)
        loss_list.append(compute_loss(x_train, y_train, parameters))
        print(message.format(number, f"{compute_accuracy(x_test, y_test, parameters):.2f}"), flush=True)
    return loss_list, parameters


def _epoch_function(engine_name: str, batch_size: int) -> TrainEpoch:
    """Return a function that trains for an epoch: online with a batch size of 1, full batch with all rows.

    A batch's mean gradient is applied with alpha · batch size / m, so every sample counts with alpha / m. The reference
    engine takes one `ReferenceEngine.train_step` per batch: forward pass, backward pass and update. The fused engine
    computes the same in one compiled loop.
    """
    settings = Settings(
        loss=LOSS, optimizer="gradient_descent", batch_size=batch_size, dtype="float64", engine=engine_name
    )
    update_rule = settings.update_rule()
    rng = np.random.default_rng(0)  # nothing is drawn from it

    def train_epoch(structure: Structure, vector: Array, x: Array, y: Array, alpha: float) -> None:
        engine = select_engine(settings, settings.objective(structure), update_rule, len(x))
        weights = Weights(vector, _OPTIMIZER.init(vector), None)
        rate = alpha * batch_size / len(x)
        if isinstance(engine, ReferenceEngine):
            for start in range(0, len(x), batch_size):
                batch = Rows(x[start : start + batch_size], y[start : start + batch_size])
                engine.train_step(weights, batch, rate, rng)
        else:
            rates = np.full(-(-len(x) // batch_size), rate)
            engine.train_epoch(weights, Rows(x, y), None, rates, rng, METRICS["accuracy"].per_sample, None, None)

    return train_epoch


def _sigmoid_structure(neurons_per_layer: Sequence[int]) -> Structure:
    return Structure(neurons_per_layer, ["sigmoid"] * (len(neurons_per_layer) - 1))


def _structure_of(parameters: Mapping[str, Array]) -> Structure:
    """Return the structure that the parameters' shapes describe; raise InputError if they do not fit one another."""
    layers = range(1, len(parameters) // 2 + 1)
    missing = [name for layer in layers for name in (f"W{layer}", f"b{layer}") if name not in parameters]
    if missing or not parameters:
        raise InputError(f"parameters lack {missing[0] if missing else 'W1'}; they are W1, b1, W2, b2, …")
    sizes = [parameters["W1"].shape[0], *(parameters[f"W{layer}"].shape[-1] for layer in layers)]
    structure = _sigmoid_structure(sizes)
    for name, shape in structure.shapes.items():
        if parameters[name].shape != shape:
            raise InputError(f"{name} has shape {parameters[name].shape}; layers of {sizes} units need {shape}")
    return structure


def _predict(x_val: ArrayLike, y_val: ArrayLike, parameters: Mapping[str, Array]) -> tuple[Array, ArrayLike]:
    """Return the outputs for rows and their labels; one sample (features,) with its label counts as one row."""
    if np.ndim(x_val) == 1:
        x_val = np.asarray(x_val)[np.newaxis]
        y_val = np.asarray(y_val)[np.newaxis]
    return feed_forward(_rows(x_val, "x_val"), parameters)[0], y_val


def _rows(x: ArrayLike, name: str) -> Array:
    """Return rows as a float64 array (rows, features)."""
    rows = np.asarray(x, float)
    if rows.ndim != 2 or not len(rows):
        raise InputError(f"{name} has shape {rows.shape}; it must be (rows, features), with one row or more")
    return rows


def _inputs(x: ArrayLike, name: str, structure: Structure) -> Array:
    """Return rows as a float64 array (rows, features) that fits the structure."""
    rows = _rows(x, name)
    if rows.shape[1] != structure.n_inputs:
        raise InputError(f"{name} has {rows.shape[1]} columns; neurons_per_layer begins with {structure.n_inputs}")
    return rows


def _labels(y: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    """Return labels as a float64 array of the output's shape."""
    labels = np.asarray(y, float)
    if labels.shape != shape:
        raise InputError(f"{name} has shape {labels.shape}; one-hot labels have {shape}, a 1 in the class's column")
    return labels


def _one_hot(y: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    """Return labels as a float64 array; raise InputError unless each row has one 1 and 0 elsewhere."""
    labels = _labels(y, shape, name)
    wrong = np.flatnonzero((labels.max(axis=1) != 1) | (np.abs(labels).sum(axis=1) != 1))
    if len(wrong):
        raise InputError(f"{name} row {wrong[0] + 1} is {labels[wrong[0]]}; make it one-hot: a single 1, else 0")
    return labels


def _message(language: str | None) -> str:
    """Return the line to print in a language, by default the locale's."""
    if language is None:
        from_environment = [os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
        name = next((value for value in from_environment if value), locale.getlocale()[0] or "")
        language = "ko" if name.lower().startswith("ko") else "en"
    if language not in MESSAGES:
        raise InputError(f"language is {language!r}; it must be one of {', '.join(MESSAGES)}")
    return MESSAGES[language]


__all__ = ["back_prop", "compute_accuracy", "compute_loss", "d_sigmoid", "feed_forward", "forward_pass"]
__all__ += ["initialize_parameters", "sigmoid", "train_nn", "update", "weight_initializer"]
