"""Units that are silenced, or made to speak louder or softer, to hear what the network says then.

The activation of such a unit is multiplied by a factor before the next layer hears it, which is what dropout's masks do
(`glassnet.network.forward`): h_l = a_l ⊙ mask_l. So the steps themselves compute it, forwards and backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.structure import Structure

#: For each layer by its name, ``"a1"``, the factor of a unit by its number.
Scale = Mapping[str, Mapping[Any, Any]]
#: A unit may become so many times as loud.
MOST = 100.0


def masks_of(structure: Structure, scale: Scale | None, dtype: Any) -> dict[str, Array]:
    """Return the masks of `forward` that scale single units.

    Parameters
    ----------
    structure : Structure
        The layers.
    scale : mapping of str to mapping, optional
        ``{"a1": {5: 0.0, 7: 2.0}}`` silences unit 5 of the first layer and makes unit 7 twice as loud; ``"a0"`` is the
        input, the last layer has nobody behind it that could hear. Numbers may be written as text, as JSON does.
    dtype : dtype
        Of the parameters.

    Returns
    -------
    dict of str to array
        ``mask{l}`` (units of l,), for each layer with a factor.

    Raises
    ------
    InputError
        If there is no such layer or unit, or a factor is no number from -100 to 100.
    """
    masks: dict[str, Array] = {}
    if scale is None:
        return masks
    if not isinstance(scale, Mapping):
        raise InputError(f"scale is {scale!r:.80}; it must be factors by layer and unit: {{'a1': {{'5': 0.0}}}}")
    layers = {f"a{layer}": layer for layer in range(structure.n_layers)}
    for name, factors in scale.items():
        if name not in layers:
            raise InputError(f"scale has {name!r:.40}; the layers that are heard by another are {_listed(layers)}")
        if not isinstance(factors, Mapping):
            raise InputError(f"scale of {name} is {factors!r:.80}; it must be factors by unit: {{'5': 0.0}}")
        units = structure.layer_sizes[layers[name]]
        mask = np.ones(units, dtype)
        for unit, factor in factors.items():
            mask[_place(name, unit, units)] = _checked(name, unit, factor)
        if factors:
            masks[f"mask{layers[name]}"] = mask
    return masks


def _place(name: str, unit: Any, units: int) -> int:
    if isinstance(unit, Integral) and not isinstance(unit, bool):
        place = int(unit)
    else:
        place = int(unit) if isinstance(unit, str) and unit.isascii() and unit.isdigit() and len(unit) < 12 else -1
    if not 0 <= place < units:
        raise InputError(f"scale of {name} has the unit {unit!r:.40}; there are 0 … {units - 1}")
    return place


def _checked(name: str, unit: Any, factor: Any) -> float:
    if isinstance(factor, (bool, np.bool_)) or not isinstance(factor, Real) or not abs(float(factor)) <= MOST:
        raise InputError(
            f"scale of {name}[{unit}] is {factor!r:.40}; it must be a number from {-MOST:g} to {MOST:g}: 0 silences it"
        )
    return float(factor)


def _listed(layers: Mapping[str, int]) -> str:
    names = list(layers)
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]}"
