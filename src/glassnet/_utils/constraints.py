"""Checks of settings against one declaration of what each may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from glassnet.errors import InputError


@dataclass(frozen=True)
class Constraint:
    """What a value may be.

    Parameters
    ----------
    accepts : callable
        ``accepts(value) -> bool``.
    expected : str
        The end of the error message: "it must be …".
    """

    accepts: Callable[[Any], bool]
    expected: str


def is_number(value: object, kind: type = Real) -> bool:
    """Check whether a value is a number of a kind (`numbers.Real`, `numbers.Integral`) and not a boolean or NaN."""
    if not isinstance(value, kind) or is_bool(value):
        return False
    return isinstance(value, Integral) or not math.isnan(value)  # type: ignore[arg-type]


def is_bool(value: object) -> bool:
    """Check whether a value is a Python or NumPy boolean; NumPy is not imported for it."""
    return type(value).__name__ in ("bool", "bool_")


def _is_finite_number(value: object) -> bool:
    try:
        return isinstance(value, Real) and is_number(value) and math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


POSITIVE_INT = Constraint(lambda v: is_number(v, Integral) and v >= 1, "a whole number, 1 or more")
NON_NEGATIVE_INT = Constraint(lambda v: is_number(v, Integral) and v >= 0, "a whole number, 0 or more")
POSITIVE = Constraint(lambda v: _is_finite_number(v) and v > 0, "a number above 0")
NON_NEGATIVE = Constraint(lambda v: _is_finite_number(v) and v >= 0, "a number, 0 or more")
FINITE = Constraint(_is_finite_number, "a finite number")
BOOLEAN = Constraint(is_bool, "True or False")
MAPPING = Constraint(lambda v: isinstance(v, Mapping), "a mapping, such as {}")
#: Defaults of infinity mean "no limit", which may be set again.
_FINITE_OR_INFINITY = Constraint(lambda v: _is_finite_number(v) or (is_number(v) and v == math.inf), "a finite number")
_FINITE_NUMBERS = Constraint(
    lambda v: hasattr(v, "__len__") and not isinstance(v, str) and all(map(_is_finite_number, v)),
    "a list of finite numbers",
)


def number_from(low: float, high: float) -> Constraint:
    """Return the constraint that a value is a number in a closed interval."""
    return Constraint(lambda v: _is_finite_number(v) and low <= v <= high, f"a number from {low:g} to {high:g}")


def whole_number_from(low: int, high: int) -> Constraint:
    """Return the constraint that a value is a whole number in a closed interval."""
    return Constraint(lambda v: is_number(v, Integral) and low <= v <= high, f"a whole number from {low} to {high}")


def one_of(*values: str) -> Constraint:
    """Return the constraint that a value is one of these strings."""
    names = [repr(value) for value in values]
    return Constraint(lambda v: isinstance(v, str) and v in values, f"{', '.join(names[:-1])} or {names[-1]}")


def optional(constraint: Constraint) -> Constraint:
    """Return the constraint that also accepts None."""
    return Constraint(lambda v: v is None or constraint.accepts(v), constraint.expected)


def check_value(name: str, value: object, constraint: Constraint) -> None:
    """Check a value.

    Raises
    ------
    InputError
        If it violates the constraint: names it, with its value and what is expected.
    """
    if not constraint.accepts(value):
        raise InputError(f"{name} is {value!r:.80}; it must be {constraint.expected}")


def check_settings(
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
    owner: str,
    constraints: Mapping[str, Constraint] | None = None,
) -> None:
    """Check settings, which may come from a file, against the names and types of the defaults.

    Parameters
    ----------
    settings : mapping
        Values by name.
    defaults : mapping
        A boolean, a number or a tuple of numbers for each known name; a default of another type belongs to a custom
        rule, which checks its own settings.
    owner : str
        Whose settings they are, for the message: ``"optimizer 'adam'"``.
    constraints : mapping, optional
        What a setting may be, where the type of its default does not say it all.

    Raises
    ------
    InputError
        If a name is unknown, or a value has another type than its default or violates its constraint.
    """
    for name, value in settings.items():
        if name not in defaults:
            raise InputError(f"{owner} has no setting {name!r:.80}; it has: {', '.join(defaults) or 'none'}")
        constraint = (constraints or {}).get(name) or _like(defaults[name])
        if constraint is not None:
            check_value(f"setting {name!r} of {owner}", value, constraint)


def _like(default: object) -> Constraint | None:
    """Return the constraint that values have the type of a default."""
    if isinstance(default, bool):
        return BOOLEAN
    if isinstance(default, Real):
        return _FINITE_OR_INFINITY if default == math.inf else FINITE
    return _FINITE_NUMBERS if isinstance(default, tuple) else None
