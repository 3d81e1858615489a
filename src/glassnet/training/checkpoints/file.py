"""The file of a checkpoint: safetensors, whose last 32 bytes are a digest of everything before them.

The arrays have names; everything else is JSON in the metadata. Any safetensors reader opens the file; this one
validates all of it. ``docs/checkpoints.md`` describes the format.
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

#: The metadata entry that holds the JSON, the version of the format, and the name of the digest's array.
KEY, FORMAT_VERSION, DIGEST = "glassnet-checkpoint", 3, "digest"
DIGEST_BYTES = 32
#: An epoch takes about 250 characters of JSON. The worst JSON of this size needs 0.7 GB when it is parsed.
MAX_JSON_CHARS = 32 * 2**20
#: How a file begins, after the 8 bytes of the header's length.
START = f'{{"__metadata__": {{"{KEY}": '.encode()
#: A training has about a dozen arrays.
MAX_ARRAYS = 1000
#: The dtypes that a checkpoint may hold, and their names in safetensors.
DTYPES = {"float64": "F64", "int64": "I64", "uint64": "U64", "float32": "F32", "int32": "I32", "uint8": "U8"}
#: Bytes that are read at a time.
_CHUNK_BYTES = 2**20


def write_checkpoint(path: Path, state_dict: StateDict) -> int:
    """Write a checkpoint atomically, flush it to disk, and return its size in bytes.

    Raises
    ------
    InputError
        If it can't be written.
    """
    text = json.dumps(
        {"format_version": FORMAT_VERSION, "metadata": to_json_values(state_dict.metadata)},
        ensure_ascii=False,
        allow_nan=False,
    )
    if len(text) > MAX_JSON_CHARS:
        raise InputError(
            f"{path}: its metadata has {len(text):,} characters of JSON; the maximum is {MAX_JSON_CHARS:,}"
        )
    arrays = _sorted_arrays(state_dict.arrays)
    header = _header(arrays, text)

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


def read_checkpoint(path: Path, max_bytes: int) -> StateDict:
    """Read a checkpoint and validate its format.

    Parameters
    ----------
    path : Path
        The file.
    max_bytes : int
        The maximum size; larger files are not read.

    Returns
    -------
    StateDict
        Arrays and metadata; the caller validates their meaning.

    Raises
    ------
    InputError
        If it is missing, damaged, too large, of another version, or not a checkpoint: names the file and the reason.
    """
    try:
        _check_digest(path, max_bytes)
        return _parse(path)
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing in it") from None
    except (InputError, OSError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        raise InputError(f"{path}: {reason}") from None


def _sorted_arrays(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays with wider dtypes first, contiguous and little-endian."""
    found = sorted(arrays.items(), key=lambda entry: (-entry[1].itemsize, entry[0]))
    return {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in found}


def _header(arrays: dict[str, Array], metadata: str) -> bytes:
    """Return the header with its length: the offsets of each array, and the JSON."""
    entries: dict[str, Any] = {"__metadata__": {KEY: metadata}}
    end = 0
    for name, array in arrays.items():
        offsets = [end, end + array.nbytes]
        entries[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        end += array.nbytes
    entries[DIGEST] = {"dtype": "U8", "shape": [DIGEST_BYTES], "data_offsets": [end, end + DIGEST_BYTES]}
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # aligns the arrays
    return len(text).to_bytes(8, "little") + text


def _check_digest(path: Path, max_bytes: int) -> None:
    """Check the size and the digest of a file before anything in it is parsed."""
    if not path.is_file():
        raise InputError("this is not a file" if path.exists() else "there is no such file")
    size = path.stat().st_size
    if size > max_bytes:
        raise InputError(f"it has {size:,} bytes, and a checkpoint of this training has at most {max_bytes:,}")
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    remaining = size - DIGEST_BYTES
    if remaining <= 8:
        raise InputError(f"it is cut short, to {size} bytes")
    with open(path, "rb") as file:
        while remaining:
            piece = file.read(min(remaining, _CHUNK_BYTES))
            if not piece:
                raise InputError("it became shorter while it was read")
            digest.update(piece)
            remaining -= len(piece)
        if file.read(DIGEST_BYTES) != digest.digest():
            raise InputError("it is damaged or cut short: its digest is not that of its content")


def _parse(path: Path) -> StateDict:
    """Parse a file with a correct digest, which may still be malicious."""
    from safetensors import SafetensorError, safe_open

    arrays = {}
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            names = list(file.keys())
            if text is None or DIGEST not in names:
                raise InputError("this is not a checkpoint of glassnet")
            if len(names) > MAX_ARRAYS:
                raise InputError(f"it has {len(names):,} arrays; the maximum is {MAX_ARRAYS:,}")
            for name in names:
                dtype = file.get_slice(name).get_dtype()
                if dtype not in DTYPES.values():
                    raise InputError(f"its array {name!r:.80} has dtype {dtype!r:.20}")
                arrays[name] = file.get_tensor(name)
    except SafetensorError as error:
        raise InputError(f"it is not a safetensors file ({error})") from None
    content = Fields(read_json(text, MAX_JSON_CHARS), "checkpoint")
    version = content.value("format_version", int)
    if version != FORMAT_VERSION:
        raise InputError(
            f"its format is {version}, and this glassnet reads {FORMAT_VERSION}; use the one that wrote it"
        )
    del arrays[DIGEST]
    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(np.min(array, initial=np.inf)):
            raise InputError(f"its array {name!r:.80} holds NaN")
    return StateDict(arrays, Fields(from_json_values(content.value("metadata", dict)), "metadata").content)
