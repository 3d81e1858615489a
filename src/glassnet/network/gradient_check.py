"""Gradient check: every gradient of the backward pass against central differences, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.backward import backward, loss_input, output_gradient, penalty
from glassnet.network.forward import dropout_masks, dropout_rates, forward
from glassnet.network.initializers import Initializer, initialize
from glassnet.network.losses import Loss, find_loss
from glassnet.network.structure import Structure

#: The step of the central differences: their truncation error is STEP², their rounding error 1e-16 / STEP.
STEP = 1e-5
#: Points closer than this to a kink of an activation or loss are drawn again, since a kink has no derivative.
CLEARANCE = 1e-3
_MAX_DRAWS = 1000


@dataclass(frozen=True)
class GradientCheck:
    """The result of a gradient check.

    Parameters
    ----------
    errors : dict of str to float
        For each parameter, and for ``x``, its largest error relative to the largest gradient of that array.
    worst : str
        The entry with the largest error, such as ``dW2[3, 1]``.
    expected, actual : float
        Its central difference, and the gradient of the backward pass.
    tolerance : float
        The largest error allowed.
    """

    errors: dict[str, float]
    worst: str
    expected: float
    actual: float
    tolerance: float

    @property
    def error(self) -> float:
        """The largest relative error."""
        return max(self.errors.values())

    @property
    def ok(self) -> bool:
        """Whether all errors are within the tolerance."""
        return self.error <= self.tolerance

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        verdict = "right" if self.ok else "WRONG"
        return (
            f"{verdict}: largest relative error {self.error:.1e} (allowed {self.tolerance:.0e}), "
            f"worst at {self.worst}: central difference {self.expected:.9g}, backward pass {self.actual:.9g}"
        )


def check_gradients(
    structure: Structure,
    loss: str | Loss,
    *,
    samples: int = 5,
    initializer: str | Initializer = "auto",
    dropout: float | tuple[float, ...] = 0.0,
    l1: float = 0.0,
    l2: float = 0.0,
    weighted: bool = False,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> GradientCheck:
    """Compare the backward pass with central differences of the loss, entry by entry, in float64.

    Rows, targets, weights and masks are random, drawn again until no activation and no loss is near a kink.

    Parameters
    ----------
    structure : Structure
        Any layers, with built-in or custom activations.
    loss : str or Loss
        A built-in or custom loss.
    samples : int
        Rows in the batch.
    initializer : str or callable
        How the weights are drawn; small random numbers are added to all parameters to break the symmetry of zeros and
        constants.
    dropout : float or tuple of float
        Dropout rates; the masks are fixed.
    l1, l2 : float
        Strength of the penalties on the weights.
    weighted : bool
        Whether to use sample weights.
    seed : int
        Of the random stream.
    tolerance : float
        The largest relative error allowed.

    Returns
    -------
    GradientCheck
        True if all gradients are within the tolerance; its string names the worst entry.

    Raises
    ------
    InputError
        If no point away from all kinks was found, or the seed is negative.
    """
    found = find_loss(loss)
    if seed < 0:
        raise InputError(f"seed is {seed}; it must be a whole number, 0 or more")
    rng = np.random.default_rng(seed)
    vector, x, y, masks = _draw_smooth_point(structure, found, samples, initializer, dropout, rng)
    w = rng.uniform(0.5, 2.0, samples) if weighted else None
    views = structure.views(vector)
    if l1:
        vector[np.abs(vector) < CLEARANCE] = CLEARANCE

    def objective() -> float:
        o = loss_input(found, structure, forward(structure, views, x, masks=masks))
        return found.mean(o, y, w) + penalty(views, l1, l2)

    cache = forward(structure, views, x, masks=masks)
    dz = output_gradient(found, structure, cache, y, w)
    gradients = backward(structure, views, cache, dz, l1=l1, l2=l2, need_dx=True)
    checked = dict(views)
    if structure.n_numbers:  # codes have no gradient
        checked["x"] = x[:, : structure.n_numbers]
        gradients["dx"] = gradients["dx"][:, : structure.n_numbers]
    errors: dict[str, float] = {}
    worst = ("", 0.0, 0.0)
    largest = -1.0
    for name, array in checked.items():
        actual = gradients[f"d{name}"]
        expected = _central_differences(objective, array)
        error = np.abs(actual - expected) / max(float(np.abs(expected).max()), 1e-4)
        position = np.unravel_index(int(np.argmax(error)), error.shape)
        errors[name] = float(error[position])
        if errors[name] > largest or not np.isfinite(errors[name]):
            largest = errors[name]
            index = ", ".join(str(int(i)) for i in position)
            worst = (f"d{name}[{index}]", float(expected[position]), float(actual[position]))
    return GradientCheck(errors, *worst, tolerance)


def _draw_smooth_point(
    structure: Structure,
    loss: Loss,
    samples: int,
    initializer: str | Initializer,
    dropout: float | tuple[float, ...],
    rng: np.random.Generator,
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Draw parameters, rows, targets and dropout masks away from all kinks."""
    rates = dropout_rates(structure, dropout)
    for _ in range(_MAX_DRAWS):
        vector = initialize(structure, rng, initializer) + 0.1 * rng.standard_normal(structure.n_parameters)
        x = rng.standard_normal((samples, structure.n_inputs))
        for t, (categories, _) in enumerate(structure.embeddings):
            x[:, structure.n_numbers + t] = rng.integers(categories, size=samples)
        masks = dropout_masks(structure, rates, samples, rng, np.float64)
        cache = forward(structure, structure.views(vector), x, masks=masks)
        y = _draw_targets(loss, rng, (samples, structure.n_outputs))
        if _is_smooth(structure, loss, cache, y):
            return vector, x, y, masks
    raise InputError(
        f"no point away from the kinks of loss {loss.name!r} was found in {_MAX_DRAWS} draws; use fewer units"
    )


def _central_differences(objective: Any, array: Array) -> Array:
    """Return (f(p + h) - f(p - h)) / 2h for every entry p of the array, which is restored."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + STEP
        above = objective()
        array[index] = value - STEP
        below = objective()
        array[index] = value
        result[index] = (above - below) / (2 * STEP)
    return result


def _draw_targets(loss: Loss, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw one-hot rows for classification losses, small counts for Poisson, else normal values."""
    if loss.link == "softmax":
        return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
    if loss.link == "sigmoid" or loss.name == "hinge":
        return rng.integers(2, size=shape).astype(np.float64)
    return rng.poisson(2, shape).astype(np.float64) if loss.link == "exponential" else rng.standard_normal(shape) * 2


def _is_smooth(structure: Structure, loss: Loss, cache: dict[str, Array], y: Array) -> bool:
    """Check that no derivative jumps within `CLEARANCE` of any z or of any input of the loss."""
    for layer, activation in enumerate(structure.activations, start=1):
        z = cache[f"z{layer}"]
        slopes = [
            activation.derivative(np.ones_like(z), p, activation.function(p)) for p in (z - CLEARANCE, z + CLEARANCE)
        ]
        if _jumps(*slopes):
            return False
    o = loss_input(loss, structure, cache)
    scale = len(o) * o.shape[-1]
    return not _jumps(*(scale * loss.gradient(o + step, y) for step in (-CLEARANCE, CLEARANCE)))


def _jumps(left: Array, right: Array) -> bool:
    """Check whether two slopes 2 · CLEARANCE apart differ by more than those of a smooth function."""
    return bool(np.any(np.abs(right - left) > 100 * CLEARANCE * (1 + np.minimum(np.abs(left), np.abs(right)))))
