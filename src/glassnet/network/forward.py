"""The forward pass: x → z1, a1, z2, a2, …, zL, aL, each stored by its name.

z_l = h_{l-1} W_l + b_l and a_l = f_l(z_l), where h_{l-1} is a_{l-1} (a_0 = x) or, with dropout, a_{l-1} ⊙ mask. With
embeddings a_0 is [numbers, E1[code_1], …] (`glassnet.network.embeddings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.embeddings import look_up
from glassnet.network.structure import Structure

Cache: TypeAlias = dict[str, Array]


def forward(
    structure: Structure,
    parameters: Mapping[str, Array],
    x: Array,
    *,
    masks: Mapping[str, Array] | None = None,
    out: Mapping[str, Array] | None = None,
    last: bool = True,
) -> Cache:
    """Compute every pre-activation and activation.

    Parameters
    ----------
    structure : Structure
        The layers.
    parameters : mapping of str to array
        ``W1`` (units of 0, units of 1), ``b1`` (units of 1,), …; with embeddings, ``E1``, …
    x : array (samples, features) or (features,)
        A batch or a single sample. Codes are not checked (`glassnet.network.embeddings.check_codes`).
    masks : mapping of str to array, optional
        Dropout: ``mask0`` for the input, ``mask1`` for a1, … (`dropout_masks`); layers without a mask have no dropout.
    out : mapping of str to array, optional
        Arrays to write into, by the names of the cache; missing ones are allocated.
    last : bool
        Whether to compute aL; a loss with a link needs only zL.

    Returns
    -------
    dict of str to array
        ``a0`` (x itself), ``z1``, ``a1``, …, ``zL``, ``aL``, each (samples, units) or (units,); with dropout also
        ``h0``, ``h1``, …, the input of each next layer, and the masks. With embeddings ``a0`` is numbers and
        embeddings, and ``codes`` (samples, embeddings) holds the codes as integers. `backward` needs nothing else.
    """
    masks, out = masks or {}, out or {}
    cache: Cache = {"a0": x}
    if structure.embeddings:
        cache["a0"], cache["codes"] = look_up(structure, parameters, x, out=out.get("a0"))
    previous = cache["a0"]
    for layer, activation in enumerate(structure.activations, start=1):
        mask = masks.get(f"mask{layer - 1}")
        if mask is not None:
            previous = np.multiply(previous, mask, out=out.get(f"h{layer - 1}"))
            cache[f"mask{layer - 1}"] = mask
            cache[f"h{layer - 1}"] = previous
        z = np.matmul(previous, parameters[f"W{layer}"], out=out.get(f"z{layer}"))
        z += parameters[f"b{layer}"]
        cache[f"z{layer}"] = z
        if last or layer < structure.n_layers:
            previous = cache[f"a{layer}"] = activation.function(z, out=out.get(f"a{layer}"))
    return cache


def dropout_rates(structure: Structure, dropout: float | Sequence[float]) -> tuple[float, ...]:
    """Return the dropout rate of the input and of each hidden layer.

    Parameters
    ----------
    structure : Structure
        The layers.
    dropout : float or sequence of float
        One rate for every hidden layer and 0 for the input, or L rates: the input's, then each hidden layer's.

    Returns
    -------
    tuple of float
        L rates in [0, 1): of a0, a1, …, a(L-1).

    Raises
    ------
    InputError
        If a rate is not in [0, 1) or their number is not L.
    """
    layers = structure.n_layers
    rates = (0.0, *[dropout] * (layers - 1)) if isinstance(dropout, (int, float)) else tuple(dropout)
    if len(rates) != layers:
        raise InputError(f"dropout has {len(rates)} rates; give one, or {layers}: the input's and each hidden layer's")
    for layer, rate in enumerate(rates):
        if not 0 <= rate < 1:
            raise InputError(f"dropout of layer {layer} is {rate!r}; it must be at least 0 and below 1")
    return tuple(float(rate) for rate in rates)


def dropout_masks(
    structure: Structure,
    rates: Iterable[float],
    samples: int,
    rng: np.random.Generator,
    dtype: Any,
    out: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Draw the masks of inverted dropout (Srivastava et al. 2014): 1 / (1 - rate) for units that are kept, else 0.

    The random stream gives one key for each mask. The bits of each entry depend on the key and the entry's index alone,
    so that engines can compute them in any order, on any number of threads, and again in the backward pass.

    Returns
    -------
    dict of str to array
        ``mask{l}`` (samples, units of l) for each layer l = 0 … L-1 whose rate is above 0; keys are drawn in that
        order.
    """
    masks = {}
    for layer, rate in enumerate(rates):
        if rate > 0:
            mask = (out or {}).get(f"mask{layer}")
            if mask is None:
                mask = np.empty((samples, structure.layer_sizes[layer]), dtype)
            key = rng.integers(2**32, dtype=np.uint32)
            np.greater_equal(random_bits(key, mask.size).reshape(mask.shape), np.uint32(round(rate * 2**32)), out=mask)
            mask *= 1 / (1 - rate)
            masks[f"mask{layer}"] = mask
    return masks


def random_bits(key: np.uint32, count: int) -> Array:
    """Return 32 pseudo-random bits for each index 0 … count-1, (count,) uint32, a hash of the key and the index.

    The index is multiplied by the golden ratio, combined with the key, and scrambled by the rounds of a hash function
    (https://github.com/skeeto/hash-prospector, the entry of bias 0.107).
    """
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B9)
    x ^= key
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(15)
    return x
