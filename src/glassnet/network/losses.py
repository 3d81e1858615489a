"""Losses: the loss of each sample, next to its gradient with respect to the network's output.

Below, o is the output (samples, outputs), y the target and k the number of outputs. Regression losses average over the
k outputs; cross-entropies sum over them, as a log-likelihood does. `Loss.mean` and `Loss.gradient` take the weighted
mean over the samples. A loss with a ``link`` takes logits: if the network's last activation is the link, its input is
z_L, not a_L, and its gradient is dz_L directly, which is exact and numerically stable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.constraints import check_settings
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.network.activations import row_max, row_sum, sigmoid, softmax
from glassnet.network.setting_constraints import LOSS_SETTINGS


@dataclass(frozen=True)
class Loss:
    """A loss and its gradient.

    Parameters
    ----------
    name : str
        Its name in `LOSSES`.
    per_sample : callable
        ``per_sample(o, y, **settings) -> (samples,)``, the loss of each sample.
    derivative : callable
        ``derivative(o, y, **settings) -> (samples, outputs)``, its gradient with respect to o.
    link : str or None
        The activation whose input (the logits) the loss takes, if the last layer has it.
    settings : mapping
        Hyperparameters, such as Huber's ``delta``.
    grad_scale : float
        A factor of `gradient`, but not of `mean`: scikit-learn reports the mean over the outputs but minimizes
        their sum. 1 for all losses here.
    value_and_grad : callable, optional
        ``value_and_grad(o, y, a, **settings) -> (per_sample, derivative)``: both in one pass, with the same bits; also
        writes the link of o into ``a``, an array like o.
    """

    name: str
    per_sample: Callable[..., Array]
    derivative: Callable[..., Array]
    link: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    grad_scale: float = 1.0
    value_and_grad: Callable[..., tuple[Array, Array]] | None = None

    def __repr__(self) -> str:
        return f"Loss({self.name!r}{''.join(f', {k}={v!r}' for k, v in self.settings.items())})"

    def mean(self, o: Array, y: Array, sample_weight: Array | None = None) -> float:
        """Return the weighted mean Σ w_i loss_i / Σ w_i.

        Parameters
        ----------
        o : array (samples, outputs) or (outputs,)
            The network's output, or its logits for a loss with a link.
        y : array like o, or (samples,) whole numbers
            The target; whole numbers are class indices, short for one-hot rows.
        sample_weight : array (samples,), optional
            Weights; 1 if not given. If all are 0, the mean is 0.
        """
        return _mean(self.per_sample(o, as_outputs(y, o), **self.settings), sample_weight)

    def gradient(self, o: Array, y: Array, sample_weight: Array | None = None) -> Array:
        """Return the gradient of `mean` with respect to o, with the shape of o; the arguments are the same."""
        return self._weighted(self.derivative(o, as_outputs(y, o), **self.settings), sample_weight)

    def mean_and_gradient(
        self, o: Array, y: Array, sample_weight: Array | None, a: Array | None = None
    ) -> tuple[float, Array]:
        """Return `mean` and `gradient`; with ``value_and_grad``, also write the link of o into ``a``."""
        y = as_outputs(y, o)
        if self.value_and_grad is None:
            return self.mean(o, y, sample_weight), self.gradient(o, y, sample_weight)
        each, gradient = self.value_and_grad(o, y, np.empty_like(o) if a is None else a, **self.settings)
        return _mean(each, sample_weight), self._weighted(gradient, sample_weight)

    def _weighted(self, gradient: Array, sample_weight: Array | None) -> Array:
        """Multiply the gradient of each sample by its share in the mean, in place."""
        if gradient.ndim == 1:
            return gradient
        if sample_weight is None:
            gradient *= self.grad_scale / len(gradient)
        else:
            total = float(np.sum(sample_weight)) / self.grad_scale
            gradient *= (sample_weight / total if total else np.zeros_like(sample_weight))[:, np.newaxis]
        return gradient

    def with_settings(self, **settings: Any) -> Loss:
        """Return the same loss with other settings.

        Raises
        ------
        InputError
            If it has no such setting, or one is of another kind.
        """
        check_settings(settings, self.settings, f"loss {self.name!r}", LOSS_SETTINGS)
        return replace(self, settings={**self.settings, **settings})


def _mean(each: Array, sample_weight: Array | None) -> float:
    if sample_weight is None:
        return float(each.sum()) / len(each) if each.ndim else float(each)
    total = float(np.sum(sample_weight))
    return float(np.sum(each * sample_weight)) / total if total else 0.0


def as_outputs(y: Array, o: Array) -> Array:
    """Return the target in the shape of the output.

    Class indices (samples,) become one-hot rows (samples, outputs). With a single output, (samples,) becomes
    (samples, 1). Other targets must have the shape of the output, or a single column that broadcasts.
    """
    if y.ndim == o.ndim - 1:
        outputs = o.shape[-1]
        if outputs > 1 and y.dtype.kind in "iu":
            if outputs <= 64:
                return np.eye(outputs, dtype=o.dtype).take(y, axis=0)
            return (y[..., np.newaxis] == np.arange(outputs)).astype(o.dtype)
        y = y[..., np.newaxis]
    if y.shape != o.shape and y.shape != (*o.shape[:-1], 1):
        raise InputError(f"the target has shape {y.shape} and the output {o.shape}; they must be the same")
    return y


# ---------------------------------------------------------------------------------------------- regression losses


def half_mean_squared_error(o: Array, y: Array) -> Array:
    """Σ (o - y)² / 2k."""
    return np.mean(np.square(o - y), axis=-1) / 2


def d_half_mean_squared_error(o: Array, y: Array) -> Array:
    """(o - y) / k."""
    return np.subtract(o, y) / o.shape[-1]


def mean_absolute_error(o: Array, y: Array) -> Array:
    """Σ |o - y| / k."""
    return np.mean(np.abs(o - y), axis=-1)


def d_mean_absolute_error(o: Array, y: Array) -> Array:
    """sign(o - y) / k."""
    return np.sign(o - y) / o.shape[-1]


def huber(o: Array, y: Array, delta: float) -> Array:
    """Σ (e²/2 where |e| ≤ δ, else δ(|e| - δ/2)) / k, e = o - y (Huber 1964)."""
    e = np.abs(o - y)
    low = np.minimum(e, delta)
    return np.mean(low * (e - low / 2), axis=-1)


def d_huber(o: Array, y: Array, delta: float) -> Array:
    """min(max(e, -δ), δ) / k."""
    return np.clip(o - y, -delta, delta) / o.shape[-1]


def log_cosh(o: Array, y: Array) -> Array:
    """Σ log cosh(e) / k, e = o - y, as |e| + log(1 + exp(-2|e|)) - log 2."""
    e = np.abs(o - y)
    return np.mean(e + np.log1p(np.exp(-2 * e)) - math.log(2), axis=-1)


def d_log_cosh(o: Array, y: Array) -> Array:
    """tanh(e) / k."""
    return np.tanh(o - y) / o.shape[-1]


def pinball(o: Array, y: Array, quantiles: tuple[float, ...]) -> Array:
    """Σ max(q e, (q - 1) e) / k, e = y - o (Koenker & Bassett 1978); one q for all outputs, or one each."""
    e = y - o
    q = np.asarray(quantiles, o.dtype)
    return np.mean(np.maximum(q * e, (q - 1) * e), axis=-1)


def d_pinball(o: Array, y: Array, quantiles: tuple[float, ...]) -> Array:
    """(1 where o > y, else 0) - q, over k; 0 where o = y."""
    q = np.asarray(quantiles, o.dtype)
    return np.where(o == y, 0, (o > y) - q).astype(o.dtype) / o.shape[-1]


def poisson(o: Array, y: Array) -> Array:
    """Σ (exp(o) - y o) / k: o is the logarithm of the expected count, the constant log y! is left out."""
    return np.mean(np.exp(o) - y * o, axis=-1)


def d_poisson(o: Array, y: Array) -> Array:
    """(exp(o) - y) / k."""
    return (np.exp(o) - y) / o.shape[-1]


# --------------------------------------------------------------------------------------------- classification losses


def binary_crossentropy(o: Array, y: Array, label_smoothing: float, max_value: float) -> Array:
    """Σ log(1 + exp(o)) - y o: k binary outputs, y in [0, 1], o their logits."""
    y = _smooth(y, label_smoothing, 2)
    each = np.maximum(o, 0) - y * o + np.log1p(np.exp(-np.abs(o)))
    return np.sum(np.minimum(each, max_value), axis=-1)


def d_binary_crossentropy(o: Array, y: Array, label_smoothing: float, max_value: float) -> Array:
    """sigmoid(o) - y."""
    gradient = sigmoid(o)
    gradient -= _smooth(y, label_smoothing, 2)
    return gradient


def categorical_crossentropy(o: Array, y: Array, label_smoothing: float, max_value: float) -> Array:
    """-Σ y log softmax(o): one of k classes, rows of y sum to 1; label smoothing as in arXiv:1512.00567."""
    return _crossentropy_and_gradient(o, y, np.empty_like(o), label_smoothing, max_value)[0]


def d_categorical_crossentropy(o: Array, y: Array, label_smoothing: float, max_value: float) -> Array:
    """softmax(o) - y."""
    return softmax(o) - _smooth(y, label_smoothing, o.shape[-1])


def _crossentropy_and_gradient(
    o: Array, y: Array, a: Array, label_smoothing: float, max_value: float
) -> tuple[Array, Array]:
    y, log_p = _smooth(y, label_smoothing, o.shape[-1]), o - row_max(o)
    all_p = row_sum(np.exp(log_p, out=a))
    log_p -= np.log(all_p)
    a /= all_p
    return np.minimum(-row_sum(y * log_p)[..., 0], max_value), a - y


def focal(o: Array, y: Array, gamma: float) -> Array:
    """-Σ y (1 - p)^γ log p, p = softmax(o) (Lin et al. 2017, arXiv:1708.02002): down-weights easy samples."""
    log_p = _log_softmax(o)
    return -np.sum(y * _one_minus_p(log_p) ** gamma * log_p, axis=-1)


def d_focal(o: Array, y: Array, gamma: float) -> Array:
    """g - p Σ g, with g = y (γ p (1 - p)^(γ-1) log p - (1 - p)^γ)."""
    log_p = _log_softmax(o)
    p = np.exp(log_p)
    q = _one_minus_p(log_p)
    g = y * (gamma * p * q ** (gamma - 1) * log_p - q**gamma)
    return np.subtract(g, p * np.sum(g, axis=-1, keepdims=True))


def hinge(o: Array, y: Array) -> Array:
    """Σ max(0, 1 - t o) / k, t = 2y - 1, y is 0 or 1."""
    return np.mean(np.maximum(0, 1 - (2 * y - 1) * o), axis=-1)


def d_hinge(o: Array, y: Array) -> Array:
    """-t / k where t o < 1, else 0."""
    t = 2 * y - 1
    return np.where(t * o < 1, -t, 0).astype(o.dtype) / o.shape[-1]


def _smooth(y: Array, label_smoothing: float, classes: int) -> Array:
    """y (1 - ε) + ε / classes."""
    return y * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else y


def _log_softmax(o: Array) -> Array:
    """Return log softmax(o) over the last axis, after subtracting the maximum."""
    shifted = o - row_max(o)
    shifted -= np.log(row_sum(np.exp(shifted)))
    return shifted


def _one_minus_p(log_p: Array) -> Array:
    """1 - p, at least the smallest normal number, so that its powers are finite."""
    return np.maximum(-np.expm1(log_p), np.finfo(log_p.dtype).tiny)


#: ``max_value`` clips the reported loss of a sample (of each output, for the binary loss), as scikit-learn does; the
#: gradient is not clipped.
_CROSSENTROPY = {"label_smoothing": 0.0, "max_value": math.inf}

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("half_mean_squared_error", half_mean_squared_error, d_half_mean_squared_error),
        Loss("mean_absolute_error", mean_absolute_error, d_mean_absolute_error),
        Loss("huber", huber, d_huber, settings={"delta": 1.0}),
        Loss("log_cosh", log_cosh, d_log_cosh),
        Loss("pinball", pinball, d_pinball, settings={"quantiles": (0.5,)}),
        Loss("poisson", poisson, d_poisson, "exponential"),
        Loss("binary_crossentropy", binary_crossentropy, d_binary_crossentropy, "sigmoid", _CROSSENTROPY),
        Loss("categorical_crossentropy", categorical_crossentropy, d_categorical_crossentropy, "softmax",
             _CROSSENTROPY, value_and_grad=_crossentropy_and_gradient),
        Loss("focal", focal, d_focal, "softmax", {"gamma": 2.0}),
        Loss("hinge", hinge, d_hinge),
    )
}  # fmt: skip

#: Losses whose targets are classes.
CLASSIFICATION = ("binary_crossentropy", "categorical_crossentropy", "focal", "hinge")
#: Losses whose targets are quantities; the others take both.
REGRESSION = ("poisson", "pinball")


def find_loss(loss: str | Loss, **settings: Any) -> Loss:
    """Return the loss with this name and these settings.

    Raises
    ------
    InputError
        If there is no such loss or it has no such setting.
    """
    found = loss if isinstance(loss, Loss) else lookup(LOSSES, loss, "loss")
    return found.with_settings(**settings)
