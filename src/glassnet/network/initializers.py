"""Initial weights: one function for each rule. Biases start at zero, embeddings near zero.

Every rule takes a random generator and the shape (units before, units) and returns a float64 array of this shape; a
float32 network starts from the same values, rounded. ``fan_in`` is units before, ``fan_out`` units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.errors import InputError
from glassnet.network.structure import Structure

#: Embeddings are drawn from U(-r, r) with this r, as in Keras, which Guo & Berkhahn (2016) used.
EMBEDDING_LIMIT = 0.05

Shape: TypeAlias = tuple[int, int]
Initializer: TypeAlias = Callable[[np.random.Generator, Shape], Array]


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """U(-r, r) with r = √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010): for tanh, sigmoid, softmax."""
    return _uniform(rng, shape, 2 / sum(shape))


def glorot_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    return _normal(rng, shape, 2 / sum(shape))


def he_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """U(-r, r) with r = √(6 / fan_in) (He et al. 2015, arXiv:1502.01852): for the ReLU and its variants."""
    return _uniform(rng, shape, 2 / shape[0])


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852)."""
    return _normal(rng, shape, 2 / shape[0])


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """U(-r, r) with r = √(3 / fan_in) (LeCun et al. 1998, Efficient BackProp)."""
    return _uniform(rng, shape, 1 / shape[0])


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 1 / fan_in) (LeCun et al. 1998, Efficient BackProp): required by the SELU."""
    return _normal(rng, shape, 1 / shape[0])


def orthogonal(rng: np.random.Generator, shape: Shape) -> Array:
    """Orthonormal columns or rows, whichever are fewer (Saxe et al. 2013, arXiv:1312.6120)."""
    tall = rng.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diagonal(r) < 0, -1, 1)  # makes the draw uniform over the orthogonal group (Mezzadri 2007)
    return np.ascontiguousarray(q if shape[0] >= shape[1] else q.T)


def normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 1) for any shape, as in the original program (`glassnet.walkthrough`)."""
    return rng.standard_normal(shape)


def zeros(rng: np.random.Generator, shape: Shape) -> Array:
    """All zero: the units of a layer then stay equal. For demonstration."""
    return np.zeros(shape)


def constant(rng: np.random.Generator, shape: Shape, value: float = 0.1) -> Array:
    """All the same value; ``functools.partial(constant, value=…)`` sets another one."""
    return np.full(shape, float(value))


def _uniform(rng: np.random.Generator, shape: Shape, variance: float) -> Array:
    limit = math.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape)


def _normal(rng: np.random.Generator, shape: Shape, variance: float) -> Array:
    return rng.standard_normal(shape) * math.sqrt(variance)


INITIALIZERS: dict[str, Initializer] = {
    rule.__name__: rule
    for rule in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        normal,
        zeros,
        constant,
    )
}


def initialize(
    structure: Structure,
    rng: np.random.Generator,
    initializer: str | Initializer = "auto",
    dtype: Any = np.float64,
) -> Array:
    """Draw the initial parameters of a network.

    Parameters
    ----------
    structure : Structure
        The layers.
    rng : numpy.random.Generator
        The random stream; embeddings are drawn first, then the weights of each layer.
    initializer : str or callable
        A name in `INITIALIZERS`, ``"auto"`` for the default of each layer's activation, or a function
        ``(rng, (units before, units)) -> array``.
    dtype : float32 or float64
        Of the result.

    Returns
    -------
    array (n_parameters,)
        The flat vector; biases are 0, and embeddings U(-0.05, 0.05) for any initializer.

    Raises
    ------
    InputError
        If the name is unknown or the function returns another shape.
    """
    vector = structure.new_vector(dtype)
    views = structure.views(vector)
    for t, table in enumerate(structure.embeddings, start=1):
        views[f"E{t}"][...] = rng.uniform(-EMBEDDING_LIMIT, EMBEDDING_LIMIT, table)
    for layer, *shape in structure.layers():
        chosen = structure.activations[layer - 1].initializer if initializer == "auto" else initializer
        rule = chosen if callable(chosen) else lookup(INITIALIZERS, chosen, "initializer")
        drawn = np.asarray(rule(rng, (shape[0], shape[1])))
        if drawn.shape != tuple(shape):
            raise InputError(f"the initializer gave shape {drawn.shape} for W{layer}; it needs {tuple(shape)}")
        views[f"W{layer}"][...] = drawn
    return vector
