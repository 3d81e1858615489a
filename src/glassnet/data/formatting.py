"""How values, names and faults are shown in messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def is_number(text: str) -> bool:
    """Say whether Python reads a text as a number, NaN and infinity included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def cell(value: object) -> str:
    """Show a cell as it stands in the file: None is an empty one, text is quoted and cut short."""
    if value is None:
        return "empty"
    if isinstance(value, np.generic):
        value = value.item()
    return short(value) if isinstance(value, str) else str(value)


def short(value: object, length: int = 40) -> str:
    """Show a value as Python writes it, at most so many characters of it."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Show names in quotes, the first few of them and how many more there are."""
    shown = ", ".join(short(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
