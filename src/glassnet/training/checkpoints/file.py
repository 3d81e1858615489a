"""A checkpoint as a file: a safetensors file whose last 32 bytes are a digest of everything before them.

The arrays stand there by name, and everything else as JSON in the metadata. Any reader of safetensors opens it; ours
believes nothing of it. ``docs/checkpoints.md`` describes the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import write_atomically
from glassnet._utils.json_fields import Fields, read_json
from glassnet.errors import InputError
from glassnet.training.state_dict import StateDict, from_json_values, to_json_values

#: The entry of the metadata that holds the JSON, the version of the format, and the array that holds the digest.
KEY, FORMAT_VERSION, DIGEST = "glassnet-checkpoint", 2, "digest"
DIGEST_BYTES = 32
#: An epoch takes some 250 characters of JSON. A text of this size that is all brackets takes 0.7 GB when it is read.
MAX_TOLD = 32 * 2**20
#: A training has a dozen arrays.
MAX_ARRAYS = 1000
#: How safetensors calls what a checkpoint may hold.
DTYPES = {"float64": "F64", "int64": "I64", "uint64": "U64", "float32": "F32", "int32": "I32", "uint8": "U8"}
#: Bytes that are read at once.
_AT_ONCE = 2**20


def write_checkpoint(path: Path, memory: StateDict) -> int:
    """Write a checkpoint, atomically and down to the disk; return its size in bytes.

    Raises
    ------
    InputError
        If it can't be written.
    """
    told = json.dumps(
        {"format_version": FORMAT_VERSION, "metadata": to_json_values(memory.metadata)},
        ensure_ascii=False,
        allow_nan=False,
    )
    if len(told) > MAX_TOLD:
        raise InputError(f"{path}: what it tells has {len(told):,} characters; the most is {MAX_TOLD:,}")
    arrays = _in_order(memory.arrays)
    header = _header(arrays, told)

    def pieces() -> Iterator[bytes | memoryview]:
        digest = hashlib.blake2b(header, digest_size=DIGEST_BYTES)
        yield header
        for array in arrays.values():
            if array.size:
                content = array.data.cast("B")  # no copy is made of what may be large
                digest.update(content)
                yield content
        yield digest.digest()

    write_atomically(path, pieces())
    return len(header) + sum(array.nbytes for array in arrays.values()) + DIGEST_BYTES


def read_checkpoint(path: Path, most: int) -> StateDict:
    """Read a checkpoint, believing nothing of it.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes that it may have at most: nothing larger is looked into.

    Returns
    -------
    StateDict
        The arrays and the rest, whole and well formed; what they mean is for who uses them to check.

    Raises
    ------
    InputError
        If it is missing, damaged, too large, of another version, or no checkpoint: the file and the reason are named.
    """
    try:
        _check_digest(path, most)
        return _parse(path)
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing in it") from None
    except (InputError, OSError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        raise InputError(f"{path}: {reason}") from None


def _in_order(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays, the wide numbers first, each in one piece and in the byte order of the format."""
    found = sorted(arrays.items(), key=lambda entry: (-entry[1].itemsize, entry[0]))
    return {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in found}


def _header(arrays: dict[str, Array], told: str) -> bytes:
    """Return the length of the header, and the header: where each array lies, and the JSON."""
    entries: dict[str, Any] = {"__metadata__": {KEY: told}}
    end = 0
    for name, array in arrays.items():
        place = [end, end + array.nbytes]
        entries[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": place}
        end += array.nbytes
    entries[DIGEST] = {"dtype": "U8", "shape": [DIGEST_BYTES], "data_offsets": [end, end + DIGEST_BYTES]}
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers lie where a processor likes them
    return len(text).to_bytes(8, "little") + text


def _check_digest(path: Path, most: int) -> None:
    """Read the file once, piece by piece, and compare the digest; nothing of it is looked at before."""
    if not path.is_file():
        raise InputError("this is no file" if path.exists() else "there is no such file")
    size = path.stat().st_size
    if size > most:
        raise InputError(f"it has {size:,} bytes, and a checkpoint of this training {most:,} at most")
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    left = size - DIGEST_BYTES
    if left <= 8:
        raise InputError(f"it is cut short, to {size} bytes")
    with open(path, "rb") as file:
        while left:
            piece = file.read(min(left, _AT_ONCE))
            if not piece:
                raise InputError("it became shorter while it was read")
            digest.update(piece)
            left -= len(piece)
        if file.read(DIGEST_BYTES) != digest.digest():
            raise InputError("it is damaged or cut short: its digest is not that of its content")


def _parse(path: Path) -> StateDict:
    """Take a file apart whose digest is right, and which somebody may have made up all the same."""
    from safetensors import SafetensorError, safe_open

    arrays = {}
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            names = list(file.keys())
            if text is None or DIGEST not in names:
                raise InputError("this is no checkpoint of glassnet")
            if len(names) > MAX_ARRAYS:
                raise InputError(f"it has {len(names):,} arrays; the most is {MAX_ARRAYS:,}")
            for name in names:
                kind = file.get_slice(name).get_dtype()
                if kind not in DTYPES.values():
                    raise InputError(f"its array {name!r:.80} is of dtype {kind!r:.20}")
                arrays[name] = file.get_tensor(name)
    except SafetensorError as error:
        raise InputError(f"it is no safetensors file ({error})") from None
    content = Fields(read_json(text, MAX_TOLD), "checkpoint")
    version = content.value("format_version", int)
    if version != FORMAT_VERSION:
        raise InputError(
            f"its format is {version}, and this glassnet reads {FORMAT_VERSION}; use the one that wrote it"
        )
    del arrays[DIGEST]
    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(np.min(array, initial=np.inf)):
            raise InputError(f"its array {name!r:.80} holds NaN")
    return StateDict(arrays, from_json_values(content.value("metadata", dict)))
