"""Parquet files, and Arrow's own (Feather, IPC files and streams)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glassnet.data.arrow_columns import blocks_of_columns
from glassnet.data.file import MAX_COLUMNS, File, rows_at_once
from glassnet.data.formatting import first_line
from glassnet.data.passes import Pass
from glassnet.data.tables import Table, check_names
from glassnet.errors import InputError


class ParquetFile(File):
    """A Parquet file, read row group by row group, page by page."""

    format = "Parquet"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _told(self), _parquet(path) as file:
            self.names = _names(self, file.schema_arrow)

    def blocks(self, state: Pass) -> Iterator[Table]:
        """Yield the rows: see `File.blocks`."""
        with _told(self), _parquet(self.source) as file:
            size = rows_at_once(8 * len(self.names))
            yield from blocks_of_columns(self.source, _checked(file.iter_batches(size, use_threads=True)), state)


class ArrowFile(File):
    """A file (.arrow, .feather) or stream (.arrows) of Arrow record batches, mapped into memory.

    Every batch is checked before it is used: a damaged one points anywhere.
    """

    format = "Arrow"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _told(self), self._reader() as reader:
            self.names = _names(self, reader.schema)

    def blocks(self, state: Pass) -> Iterator[Table]:
        """Yield the rows: see `File.blocks`."""
        with _told(self), self._reader() as reader:
            yield from blocks_of_columns(self.source, self._batches(reader), state)

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
        yield from _checked(batches)


def _checked(batches: Iterable[Any]) -> Iterator[Any]:
    """Pass on batches in which nothing points astray and text is UTF-8; an ArrowInvalid where one is not like that."""
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _parquet(path: str | Path) -> Any:
    from pyarrow import parquet

    # neither the pages that come later nor a whole row group: memory stays bounded
    return parquet.ParquetFile(str(path), pre_buffer=False, buffer_size=1 << 20)


def _names(file: File, schema: Any) -> list[str]:
    names = list(schema.names)
    if not names:
        raise InputError(f"{file.path}: the file has no columns")
    if len(names) > MAX_COLUMNS:
        raise InputError(f"{file.path}: the file has {len(names):,} columns, more than {MAX_COLUMNS:,}")
    check_names(file.source, names)
    return names


@contextmanager
def _told(file: File) -> Iterator[None]:
    """Turn what Arrow raises into an error that names the file."""
    import pyarrow as pa

    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, MemoryError, ValueError, OverflowError) as error:
        raise InputError(f"{file.path}: can't be read as {file.format}: {first_line(error)}; is it whole?") from None
