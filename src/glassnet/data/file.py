"""What a reader of a format is: one file, its columns, its rows block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glassnet.data.formatting import first_line
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError

#: Bytes of numbers that a block holds, more or less.
BLOCK = 1 << 22
#: More columns are refused: each takes memory of its own.
MAX_COLUMNS = 100_000
#: More features of a matrix, whose columns take none, are refused: the first layer has a weight for each and each unit.
MAX_FEATURES = 4_000_000


class File(ABC):
    """One file of some format, or rows in memory.

    Parameters
    ----------
    path : Path
        Where it is.
    """

    #: What the format is called in messages.
    format: str
    names: list[str]
    #: How many rows there are for certain (the size of the file says so too), 0 where that is not known.
    rows: int = 0
    #: The file does not say how many columns there are: those that it does not name are 0.
    endless: bool = False

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def source(self) -> str:
        """The file as messages name it."""
        return str(self.path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that the rows come from; none if they are in memory."""
        return (self.path,)

    @property
    def size(self) -> int:
        """Bytes on disk, or in memory."""
        return sum(path.stat().st_size for path in self.paths)

    def whole(self) -> Table | Matrix | None:
        """Return all rows where they are in memory already; nothing is copied."""
        return None

    @abstractmethod
    def blocks(self, state: Pass) -> Iterator[Table | Matrix]:
        """Yield the rows in order, some MB at a time, with the columns of ``state.names`` in that order."""


def rows_at_once(row_bytes: int) -> int:
    """Return how many rows of so many bytes a block has."""
    return max(1, BLOCK // max(1, row_bytes))


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file, compressed as its name's end says (.gz, .bz2, .zst), as a stream of its bytes.

    Raises
    ------
    InputError
        If it can't be read, now or later.
    """
    import pyarrow as pa

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            yield stream
    except OSError as error:
        raise InputError(
            f"{path}: can't be read: {first_line(error)}; is it whole, and compressed as its name says?"
        ) from None
