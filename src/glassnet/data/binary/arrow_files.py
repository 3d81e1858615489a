"""Parquet files, and Arrow files (Feather, IPC files and streams)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glassnet.data.base_file import File, ReadState, rows_per_block
from glassnet.data.formatting import first_line
from glassnet.data.table_blocks import table_blocks
from glassnet.data.tables import ArrowTable, check_names
from glassnet.errors import InputError


class ParquetFile(File):
    """A Parquet file, read row group by row group, page by page."""

    format = "Parquet"

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        with _arrow_errors(self), _parquet(path) as file:
            self.names = _names(self, file.schema_arrow)

    def blocks(self, state: ReadState) -> Iterator[ArrowTable]:
        """Yield the rows: see `File.blocks`."""
        with _arrow_errors(self), _parquet(self.source) as file:
            size = rows_per_block(8 * len(self.names))
            yield from table_blocks(self.source, _validated(file.iter_batches(size, use_threads=True)), state)


class ArrowFile(File):
    """A file (.arrow, .feather) or stream (.arrows) of Arrow record batches, mapped into memory.

    Every batch is validated before it is used: the offsets of a damaged one may point anywhere.
    """

    format = "Arrow"

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        with _arrow_errors(self), self._reader() as reader:
            self.names = _names(self, reader.schema)

    def blocks(self, state: ReadState) -> Iterator[ArrowTable]:
        """Yield the rows: see `File.blocks`."""
        with _arrow_errors(self), self._reader() as reader:
            yield from table_blocks(self.source, self._batches(reader), state)

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        import pyarrow as pa

        with pa.memory_map(self.source) as source:
            start = source.read(8)
            source.seek(0)
            open_ = pa.ipc.open_file if start.startswith(b"ARROW1") else pa.ipc.open_stream
            with open_(source) as reader:
                yield reader

    def _batches(self, reader: Any) -> Iterator[Any]:
        import pyarrow as pa

        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            batches = iter(reader)
        yield from _validated(batches)


def _validated(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield validated record batches; raise ArrowInvalid for one with invalid offsets or text that is not UTF-8."""
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _parquet(path: str | Path) -> Any:
    from pyarrow import parquet

    # buffer neither later pages nor a whole row group, so that memory stays bounded
    return parquet.ParquetFile(str(path), pre_buffer=False, buffer_size=1 << 20)


def _names(file: File, schema: Any) -> list[str]:
    names = list(schema.names)
    if not names:
        raise InputError(f"{file.path}: the file has no columns")
    file.check_width(len(names))
    check_names(file.source, names)
    return names


@contextmanager
def _arrow_errors(file: File) -> Iterator[None]:
    """Convert errors of Arrow to an InputError that names the file."""
    import pyarrow as pa

    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, MemoryError, ValueError, OverflowError) as error:
        raise InputError(
            f"{file.path}: can't be read as {file.format}: {first_line(error)}; is the file complete?"
        ) from None
