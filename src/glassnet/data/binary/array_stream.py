"""NumPy's format of one array, read as a stream: the header is believed only as far as the bytes are there."""

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

#: An array in Fortran's order has to be read whole to get at its rows; more bytes are refused.
MAX_FORTRAN = 1 << 29


@dataclass(frozen=True)
class Header:
    """What an array's header says: shape, dtype, order, and how many bytes the header takes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def read_header(what: str, stream: Any, size: int) -> Header:
    """Read an array's header and check it against the bytes that are there.

    Parameters
    ----------
    what : str
        The file, and the array in it, as messages name them.
    stream : binary stream
        At its beginning.
    size : int
        Bytes that it has.

    Raises
    ------
    InputError
        If it is no array of numbers or text with at least one row, or its size is another than the header says.
    """
    counted = _Counted(stream)
    try:
        version = npy.read_magic(counted)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise InputError(f"{what}: version {version} of NumPy's format is not read; write plain numbers")
        shape, fortran, dtype = read(counted)
    except InputError:
        raise
    except Exception as error:  # whatever Python's parser makes of a header that someone made up
        raise InputError(f"{what}: this is no array of NumPy's: {first_line(error)}") from None
    if dtype.hasobject:
        raise InputError(f"{what}: it holds Python objects, which are not read, since they may run code; save numbers")
    if dtype.kind not in "biufU" or not dtype.itemsize or dtype.itemsize > 1 << 20:
        raise InputError(f"{what}: it holds {dtype}; it must hold numbers or text")
    if not shape or min(shape) < 1:
        raise InputError(f"{what}: its shape is {shape}; there must be at least one row and one column")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != size - counted.count:
        raise InputError(
            f"{what}: shape {shape} of {dtype} takes {wanted:,} bytes, and there are {size - counted.count:,}; "
            "is the file whole?"
        )
    return Header(shape, dtype, fortran, counted.count)


def read_rows(what: str, stream: Any, header: Header, at_once: int) -> Iterator[Array]:
    """Yield an array's rows, so many at once, in the machine's byte order.

    Raises
    ------
    InputError
        If the stream ends early.
    """
    shape, dtype = header.shape, header.dtype
    if header.fortran and len(shape) > 1:
        size = math.prod(shape) * dtype.itemsize
        if size > MAX_FORTRAN:
            raise InputError(f"{what}: it is in Fortran's order; save it row by row: numpy.ascontiguousarray(x)")
        whole = np.frombuffer(_exactly(what, stream, size), dtype).reshape(shape, order="F")
        for first in range(0, shape[0], at_once):
            yield _native(np.ascontiguousarray(whole[first : first + at_once]))
        return
    for first in range(0, shape[0], at_once):
        count = min(at_once, shape[0] - first)
        text = _exactly(what, stream, count * header.row_bytes)
        yield _native(np.frombuffer(text, dtype).reshape(count, *shape[1:]))


def _native(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _exactly(what: str, stream: Any, size: int) -> bytes:
    text: bytes = stream.read(size)
    if len(text) < size:
        raise InputError(f"{what}: it ends early; is the file whole?")
    return text


class _Counted:
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.count = stream, 0

    def read(self, size: int = 0, /) -> bytes:
        text: bytes = self._stream.read(min(size, 1 << 16))
        self.count += len(text)
        return text
