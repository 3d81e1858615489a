"""The interface of file formats: one file, its columns, and its rows block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glassnet.data.bad_rows import BadRows
from glassnet.data.formatting import first_line
from glassnet.data.tables import Table
from glassnet.data.text.column_kinds import ColumnKinds
from glassnet.errors import InputError

#: Approximate size of a block's numbers in bytes.
BLOCK_BYTES = 1 << 22
#: Maximum number of columns of a table, unless the user allows more: each takes some 10 kB of memory in a block.
MAX_COLUMNS = 25_000
#: Maximum number of columns of sparse rows, unless the user allows more: the names take some 150 bytes each.
MAX_SPARSE_COLUMNS = 500_000
#: Maximum number of features of a matrix: the first layer has a weight for each feature and unit.
MAX_FEATURES = 4_000_000


@dataclass
class ReadState:
    """State that the files of one pass share.

    Parameters
    ----------
    names : list of str
        The columns, in the order that the blocks must have.
    bad_rows : BadRows, optional
        Collects invalid rows, if those are skipped; without it they raise an error.
    kinds : ColumnKinds
        Kinds of CSV columns as known so far.
    ignored : frozenset of str
        Columns that need not be read.
    """

    names: list[str]
    bad_rows: BadRows | None = None
    kinds: ColumnKinds = field(default_factory=ColumnKinds)
    ignored: frozenset[str] = frozenset()


class File(ABC):
    """One file of some format, or rows in memory.

    Parameters
    ----------
    path : Path
        Path of the file.
    max_columns : int, optional
        Maximum number of columns, if the user gave one.

    Attributes
    ----------
    format : str
        Name of the format in messages.
    names : list of str
        The columns.
    rows : int
        Number of rows if it is certain (confirmed by the size of the file), else 0.
    open_ended : bool
        Whether the file doesn't define its number of columns: columns that it doesn't mention are 0.
    notes : tuple of str
        What was detected of how the file is written and is not plain, with the option that overrides it.
    codes : frozenset of str
        Columns that hold whole numbers with leading zeros, which are text.
    reading_key : str
        What the values of the rows depend on beside the file: how it is read.
    """

    format: str
    names: list[str]
    rows: int = 0
    open_ended: bool = False
    notes: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    reading_key: str = ""

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        self.path = path
        self.max_columns = max_columns

    @property
    def source(self) -> str:
        """Name of the file in messages."""
        return str(self.path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that rows are read from; empty for rows in memory."""
        return (self.path,)

    @property
    def size(self) -> int:
        """Size in bytes, on disk or in memory."""
        return sum(path.stat().st_size for path in self.paths)

    def check_width(self, count: int, default: int = MAX_COLUMNS) -> None:
        """Check the number of columns.

        Raises
        ------
        InputError
            If it is above the maximum, or above the default if there is none.
        """
        limit = self.max_columns or default
        if count > limit:
            raise InputError(
                f"{self.source}: the file has {count:,} columns, more than {limit:,}, and each takes memory; if that "
                f"is right, allow them: --max-columns {count} (in Python: max_columns={count})"
            )

    def in_memory(self) -> Table | None:
        """Return all rows, without a copy, if they are in memory already; else None."""
        return None

    @abstractmethod
    def blocks(self, state: ReadState) -> Iterator[Table]:
        """Yield the rows in order, a few MB at a time, with the columns ``state.names`` in that order."""


def rows_per_block(row_bytes: int) -> int:
    """Return the number of rows of a block, for rows of this many bytes."""
    return max(1, BLOCK_BYTES // max(1, row_bytes))


@contextmanager
def open_stream(path: Path) -> Iterator[Any]:
    """Open a file as a stream of bytes, decompressed according to its extension (.gz, .bz2, .zst).

    Raises
    ------
    InputError
        If it can't be read, when opened or later.
    """
    import pyarrow as pa

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            yield stream
    except OSError as error:
        raise InputError(
            f"{path}: can't be read: {first_line(error)}; check that the file is complete and compressed as its "
            "extension says"
        ) from None
