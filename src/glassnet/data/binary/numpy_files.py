"""NumPy's files: .npy with one array, .npz with the arrays x and y or one array for each column."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from glassnet.data.arrays import block_of, check_width, column_names
from glassnet.data.arrow_columns import numbered
from glassnet.data.binary.array_stream import Header, read_header, read_rows
from glassnet.data.file import MAX_COLUMNS, File, rows_at_once
from glassnet.data.formatting import first_line, listed
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError


class NpyFile(File):
    """A file of one array (samples, …): each row is made flat. There is no target but one of its columns."""

    format = ".npy"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _bytes_of(path) as stream:
            self._header = read_header(self.source, stream, self.size)
        if self._header.dtype.kind == "U":
            raise InputError(f"{path}: it holds text; features are numbers")
        self.rows, shape = self._header.shape[0], self._header.shape[1:] or (1,)
        check_width(self.source, shape)
        self._names = column_names(shape)
        self.names = list(self._names)

    def blocks(self, state: Pass) -> Iterator[Matrix]:
        """Yield the rows: see `File.blocks`."""
        before, header = 0, self._header
        with _bytes_of(Path(self.source)) as stream:
            stream.seek(header.length)
            for rows in read_rows(self.source, stream, header, rows_at_once(header.row_bytes)):
                yield block_of(self.source, rows, None, self._names, "y", before, state)
                before += len(rows)


class NpzFile(File):
    """An archive of arrays: x (samples, …) and perhaps y (samples,); or one array (samples,) for each column."""

    format = ".npz"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._headers: dict[str, Header] = {}
        with _archive(path) as archive:
            members = archive.infolist()
            if not 0 < len(members) <= MAX_COLUMNS:
                raise InputError(f"{path}: it holds {len(members):,} arrays; there must be 1 to {MAX_COLUMNS:,}")
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or member.flag_bits & 1 or name in self._headers:
                    raise InputError(f"{path}: {name!r} is no array, or stands there twice; save with numpy.savez")
                with archive.open(member) as stream:
                    self._headers[name] = read_header(self._what(name), stream, member.file_size)
        self._is_matrix = "x" in self._headers and set(self._headers) <= {"x", "y"}
        self._check()
        self._names: tuple[str, ...] = ()
        self.names = list(self._headers)
        if self._is_matrix:
            shape = self._headers["x"].shape[1:] or (1,)
            check_width(self.source, shape)
            self._names = column_names(shape)
            self.names = [*self._names, *(["y"] if "y" in self._headers else [])]

    def _what(self, name: str) -> str:
        return f"{self.path}: array {name!r}"

    def _check(self) -> None:
        """Refuse arrays that do not go together."""
        lengths = {name: header.shape[0] for name, header in self._headers.items()}
        first = next(iter(lengths))
        self.rows = lengths[first]
        for name, header in self._headers.items():
            if header.shape[0] != self.rows:
                raise InputError(f"{self._what(name)} has {header.shape[0]} rows, and {first!r} has {self.rows}")
            if self._is_matrix and name == "x" and header.dtype.kind == "U":
                raise InputError(f"{self._what(name)} holds text; features are numbers")
            if not (self._is_matrix and name == "x") and header.row_bytes != header.dtype.itemsize:
                raise InputError(
                    f"{self._what(name)} has shape {header.shape}; an archive holds x (samples, features) and y "
                    f"(samples,), or one array (samples,) for each column; this one holds {listed(list(lengths))}"
                )

    def blocks(self, state: Pass) -> Iterator[Table | Matrix]:
        """Yield the rows: see `File.blocks`."""
        at_once = rows_at_once(sum(header.row_bytes for header in self._headers.values()))
        before = 0
        with _archive(Path(self.source)) as archive, ExitStack() as streams:
            columns = {}
            for name, header in self._headers.items():
                stream = streams.enter_context(archive.open(f"{name}.npy"))
                stream.read(header.length)
                columns[name] = read_rows(self._what(name), stream, header, at_once)
            for parts in zip(*columns.values(), strict=True):
                block = dict(zip(columns, parts, strict=True))
                if self._is_matrix:
                    y = block["y"].reshape(-1) if "y" in block else None
                    yield block_of(self.source, block["x"], y, self._names, "y", before, state)
                else:
                    yield numbered(self.source, _table({name: block[name] for name in state.names}), before, state)
                before += len(parts[0])


def _table(columns: dict[str, Any]) -> Any:
    import pyarrow as pa

    flat = {name: values.reshape(-1) for name, values in columns.items()}
    return pa.table({name: pa.array(v.tolist() if v.dtype.kind in "Ub" else v) for name, v in flat.items()})


@contextmanager
def _bytes_of(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path}: can't be read: {first_line(error)}") from None


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: can't be read as .npz: {first_line(error)}; is it whole?") from None
