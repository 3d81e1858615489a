"""One or several files as one table, read block by block or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from glassnet.data.bad_rows import BadRows
from glassnet.data.base_file import File, ReadState
from glassnet.data.concat import concat_blocks
from glassnet.data.formatting import format_names
from glassnet.data.tables import Table
from glassnet.data.text.column_types import ColumnTypes
from glassnet.data.text.svmlight import merge_names
from glassnet.errors import InputError

ERROR, SKIP = "error", "skip"


class Files:
    """The rows of one or several files; they may be read any number of times.

    Parameters
    ----------
    files : sequence of File
        All with the same columns. Where their order differs it is that of the first file.
    on_bad_row : str
        ``"error"`` or ``"skip"``.

    Attributes
    ----------
    names : list of str
        The columns, in the first file's order.
    files : tuple of Path
        The files as they were named, sorted; empty for rows in memory.
    paths : tuple of Path
        All files that rows are read from, including the labels of IDX images and each image of a folder.
    """

    def __init__(self, files: Sequence[File], on_bad_row: str = ERROR) -> None:
        if on_bad_row not in (ERROR, SKIP):
            raise InputError(f"on_bad_row is {on_bad_row!r}; it must be {ERROR!r} or {SKIP!r}")
        self._files = files
        self._skip = on_bad_row == SKIP
        self._bad_rows = BadRows()
        self.names: list[str] = files[0].names
        self.files: tuple[Path, ...] = tuple(file.path for file in files if file.paths)
        self.paths: tuple[Path, ...] = tuple(path for file in files for path in file.paths)
        if all(file.open_ended for file in files):
            self.names = merge_names([file.names for file in files])
        else:
            for file in files[1:]:
                _check_columns(file, files[0])

    @property
    def source(self) -> str:
        """Name of the files in messages."""
        first = str(self.files[0]) if self.files else "the data"
        return first if len(self.files) < 2 else f"{first} and {len(self.files) - 1} more"

    @property
    def size(self) -> int:
        """Size in bytes: on disk, as compressed; of rows in memory, in memory."""
        return sum(file.size for file in self._files)

    @property
    def bad_rows(self) -> list[tuple[str, int, str]]:
        """The rows that the last pass skipped: file, row (from 1 below the header), reason; the first 100,000."""
        return self._bad_rows.listed

    @property
    def bad_count(self) -> int:
        """Number of rows that the last pass skipped."""
        return self._bad_rows.count

    def blocks(self, text: Sequence[str] = ()) -> Iterator[Table]:
        """Yield the rows in order, a few MB at a time, in bounded memory. Each call starts a new pass.

        No block spans two files or is empty. The type of a CSV column may get wider from block to block (bytes, int64,
        float64, text); it never gets narrower.

        Parameters
        ----------
        text : sequence of str
            Columns of CSV files to read as text, as found in an earlier pass.

        Raises
        ------
        InputError
            If a row can't be read (file, row, column and value are named), or there are no rows.
        """
        return self._read(ColumnTypes(text))

    def table(self) -> Table:
        """Return all rows in memory."""
        only = self._files[0].in_memory() if len(self._files) == 1 and not self._skip else None
        if only is not None and len(only):
            return only
        types = ColumnTypes()
        rows = sum(file.rows for file in self._files)
        whole = concat_blocks(_until_late_text(self._read(types), types), rows)
        # a column that looked numeric at first must be read again, so that 007 stays 007
        return concat_blocks(self._read(ColumnTypes(types.late_text)), rows) if types.late_text else whole

    def _read(self, types: ColumnTypes) -> Iterator[Table]:
        self._bad_rows = BadRows()
        state = ReadState(self.names, self._bad_rows if self._skip else None, types)
        rows = 0
        for file in self._files:
            for block in file.blocks(state):
                if len(block):
                    rows += len(block)
                    yield block
        if not rows:
            self._raise_no_rows()

    def _raise_no_rows(self) -> None:
        more = len(self._files) - 1
        where = f"{self._files[0].source} and {more} more" if more else self._files[0].source
        if self._bad_rows.count:
            _, row, reason = self._bad_rows.listed[0]
            raise InputError(f"{where}: none of the {self._bad_rows.count} rows is valid; row {row}: {reason}")
        message = "the file has a header but no rows" if self.paths else "there are no rows"
        raise InputError(f"{where}: {message}; add at least one row")


def _check_columns(file: File, first: File) -> None:
    """Check that a file has the columns of the first one."""
    if set(file.names) == set(first.names):
        return
    missing = [name for name in first.names if name not in set(file.names)]
    if missing:
        raise InputError(f"{file.source}: column {format_names(missing)} is missing, which {first.source} has")
    extra = [name for name in file.names if name not in set(first.names)]
    raise InputError(f"{file.source}: column {format_names(extra)} is not in {first.source}; remove it")


def _until_late_text(blocks: Iterator[Table], types: ColumnTypes) -> Iterator[Table]:
    """Yield blocks until a numeric column turns out to be text; then only exhaust them, to find all such columns."""
    for block in blocks:
        if not types.late_text:
            yield block
