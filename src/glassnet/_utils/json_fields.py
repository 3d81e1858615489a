"""JSON from a file that nobody believes: each value is read with its type checked."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from typing import Any

from glassnet._utils.text_safety import escape_control_chars
from glassnet.errors import InputError

#: Whole numbers up to this are the same in every reader of JSON.
MAX_NUMBER = 2**53
#: Values in a text, counted by its commas and brackets, and how deep they may be nested: a model of a million columns
#: has one million, and nothing of ours is nested more than ten deep. Two million take at most 0.4 GB and two seconds.
MAX_VALUES, MAX_DEPTH = 2_000_000, 32
#: Digits of a whole number: a seed may have 128 bits.
MAX_DIGITS = 39

#: What a file leads to whose content does not fit together.
FAULTS = (InputError, ValueError, TypeError, KeyError, RecursionError, OverflowError)

#: A string, whole or cut off, or a bracket outside one. Nothing is tried twice: it takes as long as the text is.
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str, most: int) -> Any:
    """Read JSON of at most so many characters: no key twice in an object, numbers finite, little nested, text whole.

    Raises
    ------
    InputError
        If it is not like that.
    """
    if len(text) > most:
        raise InputError(f"its JSON is longer than {most} characters")
    check_values(text)
    depth = 0
    for found in _BRACKETS.finditer(text):
        bracket = found.group()[0]
        depth += 1 if bracket in "[{" else -1 if bracket in "]}" else 0
        if depth > MAX_DEPTH:
            raise InputError(f"its JSON is nested more than {MAX_DEPTH} deep")
    content = json.loads(
        text,
        parse_float=finite_number,
        parse_constant=finite_number,
        parse_int=whole_number,
        object_pairs_hook=_each_key_once,
    )
    if _HALF_A_PAIR.search(text):  # half a surrogate pair, which no file and no terminal takes
        json.dumps(content, ensure_ascii=False).encode()
    return content


def check_values(text: str) -> None:
    """Refuse a text of more values than any file of ours, before they are made: each takes 50 bytes or more."""
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise InputError(f"its JSON has more than {MAX_VALUES:,} values")


def fault(error: BaseException) -> str:
    """Return what an error says, in a line that is not too long and can be printed: it may quote the file."""
    return escape_control_chars(f"{error} is missing" if isinstance(error, KeyError) else error, 400)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None
        raise InputError(f"the key {double!r:.80} stands twice in an object of its JSON")
    return found


def whole_number(text: str) -> int:
    """Read a whole number of few digits: Python's reader takes thousands, which later overflow what they are put in."""
    if len(text) > MAX_DIGITS + 1:
        raise InputError(f"a number of {len(text)} digits stands in the metadata, beginning with {text:.20}")
    return int(text)


def finite_number(text: str) -> float:
    """Read a number of the metadata; Python's reader would take NaN and Infinity, and 1e999 as infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"{text:.40} stands in the metadata, where every number is finite")
    return number


class Fields:
    """A JSON object, read with its types checked."""

    def __init__(self, content: Any, name: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{name} is no JSON object")
        self.content = content
        self.name = name

    def value(self, key: str, *kinds: type) -> Any:
        """Return the value of a key, of one of these types; whole numbers no larger than `MAX_NUMBER`."""
        value = self.content[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be {' or '.join(k.__name__ for k in kinds)}")
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be at most {MAX_NUMBER}")
        return value

    def list_of(self, key: str, *kinds: type) -> list[Any]:
        """Return a list whose entries all have one of these types."""
        values: list[Any] = self.value(key, list)
        for place, value in enumerate(values):
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise InputError(f"{self.name}.{key}[{place}] is {value!r:.80}")
        return values

    def one_of(self, key: str, names: tuple[str, ...]) -> str:
        """Return a text that is one of these."""
        value: str = self.value(key, str)
        if value not in names:
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be one of {', '.join(names)}")
        return value

    def known(self, kind: type, *kinds: type) -> dict[str, Any]:
        """Return the fields, all of which the dataclass must have."""
        names = {f.name for f in fields(kind)}
        for key in self.content:
            if key not in names:
                raise InputError(f"{self.name} has no field {key!r:.80}")
            if kinds:
                self.value(key, *kinds)
        return self.content
