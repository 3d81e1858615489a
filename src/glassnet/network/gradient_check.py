"""Proof of the backward pass: every gradient against central differences, in float64."""

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

#: Half the distance between the two points of a difference: the curve costs STEP², rounding 1e-16 / STEP.
STEP = 1e-5
#: Points nearer than this to a kink of an activation or loss are drawn anew: there is no derivative at a kink.
CLEARANCE = 1e-3
_DRAWS = 1000


@dataclass(frozen=True)
class GradientCheck:
    """What a check found.

    Parameters
    ----------
    errors : dict of str to float
        For each parameter, and for ``x``, its largest error relative to the largest gradient of that array.
    worst : str
        The entry that is furthest off, such as ``dW2[3, 1]``.
    expected, seen : float
        Its central difference, and what the backward pass gave.
    tolerance : float
        What was allowed.
    """

    errors: dict[str, float]
    worst: str
    expected: float
    seen: float
    tolerance: float

    @property
    def error(self) -> float:
        """The largest relative error of all."""
        return max(self.errors.values())

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return self.error <= self.tolerance

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        verdict = "right" if self.ok else "WRONG"
        return (
            f"{verdict}: largest relative error {self.error:.1e} (allowed {self.tolerance:.0e}), "
            f"worst at {self.worst}: central difference {self.expected:.9g}, backward pass {self.seen:.9g}"
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

    Rows, truth, weights and masks are drawn, and drawn anew until no activation and no loss is near a kink, where there
    would be no derivative to compare with.

    Parameters
    ----------
    structure : Structure
        Any layers, with activations of the library or of one's own.
    loss : str or Loss
        Any loss, of the library or of one's own.
    samples : int
        Rows in the batch.
    initializer : str or callable
        Where the weights come from; small random numbers are added to all parameters, so that even zeros and constants
        are checked away from symmetry.
    dropout : float or tuple of float
        Rates; the masks stay fixed.
    l1, l2 : float
        Penalties on the weights.
    weighted : bool
        Whether the rows have weights of their own.
    seed : int
        Of everything drawn.
    tolerance : float
        The largest relative error that counts as right.

    Returns
    -------
    GradientCheck
        True if all gradients are right; printed, it names the worst entry.

    Raises
    ------
    InputError
        If no point away from all kinks was found, or the seed is below 0.
    """
    found = find_loss(loss)
    if seed < 0:
        raise InputError(f"seed is {seed}; it must be a whole number, 0 or more")
    rng = np.random.default_rng(seed)
    rates = dropout_rates(structure, dropout)
    for _ in range(_DRAWS):
        vector = initialize(structure, rng, initializer) + 0.1 * rng.standard_normal(structure.n_parameters)
        x = rng.standard_normal((samples, structure.n_inputs))
        for t, (categories, _) in enumerate(structure.tables):
            x[:, structure.n_numbers + t] = rng.integers(categories, size=samples)
        masks = dropout_masks(structure, rates, samples, rng, np.float64)
        cache = forward(structure, structure.views(vector), x, masks=masks)
        y = _draw_truth(found, rng, (samples, structure.n_outputs))
        if _smooth_here(structure, found, cache, y):
            break
    else:
        raise InputError(
            f"no point away from the kinks of loss {found.name!r} was found in {_DRAWS} draws; use fewer units"
        )
    w = rng.uniform(0.5, 2.0, samples) if weighted else None
    views = structure.views(vector)
    if l1:
        vector[np.abs(vector) < CLEARANCE] = CLEARANCE

    def objective() -> float:
        seen = loss_input(found, structure, forward(structure, views, x, masks=masks))
        return found.mean(seen, y, w) + penalty(views, l1, l2)

    cache = forward(structure, views, x, masks=masks)
    dz = output_gradient(found, structure, cache, y, w)
    gradients = backward(structure, views, cache, dz, l1=l1, l2=l2, need_dx=True)
    errors = {}
    worst = ("", 0.0, 0.0)
    largest = -1.0
    checked = dict(views)
    if structure.n_numbers:  # between codes there is no slope
        checked["x"] = x[:, : structure.n_numbers]
        gradients["dx"] = gradients["dx"][:, : structure.n_numbers]
    for name, array in checked.items():
        seen = gradients[f"d{name}"]
        expected = _central_differences(objective, array)
        error = np.abs(seen - expected) / max(float(np.abs(expected).max()), 1e-4)
        place = np.unravel_index(int(np.argmax(error)), error.shape)
        errors[name] = float(error[place])
        if errors[name] > largest or not np.isfinite(errors[name]):
            largest = errors[name]
            index = ", ".join(str(int(i)) for i in place)
            worst = (f"d{name}[{index}]", float(expected[place]), float(seen[place]))
    return GradientCheck(errors, *worst, tolerance)


def _central_differences(objective: Any, array: Array) -> Array:
    """(f(p + h) - f(p - h)) / 2h for every entry p of the array, which ends as it began."""
    result = np.empty_like(array)
    for place in np.ndindex(array.shape):
        value = array[place]
        array[place] = value + STEP
        above = objective()
        array[place] = value - STEP
        below = objective()
        array[place] = value
        result[place] = (above - below) / (2 * STEP)
    return result


def _draw_truth(loss: Loss, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw one-hot rows for losses of classes, small counts for Poisson, any values else."""
    if loss.link == "softmax":
        return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
    if loss.link == "sigmoid" or loss.name == "hinge":
        return rng.integers(2, size=shape).astype(np.float64)
    return rng.poisson(2, shape).astype(np.float64) if loss.link == "exponential" else rng.standard_normal(shape) * 2


def _smooth_here(structure: Structure, loss: Loss, cache: dict[str, Array], y: Array) -> bool:
    """Say whether no derivative jumps within `CLEARANCE` of any z, nor the loss's within it of any output."""
    for layer, activation in enumerate(structure.activations, start=1):
        z = cache[f"z{layer}"]
        slopes = [
            activation.derivative(np.ones_like(z), p, activation.function(p)) for p in (z - CLEARANCE, z + CLEARANCE)
        ]
        if _jumps(*slopes):
            return False
    seen = loss_input(loss, structure, cache)
    scale = len(seen) * seen.shape[-1]
    return not _jumps(*(scale * loss.gradient(seen + step, y) for step in (-CLEARANCE, CLEARANCE)))


def _jumps(left: Array, right: Array) -> bool:
    """Say whether two slopes 2 · CLEARANCE apart differ by more than a smooth curve would."""
    return bool(np.any(np.abs(right - left) > 100 * CLEARANCE * (1 + np.minimum(np.abs(left), np.abs(right)))))
