"""Files as one table: found, opened, read block by block or whole."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from glassnet.data.bad_rows import BadRows
from glassnet.data.joining import joined
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Table
from glassnet.data.text.csv_file import CsvFile
from glassnet.data.text.kinds import Kinds
from glassnet.data.words import listed
from glassnet.errors import InputError

ERROR, SKIP = "error", "skip"
Paths: TypeAlias = str | Path | Sequence[str | Path]


class File(Protocol):
    """One file of some format."""

    path: Path
    names: list[str]

    def blocks(self, state: Pass) -> Iterator[Table | Matrix]:
        """Yield the rows in order, some MB at a time, with the columns of ``state.names``."""


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
        #: The files, sorted by name.
        self.files: tuple[Path, ...] = tuple(file.path for file in files)
        for file in files[1:]:
            _check_same(file, files[0])

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.files)

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
        kinds = Kinds()
        whole = joined(_until_late_text(self._pass(kinds), kinds))
        # where the first rows looked like numbers: 007 has to be read again to stay what it is
        return joined(self._pass(Kinds(kinds.late_text))) if kinds.late_text else whole

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
        where = str(self.files[0]) if len(self.files) == 1 else f"{self.files[0]} and {len(self.files) - 1} more"
        if self._bad.count:
            _, row, reason = self._bad.found[0]
            raise InputError(f"{where}: none of the {self._bad.count} rows can be used; row {row}: {reason}")
        raise InputError(f"{where}: the file has a header but no rows; add at least one row")


def _until_late_text(blocks: Iterator[Table | Matrix], kinds: Kinds) -> Iterator[Table | Matrix]:
    """Yield blocks as long as no column that was numbers turns out to be text; then only look for more such columns."""
    for block in blocks:
        if not kinds.late_text:
            yield block


#: The formats by the ends of their files' names.
FORMATS: dict[str, Callable[[Path], File]] = {".csv": CsvFile}
_COMPRESSED = (".gz", ".bz2", ".zst")


def open_files(paths: Paths, *, on_bad_row: str = ERROR) -> Files:
    """Open files for reading.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        A file, a folder of files, a pattern such as ``data/part-*.csv``, or several.
    on_bad_row : str
        What happens to a row that can't be used (ragged, text or nothing where a number is, NaN, infinite):
        ``"error"``, or ``"skip"``: it is left out, counted and listed in `Files.bad_rows`.

    Returns
    -------
    Files
        Nothing but headers is read yet.

    Raises
    ------
    InputError
        If there is no such file, one is of no known format, or the files' columns are not the same.
    """
    found = [path for each in ([paths] if isinstance(paths, (str, Path)) else paths) for path in _found(each)]
    if not found:
        raise InputError("paths names no file; name at least one")
    return Files([_format(path)(path) for path in found], on_bad_row)


def read_table(path: Paths, *, on_bad_row: str = ERROR) -> Table | Matrix:
    """Read files into memory: see `open_files`."""
    return open_files(path, on_bad_row=on_bad_row).table()


def _found(path: str | Path) -> list[Path]:
    """Return the files that a path means, sorted by name."""
    place = Path(path)
    if place.is_file():
        return [place]
    if place.is_dir():
        inside = sorted(file for file in place.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
        if not inside:
            raise InputError(f"{path}: there is no file in this folder")
        return inside
    matching = sorted(Path(name) for name in glob.glob(str(path)))
    if matching:
        return [file for file in matching if file.is_file()]
    what = "no file has such a name" if glob.has_magic(str(path)) else "there is no such file"
    raise InputError(f"{path}: {what}; check the path")


def _format(path: Path) -> Callable[[Path], File]:
    name = path.name.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return FORMATS.get(Path(name).suffix, CsvFile)


def _check_same(file: File, first: File) -> None:
    """Refuse a file whose columns are not those of the first one."""
    if file.names == first.names:
        return
    missing = [name for name in first.names if name not in set(file.names)]
    if missing:
        raise InputError(f"{file.path}: column {listed(missing)} is missing, which {first.path} has")
    more = [name for name in file.names if name not in set(first.names)]
    if more:
        raise InputError(f"{file.path}: it has column {listed(more)}, which {first.path} has not")
