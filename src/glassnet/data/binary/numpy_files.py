"""NumPy files: .npy with one array, .npz with the arrays x and y or one array per column."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import Any

from glassnet.data.base_file import File, ReadState, rows_per_block
from glassnet.data.binary.array_stream import Header, read_header, read_rows
from glassnet.data.formatting import first_line, format_names
from glassnet.data.table_blocks import check_width, column_names, matrix_block, table_block
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError

#: The errors of an archive that is cut short or damaged; each way of compressing has its own.
_CORRUPT = (zipfile.BadZipFile, zlib.error, LZMAError)


class NpyFile(File):
    """A file of one array (samples, …), whose rows are flattened. The target can only be one of its columns."""

    format = ".npy"

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        with _open(path) as stream:
            self._header = read_header(self.source, stream, self.size)
        if self._header.dtype.kind == "U":
            raise InputError(f"{path}: it holds text; features must be numbers")
        self.rows = self._header.shape[0]
        shape = self._header.shape[1:] or (1,)
        check_width(self.source, shape)
        self._names = column_names(shape)
        self.names = list(self._names)

    def blocks(self, state: ReadState) -> Iterator[Matrix]:
        """Yield the rows: see `File.blocks`."""
        rows_before = 0
        header = self._header
        with _open(Path(self.source)) as stream:
            stream.seek(header.length)
            for rows in read_rows(self.source, stream, header, rows_per_block(header.row_bytes)):
                yield matrix_block(self.source, rows, None, self._names, "y", rows_before, state)
                rows_before += len(rows)


class NpzFile(File):
    """An archive of arrays: x (samples, …) and optionally y (samples,); or one array (samples,) per column."""

    format = ".npz"

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        self._headers: dict[str, Header] = {}
        with _open_archive(path) as archive:
            members = archive.infolist()
            if not members:
                raise InputError(f"{path}: it holds no array; save some with numpy.savez")
            self.check_width(len(members))
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or member.flag_bits & 1 or name in self._headers:
                    raise InputError(f"{path}: {name!r} is not an array, or its name is used twice; use numpy.savez")
                with archive.open(member) as stream:
                    self._headers[name] = read_header(self._array_name(name), stream, member.file_size)
        self._is_matrix = "x" in self._headers and set(self._headers) <= {"x", "y"}
        self._check_shapes()
        self._names: tuple[str, ...] = ()
        self.names = list(self._headers)
        if self._is_matrix:
            shape = self._headers["x"].shape[1:] or (1,)
            check_width(self.source, shape)
            self._names = column_names(shape)
            self.names = [*self._names, *(["y"] if "y" in self._headers else [])]

    def _array_name(self, name: str) -> str:
        return f"{self.path}: array {name!r}"

    def _check_shapes(self) -> None:
        """Check that the arrays have the same number of rows and suitable shapes."""
        lengths = {name: header.shape[0] for name, header in self._headers.items()}
        first = next(iter(lengths))
        self.rows = lengths[first]
        for name, header in self._headers.items():
            if header.shape[0] != self.rows:
                raise InputError(f"{self._array_name(name)} has {header.shape[0]} rows, and {first!r} has {self.rows}")
            if self._is_matrix and name == "x" and header.dtype.kind == "U":
                raise InputError(f"{self._array_name(name)} holds text; features must be numbers")
            if not (self._is_matrix and name == "x") and header.row_bytes != header.dtype.itemsize:
                raise InputError(
                    f"{self._array_name(name)} has shape {header.shape}; an archive holds x (samples, features) and y "
                    f"(samples,), or one array (samples,) per column; this one holds {format_names(list(lengths))}"
                )

    def blocks(self, state: ReadState) -> Iterator[Table]:
        """Yield the rows: see `File.blocks`."""
        step = rows_per_block(sum(header.row_bytes for header in self._headers.values()))
        rows_before = 0
        with _open_archive(Path(self.source)) as archive, ExitStack() as streams:
            columns = {}
            for name, header in self._headers.items():
                stream = streams.enter_context(archive.open(f"{name}.npy"))
                stream.read(header.length)
                columns[name] = read_rows(self._array_name(name), stream, header, step)
            for parts in zip(*columns.values(), strict=True):
                block = dict(zip(columns, parts, strict=True))
                if self._is_matrix:
                    y = block["y"].reshape(-1) if "y" in block else None
                    yield matrix_block(self.source, block["x"], y, self._names, "y", rows_before, state)
                else:
                    yield table_block(
                        self.source, _arrow_table({name: block[name] for name in state.names}), rows_before, state
                    )
                rows_before += len(parts[0])


def _arrow_table(columns: dict[str, Any]) -> Any:
    import pyarrow as pa

    flat = {name: values.reshape(-1) for name, values in columns.items()}
    return pa.table({name: pa.array(v.tolist() if v.dtype.kind in "Ub" else v) for name, v in flat.items()})


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path}: can't be read: {first_line(error)}") from None


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except (*_CORRUPT, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: can't be read as .npz: {first_line(error)}; is the file complete?") from None
