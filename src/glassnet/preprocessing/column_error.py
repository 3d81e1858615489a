"""What is wrong with a table's column or entry, told with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.errors import InputError

MEND_TYPE = "make numbers or text of it, or leave the column out"
MEND_DATE = "make numbers of it (year, month, days since a day that matters), or leave the column out"
FINITE = "every entry must be a finite number, or missing"


class Fault(Exception):
    """A column or an entry is wrong; where it is found, neither the columns' names nor the rows' numbers are known.

    Parameters
    ----------
    position : int
        The column's.
    what : str
        What it is, and what to do.
    row : int or None
        The entry's, or None for the whole column.
    """

    def __init__(self, position: int, what: str, row: int | None = None) -> None:
        super().__init__(position, what, row)
        self.position, self.what, self.row = position, what, row

    def told(self, names: Sequence[str], rows: Any = None) -> InputError:
        """Return the error for the user, given the columns' names and the rows' numbers if not 0, 1, 2 and so on."""
        name = names[self.position]
        if self.row is None:
            return InputError(f"X's column {self.position} ({name!r}) {self.what}")
        row = self.row if rows is None else int(rows[self.row])
        return InputError(f"X[{row}, {self.position}] (column {name!r}) {self.what}")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names as a message lists them."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
