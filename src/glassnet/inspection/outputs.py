"""The output to explain: its layer and index, its value and its gradient, in chunks of rows."""

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

#: Maximum number of rows in a chunk.
MAX_ROWS = 1024
#: Maximum number of activations of all layers in a chunk.
MAX_NUMBERS = 2**23
#: The quantities that can be differentiated: the last activation, the same if it is a probability, its pre-activation.
OUTPUT_KINDS = ("output", "probability", "logit")


def rows_at_once(structure: Structure) -> int:
    """Return the number of rows in a chunk."""
    return max(1, min(MAX_ROWS, MAX_NUMBERS // sum(structure.layer_sizes)))


def chunks(structure: Structure, x: Any, dtype: Any, share: int = 1) -> Iterator[tuple[slice, Array]]:
    """Yield the rows of x, array or CSR, in dense chunks, each with its slice; ``share=4`` makes chunks a quarter."""
    rows = max(1, rows_at_once(structure) // share)
    for first in range(0, x.shape[0], rows):
        chunk = slice(first, min(first + rows, x.shape[0]))
        yield chunk, numbers(x[chunk], 1.0, dtype)


def check_layer(structure: Structure, layer: Any) -> int:
    """Return the number of a layer, the last one for None.

    Raises
    ------
    InputError
        If there is no such layer.
    """
    if layer is None:
        return structure.n_layers
    if isinstance(layer, bool) or not isinstance(layer, Integral) or not 1 <= int(layer) <= structure.n_layers:
        raise InputError(f"layer is {layer!r:.40}; it must be one of 1 … {structure.n_layers}")
    return int(layer)


def check_of(structure: Structure, of: str) -> None:
    """Raise InputError if ``of`` is not in `OUTPUT_KINDS`, or is the probability of a network without probabilities."""
    if of not in OUTPUT_KINDS:
        raise InputError(f"of is {of!r}; it must be one of {', '.join(OUTPUT_KINDS)}")
    last = structure.activations[-1].name
    if of == "probability" and last not in ("softmax", "sigmoid"):
        raise InputError(f"of is 'probability', but the output activation {last!r} gives no probability; use 'output'")


def check_outputs(structure: Structure, output: Any, samples: int) -> Array | None:
    """Return the output chosen for each row, (samples,), or None for the largest output.

    Raises
    ------
    InputError
        If there is no such output.
    """
    if output is None:
        return None
    chosen = np.asarray(output)
    outputs = structure.n_outputs
    if chosen.dtype.kind not in "iu":
        raise InputError(f"output is {output!r:.80}; it must be a whole number, 0 … {outputs - 1}, or one for each row")
    if chosen.shape not in ((), (samples,)):
        raise InputError(f"output has shape {chosen.shape}; give one number, or ({samples},), one for each row")
    wrong = np.flatnonzero((chosen < 0) | (chosen >= outputs))
    if len(wrong):
        index = f"[{wrong[0]}]" if chosen.ndim else ""
        raise InputError(
            f"output{index} is {chosen.flat[wrong[0]]}; with {outputs} outputs it is one of 0 … {outputs - 1}"
        )
    return np.broadcast_to(chosen.astype(np.intp), (samples,))


def argmax_output(structure: Structure, parameters: Mapping[str, Array], x: Array) -> Array:
    """Return the index of each row's largest output, (samples,)."""
    return np.argmax(forward(structure, parameters, x)[f"a{structure.n_layers}"], axis=1)


def output_values(structure: Structure, parameters: Mapping[str, Array], x: Array, chosen: Array, of: str) -> Array:
    """Return the chosen output F of each row, (samples,)."""
    outputs = forward(structure, parameters, x)[f"{'z' if of == 'logit' else 'a'}{structure.n_layers}"]
    return np.take_along_axis(outputs, chosen[:, np.newaxis], axis=1)[:, 0]


def output_gradients(
    structure: Structure,
    parameters: Mapping[str, Array],
    x: Array,
    chosen: Array | None,
    of: str,
    masks: Mapping[str, Array] | None = None,
) -> Array:
    """Return ∂F/∂x of the chosen output of each row, or of its largest output: (samples, features)."""
    cache = forward(structure, parameters, x, masks=masks)
    z, a = (cache[f"{kind}{structure.n_layers}"] for kind in "za")
    chosen = np.argmax(a, axis=1) if chosen is None else chosen
    dz = np.zeros_like(a)
    np.put_along_axis(dz, chosen[:, np.newaxis], 1, axis=1)
    if of != "logit":
        dz = structure.activations[-1].derivative(dz, z, a)
    with np.errstate(over="ignore", invalid="ignore"):  # in dW, which is not used
        return backward(structure, parameters, cache, dz, need_dx=True)["dx"]
