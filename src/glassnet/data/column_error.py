"""The error of a table's column or entry, before the column's name and the row's number are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassnet.data.provenance import RowProvenance
from glassnet.errors import InputError

TYPE_ADVICE = "convert it to numbers or text, or leave the column out"
#: The source of a table that the caller holds, which messages call X.
IN_MEMORY = "X"
FINITE_OR_MISSING = "every entry must be a finite number, or missing"


class ColumnError(Exception):
    """A column or an entry is invalid; `to_input_error` adds the column's name and the row's number.

    Parameters
    ----------
    position : int
        Position of the column in the table, from 0.
    message : str
        What it is, what is expected, and what to do.
    row : int or None
        Index of the row, or None for the whole column.
    """

    def __init__(self, position: int, message: str, row: int | None = None) -> None:
        super().__init__(position, message, row)
        self.position = position
        self.message = message
        self.row = row

    def to_input_error(self, names: Sequence[str], rows: Any = None, table: RowProvenance | None = None) -> InputError:
        """Return the error for the user.

        Parameters
        ----------
        names : sequence of str
            Names of the table's columns.
        rows : array of int, optional
            Number of each row in the user's table; 0, 1, 2, … if not given.
        table : Table, optional
            The user's table: if it comes from a file, the error names the file and the row there.
        """
        name = names[self.position]
        row = self.row if self.row is None or rows is None else int(rows[self.row])
        if table is not None and table.source != IN_MEMORY:
            where = f"{table.source}:" if row is None else f"{table.describe_row(row)},"
            return InputError(f"{where} column {name!r} {self.message}")
        if row is None:
            return InputError(f"X's column {self.position} ({name!r}) {self.message}")
        return InputError(f"X[{row}, {self.position}] (column {name!r}) {self.message}")
