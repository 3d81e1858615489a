"""Good files, broken: the same seed, format and number give the same bytes everywhere."""

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

#: Whole numbers that have broken readers before.
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
#: The same in text, and what is no number at all.
WORDS = (
    b"0", b"-1", b"1e999", b"-1e308", b"1e-320", b"NaN", b"Infinity", b"9" * 400, b"9" * 5000, b"18446744073709551616",
    b"0x10", b"1_000", b"null", b"true", b"", b" ", b"\xef\xbc\x91", b"''", b'"', b"=1+1",
)  # fmt: skip
#: What stands where a value of JSON stood.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 0.5, -0.0, 1e308, -1e308, 5e-324, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**30,
    10**400, "", "a", "x" * 5000, "\x00", "\x1b[2J\x1b]0;owned\x07", "\u202eevil", "\ud800", "$\\frac", "=cmd()", "\n",
    "<script>", "../..", [], {}, [[]], [None], {"": None}, [1, 2], ["a", "a"], list(range(300)), {"int": "9" * 30},
    {"float": "nan"}, {"tuple": []}, {"dict": [[1, 2]]}, {"bool": 1}, "fused", "reference", "softmax", "relu", "bytes",
    "classification", "regression", "digits",
)  # fmt: skip

#: How packed files begin, how they are unpacked, and packed again.
PACKED: tuple[tuple[bytes, Any, Any], ...] = (
    (b"\x1f\x8b", gzip.decompress, lambda content: gzip.compress(content, 1, mtime=0)),
    (b"BZh", bz2.decompress, bz2.compress),
)


def broken(good: list[bytes], number: int, seed: int, kind: str) -> tuple[int, bytes]:
    """Return which of the good files was broken, and the result, both decided by seed, kind and number alone."""
    rng = random.Random(f"{seed} {kind} {number}")
    chosen = rng.randrange(len(good))
    content = good[chosen]
    # where the format is known, three of four are broken in its own terms, so that they come further than the header
    ways = WAYS[kind] if kind in WAYS and rng.random() < 0.75 else BYTES
    pack: Callable[[bytes], bytes] = bytes
    if rng.random() < 0.7:  # what is packed is broken inside
        for begins, unpack, packs in PACKED:
            if content.startswith(begins):
                content, pack = unpack(content), packs
    for _ in range(rng.choice((1, 1, 1, 1, 1, 2, 3, 8))):
        content = rng.choice(ways)(content, rng, good)
    content = pack(content)
    return chosen, (SEALS[kind](content, rng) if kind in SEALS else content)


# --------------------------------------------------------------------------------------------------------- any bytes


def flip(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        changed[_place(changed, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_byte(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 16)) if changed else 0):
        changed[_place(changed, rng)] = rng.choice((0, 1, 0x22, 0x2C, 0x7F, 0x80, 0xFF, rng.randrange(256)))
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
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice((rng.randbytes(rng.randrange(40)), b"\0" * 64, *WORDS)) + content[place:]


def splice(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    other = rng.choice(good)
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other)) :]


