"""The output that is explained: which one, of which layer, its value and its slopes, a chunk of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.interface import numbers
from glassnet.errors import InputError
from glassnet.network.backward import backward
from glassnet.network.forward import forward
from glassnet.network.structure import Structure

#: Rows that go through the network at once, at most, and numbers that all layers together then hold.
MAX_ROWS, MAX_NUMBERS = 1024, 2**23
#: What a derivative may be of: the last activation, the same where it is a probability, what goes into it.
OF = ("output", "probability", "logit")


def rows_at_once(structure: Structure) -> int:
    """Return how many rows go through the network at once."""
    return max(1, min(MAX_ROWS, MAX_NUMBERS // sum(structure.layer_sizes)))


def chunks(structure: Structure, x: Any, dtype: Any, share: int = 1) -> Iterator[tuple[slice, Array]]:
    """Go through the rows of x, array or CSR, a chunk (or a share of one) at a time, as an array of numbers."""
    rows = max(1, rows_at_once(structure) // share)
    for first in range(0, x.shape[0], rows):
        chunk = slice(first, min(first + rows, x.shape[0]))
        yield chunk, numbers(x[chunk], 1.0, dtype)


def check_layer(structure: Structure, layer: Any) -> int:
    """Return the number of a layer, the last one's for None; refuse one that is not there."""
    if layer is None:
        return structure.n_layers
    if isinstance(layer, bool) or not isinstance(layer, Integral) or not 1 <= int(layer) <= structure.n_layers:
        raise InputError(f"layer is {layer!r:.40}; it must be one of 1 … {structure.n_layers}")
    return int(layer)


def check_of(structure: Structure, of: str) -> None:
    """Refuse what is not in `OF`, and the probability of a network that gives none."""
    if of not in OF:
        raise InputError(f"of is {of!r}; it must be one of {', '.join(OF)}")
    last = structure.activations[-1].name
    if of == "probability" and last not in ("softmax", "sigmoid"):
        raise InputError(f"of is 'probability', and the output activation {last!r} gives none; use 'output'")


def check_outputs(structure: Structure, output: Any, samples: int) -> Array | None:
    """Return the output chosen for each row, (samples,), or None for the largest; refuse one that is not there."""
    if output is None:
        return None
    chosen, outputs = np.asarray(output), structure.n_outputs
    if chosen.dtype.kind not in "iu":
        raise InputError(f"output is {output!r:.80}; it must be a whole number, 0 … {outputs - 1}, or one for each row")
    if chosen.shape not in ((), (samples,)):
        raise InputError(f"output has shape {chosen.shape}; give one number, or ({samples},), one for each row")
    wrong = np.flatnonzero((chosen < 0) | (chosen >= outputs))
    if len(wrong):
        place = f"[{wrong[0]}]" if chosen.ndim else ""
        raise InputError(
            f"output{place} is {chosen.flat[wrong[0]]}; with {outputs} outputs it is one of 0 … {outputs - 1}"
        )
    return np.broadcast_to(chosen.astype(np.intp), (samples,))


def largest(structure: Structure, parameters: Mapping[str, Array], x: Array) -> Array:
    """Return the number of each row's largest output, (samples,)."""
    return np.argmax(forward(structure, parameters, x)[f"a{structure.n_layers}"], axis=1)


def values(structure: Structure, parameters: Mapping[str, Array], x: Array, chosen: Array, of: str) -> Array:
    """Return the chosen output F of each row, (samples,)."""
    seen = forward(structure, parameters, x)[f"{'z' if of == 'logit' else 'a'}{structure.n_layers}"]
    return np.take_along_axis(seen, chosen[:, np.newaxis], axis=1)[:, 0]


def slopes(
    structure: Structure,
    parameters: Mapping[str, Array],
    x: Array,
    chosen: Array | None,
    of: str,
    masks: Mapping[str, Array] | None = None,
) -> Array:
    """Return ∂F/∂x of the chosen output, or the largest, of each row: (samples, features)."""
    cache = forward(structure, parameters, x, masks=masks)
    z, a = (cache[f"{kind}{structure.n_layers}"] for kind in "za")
    chosen = np.argmax(a, axis=1) if chosen is None else chosen
    dz = np.zeros_like(a)
    np.put_along_axis(dz, chosen[:, np.newaxis], 1, axis=1)
    if of != "logit":
        dz = structure.activations[-1].derivative(dz, z, a)
    with np.errstate(over="ignore", invalid="ignore"):  # of the sums over the rows, dW, which nobody looks at
        return backward(structure, parameters, cache, dz, need_dx=True)["dx"]
