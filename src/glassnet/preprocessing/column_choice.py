"""Which columns of a table become inputs, and as what: by their types, by what the user says, and by their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.formatting import format_names
from glassnet.data.object_columns import CATEGORY, DATE, NUMBER
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError
from glassnet.preprocessing.scaling import AUTO, SCALINGS

#: Names of a column that numbers the rows, as pandas and spreadsheets leave them behind.
COUNTER_NAMES = ("", "unnamed: 0", "index", "id", "row", "nr", "no", "rownames", "__index_level_0__")
#: The kind of a column that is not read.
UNUSED = "unused"
#: Beginning of the names that a reader gives to columns without one.
UNNAMED_PREFIXES = ("unnamed", "column_")
CONSTANT, COUNTER, TEXT, IGNORED = (
    "holds a single value",
    "numbers the rows",
    "is text of which most values occur once",
    "is to be ignored",
)


@dataclass(frozen=True)
class ColumnOptions:
    """What the user says about the columns of a table.

    Parameters
    ----------
    ignore : tuple of str
        Columns that are left out.
    categorical, numeric, dates : tuple of str
        Columns that hold categories, numbers or dates, whatever their type and values suggest.
    scaling : str
        One of `glassnet.preprocessing.scaling.SCALINGS`.
    """

    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    scaling: str = AUTO

    def __post_init__(self) -> None:
        if self.scaling not in SCALINGS:
            raise InputError(f"scaling is {self.scaling!r}; it must be one of {', '.join(SCALINGS)}")
        named: dict[str, str] = {}
        for option in ("ignore", "categorical", "numeric", "dates"):
            names = getattr(self, option)
            if isinstance(names, str):
                names = (names,)
            object.__setattr__(self, option, tuple(str(name) for name in names))
            for name in getattr(self, option):
                if named.setdefault(name, option) != option:
                    raise InputError(f"column {name!r} is given in {named[name]} and in {option}; leave it out of one")

    def without_ignored(self) -> ColumnOptions:
        """Return the options for a table that has the columns to ignore no more."""
        return replace(self, ignore=())

    def kinds(self) -> dict[str, str]:
        """Return the kinds of columns that the user says."""
        said = dict.fromkeys(self.categorical, CATEGORY) | dict.fromkeys(self.numeric, NUMBER)
        return said | dict.fromkeys(self.dates, DATE)

    def named(self) -> dict[str, tuple[str, ...]]:
        """Return the columns that are named, by option."""
        return {option: getattr(self, option) for option in ("ignore", "categorical", "numeric", "dates")}

    def to_dict(self) -> dict[str, Any]:
        """Return the options by name, as `glassnet.fit` takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def reading_kinds(self) -> dict[str, str]:
        """The kinds that files are read with: see `glassnet.data.open_files`; columns to ignore may hold any text."""
        kinds = dict.fromkeys([*self.categorical, *self.ignore], "text") | dict.fromkeys(self.numeric, "number")
        return kinds | dict.fromkeys(self.dates, "date")

    def check(self, names: Sequence[str], source: str) -> None:
        """Raise InputError if a column does not exist."""
        known = set(names)
        for option, columns in self.named().items():
            unknown = [name for name in columns if name not in known]
            if unknown:
                raise InputError(
                    f"{source}: {option} names the column {format_names(unknown)}; the columns are "
                    f"{format_names(names)}"
                )


@dataclass(frozen=True)
class LeftOutColumn:
    """A column that becomes no input: its name, its position in the table, and why."""

    name: str
    position: int
    reason: str

    def __str__(self) -> str:
        return f"column {self.name!r} is left out: it {self.reason}"


def kinds_of_columns(table: Table, names: Sequence[str], options: ColumnOptions, categorical: Array) -> list[str]:
    """Return the kind of each column: what the user says, otherwise what its type says.

    Parameters
    ----------
    table : Table
        The columns.
    names : sequence of str
        Their names.
    options : ColumnOptions
        What the user says.
    categorical : array (columns,) of bool
        Further columns of categories.

    Raises
    ------
    ColumnError
        If a column is of a type that holds nothing that can be an input.
    """
    said = options.kinds()
    ignored = set(options.ignore)
    kinds = []
    for position, name in enumerate(names):
        if name in ignored:
            kinds.append(UNUSED)
            continue
        by_type = table.kind(position)
        kinds.append(CATEGORY if categorical[position] else said.get(name, by_type))
    return kinds


def may_leave_out(table: Table) -> bool:
    """Return whether columns may be left out for their values: not of an array, which is taken as it is."""
    return not isinstance(table, Matrix) or table.x.dtype.kind == "O"


def is_counter_name(name: str) -> bool:
    """Return whether a column of this name may be one that numbers the rows."""
    plain = name.strip().casefold()
    return plain in COUNTER_NAMES or plain.startswith(UNNAMED_PREFIXES)


def counts_up(values: Array) -> bool:
    """Return whether numbers (rows,) rise by whole steps from row to row, as those that number the rows do."""
    for some in (values[:3], values):  # the first are mostly enough to reject them
        numbers = np.asarray(some, np.float64)
        if not np.isfinite(numbers).all() or not np.array_equal(numbers, np.floor(numbers)):
            return False
        if len(numbers) < 2 or (np.diff(numbers) < 1).any():
            return False
    return True


def follow_rise(rising: list[bool], numbers: Any, last: Array | None) -> Array | None:
    """Clear the flags of columns that do not rise by whole steps with further rows, and return the last row.

    Parameters
    ----------
    rising : list of bool
        The flags; only columns whose flag is set are looked at.
    numbers : array (rows, columns), or a sparse matrix
        The next rows.
    last : array (columns,), optional
        The row before.
    """
    if not isinstance(numbers, np.ndarray) or not len(numbers):
        return last
    for column in [column for column, rises in enumerate(rising) if rises]:
        values = numbers[:, column].astype(np.float64)
        if last is not None:
            values = np.concatenate([[last[column]], values])
        rising[column] = len(values) == 1 or counts_up(values)
    return numbers[-1].astype(np.float64)
