"""The two kinds of table: columns of Arrow, and a matrix with perhaps a target; both know where each row stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns that are taken for the target where none is named, in this order.
TARGET_NAMES = ("label", "target", "class", "y")


@dataclass(frozen=True)
class Run:
    """Rows of a table that follow each other in a file: from `index` on, those of `source` from `row` (from 1) on."""

    index: int
    source: str
    row: int


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What both tables know of their rows' places.

    Parameters
    ----------
    first_row : int
        The number in the file of the first row, from 1 below the header.
    runs : tuple of Run
        Where rows were left out, or come from several files: all runs, the first from index 0. Without, the rows follow
        each other.
    """

    source: str
    first_row: int = 1
    runs: tuple[Run, ...] = ()

    def where(self, index: int) -> tuple[str, int]:
        """Return the file of a row of this table and the row's number there, from 1."""
        if not self.runs:
            return self.source, self.first_row + index
        run = next(run for run in reversed(self.runs) if run.index <= index)
        return run.source, run.row + index - run.index

    def places(self, rows: Array) -> tuple[list[str], list[int]]:
        """Return what `where` says of many rows, (rows,) of int: their files, and their numbers there."""
        if not self.runs:
            return [self.source] * len(rows), (self.first_row + rows).tolist()
        run = np.searchsorted([run.index for run in self.runs], rows, side="right") - 1
        numbers = np.array([run.row - run.index for run in self.runs])[run] + rows
        return [self.runs[number].source for number in run.tolist()], numbers.tolist()

    def runs_of(self, rows: Array) -> tuple[Run, ...]:
        """Return the runs of a table that consists of these rows, (rows,) of int, in this order."""
        runs: list[Run] = []
        places = zip(*self.places(rows), strict=True)
        for index, (source, number) in enumerate(places):
            last = runs[-1] if runs else None
            if last is None or (last.source, last.row) != (source, number - index + last.index):
                runs.append(Run(index, source, number))
        return tuple(runs)

    def named(self, index: int) -> str:
        """Return a row's place as messages begin with it: ``part-7.csv: row 48113207``."""
        source, row = self.where(index)
        return f"{source}: row {row}"

    def find(self, number: int, count: int) -> int | None:
        """Return which of ``count`` rows has this number in its file: the first of several, None if there is none."""
        runs = self.runs or (Run(0, self.source, self.first_row),)
        ends = (*(run.index for run in runs[1:]), count)
        places = ((run.index + number - run.row, run.index, end) for run, end in zip(runs, ends, strict=True))
        return next((place for place, first, end in places if first <= place < end), None)


@dataclass(frozen=True)
class Table(Placed):
    """Columns by name, and where they come from.

    Parameters
    ----------
    source : str
        A path, or `DIGITS`.
    columns : pyarrow.Table
        The values as read.
    """

    source: str
    columns: pa.Table

    @property
    def names(self) -> list[str]:
        """The columns' names in the file's order."""
        return list(self.columns.column_names)

    def __len__(self) -> int:
        return int(self.columns.num_rows)


@dataclass(frozen=True)
class Matrix(Placed):
    """Rows of numbers, and perhaps the target of each.

    Parameters
    ----------
    source : str
        A path, or what was handed over.
    x : array or SciPy CSR matrix (samples, features)
        Numbers as read.
    y : array (samples,), optional
        The target: numbers, or text (object).
    feature_names : tuple of str
        One for each column of x.
    target_name : str
        The target's, where there is one.
    endless : bool
        The file does not say how many columns there are (SVMlight): those it does not name are 0.
    """

    source: str
    x: Any
    y: Array | None
    feature_names: tuple[str, ...]
    target_name: str = "y"
    endless: bool = False

    @property
    def names(self) -> list[str]:
        """The columns' names, the target's last."""
        return [*self.feature_names, *([] if self.y is None else [self.target_name])]

    def __len__(self) -> int:
        return int(self.x.shape[0])


def joined_runs(runs: list[Run], more: Placed, index: int) -> None:
    """Add where the rows of a table stand, from `index` on, to the runs above it; runs that touch become one."""
    for run in more.runs or (Run(0, more.source, more.first_row),):
        moved = Run(index + run.index, run.source, run.row)
        last = runs[-1] if runs else None
        if last is None or (moved.source, moved.row) != (last.source, last.row + moved.index - last.index):
            runs.append(moved)


def check_names(source: str, names: Sequence[str]) -> None:
    """Refuse columns that share a name.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    if len(set(names)) < len(names):
        double = next(name for name in sorted(names) if names.count(name) > 1)
        raise InputError(
            f"{source}: column {double!r} stands there {names.count(double)} times; give each its own name"
        )
