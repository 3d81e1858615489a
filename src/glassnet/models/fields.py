"""JSON from a file that nobody believes: each value is read with its type checked."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

from glassnet.errors import InputError

#: Whole numbers up to this are the same in every reader of JSON.
MOST_NUMBER = 2**53


def read_json(text: str, most: int) -> Any:
    """Read JSON of at most so many characters: no key twice in an object, every number finite, nothing nested deeply.

    Raises
    ------
    InputError
        If it is not like that.
    """
    if len(text) > most:
        raise InputError(f"its JSON has {len(text):,} characters; the most is {most:,}")
    try:
        return json.loads(
            text, parse_float=finite_number, parse_constant=finite_number, object_pairs_hook=_each_key_once
        )
    except json.JSONDecodeError as error:
        raise InputError(f"its JSON can't be read: {error}") from None
    except RecursionError:
        raise InputError("its JSON is nested too deeply") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("a key stands twice in an object of its JSON")
    return found


def finite_number(text: str) -> float:
    """Read a number of the metadata; Python's reader would take NaN and Infinity, and 1e999 as infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"{text} stands in the metadata, where every number is finite")
    return number


class Fields:
    """A JSON object, read with its types checked."""

    def __init__(self, content: Any, name: str) -> None:
        if not isinstance(content, dict):
            raise InputError(f"{name} is no JSON object")
        self.content, self.name = content, name

    def value(self, key: str, *kinds: type) -> Any:
        """Return the value of a key, of one of these types; whole numbers no larger than `MOST_NUMBER`."""
        value = self.content[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be {' or '.join(k.__name__ for k in kinds)}")
        if isinstance(value, int) and abs(value) > MOST_NUMBER:
            raise InputError(f"{self.name}.{key} is {value!r:.80}; it must be at most {MOST_NUMBER}")
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