def number(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Write a number of 1 to 8 bytes over a place, as often near an end: a length, an offset, a count."""
    size = rng.choice((1, 2, 4, 8))
    if len(content) < size:
        return content
    place = rng.choice(
        (0, rng.randrange(min(64, len(content))), len(content) - rng.randrange(1, min(64, len(content)) + 1))
    )
    place = min(place, len(content) - size)
    value = (rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 0, 1))) % 2 ** (8 * size)
    return content[:place] + value.to_bytes(size, rng.choice(("little", "big"))) + content[place + size :]


def word(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Put an odd word where a number stood in the text."""
    places = list(re.finditer(rb"-?\d[\d.eE+-]*", content[:20_000]))
    if not places:
        return content
    place = rng.choice(places)
    return content[: place.start()] + rng.choice(WORDS) + content[place.end() :]


def _place(content: bytes | bytearray, rng: random.Random) -> int:
    """Choose a byte, as often near the beginning, where headers are, as anywhere."""
    return rng.randrange(min(len(content), rng.choice((16, 2000, len(content)))))


def _span(content: bytes, rng: random.Random) -> tuple[int, int]:
    first = rng.randrange(len(content) + 1)
    return first, min(len(content), first + rng.choice((1, 4, 32, 500)))


BYTES = (flip, set_byte, cut, remove, repeat, insert, splice, number, word)


# ------------------------------------------------------------------------------- safetensors with JSON in its metadata


def values(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Change values of the JSON, in the header or in the text within it, and put the file together again."""
    try:
        length = struct.unpack("<Q", content[:8])[0]
        header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
        key, text = next(iter(header["__metadata__"].items()))
        told = json.loads(text)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, struct.error, RecursionError):
        return content
    for _ in range(rng.choice((1, 1, 1, 1, 2, 4))):
        if rng.random() < 0.93:
            told = _changed(told, rng)
        else:
            header = _changed(header, rng)
    text = _text(told, rng)
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict) and rng.random() < 0.98:
        header["__metadata__"][key] = text
    written = _text(header, rng).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2 and body:  # a number that is tiny, huge or none
        place = rng.randrange(len(body)) & -4
        body = (
            body[:place]
            + struct.pack("<f", rng.choice((0, 1e-40, 3e38, -3e38, 1e30, math.inf, math.nan)))
            + body[place + 4 :]
        )
    if rng.random() < 0.05:
        body = body + b"\0" * rng.choice((4, 8, 100)) if rng.random() < 0.5 else body[: -rng.choice((4, 8, 100))]
    return struct.pack("<Q", len(written)) + written + body


def _changed(content: Any, rng: random.Random) -> Any:
    """Return JSON in which one value is another."""
    places = list(_places(content))
    if not places:
        return _odd(rng)
    holder, key = rng.choice(places)
    alike = [odd for odd in ODD if type(odd) is type(holder[key])]
    match rng.randrange(12):
        case 8 | 9 | 10 | 11 if alike:
            holder[key] = copy.deepcopy(rng.choice(alike))
        case 0:
            del holder[key]
        case 1:  # a value from somewhere else in the file
            other, there = rng.choice(places)
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
    return copy.deepcopy(rng.choice(ODD))  # what is put into a file may be changed there


def _places(content: Any, depth: int = 0) -> Any:
    """Go through the places where a value stands: (list or object, index or key); of a long list not all."""
    keys = _keys(content)
    for key in keys if len(keys) < 60 else [*keys[:20], *keys[-20:]]:
        yield content, key
        if depth < 12:
            yield from _places(content[key], depth + 1)


def _keys(content: Any) -> list[Any]:
    return (
        list(content) if isinstance(content, dict) else list(range(len(content))) if isinstance(content, list) else []
    )


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
    """Put something odd in the place of a cell, or between two."""
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    cells = lines[place].split(b",")
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
    lines[place] = b",".join(cells)
    return b"\n".join(lines)


def line(content: bytes, rng: random.Random, good: list[bytes]) -> bytes:
    """Repeat, swap, empty or end lines otherwise."""
    lines = content.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            lines[place:place] = [lines[other]] * rng.choice((1, 2, 100))
        case 1:
            lines[place], lines[other] = lines[other], lines[place]
        case 2:
            lines[place] = b""
        case 3:
            return rng.choice((b"\r\n", b"\r", b"\n\n")).join(lines)
        case _:
            return content.replace(b",", rng.choice((b";", b"\t", b" ", b",,")))
    return b"\n".join(lines)


#: The ways to break a file of a kind in its own terms.
WAYS: dict[str, tuple[Any, ...]] = {
    "model": (values,),
    "checkpoint": (values,),
    "csv": (cell, cell, line, word),
    "svmlight": (word, line),
}


def _sealed(content: bytes, rng: random.Random) -> bytes:
    """Give a checkpoint the digest of what it has become, so that more of it is tried than the digest."""
    if rng.random() < 0.2:
        return content
    return content[:-32] + hashlib.blake2b(content[:-32], digest_size=32).digest()


#: What is put right again after a file of that kind was broken.
SEALS: dict[str, Any] = {"checkpoint": _sealed}
