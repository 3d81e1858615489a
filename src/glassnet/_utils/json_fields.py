"""Untrusted JSON: size limits, and values that are read with their types checked."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import fields
from typing import Any

from glassnet._utils.text_safety import escape_control_chars
from glassnet.errors import InputError

#: Whole numbers up to this are exact in every JSON reader.
MAX_NUMBER = 2**53
#: The maximum number of values, counted by commas and brackets, and the maximum depth. A model of a million columns has
#: one million values, and no file is nested more than ten deep. Two million values need at most 0.4 GB and two seconds.
MAX_VALUES, MAX_DEPTH = 2_000_000, 32
#: The maximum number of digits of a whole number: a seed may have 128 bits.
MAX_DIGITS = 39

#: The exceptions that inconsistent content of a file can raise.
FAULTS = (InputError, ValueError, TypeError, KeyError, RecursionError, OverflowError)

#: A complete or truncated string, or a bracket outside of strings. Possessive, so that matching takes linear time.
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str, max_chars: int) -> Any:
    """Parse JSON with limits.

    Parameters
    ----------
    text : str
        The JSON.
    max_chars : int
        The maximum length.

    Raises
    ------
    InputError
        If it is too long, has too many values or is nested too deeply, repeats a key in an object, or has a number that
        is not finite. A lone surrogate raises a UnicodeEncodeError.
    """
    if len(text) > max_chars:
        raise InputError(f"its JSON is longer than {max_chars} characters")
    check_values(text)
    depth = 0
    for found in _BRACKETS.finditer(text):
        bracket = found.group()[0]
        if bracket in "[{":
            depth += 1
        elif bracket in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise InputError(f"its JSON is nested more than {MAX_DEPTH} deep")
    content = json.loads(
        text,
        parse_float=finite_number,
        parse_constant=finite_number,
        parse_int=whole_number,
        object_pairs_hook=_unique_keys,
    )
    if _SURROGATE.search(text):  # possibly without its other half, which can't be encoded
        json.dumps(content, ensure_ascii=False).encode()
    return content


def check_values(text: str) -> None:
    """Check the number of values before they are parsed, each of which takes 50 bytes or more."""
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise InputError(f"its JSON has more than {MAX_VALUES:,} values")


def fault(error: BaseException) -> str:
    """Return the message of an error, which may quote a file, as one printable line of limited length."""
    return escape_control_chars(f"{error} is missing" if isinstance(error, KeyError) else error, 400)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise InputError(f"the key {repeated!r:.80} is repeated in an object of its JSON")
    return found


def whole_number(text: str) -> int:
    """Parse a whole number with a limited number of digits; Python would accept thousands, which overflow later."""
    if len(text) > MAX_DIGITS + 1:
        raise InputError(f"the metadata has a number of {len(text)} digits, beginning with {text:.20}")
    return int(text)


def finite_number(text: str) -> float:
    """Parse a finite number; Python would accept NaN, Infinity and 1e999."""
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the metadata has the number {text:.40}, where every number must be finite")
    return number


class Fields:
    """A JSON object whose values are read with their types checked.

    Parameters
    ----------
    content : object
        The parsed JSON.
    name : str
        Its name in messages.
    """

    def __init__(self, content: Any, name: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{name} is not a JSON object")
        self.content = content
        self.name = name

    def value(self, key: str, *kinds: type) -> Any:
        """Return the value of a key, which must have one of these types; whole numbers are at most `MAX_NUMBER`."""
        value = self.content[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be {' or '.join(k.__name__ for k in kinds)}")
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be at most {MAX_NUMBER}")
        return value

    def list_of(self, key: str, *kinds: type) -> list[Any]:
        """Return a list, all entries of which must have one of these types."""
        values: list[Any] = self.value(key, list)
        for index, value in enumerate(values):
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise InputError(f"{self.name}.{key}[{index}] is {value!r:.80}")
        return values

    def one_of(self, key: str, names: tuple[str, ...]) -> str:
        """Return a string, which must be one of these."""
        value: str = self.value(key, str)
        if value not in names:
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be one of {', '.join(names)}")
        return value

    def known(self, kind: type, *kinds: type) -> dict[str, Any]:
        """Return the content, whose keys must be fields of the dataclass ``kind``, with values of these types."""
        names = {f.name for f in fields(kind)}
        for key in self.content:
            if key not in names:
                raise InputError(f"{self.name} has no field {key!r:.80}")
            if kinds:
                self.value(key, *kinds)
        return self.content
