"""Looking a name up in one of the tables, with an error that helps."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from glassnet.errors import InputError

Entry = TypeVar("Entry")


def entry(table: Mapping[str, Entry], name: object, kind: str) -> Entry:
    """Return the table's entry of that name.

    Raises
    ------
    ValueError
        If there is none: the message names the kind, what was seen, the nearest name and all names.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    near = difflib.get_close_matches(str(name), table, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"{kind} {name!r} is not known; {hint}choose one of {', '.join(table)}")
