"""Structure and parameters in files: the fields that describe a structure, and the checks of arrays that were read.

A file is untrusted input: nothing is allocated before its size is known to be in proportion to the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.json_fields import Fields
from glassnet.errors import InputError
from glassnet.network.structure import Structure


def structure_fields(structure: Structure) -> dict[str, Any]:
    """Return a structure as JSON fields: ``layer_sizes``, ``activations`` (names) and ``embeddings``."""
    return {
        "layer_sizes": list(structure.layer_sizes),
        "activations": [activation.name for activation in structure.activations],
        "embeddings": [list(shape) for shape in structure.embeddings],
    }


def read_layer_sizes(fields: Fields, arrays: dict[str, Array]) -> list[int]:
    """Return ``layer_sizes``; raise an InputError if there are more layers than the arrays can belong to."""
    sizes = fields.list_of("layer_sizes", int)
    if len(sizes) > len(arrays) + 1:
        raise InputError(f"there are {len(sizes) - 1:,} layers and {len(arrays):,} arrays; a layer has two")
    return sizes


def validate_arrays(arrays: dict[str, Array], expected: dict[str, tuple[int, ...]], structure: Structure) -> None:
    """Check the names, shapes, dtypes and values of the arrays of a model or of parameters.

    Parameters
    ----------
    arrays : dict of str to array
        Parameters by name, of one dtype, float32 or float64; arrays whose name has a dot (``scaling.factor``) belong to
        the preprocessing and are float64.
    expected : dict of str to tuple of int
        The shape of each array.
    structure : Structure
        For the message.

    Raises
    ------
    InputError
        If an array is missing, unexpected, of another shape or dtype, not finite, or a scaling factor is 0.
    """
    if set(arrays) != set(expected):
        names = ", ".join(sorted(set(arrays) ^ set(expected))[:8])
        raise InputError(f"the arrays are not those of layers {structure.layer_sizes}: {names}")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape:
            raise InputError(f"{name} has shape {array.shape}; it must be {shape}")
        dtypes = ("float64",) if "." in name else ("float32", "float64")
        if array.dtype.name not in dtypes or ("." not in name and array.dtype != arrays["W1"].dtype):
            raise InputError(
                f"{name} has dtype {array.dtype}; it must be {' or '.join(dtypes)}, the same for all layers"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinity")
        if name.endswith((".factor", ".scale")) and not array.all():
            raise InputError(f"{name} holds 0, by which no value can be scaled back")
