"""Points of the plane in two classes that no straight line parts: small enough to be seen whole.

They are what TensorFlow Playground made its visitors look at (https://playground.tensorflow.org). All lie about the
origin, within -1.2 … 1.2 where there is little noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError

#: Most rows that make sense to look at.
MAX_ROWS = 5000
#: How far the gap between XOR's quarters reaches to each side.
_GAP = 0.04
#: Turns of a spiral's arm, and how far from the middle it begins.
_TURNS, _INNER = 1.5, 0.08


def xor(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Four quarters; those that lie across from each other are of one class."""
    x = rng.uniform(-1, 1, (rows, 2))
    x += np.where(x < 0, -_GAP, _GAP)
    return x, (x[:, 0] * x[:, 1] < 0).astype(np.int64)


def circles(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A disc, and a ring around it."""
    y = np.arange(rows) % 2
    radius = np.sqrt(np.where(y == 0, rng.uniform(0, 0.25, rows), rng.uniform(0.49, 1, rows)))
    return _polar(radius, rng.uniform(0, 2 * np.pi, rows)), y


def moons(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two half circles, each with an end inside the other (as scikit-learn's ``make_moons``, brought to the middle)."""
    y = np.arange(rows) % 2
    angle = rng.uniform(0, np.pi, rows)
    x = _polar(np.ones(rows), angle)
    x[y == 1] = np.array([1, 0.5]) - x[y == 1]
    return (x - np.array([0.5, 0.25])) / 1.5, y


def spiral(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two arms that wind around each other."""
    y = np.arange(rows) % 2
    along = np.sqrt(rng.uniform(0, 1, rows))
    radius = _INNER + (1 - _INNER) * along
    return _polar(radius, 2 * np.pi * _TURNS * along + np.pi * y), y


PLANES: dict[str, Callable[[int, np.random.Generator], tuple[Array, Array]]] = {
    plane.__name__: plane for plane in (xor, circles, moons, spiral)
}


def points(kind: str, rows: int = 400, noise: float = 0.05, seed: int = 0) -> tuple[Array, Array]:
    """Draw points of the plane.

    Parameters
    ----------
    kind : str
        A name of `PLANES`: ``"xor"``, ``"circles"``, ``"moons"``, ``"spiral"``.
    rows : int
        How many, 10 to `MAX_ROWS`.
    noise : float
        The deviation of what is added to each coordinate, 0 to 1.
    seed : int
        The same seed gives the same points.

    Returns
    -------
    x : array (rows, 2), float64
        The points.
    y : array (rows,), int64
        Their classes, 0 and 1.

    Raises
    ------
    InputError
        If there is no such kind, or rows or noise are out of their range.

    Examples
    --------
    >>> x, y = points("spiral", rows=200, noise=0.02)
    >>> x.shape, y.mean()
    ((200, 2), 0.5)
    """
    plane = lookup(PLANES, kind, "plane")
    if not 10 <= rows <= MAX_ROWS:
        raise InputError(f"rows is {rows}; it must be from 10 to {MAX_ROWS}")
    if not 0 <= noise <= 1:
        raise InputError(f"noise is {noise}; it must be from 0 to 1")
    rng = np.random.default_rng(seed)
    x, y = plane(rows, rng)
    return x + rng.normal(0, noise, x.shape) if noise else x, y


def _polar(radius: Array, angle: Array) -> Array:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
