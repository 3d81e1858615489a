"""Safetensors files with named arrays and a text, read without trusting their content.

The safetensors library writes them. They are read here, because the library trusts what this reader checks against the
size of the file first: the length of the header, repeated keys, the number and dtypes of the arrays. Nothing is
allocated that the file does not hold. The file is read, not mapped into memory, so that truncating it meanwhile raises
an error and does not crash the process.
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

#: The maximum size of the header in bytes: half a million column names, or sixty thousand epochs, take 16 MB.
MAX_HEADER_BYTES = 32 * 2**20
#: The maximum number of arrays: a network of a thousand layers has two thousand.
MAX_ARRAYS = 10_000
#: The dtypes of the arrays, by their names in safetensors.
DTYPES = {"F32": "<f4", "F64": "<f8"}
#: The entry of the header that is not an array.
_METADATA = "__metadata__"


class Content(NamedTuple):
    """The content of a file: texts and arrays by name."""

    texts: dict[str, str]
    arrays: dict[str, Array]


class _ArrayEntry(NamedTuple):
    """An array's header entry; ``begin`` and ``end`` are byte offsets from the end of the header."""

    begin: int
    end: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def write_arrays(path: str | Path, arrays: Mapping[str, Array], key: str, description: dict[str, Any]) -> None:
    """Write arrays and a description to a file, atomically.

    Raises
    ------
    InputError
        If it can't be written, or exceeds a limit of `read_arrays`.
    """
    from safetensors.numpy import save as to_bytes

    text = json.dumps(description, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
        read_json(text, MAX_HEADER_BYTES)
        # a single text, since the order of several is not deterministic
        content = to_bytes({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {key: text})
        _read_header(BytesIO(content), len(content))
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: a name can't be encoded: {error.object[:80]!r}; change it") from None
    except InputError as error:
        raise InputError(f"{path}: can't be written: {error}") from None
    write_atomically(path, content)


def read_arrays(path: str | Path) -> Content:
    """Return the content of a file.

    Raises
    ------
    InputError
        If the file is missing, truncated, not safetensors, or exceeds a limit.
    """
    path = Path(path)
    if not path.is_file():
        reason = "this is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {reason}; name a model file that glassnet saved")
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            texts, entries = _read_header(file, size)
            return Content(texts, {entry.name: _read_array(file, entry) for entry in entries})
    except (*FAULTS, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else fault(error)
        raise InputError(f"{path}: this is no glassnet model, or it is cut short ({reason}); save it again") from None


def _read_header(file: IO[bytes], size: int) -> tuple[dict[str, str], list[_ArrayEntry]]:
    """Return the texts and the array entries in order; the file is then at the first array."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise InputError(f"its header has {length:,} bytes and the file {size:,}")
    if length > MAX_HEADER_BYTES:
        raise InputError(f"its header has {length:,} bytes; the maximum is {MAX_HEADER_BYTES:,}")
    header = Fields(read_json(file.read(length).decode(), MAX_HEADER_BYTES), "the header")
    texts = header.value(_METADATA, dict) if _METADATA in header.content else {}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"{_METADATA}.{name!r:.80} is {text!r:.80}; it must be text")
        check_values(text)
    if len(header.content) > MAX_ARRAYS:
        raise InputError(f"it has {len(header.content):,} arrays; the maximum is {MAX_ARRAYS:,}")
    entries = sorted(
        _array_entry(name, Fields(entry, name)) for name, entry in header.content.items() if name != _METADATA
    )
    end = 0
    for entry in entries:  # adjacent, so that no byte is read twice
        if entry.begin != end:
            raise InputError(f"{entry.name!r:.80} begins at byte {entry.begin}; it must be {end}")
        end = entry.end
    if 8 + length + end != size:
        raise InputError(f"its arrays end at byte {8 + length + end:,}, and the file at {size:,}")
    return texts, entries


def _array_entry(name: str, entry: Fields) -> _ArrayEntry:
    """Validate the header entry of an array."""
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
    return _ArrayEntry(begin, end, name, dtype, tuple(shape))


def _read_array(file: IO[bytes], entry: _ArrayEntry) -> Array:
    count = math.prod(entry.shape)
    array = np.fromfile(file, entry.dtype, count) if count else np.empty(0, entry.dtype)
    if len(array) != count:
        raise InputError(f"{entry.name!r:.80} ends after {len(array)} of {count} numbers")
    return array.reshape(entry.shape).astype(array.dtype.newbyteorder("="), copy=False)
