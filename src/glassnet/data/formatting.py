"""Formatting of values, names and errors in messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def is_number(text: str) -> bool:
    """Check whether Python parses a text as a number, NaN and infinity included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def format_cell(value: object) -> str:
    """Format a cell: None as ``empty``, text quoted and truncated."""
    if value is None:
        return "empty"
    if isinstance(value, np.generic):
        value = value.item()
    return short_repr(value) if isinstance(value, str) else str(value)


def short_repr(value: object, length: int = 40) -> str:
    """Return the repr of a value, truncated to `length` characters."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def format_names(names: Sequence[str], max_names: int = 8) -> str:
    """Format names in quotes: the first few, and the number of the others."""
    shown = ", ".join(short_repr(name) for name in names[:max_names])
    return shown + (f" and {len(names) - max_names} more" if len(names) > max_names else "")
