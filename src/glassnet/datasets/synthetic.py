"""Generators of two-class problems in the plane that are not linearly separable.

They are the problems of TensorFlow Playground (https://playground.tensorflow.org). The points are centred on the origin
and lie within -1.2 … 1.2 when there is little noise. All generators take the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: Half the width of the gap between the quadrants of XOR.
_GAP = 0.04
#: Turns of a spiral's arm.
_TURNS = 1.5
#: Distance of the inner end of a spiral's arm from the origin.
_INNER_RADIUS = 0.08


def make_xor(n_samples: int = 400, *, noise: float = 0.05, random_state: int | None = 0) -> tuple[Array, Array]:
    """Make the XOR problem: four quadrants, of which opposite ones belong to the same class.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2.
    noise : float
        Standard deviation of the Gaussian noise added to each coordinate, at least 0.
    random_state : int, optional
        Seed; the same seed gives the same points. None draws a new one.

    Returns
    -------
    X : array (n_samples, 2), float64
        The points.
    y : array (n_samples,), int64
        Their classes, 0 and 1.

    Raises
    ------
    InputError
        If n_samples or noise is out of range.

    Examples
    --------
    >>> X, y = make_xor(n_samples=200, noise=0.02)
    >>> X.shape, y.shape
    ((200, 2), (200,))
    """
    rng = _checked_rng(n_samples, noise, random_state)
    x = rng.uniform(-1, 1, (n_samples, 2))
    x += np.where(x < 0, -_GAP, _GAP)
    return _with_noise(x, noise, rng), (x[:, 0] * x[:, 1] < 0).astype(np.int64)


def make_circles(n_samples: int = 400, *, noise: float = 0.05, random_state: int | None = 0) -> tuple[Array, Array]:
    """Make a disc and a ring around it. See `make_xor` for the parameters."""
    rng = _checked_rng(n_samples, noise, random_state)
    y = np.arange(n_samples) % 2
    radius = np.sqrt(np.where(y == 0, rng.uniform(0, 0.25, n_samples), rng.uniform(0.49, 1, n_samples)))
    x = _cartesian(radius, rng.uniform(0, 2 * np.pi, n_samples))
    return _with_noise(x, noise, rng), y


def make_moons(n_samples: int = 400, *, noise: float = 0.05, random_state: int | None = 0) -> tuple[Array, Array]:
    """Make two interleaving half circles, centred on the origin. See `make_xor` for the parameters."""
    rng = _checked_rng(n_samples, noise, random_state)
    y = np.arange(n_samples) % 2
    angle = rng.uniform(0, np.pi, n_samples)
    x = _cartesian(np.ones(n_samples), angle)
    x[y == 1] = np.array([1, 0.5]) - x[y == 1]
    return _with_noise((x - np.array([0.5, 0.25])) / 1.5, noise, rng), y


def make_spiral(n_samples: int = 400, *, noise: float = 0.05, random_state: int | None = 0) -> tuple[Array, Array]:
    """Make a spiral with two interleaved arms. See `make_xor` for the parameters."""
    rng = _checked_rng(n_samples, noise, random_state)
    y = np.arange(n_samples) % 2
    along = np.sqrt(rng.uniform(0, 1, n_samples))
    radius = _INNER_RADIUS + (1 - _INNER_RADIUS) * along
    x = _cartesian(radius, 2 * np.pi * _TURNS * along + np.pi * y)
    return _with_noise(x, noise, rng), y


#: The generators by the short names of their problems.
GENERATORS: dict[str, Callable[..., tuple[Array, Array]]] = {
    "xor": make_xor,
    "circles": make_circles,
    "moons": make_moons,
    "spiral": make_spiral,
}


def _checked_rng(n_samples: int, noise: float, random_state: int | None) -> np.random.Generator:
    """Validate the arguments, and return the random generator."""
    if n_samples < 2:
        raise InputError(f"n_samples is {n_samples}; it must be at least 2")
    if not 0 <= noise < np.inf:
        raise InputError(f"noise is {noise}; it must be a finite number of at least 0")
    return np.random.default_rng(random_state)


def _with_noise(x: Array, noise: float, rng: np.random.Generator) -> Array:
    return x + rng.normal(0, noise, x.shape) if noise else x


def _cartesian(radius: Array, angle: Array) -> Array:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
