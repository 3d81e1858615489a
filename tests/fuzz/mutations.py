"""Mutations of valid files: the same seed, format and number give the same bytes on every machine."""

from __future__ import annotations

import bz2
import copy
import gzip
import hashlib
import json
import math
import random
import re
import struct
from collections.abc import Callable
from typing import Any

#: Integers that often break parsers.
NUMBERS = (
    0,
    1,
    -1,
    7,
    127,
    128,
    255,
    256,
    32767,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
#: Numbers as text that often break parsers, and text that is not a number.
WORDS = (
    b"0", b"-1", b"1e999", b"-1e308", b"1e-320", b"NaN", b"Infinity", b"9" * 400, b"9" * 5000, b"18446744073709551616",
    b"0x10", b"1_000", b"null", b"true", b"", b" ", b"\xef\xbc\x91", b"''", b'"', b"=1+1",
)  # fmt: skip
#: Replacements of JSON values.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 0.5, -0.0, 1e308, -1e308, 5e-324, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**30,
    10**400, "", "a", "x" * 5000, "\x00", "\x1b[2J\x1b]0;owned\x07", "\u202eevil", "\ud800", "$\\frac", "=cmd()", "\n",
    "<script>", "../..", [], {}, [[]], [None], {"": None}, [1, 2], ["a", "a"], list(range(300)), {"int": "9" * 30},
    {"float": "nan"}, {"tuple": []}, {"dict": [[1, 2]]}, {"bool": 1}, "fused", "reference", "softmax", "relu", "bytes",
    "classification", "regression", "digits",
)  # fmt: skip

#: Magic bytes of compressed files, and functions to decompress and compress.
COMPRESSED: tuple[tuple[bytes, Any, Any], ...] = (
    (b"\x1f\x8b", gzip.decompress, lambda content: gzip.compress(content, 1, mtime=0)),
    (b"BZh", bz2.decompress, bz2.compress),
)


def mutate(good: list[bytes], number: int, seed: int, kind: str) -> tuple[int, bytes]:
    """Mutate one of the valid files; return its index and the result, which depend only on seed, kind and number."""
    rng = random.Random(f"{seed} {kind} {number}")
    chosen = rng.randrange(len(good))
    content = good[chosen]
    # three of four mutations respect the format, so that they get past the header
    mutations = MUTATIONS[kind] if kind in MUTATIONS and rng.random() < 0.75 else BYTES
    pack: Callable[[bytes], bytes] = bytes
    if rng.random() < 0.7:  # mutate the decompressed content
        for magic, decompress, compress in COMPRESSED:
            if content.startswith(magic):
                content = decompress(content)
                pack = compress
    for _ in range(rng.choice((1, 1, 1, 1, 1, 2, 3, 8))):
        content = rng.choice(mutations)(content, rng, good)
    content = pack(content)
    return chosen, (REPAIRS[kind](content, rng) if kind in REPAIRS else content)


# --------------------------------------------------------------------------------------------------------- any bytes


