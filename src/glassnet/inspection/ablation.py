"""Ablation: multiply the activations of single units by a factor, 0 to remove a unit.

The factor is applied before the next layer, like dropout's masks (`glassnet.network.forward`): h_l = a_l ⊙ mask_l.
The forward and the backward pass therefore need no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.structure import Structure

#: For each layer by its name, ``"a1"``, the factor of each unit by its index.
Scale = Mapping[str, Mapping[Any, Any]]
#: Largest absolute value of a factor.
MAX_FACTOR = 100.0


def ablation_masks(structure: Structure, scale: Scale | None, dtype: Any) -> dict[str, Array]:
    """Return the masks that scale single units in `forward`.

    Parameters
    ----------
    structure : Structure
        The layers.
    scale : mapping of str to mapping, optional
        ``{"a1": {5: 0.0, 7: 2.0}}`` removes unit 5 of the first layer and doubles unit 7. ``"a0"`` is the input; the
        last layer can't be scaled. Indices may be strings, as in JSON.
    dtype : dtype
        The dtype of the parameters.

    Returns
    -------
    dict of str to array
        ``mask{l}`` (units of l,), for each layer with a factor.

    Raises
    ------
    InputError
        If there is no such layer or unit, or a factor is not a number from -100 to 100.
    """
    masks: dict[str, Array] = {}
    if scale is None:
        return masks
    if not isinstance(scale, Mapping):
        raise InputError(f"scale is {scale!r:.80}; it must be factors by layer and unit: {{'a1': {{'5': 0.0}}}}")
    layers = {f"a{layer}": layer for layer in range(structure.n_layers)}
    for name, factors in scale.items():
        if name not in layers:
            raise InputError(f"scale has {name!r:.40}; the layers that can be scaled are {_name_range(layers)}")
        if not isinstance(factors, Mapping):
            raise InputError(f"scale of {name} is {factors!r:.80}; it must be factors by unit: {{'5': 0.0}}")
        units = structure.layer_sizes[layers[name]]
        mask = np.ones(units, dtype)
        for unit, factor in factors.items():
            mask[_unit_index(name, unit, units)] = _check_factor(name, unit, factor)
        if factors:
            masks[f"mask{layers[name]}"] = mask
    return masks


def _unit_index(name: str, unit: Any, units: int) -> int:
    is_integer = isinstance(unit, Integral) and not isinstance(unit, bool)
    is_digits = isinstance(unit, str) and unit.isascii() and unit.isdigit() and len(unit) < 12
    index = int(unit) if is_integer or is_digits else -1
    if not 0 <= index < units:
        raise InputError(f"scale of {name} has the unit {unit!r:.40}; there are 0 … {units - 1}")
    return index


def _check_factor(name: str, unit: Any, factor: Any) -> float:
    if isinstance(factor, (bool, np.bool_)) or not isinstance(factor, Real) or not abs(float(factor)) <= MAX_FACTOR:
        raise InputError(
            f"scale of {name}[{unit}] is {factor!r:.40}; it must be a number from {-MAX_FACTOR:g} to {MAX_FACTOR:g}: "
            "0 removes the unit"
        )
    return float(factor)


def _name_range(layers: Mapping[str, int]) -> str:
    names = list(layers)
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]}"
