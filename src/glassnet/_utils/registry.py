"""InspectionMixin a name up in one of the tables, with an error that helps."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

from glassnet.errors import InputError

Entry = TypeVar("Entry")


def lookup(table: Mapping[str, Entry], name: object, kind: str) -> Entry:
    """Return the table's entry of that name.

    Raises
    ------
    ValueError
        If there is none: the message names the kind, what was seen, the nearest name and all names.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    shown = f"{name!r:.80}"
    # a name may come from a file, and be of any length: looking for one that is near takes far more room than it has
    near = difflib.get_close_matches(shown.strip("'"), table, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"{kind} {shown} is not known; {hint}choose one of {', '.join(table)}")


def check_settings(settings: Mapping[str, Any], defaults: Mapping[str, Any], kind: str) -> None:
    """Refuse settings that are not of the kind of what stands there by default: they may come from a file.

    Raises
    ------
    ValueError
        If one is no number where a number stands, no boolean, or no sequence of numbers: it is named, with its value.
    """
    for name, value in settings.items():
        default = defaults[name]
        if isinstance(default, bool):
            right, expected = type(value).__name__ in ("bool", "bool_"), "True or False"
        elif isinstance(default, Real):
            right, expected = _is_number(value, infinite=default == math.inf), "a finite number"
        elif isinstance(default, tuple):
            right = hasattr(value, "__len__") and not isinstance(value, str) and all(map(_is_number, value))
            expected = "a list of finite numbers"
        else:  # of one's own rule, which says itself what it takes
            continue
        if not right:
            raise InputError(f"setting {name!r} of {kind} is {value!r:.80}; it must be {expected}")


def _is_number(value: object, infinite: bool = False) -> bool:
    if not isinstance(value, Real) or type(value).__name__ in ("bool", "bool_"):
        return False
    number = float(value)
    return math.isfinite(number) or (infinite and number == math.inf)
