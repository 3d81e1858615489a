"""One pass over files: what it learns on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from glassnet.data.bad_rows import BadRows
from glassnet.data.text.kinds import Kinds


@dataclass
class Pass:
    """What the files' readers share during a pass.

    Parameters
    ----------
    names : list of str
        The columns in the order in which blocks have them.
    bad : BadRows, optional
        Where rows that can't be used are left out: those found so far. Without, they are errors.
    kinds : Kinds
        What CSV columns hold.
    """

    names: list[str]
    bad: BadRows | None = None
    kinds: Kinds = field(default_factory=Kinds)
