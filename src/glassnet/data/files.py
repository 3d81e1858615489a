"""Files as one table: found, opened, read block by block or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from glassnet.data.bad_rows import BadRows
from glassnet.data.file import File
from glassnet.data.formatting import listed
from glassnet.data.joining import joined
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Table
from glassnet.data.text.kinds import Kinds
from glassnet.data.text.svmlight import joint_names
from glassnet.errors import InputError

ERROR, SKIP = "error", "skip"


class Files:
    """Rows of one or several files, as often as they are asked for.

    Parameters
    ----------
    files : sequence of File
        All with the same columns; of another order than the first file's they are put in its order.
    on_bad_row : str
        ``"error"`` or ``"skip"``.
    """

    def __init__(self, files: Sequence[File], on_bad_row: str = ERROR) -> None:
        if on_bad_row not in (ERROR, SKIP):
            raise InputError(f"on_bad_row is {on_bad_row!r}; it must be {ERROR!r} or {SKIP!r}")
        self._files = files
        self._skip = on_bad_row == SKIP
        self._bad = BadRows()
        #: The columns, in the first file's order.
        self.names: list[str] = files[0].names
        #: The files as they were named, sorted.
        self.files: tuple[Path, ...] = tuple(file.path for file in files if file.paths)
        #: All files that rows come from: with the labels of images, and each picture of a folder.
        self.paths: tuple[Path, ...] = tuple(path for file in files for path in file.paths)
        if all(file.endless for file in files):
            self.names = joint_names([file.names for file in files])
        else:
            for file in files[1:]:
                _check_same(file, files[0])

    @property
    def size(self) -> int:
        """Bytes on disk, compressed as they are; of what is in memory, bytes there."""
        return sum(file.size for file in self._files)

    @property
    def bad_rows(self) -> list[tuple[str, int, str]]:
        """The rows that the last pass left out: file, row (from 1 below the header), reason; the first 100,000."""
        return self._bad.found

    @property
    def bad_count(self) -> int:
        """How many rows the last pass left out."""
        return self._bad.count

    def blocks(self, text: Sequence[str] = ()) -> Iterator[Table | Matrix]:
        """Yield the rows in order, some MB at a time, in bounded memory; each call is a pass of its own.

        No block spans two files or is empty. In CSV a column may turn out to be wider on the way (bytes, int64,
        float64, text); it never gets narrower again.

        Parameters
        ----------
        text : sequence of str
            Columns of CSV files to be read as text, as a pass before showed them to be.

        Raises
        ------
        InputError
            If a row can't be read (file, row, column and value are named), or there is none.
        """
        return self._pass(Kinds(text))

    def table(self) -> Table | Matrix:
        """Return all rows, in memory."""
        only = self._files[0].whole() if len(self._files) == 1 and not self._skip else None
        if only is not None and len(only):
            return only
        kinds, rows = Kinds(), sum(file.rows for file in self._files)
        whole = joined(_until_late_text(self._pass(kinds), kinds), rows)
        # where the first rows looked like numbers: 007 has to be read again to stay what it is
        return joined(self._pass(Kinds(kinds.late_text)), rows) if kinds.late_text else whole

    def _pass(self, kinds: Kinds) -> Iterator[Table | Matrix]:
        self._bad = BadRows()
        state = Pass(self.names, self._bad if self._skip else None, kinds)
        rows = 0
        for file in self._files:
            for block in file.blocks(state):
                if len(block):
                    rows += len(block)
                    yield block
        if not rows:
            self._refuse_empty()

    def _refuse_empty(self) -> None:
        first, more = self._files[0].source, len(self._files) - 1
        where = f"{first} and {more} more" if more else first
        if self._bad.count:
            _, row, reason = self._bad.found[0]
            raise InputError(f"{where}: none of the {self._bad.count} rows can be used; row {row}: {reason}")
        told = "the file has a header but no rows" if self.paths else "there are no rows"
        raise InputError(f"{where}: {told}; add at least one row")


def _check_same(file: File, first: File) -> None:
    """Refuse a file whose columns are not those of the first one."""
    if set(file.names) == set(first.names):
        return
    missing = [name for name in first.names if name not in set(file.names)]
    if missing:
        raise InputError(f"{file.source}: column {listed(missing)} is missing, which {first.source} has")
    more = [name for name in file.names if name not in set(first.names)]
    raise InputError(f"{file.source}: column {listed(more)} is not in {first.source}; leave it out")


def _until_late_text(blocks: Iterator[Table | Matrix], kinds: Kinds) -> Iterator[Table | Matrix]:
    """Yield blocks as long as no column that was numbers turns out to be text; then only look for more such columns."""
    for block in blocks:
        if not kinds.late_text:
            yield block