def flip(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        changed[_position(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_byte(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 16)) if changed else 0):
        changed[_position(changed, rng)] = rng.choice((0, 1, 0x22, 0x2C, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def cut(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def remove(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    first, last = _span(content, rng)
    return content[:first] + content[last:]


def repeat(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    first, last = _span(content, rng)
    return content[:last] + content[first:last] * rng.choice((1, 2, 50)) + content[last:]


def insert(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    position = rng.randrange(len(content) + 1)
    return content[:position] + rng.choice((rng.randbytes(rng.randrange(40)), b"\0" * 64, *WORDS)) + content[position:]


def splice(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    other = rng.choice(good)
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other)) :]


def number(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Overwrite 1 to 8 bytes, often near the start or end, with a number: a length, an offset, a count."""
    size = rng.choice((1, 2, 4, 8))
    if len(content) < size:
        return content
    position = rng.choice(
        (0, rng.randrange(min(64, len(content))), len(content) - rng.randrange(1, min(64, len(content)) + 1))
    )
    position = min(position, len(content) - size)
    value = (rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 0, 1))) % 2 ** (8 * size)
    return content[:position] + value.to_bytes(size, rng.choice(("little", "big"))) + content[position + size :]


def word(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Replace a number in the text."""
    positions = list(re.finditer(rb"-?\d[\d.eE+-]*", content[:20_000]))
    if not positions:
        return content
    position = rng.choice(positions)
    return content[: position.start()] + rng.choice(WORDS) + content[position.end() :]


def _position(content: bytes | bytearray, rng: random.Random) -> int:
    """Choose the index of a byte, often near the start, where headers are."""
    return rng.randrange(min(len(content), rng.choice((16, 2000, len(content)))))


def _span(content: bytes, rng: random.Random) -> tuple[int, int]:
    first = rng.randrange(len(content) + 1)
    return first, min(len(content), first + rng.choice((1, 4, 32, 500)))


BYTES = (flip, set_byte, cut, remove, repeat, insert, splice, number, word)


# ------------------------------------------------------------------------------- safetensors with JSON in its metadata


def values(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Change JSON values, in the header or in the metadata within it, and reassemble the file."""
    try:
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        body = content[8 + length :]
        key, text = next(iter(header["__metadata__"].items()))
        metadata = json.loads(text)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, struct.error, RecursionError):
        return content
    for _ in range(rng.choice((1, 1, 1, 1, 2, 4))):
        if rng.random() < 0.93:
            metadata = _changed(metadata, rng)
        else:
            header = _changed(header, rng)
    text = _text(metadata, rng)
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict) and rng.random() < 0.98:
        header["__metadata__"][key] = text
    written = _text(header, rng).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2 and body:  # a number that is tiny, huge or not finite
        position = rng.randrange(len(body)) & -4
        body = (
            body[:position]
            + struct.pack("<f", rng.choice((0, 1e-40, 3e38, -3e38, 1e30, math.inf, math.nan)))
            + body[position + 4 :]
        )
    if rng.random() < 0.05:
        body = body + b"\0" * rng.choice((4, 8, 100)) if rng.random() < 0.5 else body[: -rng.choice((4, 8, 100))]
    return struct.pack("<Q", len(written)) + written + body


def _changed(content: Any, rng: random.Random) -> Any:
    """Return JSON with one value replaced."""
    positions = list(_positions(content))
    if not positions:
        return _odd(rng)
    holder, key = rng.choice(positions)
    alike = [odd for odd in ODD if type(odd) is type(holder[key])]
    match rng.randrange(12):
        case 8 | 9 | 10 | 11 if alike:
            holder[key] = copy.deepcopy(rng.choice(alike))
        case 0:
            del holder[key]
        case 1:  # a value from elsewhere in the file
            other, there = rng.choice(positions)
            holder[key] = json.loads(json.dumps(other[there])) if there in _keys(other) else None
        case 2 if isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = rng.choice(
                (holder[key] + 1, holder[key] - 1, -holder[key], holder[key] * 1000, holder[key] // 3)
            )
        case 3 if isinstance(holder[key], list):
            holder[key] = holder[key] * rng.choice((2, 3)) if len(holder[key]) < 1000 else holder[key][:-1]
        case 4 if isinstance(holder, dict):
            holder[str(_odd(rng)) if rng.random() < 0.5 else key + "x"] = holder.pop(key)
        case 5:
            deep: Any = holder[key]
            for _ in range(rng.choice((1, 2, 3, 30, 900))):
                deep = [deep]
            holder[key] = deep
        case _:
            holder[key] = _odd(rng)
    return content


def _odd(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(ODD))  # it may be changed later


def _positions(content: Any, depth: int = 0) -> Any:
    """Yield the positions of values as (list or object, index or key); only some of a long list."""
    keys = _keys(content)
    for key in keys if len(keys) < 60 else [*keys[:20], *keys[-20:]]:
        yield content, key
        if depth < 12:
            yield from _positions(content[key], depth + 1)


def _keys(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return list(content)
    return list(range(len(content))) if isinstance(content, list) else []


def _text(content: Any, rng: random.Random) -> str:
    try:
        text = json.dumps(content, ensure_ascii=rng.random() < 0.3)
    except (ValueError, RecursionError):
        return "[" * 900
    if rng.random() < 0.02:  # a key twice
        keys = list(re.finditer(r'"[^"\\]*": (?:"[^"\\]*"|[^"\[\]{},]+)(?=[,}])', text))
        if keys:
            key = rng.choice(keys)
            text = text[: key.end()] + ", " + key.group() + text[key.end() :]
    return text


# ------------------------------------------------------------------------------------------------------ text of tables


def cell(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Replace or insert a cell."""
    lines = content.split(b"\n")
    position = rng.randrange(len(lines))
    cells = lines[position].split(b",")
    here = rng.randrange(len(cells))
    odd = rng.choice(
        (
            *WORDS,
            b'"a\nb"',
            b'"',
            b"a,b",
            b"\0",
            b"\xff\xfe",
            b"\r",
            b"\x1b[2J",
            "Ärger".encode(),
            b"x" * 10_000,
            b"1;2",
        )
    )
    cells[here : here + rng.randrange(2)] = [odd] * rng.choice((1, 1, 1, 3, 200))
    lines[position] = b",".join(cells)
    return b"\n".join(lines)


def line(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Repeat, swap or empty lines, or change line endings or separators."""
    lines = content.split(b"\n")
    position = rng.randrange(len(lines))
    other = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            lines[position:position] = [lines[other]] * rng.choice((1, 2, 100))
        case 1:
            lines[position], lines[other] = lines[other], lines[position]
        case 2:
            lines[position] = b""
        case 3:
            return rng.choice((b"\r\n", b"\r", b"\n\n")).join(lines)
        case _:
            return content.replace(b",", rng.choice((b";", b"\t", b" ", b",,")))
    return b"\n".join(lines)


#: Mutations that respect the format.
MUTATIONS: dict[str, tuple[Any, ...]] = {
    "model": (values,),
    "checkpoint": (values,),
    "csv": (cell, cell, line, word),
    "svmlight": (word, line),
}


def _update_digest(content: bytes, rng: random.Random) -> bytes:
    """Update the digest of a checkpoint, so that more than the digest is tested."""
    if rng.random() < 0.2:
        return content
    return content[:-32] + hashlib.blake2b(content[:-32], digest_size=32).digest()


#: Functions that repair a mutated file, by format.
REPAIRS: dict[str, Any] = {"checkpoint": _update_digest}
