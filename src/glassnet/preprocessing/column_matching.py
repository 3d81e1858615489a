"""Match the columns of a table to those of the training rows: by name where both have names, else by position."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from glassnet.data.column_error import IN_MEMORY
from glassnet.data.formatting import format_names
from glassnet.data.tables import Table
from glassnet.errors import InputError


def match_columns(
    table: Table, names: Sequence[str], named: bool = True, unused: Collection[str] = ()
) -> tuple[Table, list[str]]:
    """Return the columns of the training rows in their order, and the names of the other columns.

    Parameters
    ----------
    table : Table
        Its columns are matched by name or, if it has no names, by position.
    names : sequence of str
        The columns of the training rows.
    named : bool
        Whether the training rows had names; if not, columns are matched by position.
    unused : collection of str
        Columns of the training rows that are not read, and may be missing.

    Raises
    ------
    InputError
        If columns are missing (named), or the number of columns is another.
    """
    given = feature_names(table)
    if named and given and list(given) != list(names):
        position_of = {name: position for position, name in enumerate(given)}
        known = set(names)
        missing = [name for name in names if name not in position_of and name not in unused]
        extra = [name for name in given if name not in known]
        if missing:
            instead = f"; it has {format_names(extra)} instead" if extra else ""
            where = "X" if table.source == IN_MEMORY else f"{table.source}:"
            verb = "lacks the column" if table.source == IN_MEMORY else "there is no column"
            raise InputError(f"{where} {verb} {format_names(missing)} of the training rows{instead}")
        # a column that is not read may be missing; any other takes its place
        anything = next((position_of[name] for name in names if name in position_of), 0)
        return table.take_columns([position_of.get(name, anything) for name in names]), extra
    if table.shape[1] != len(names):
        raise InputError(f"X has {table.shape[1]} columns; the training rows had {len(names)}")
    return table, []


def feature_names(table: Table) -> list[str]:
    """Return the names of the columns of a table, without the target of a matrix."""
    return table.names[: table.shape[1]]
