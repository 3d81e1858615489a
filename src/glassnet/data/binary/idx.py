"""IDX files, the format of MNIST: images, and their labels in a file of a similar name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.data.base_file import File, ReadState, open_stream, rows_per_block
from glassnet.data.table_blocks import check_width, column_names, matrix_block
from glassnet.data.tables import Matrix
from glassnet.errors import InputError

#: Types of numbers by their code in the header; all are big-endian.
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: Name of the target, the same as in MNIST as CSV.
LABEL = "label"


class IdxFile(File):
    """An IDX file of images (samples, height, width), plain or .gz, with the labels file next to it if there is one.

    The labels of ``train-images-idx3-ubyte.gz`` are in ``train-labels-idx1-ubyte.gz``, or in the same name without .gz.
    """

    format = "IDX"

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        shape, self._dtype = _header(path)
        if len(shape) == 1:
            raise InputError(f"{path}: this file holds only labels; name the file of the images")
        check_width(self.source, shape[1:])
        self._names = column_names(shape[1:])
        self._samples = shape[0]
        self._shape = shape[1:]
        self._labels = labels_of(path)
        self._label_type = "u1"
        if self._labels is not None:
            labels, self._label_type = _header(self._labels)
            if labels != shape[:1]:
                raise InputError(f"{self._labels}: its shape is {labels}, and {path} has {shape[0]} images")
        if path.suffix.lower() != ".gz":  # of a compressed file the size can't be checked yet
            self.rows = shape[0]
        self.names = [*self._names, *([LABEL] if self._labels is not None else [])]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images, and the labels if there are any."""
        return (self.path, *((self._labels,) if self._labels is not None else ()))

    def blocks(self, state: ReadState) -> Iterator[Matrix]:
        """Yield the images: see `File.blocks`."""
        row_bytes = math.prod(self._shape) * np.dtype(self._dtype).itemsize
        step = rows_per_block(row_bytes)
        images = _rows(self.path, self._dtype, (self._samples, *self._shape), step)
        labels: Iterator[Any] = iter(())
        if self._labels is not None:
            labels = _rows(self._labels, self._label_type, (self._samples,), step)
        rows_before = 0
        for x in images:
            yield matrix_block(self.source, x, next(labels, None), self._names, LABEL, rows_before, state)
            rows_before += len(x)
        next(labels, None)  # to check the end of the labels file


def labels_of(path: Path) -> Path | None:
    """Return the labels file of a file of images, if it exists."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    if name == path.name:
        return None
    plain = name.removesuffix(".gz")
    return next((path.with_name(each) for each in (name, plain, f"{plain}.gz") if path.with_name(each).is_file()), None)


def is_idx(start: bytes) -> bool:
    """Check whether a file that starts with these bytes is an IDX file."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _DTYPES and 1 <= start[3] <= 8


def _header(path: Path) -> tuple[tuple[int, ...], str]:
    """Read shape and dtype, and check them against the file's size if it is not compressed."""
    with open_stream(path) as stream:
        start = stream.read(4)
        if not is_idx(start):
            raise InputError(f"{path}: this is not an IDX file; is the file complete?")
        sizes = stream.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise InputError(f"{path}: it ends in its header; is the file complete?")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    dtype = _DTYPES[start[2]]
    if min(shape) < 1:
        raise InputError(f"{path}: its shape is {shape}; there must be at least one row")
    expected = 4 + len(sizes) + math.prod(shape) * np.dtype(dtype).itemsize
    size = path.stat().st_size
    if path.suffix.lower() != ".gz" and expected != size:
        raise InputError(f"{path}: shape {shape} takes {expected:,} bytes, and the file has {size:,}; is it complete?")
    return shape, dtype


def _rows(path: Path, dtype: str, shape: tuple[int, ...], step: int) -> Iterator[Any]:
    """Yield rows of an IDX file, `step` at a time, in native byte order; check that it ends as the header says."""
    type_ = np.dtype(dtype)
    row_bytes = math.prod(shape[1:]) * type_.itemsize
    with open_stream(path) as stream:
        stream.read(4 + 4 * len(shape))
        for first in range(0, shape[0], step):
            count = min(step, shape[0] - first)
            text = stream.read(count * row_bytes)
            if len(text) < count * row_bytes:
                raise InputError(f"{path}: it ends in row {first + len(text) // row_bytes + 1} of {shape[0]}")
            rows = np.frombuffer(text, type_).reshape(count, *shape[1:])
            yield rows.astype(type_.newbyteorder("="), copy=False)
        if stream.read(1):
            raise InputError(f"{path}: it continues after the {shape[0]} rows of its header; is the file intact?")
