"""From what a person names to files that can be read: paths, folders, patterns; and which format each is of."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from glassnet.data.binary.arrow_files import ArrowFile, ParquetFile
from glassnet.data.binary.idx import IdxFile, is_idx, labels_of
from glassnet.data.binary.numpy_files import NpyFile, NpzFile
from glassnet.data.binary.pictures import PictureFolder
from glassnet.data.file import File
from glassnet.data.files import ERROR, Files
from glassnet.data.formatting import first_line
from glassnet.data.tables import Matrix, Table
from glassnet.data.text.csv_file import CsvFile
from glassnet.data.text.svmlight import SvmlightFile
from glassnet.errors import InputError

Paths: TypeAlias = str | Path | Sequence[str | Path]

#: The formats by the ends of their files' names; text may also end in .gz, .bz2 or .zst.
FORMATS: dict[str, type[File]] = {
    ".csv": CsvFile,
    ".parquet": ParquetFile,
    ".pq": ParquetFile,
    ".arrow": ArrowFile,
    ".arrows": ArrowFile,
    ".feather": ArrowFile,
    ".ipc": ArrowFile,
    ".npy": NpyFile,
    ".npz": NpzFile,
    ".svm": SvmlightFile,
    ".svmlight": SvmlightFile,
    ".libsvm": SvmlightFile,
}
_COMPRESSED = (".gz", ".bz2", ".zst")
#: How files of formats begin whose names do not tell.
_BEGINNINGS: tuple[tuple[bytes, type[File]], ...] = (
    (b"PAR1", ParquetFile),
    (b"ARROW1", ArrowFile),
    (b"\xff\xff\xff\xff", ArrowFile),
    (b"\x93NUMPY", NpyFile),
    (b"PK\x03\x04", NpzFile),
)


def open_files(paths: Paths, *, on_bad_row: str = ERROR) -> Files:
    """Open files for reading.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        A file, a folder of files, a pattern such as ``data/part-*.parquet``, a folder of pictures, or several, all of
        one format: CSV (plain, .gz, .bz2, .zst), Parquet, Arrow or Feather, .npy, .npz, SVMlight, IDX.
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
        If there is no such file, the files are not of one format, or their columns are not the same.
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    try:
        found = [path for each in named for path in _found(each)]
        if not found:
            raise InputError("paths names no file; name at least one")
        formats = [format_of(path) for path in found]
        for path, format_ in zip(found, formats, strict=True):
            if format_ is not formats[0]:
                raise InputError(
                    f"{path}: this is {format_.format}, and {found[0]} is {formats[0].format}; name files of one format"
                )
        return Files([format_(path) for path, format_ in zip(found, formats, strict=True)], on_bad_row)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{named[0]}: can't be read: {first_line(error)}") from None


def read_table(path: Paths, *, on_bad_row: str = ERROR) -> Table | Matrix:
    """Read files into memory: see `open_files`."""
    return open_files(path, on_bad_row=on_bad_row).table()


def format_of(path: Path) -> type[File]:
    """Return the format of a file, by its name's end; where that tells nothing, by its first bytes, or else CSV."""
    if path.is_dir():
        return PictureFolder
    if _ending(path) in FORMATS:
        return FORMATS[_ending(path)]
    if "idx" in path.name.lower():
        return IdxFile
    with path.open("rb") as file:
        start = file.read(8)
    if is_idx(start):
        return IdxFile
    return next((format_ for beginning, format_ in _BEGINNINGS if start.startswith(beginning)), CsvFile)


def _ending(path: Path) -> str:
    """Return the end of a file's name that tells its format."""
    name = path.name.lower()
    for compressed in _COMPRESSED:
        name = name.removesuffix(compressed)
    return Path(name).suffix


def _found(path: str | Path) -> list[Path]:
    """Return the files that a path means, sorted by name."""
    place = Path(path)
    if place.is_file():
        return [place]
    if place.is_dir():
        return _inside(place)
    if place.exists():
        raise InputError(f"{path}: this is a pipe or a device, which can be read only once; write it to a file first")
    matching = [Path(name) for name in sorted(glob.glob(str(path)))]
    if not matching:
        what = "no file has such a name" if glob.has_magic(str(path)) else "there is no such file"
        raise InputError(f"{path}: {what}; check the path")
    return _without_labels([each for each in matching if each.is_file()] or matching)


def _inside(folder: Path) -> list[Path]:
    """Return the files in a folder: of data, or the folder itself where it holds pictures."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith((".", "_"))]
    pictures = [path for path in files if path.suffix.lower() in PictureFolder.endings]
    if not files or (pictures and not any(_ending(path) in FORMATS for path in files)):
        return [folder]
    return _without_labels([path for path in files if path not in pictures])


def _without_labels(paths: list[Path]) -> list[Path]:
    """Leave out the labels files that the files of images find by themselves; refuse MNIST's two parts as one."""
    labels = {labels_of(path) for path in paths}
    images = [path for path in paths if path not in labels]
    parts = [next((path for path in images if path.name.startswith(start)), None) for start in ("train-", "t10k-")]
    if parts[0] is not None and parts[1] is not None:
        raise InputError(f"{parts[1]}: these are rows to test on; name {parts[0]} alone to train on")
    return images
