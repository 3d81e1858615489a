"""NumPy's format of one array, read as a stream; the header is checked against the size of the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy

from glassnet._utils.arrays import Array
from glassnet.data.formatting import first_line
from glassnet.errors import InputError

#: Maximum size in bytes of an array in Fortran order: it must be read whole to get at its rows.
MAX_FORTRAN_BYTES = 1 << 29


@dataclass(frozen=True)
class Header:
    """Header of an array: shape, dtype, order, and length of the header in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_header(name: str, stream: Any, size: int) -> Header:
    """Read an array's header, and check it against the number of bytes that follow.

    Parameters
    ----------
    name : str
        The file, and the array in it, for messages.
    stream : binary stream
        Positioned at its beginning.
    size : int
        Its length in bytes.

    Raises
    ------
    InputError
        If it is not an array of numbers or text with at least one row, or its size differs from the header.
    """
    counted = _CountingStream(stream)
    try:
        version = npy.read_magic(counted)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise InputError(f"{name}: version {version} of NumPy's format is not supported; save plain numbers")
        shape, fortran, dtype = read(counted)
    except InputError:
        raise
    except Exception as error:  # Python's parser may raise anything for a malicious header
        raise InputError(f"{name}: this is not a NumPy array: {first_line(error)}") from None
    if dtype.hasobject:
        raise InputError(f"{name}: it holds Python objects, which are not loaded: they may run code; save numbers")
    if dtype.kind not in "biufU" or not dtype.itemsize or dtype.itemsize > 1 << 20:
        raise InputError(f"{name}: it holds {dtype}; it must hold numbers or text")
    if not shape or min(shape) < 1:
        raise InputError(f"{name}: its shape is {shape}; there must be at least one row and one column")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - counted.count:
        raise InputError(
            f"{name}: shape {shape} of {dtype} takes {expected:,} bytes, and there are {size - counted.count:,}; "
            "is the file complete?"
        )
    return Header(shape, dtype, fortran, counted.count)


def read_rows(name: str, stream: Any, header: Header, step: int) -> Iterator[Array]:
    """Yield an array's rows, `step` at a time, in native byte order.

    Raises
    ------
    InputError
        If the stream ends early.
    """
    shape = header.shape
    dtype = header.dtype
    if header.fortran and len(shape) > 1:
        size = math.prod(shape) * dtype.itemsize
        if size > MAX_FORTRAN_BYTES:
            raise InputError(f"{name}: it is in Fortran order; save it in C order: numpy.ascontiguousarray(x)")
        whole = np.frombuffer(_read_exactly(name, stream, size), dtype).reshape(shape, order="F")
        for first in range(0, shape[0], step):
            yield _native(np.ascontiguousarray(whole[first : first + step]))
        return
    for first in range(0, shape[0], step):
        count = min(step, shape[0] - first)
        text = _read_exactly(name, stream, count * header.row_bytes)
        yield _native(np.frombuffer(text, dtype).reshape(count, *shape[1:]))


def _native(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_exactly(name: str, stream: Any, size: int) -> bytes:
    text: bytes = stream.read(size)
    if len(text) < size:
        raise InputError(f"{name}: it ends early; is the file complete?")
    return text


class _CountingStream:
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = 0, /) -> bytes:
        text: bytes = self._stream.read(min(size, 1 << 16))
        self.count += len(text)
        return text
