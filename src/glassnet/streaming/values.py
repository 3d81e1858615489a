"""The values of a target met block by block: which there are, how many of each, and their numbers as classes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: With more different texts than this a column is no target; with more different numbers, they are no classes.
MAX_CLASSES = 2**16

#: Sides of a data set: rows to learn from, and rows set aside.
TRAINING, VALIDATION = 0, 1


class Values:
    """What a target holds.

    Attributes
    ----------
    texts : list of str
        In the order in which they were met; a block stores their places in it.
    counts : tuple of two Counters
        How often each value stands in the training and in the validation rows; empty once they are too `many`.
    whole, many, numbers : bool
        Whether every number was a whole one (beyond 2**53 none is for certain), whether there are more than
        `MAX_CLASSES`, whether there were numbers.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.counts: tuple[Counter[str | int | float], Counter[str | int | float]] = (Counter(), Counter())
        self.whole = True
        self.many = False
        self.numbers = False
        self._codes: dict[str, int] = {}

    def add(self, values: Array, side: int, where: str) -> Array:
        """Note values (rows,) of a side; return what a block stores: int64, float64, or int32 places among the texts.

        Raises
        ------
        InputError
            If there are too many different texts; ``where`` is the file and the column.
        """
        if values.dtype.kind == "O":
            different, places = np.unique(values.astype(str), return_inverse=True)
            codes = []
            for text in different.tolist():
                if text not in self._codes:
                    self._codes[text] = len(self.texts)
                    self.texts.append(text)
                codes.append(self._codes[text])
            if len(self.texts) > MAX_CLASSES:
                raise InputError(
                    f"{where} holds more than {MAX_CLASSES:,} different texts; classes are fewer: is this the target?"
                )
            self._count(different, places, side)
            return np.array(codes, np.int32)[places.reshape(-1)]
        self.numbers = True
        kind: type[np.int64] | type[np.float64] = np.int64 if values.dtype.kind in "iu" else np.float64
        stored = values.astype(kind)
        if kind is np.float64 and self.whole:
            self.whole = bool(np.array_equal(stored, np.floor(stored)) and np.abs(stored).max(initial=0) < 2**53)
        if not self.many:
            different, places = np.unique(stored, return_inverse=True)
            self._count(different, places, side)
        return stored

    def stored(self, values: Array) -> Array:
        """Return values as `add` did when it met them; a KeyError if it never met one of text."""
        if values.dtype.kind != "O":
            return values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)
        different, places = np.unique(values.astype(str), return_inverse=True)
        codes = np.array([self._codes[text] for text in different.tolist()], np.int32)
        return codes[places.reshape(-1)]

    def _count(self, different: Array, places: Array, side: int) -> None:
        counts = np.bincount(places.reshape(-1), minlength=len(different))
        for value, count in zip(different.tolist(), counts.tolist(), strict=True):
            self.counts[side][value] += count  # 3 and 3.0 are one value
        if len(self.counts[TRAINING]) + len(self.counts[VALIDATION]) > 2 * MAX_CLASSES:
            self.many = True
            for counter in self.counts:
                counter.clear()

    @property
    def different(self) -> Array:
        """Every value once, as `glassnet.data.target_values` gives a whole column: text (object), int64 or float64.

        Where some blocks hold text and others numbers, all are text. Of too many numbers, some two, with fractions.
        """
        if self.many and not self.texts:
            return np.array([0.25, 0.75])
        found = self.counts[TRAINING] | self.counts[VALIDATION]
        if self.texts:
            return np.array(sorted({name_of(value) for value in found}), dtype=object)
        return np.array(sorted(found), np.int64 if self.whole else np.float64)

    def counts_of(self, side: int, classes: Sequence[str | int]) -> Array:
        """Return how often each class stands on a side, int64 (classes,)."""
        found = np.zeros(len(classes), np.int64)
        numbers = numbers_of(classes)
        for value, count in self.counts[side].items():
            found[numbers[name_of(value)]] += count
        return found

    def as_json(self) -> dict[str, object]:
        """Return plain values, from which `from_json` makes the same again."""
        counted = [[[value, count] for value, count in counter.items()] for counter in self.counts]
        return {"texts": self.texts, "counts": counted, "whole": self.whole, "many": self.many, "numbers": self.numbers}

    @classmethod
    def from_json(cls, told: dict[str, object]) -> Values:
        """Return values as they were; a ValueError, KeyError or TypeError if they are not what `as_json` gave."""
        values = cls()
        texts, counted = told["texts"], told["counts"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("texts")
        if not isinstance(counted, list) or len(counted) != 2:
            raise ValueError("counts")
        values.texts, values.whole, values.many, values.numbers = (
            texts,
            bool(told["whole"]),
            bool(told["many"]),
            bool(told["numbers"]),
        )
        values._codes = {text: place for place, text in enumerate(texts)}
        for counter, pairs in zip(values.counts, counted, strict=True):
            for value, count in pairs:
                if not isinstance(value, str | int | float) or type(count) is not int or count < 1:
                    raise ValueError("counts")
                counter[value] = count
        return values


class Encoding:
    """From what blocks store to the numbers of classes.

    Parameters
    ----------
    classes : sequence of str or int
        In the order of the network's outputs.
    texts : sequence of str
        The texts whose places blocks store.
    """

    def __init__(self, classes: Sequence[str | int], texts: Sequence[str]) -> None:
        numbers = numbers_of(classes)
        self._of_text = np.array([numbers[text] for text in texts], np.int64)
        self._values, self._of_value = _by_size(numbers, np.int64), _by_size(numbers, np.float64)

    def __call__(self, stored: Array) -> Array:
        """Return class numbers, int64 (rows,).

        Raises
        ------
        KeyError
            If a value is none of the classes: its text.
        """
        if stored.dtype == np.int32:
            if len(stored) and (stored.min() < 0 or stored.max() >= len(self._of_text)):
                raise KeyError("a text that is not listed")
            return self._of_text[stored]
        values, numbers = self._values if stored.dtype.kind == "i" else self._of_value
        places = np.searchsorted(values, stored)
        places[places == len(values)] = 0
        wrong = values[places] != stored if len(values) else np.ones(len(stored), bool)
        if wrong.any():
            raise KeyError(name_of(stored[int(np.argmax(wrong))].item()))
        return numbers[places]


def _by_size(numbers: dict[str, int], dtype: Any) -> tuple[Array, Array]:
    """Return the classes that are numbers of a dtype, the smallest first, and the class of each."""
    found = {}
    for name, number in numbers.items():
        with contextlib.suppress(ValueError, OverflowError):
            value = np.array(int(name) if dtype is np.int64 else float(name), dtype).item()
            if name_of(value) == name:
                found[value] = number
    values = sorted(found)
    return np.array(values, dtype), np.array([found[value] for value in values], np.int64)


def name_of(value: str | int | float) -> str:
    """Return a value as the name of a class: 1 for 1.0, as it stands for text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def numbers_of(classes: Sequence[str | int]) -> dict[str, int]:
    """Return the number of each class by its name."""
    return {name_of(label): place for place, label in enumerate(classes)}
