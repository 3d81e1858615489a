"""The file that holds arrays by name and a text: safetensors, read by code that trusts nothing.

The library of that name writes it. Reading is our own, a hundred lines: everything that the library believes (how
long the header is, how often a key stands there, how many arrays of which kinds there are) is checked against the size
of the file first, nothing is allocated that the file does not hold, and the file is read, not mapped into memory, so
that whoever cuts it short meanwhile causes an error and not the end of the process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import write_atomically
from glassnet._utils.json_fields import FAULTS, Fields, check_values, fault, read_json
from glassnet.errors import InputError

#: Bytes of the header at most: 16 MB are the names of half a million columns, or sixty thousand epochs.
LONGEST_HEADER = 32 * 2**20
#: A network of a thousand layers has two thousand arrays.
MAX_ARRAYS = 10_000
#: What our files hold, by safetensors' names.
DTYPES = {"F32": "<f4", "F64": "<f8"}
#: Entries of the header beside the arrays.
_METADATA = "__metadata__"


class Content(NamedTuple):
    """What stands in a file: texts and arrays, by name."""

    texts: dict[str, str]
    arrays: dict[str, Array]


class _Place(NamedTuple):
    """Where an array lies: its first byte and the one after the last, counted from the end of the header."""

    begin: int
    end: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def write_arrays(path: str | Path, arrays: Mapping[str, Array], key: str, description: dict[str, Any]) -> None:
    """Write arrays and a description as a file, atomically; what could not be read again is not written.

    Raises
    ------
    InputError
        If it can't be written, or is more than `read_arrays` takes.
    """
    from safetensors.numpy import save as to_bytes

    text = json.dumps(description, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
        read_json(text, LONGEST_HEADER)
        # one text: several would stand in any order
        content = to_bytes({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {key: text})
        _read_header(BytesIO(content), len(content))
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: a name is no whole text: {error.object[:80]!r}; change it") from None
    except InputError as error:
        raise InputError(f"{path}: can't be written: {error}") from None
    write_atomically(path, content)


def read_arrays(path: str | Path) -> Content:
    """Return what stands in a file.

    Raises
    ------
    InputError
        If the file is missing, is no such file, is cut short, or holds more, or something else, than ours ever do.
    """
    path = Path(path)
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {what}; name a model file that glassnet saved")
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            texts, places = _read_header(file, size)
            return Content(texts, {place.name: _read_array(file, place) for place in places})
    except (*FAULTS, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else fault(error)
        raise InputError(f"{path}: this is no glassnet model, or it is cut short ({reason}); save it again") from None


def _read_header(file: IO[bytes], size: int) -> tuple[dict[str, str], list[_Place]]:
    """Return the texts, and the places of the arrays in their order; the file then stands where the first begins."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise InputError(f"its header has {length:,} bytes and the file {size:,}")
    if length > LONGEST_HEADER:
        raise InputError(f"its header has {length:,} bytes; the most is {LONGEST_HEADER:,}")
    header = Fields(read_json(file.read(length).decode(), LONGEST_HEADER), "the header")
    texts = header.value(_METADATA, dict) if _METADATA in header.content else {}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"{_METADATA}.{name!r:.80} is {text!r:.80}; it must be text")
        check_values(text)
    if len(header.content) > MAX_ARRAYS:
        raise InputError(f"it has {len(header.content):,} arrays; the most is {MAX_ARRAYS:,}")
    places = sorted(_place(name, Fields(entry, name)) for name, entry in header.content.items() if name != _METADATA)
    end = 0
    for place in places:  # one after another, from the first byte to the last: none is read twice
        if place.begin != end:
            raise InputError(f"{place.name!r:.80} begins at byte {place.begin}; it must be {end}")
        end = place.end
    if 8 + length + end != size:
        raise InputError(f"its arrays end at byte {8 + length + end:,}, and the file at {size:,}")
    return texts, places


def _place(name: str, entry: Fields) -> _Place:
    """Check what the header says of an array."""
    entry.name = f"{name!r:.80}"
    if len(entry.content) != 3:
        raise InputError(f"{entry.name} has {len(entry.content)} entries; it must have dtype, shape and data_offsets")
    dtype = DTYPES[entry.one_of("dtype", tuple(DTYPES))]
    shape = entry.list_of("shape", int)
    offsets = entry.list_of("data_offsets", int)
    if len(offsets) != 2 or len(shape) > 2 or min(*shape, *offsets, 0) < 0 or max(*shape, *offsets, 0) > 2**53:
        raise InputError(f"{entry.name} has shape {shape!r:.80} and offsets {offsets!r:.80}")
    begin, end = offsets
    if end - begin != math.prod(shape) * np.dtype(dtype).itemsize:
        raise InputError(f"{entry.name} of {dtype} {shape} takes {end - begin} bytes")
    return _Place(begin, end, name, dtype, tuple(shape))


def _read_array(file: IO[bytes], place: _Place) -> Array:
    count = math.prod(place.shape)
    array = np.fromfile(file, place.dtype, count) if count else np.empty(0, place.dtype)
    if len(array) != count:
        raise InputError(f"{place.name!r:.80} ends after {len(array)} of {count} numbers")
    return array.reshape(place.shape).astype(array.dtype.newbyteorder("="), copy=False)
