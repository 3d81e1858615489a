"""Find files by path, folder or glob pattern, and detect their formats."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack

from glassnet.data.base_file import File
from glassnet.data.binary.arrow_files import ArrowFile, ParquetFile
from glassnet.data.binary.idx import IdxFile, is_idx, labels_of
from glassnet.data.binary.image_folder import ImageFolder
from glassnet.data.binary.numpy_files import NpyFile, NpzFile
from glassnet.data.file_set import ERROR, Files
from glassnet.data.foreign_formats import reject_foreign_format
from glassnet.data.formatting import first_line
from glassnet.data.tables import Table
from glassnet.data.text.csv_file import CsvFile
from glassnet.data.text.csv_format import CsvFormat
from glassnet.data.text.svmlight import SvmlightFile
from glassnet.errors import InputError

Paths: TypeAlias = str | Path | Sequence[str | Path]


class ReadOptions(TypedDict, total=False):
    """The keyword arguments of `open_files`."""

    on_bad_row: str
    csv_format: CsvFormat | None
    ignore: Sequence[str]
    kinds: Mapping[str, str] | None
    expected: Collection[str]
    max_columns: int | None


#: Formats by file extension; for text formats .gz, .bz2 or .zst may follow.
FORMATS: dict[str, type[File]] = {
    ".csv": CsvFile,
    ".tsv": CsvFile,
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
#: Formats by the first bytes of the file, for files without a known extension.
_MAGIC_BYTES: tuple[tuple[bytes, type[File]], ...] = (
    (b"PAR1", ParquetFile),
    (b"ARROW1", ArrowFile),
    (b"\xff\xff\xff\xff", ArrowFile),
    (b"\x93NUMPY", NpyFile),
)


def open_files(
    paths: Paths,
    *,
    on_bad_row: str = ERROR,
    csv_format: CsvFormat | None = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    expected: Collection[str] = (),
    max_columns: int | None = None,
) -> Files:
    """Open files for reading.

    Parameters
    ----------
    paths : str, Path, or sequence of them
        A file, a folder of files, a glob pattern such as ``data/part-*.parquet``, a folder of images, or several of
        these, all of one format: CSV (plain, .gz, .bz2, .zst, .zip) or .xlsx, Parquet, Arrow or Feather, .npy, .npz,
        SVMlight, IDX.
    on_bad_row : str
        How to handle invalid rows (wrong number of columns, text in a numeric column, infinity, an empty cell where
        `Files.require` needs one): ``"error"`` raises an error, ``"skip"`` skips, counts and lists them in
        `Files.bad_rows`, ``"mark"`` lists them there and yields those that have all columns, with invalid cells
        missing.
    csv_format : CsvFormat, optional
        How CSV files are written, as far as it is not to be detected.
    ignore : sequence of str
        Columns to leave out.
    kinds : mapping of str to str, optional
        The kind of some columns of CSV files: ``"number"``, ``"boolean"``, ``"date"`` or ``"text"``; the others are
        found.
    expected : collection of str
        Names that columns are likely to have, such as those of a model: helps to tell a header from data.
    max_columns : int, optional
        Maximum number of columns of a file; 25,000 if not given, or 500,000 of sparse rows.

    Returns
    -------
    Files
        The files; only their beginnings have been read.

    Raises
    ------
    InputError
        If a file does not exist, or the files differ in format or columns.
    """
    requested = [paths] if isinstance(paths, (str, Path)) else list(paths)
    try:
        files = [path for each in requested for path in _expand(each)]
        if not files:
            raise InputError("paths is empty; name at least one file")
        formats = [detect_format(path) for path in files]
        for path, format_ in zip(files, formats, strict=True):
            if format_ is not formats[0]:
                raise InputError(
                    f"{path}: this is {format_.format}, and {files[0]} is {formats[0].format}; name files of one format"
                )
        if formats[0] is CsvFile:
            opened: list[File] = [CsvFile(path, max_columns, csv_format, expected) for path in files]
        else:
            opened = [format_(path, max_columns) for path, format_ in zip(files, formats, strict=True)]
        return Files(opened, on_bad_row, kinds, ignore)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{requested[0]}: can't be read: {first_line(error)}") from None


def read_table(path: Paths, **options: Unpack[ReadOptions]) -> Table:
    """Read files into memory. See `open_files` for the parameters."""
    return open_files(path, **options).table()


def detect_format(path: Path) -> type[File]:
    """Return the format of a file: by its extension, else by its first bytes, else CSV.

    Raises
    ------
    InputError
        If it has a known format that is not read.
    """
    if path.is_dir():
        return ImageFolder
    with path.open("rb") as file:
        start = file.read(256)
    if start.startswith(b"PK\x03\x04"):
        return NpzFile if _extension(path) == ".npz" or _is_npz(path) else CsvFile
    found = FORMATS.get(_extension(path))
    if found is None and ("idx" in path.name.lower() or is_idx(start)):
        return IdxFile
    if found is None:
        found = next((format_ for magic, format_ in _MAGIC_BYTES if start.startswith(magic)), CsvFile)
    if found is CsvFile:
        reject_foreign_format(path, start)
    return found


def _is_npz(path: Path) -> bool:
    """Return whether an archive holds nothing but arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: can't be read as an archive: {first_line(error)}; is the file complete?") from None


def _extension(path: Path) -> str:
    """Return the extension of a file's name, in lower case, without that of a compression."""
    name = path.name.lower()
    for compressed in _COMPRESSED:
        name = name.removesuffix(compressed)
    return Path(name).suffix


def _expand(path: str | Path) -> list[Path]:
    """Return the files that a path, folder or pattern matches, sorted by name."""
    candidate = Path(path)
    if candidate.is_file():
        return [candidate]
    if candidate.is_dir():
        return _files_in(candidate)
    if candidate.exists():
        raise InputError(f"{path}: this is a pipe or a device, which can be read only once; write it to a file first")
    matching = [Path(name) for name in sorted(glob.glob(str(path)))]
    if not matching:
        message = "no file matches the pattern" if glob.has_magic(str(path)) else "there is no such file"
        raise InputError(f"{path}: {message}; check the path")
    return _without_labels([each for each in matching if each.is_file()] or matching)


def _files_in(folder: Path) -> list[Path]:
    """Return the data files in a folder, or the folder itself if it holds images."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith((".", "_"))]
    images = [path for path in files if path.suffix.lower() in ImageFolder.extensions]
    if not files or (images and not any(_extension(path) in FORMATS for path in files)):
        return [folder]
    return _without_labels([path for path in files if path not in images])


def _without_labels(paths: list[Path]) -> list[Path]:
    """Drop labels files, which the IDX images find by themselves; reject MNIST's training and test set as one table."""
    labels = {labels_of(path) for path in paths}
    images = [path for path in paths if path not in labels]
    parts = [next((path for path in images if path.name.startswith(start)), None) for start in ("train-", "t10k-")]
    if parts[0] is not None and parts[1] is not None:
        raise InputError(f"{parts[1]}: this is the test set; to train, name {parts[0]} alone")
    return images
