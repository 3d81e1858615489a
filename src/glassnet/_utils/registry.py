"""Look up an entry of a table by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from glassnet.errors import InputError

Entry = TypeVar("Entry")


def lookup(table: Mapping[str, Entry], name: object, kind: str) -> Entry:
    """Return the entry with this name.

    Raises
    ------
    InputError
        If there is none: the message has the kind, the value, the nearest name and all names.
    """
    if isinstance(name, str) and name in table:
        return table[name]
    # a name from a file may have any length, and the search for a close match needs memory in proportion to it
    shown = f"{name!r:.80}"
    close_matches = difflib.get_close_matches(shown.strip("'"), table, n=1)
    hint = f"did you mean {close_matches[0]!r}? " if close_matches else ""
    raise InputError(f"{kind} {shown} is not known; {hint}choose one of {', '.join(table)}")
