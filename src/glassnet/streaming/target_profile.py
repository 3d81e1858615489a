"""The values of a target read block by block: which there are, how often each occurs, and their class indices."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: A column with more different texts is not a target; more different numbers are not classes.
MAX_CLASSES = 2**16
#: Beyond this, whole numbers are not exact in float64.
MAX_EXACT = 2**53

#: The splits of a dataset.
TRAINING, VALIDATION = 0, 1

ClassCounter: TypeAlias = Counter[str | int | float]


class TargetProfile:
    """The values of a target.

    Attributes
    ----------
    texts : list of str
        The different texts in order of appearance; a block stores indices into it.
    counts : tuple of two Counters
        How often each value occurs in the training and in the validation rows; empty if there are `too_many`.
    all_whole : bool
        Whether every number is whole, and small enough to be exact in float64.
    too_many : bool
        Whether there are more than `MAX_CLASSES` different values.
    has_numbers : bool
        Whether there are numbers.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.counts: tuple[ClassCounter, ClassCounter] = (Counter(), Counter())
        self.all_whole = True
        self.too_many = False
        self.has_numbers = False
        self._codes: dict[str, int] = {}

    def add(self, values: Array, split: int, where: str) -> Array:
        """Add values of a split, and return them as blocks store them.

        Parameters
        ----------
        values : array (rows,)
            Text (object) or numbers.
        split : int
            `TRAINING` or `VALIDATION`.
        where : str
            File and column, for the error message.

        Returns
        -------
        array (rows,)
            int64, float64, or int32 indices into `texts`.

        Raises
        ------
        InputError
            If there are more than `MAX_CLASSES` different texts.
        """
        if values.dtype.kind == "O":
            different, inverse = np.unique(values.astype(str), return_inverse=True)
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
            self._count(different, inverse, split)
            return np.array(codes, np.int32)[inverse.reshape(-1)]
        self.has_numbers = True
        stored = self.encode(values)
        if stored.dtype == np.float64 and self.all_whole:
            whole = np.array_equal(stored, np.floor(stored)) and np.abs(stored).max(initial=0) < MAX_EXACT
            self.all_whole = bool(whole)
        if not self.too_many:
            different, inverse = np.unique(stored, return_inverse=True)
            self._count(different, inverse, split)
        return stored

    def encode(self, values: Array) -> Array:
        """Return values as `add` returned them; a KeyError for a text that was not added."""
        if values.dtype.kind != "O":
            return values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)
        different, inverse = np.unique(values.astype(str), return_inverse=True)
        codes = np.array([self._codes[text] for text in different.tolist()], np.int32)
        return codes[inverse.reshape(-1)]

    def _count(self, different: Array, inverse: Array, split: int) -> None:
        counts = np.bincount(inverse.reshape(-1), minlength=len(different))
        for value, count in zip(different.tolist(), counts.tolist(), strict=True):
            self.counts[split][value] += count  # 3 and 3.0 are one value
        if len(self.counts[TRAINING]) + len(self.counts[VALIDATION]) > 2 * MAX_CLASSES:
            self.too_many = True
            for counter in self.counts:
                counter.clear()

    @property
    def unique(self) -> Array:
        """The different values, as `glassnet.data.target_values` returns a column: text (object), int64 or float64.

        If some blocks hold text and others numbers, all are text. If there are too many numbers: two with fractions.
        """
        if self.too_many and not self.texts:
            return np.array([0.25, 0.75])
        values = self.counts[TRAINING] | self.counts[VALIDATION]
        if self.texts:
            return np.array(sorted({class_name(value) for value in values}), dtype=object)
        return np.array(sorted(values), np.int64 if self.all_whole else np.float64)

    def class_counts(self, split: int, classes: Sequence[str | int]) -> Array:
        """Return how often each class occurs in a split, int64 (classes,)."""
        counts = np.zeros(len(classes), np.int64)
        indices = class_indices(classes)
        for value, count in self.counts[split].items():
            counts[indices[class_name(value)]] += count
        return counts

    def to_dict(self) -> dict[str, object]:
        """Return everything as values that JSON holds; `from_dict` restores it."""
        return {
            "texts": self.texts,
            "counts": [[[value, count] for value, count in counter.items()] for counter in self.counts],
            "all_whole": self.all_whole,
            "too_many": self.too_many,
            "has_numbers": self.has_numbers,
        }

    @classmethod
    def from_dict(cls, content: dict[str, object]) -> TargetProfile:
        """Restore a profile from the result of `to_dict`; a ValueError, KeyError or TypeError for anything else."""
        profile = cls()
        texts = content["texts"]
        counts = content["counts"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("texts")
        if not isinstance(counts, list) or len(counts) != 2:
            raise ValueError("counts")
        profile.texts = texts
        profile.all_whole = bool(content["all_whole"])
        profile.too_many = bool(content["too_many"])
        profile.has_numbers = bool(content["has_numbers"])
        profile._codes = {text: code for code, text in enumerate(texts)}
        for counter, pairs in zip(profile.counts, counts, strict=True):
            for value, count in pairs:
                if not isinstance(value, str | int | float) or type(count) is not int or count < 1:
                    raise ValueError("counts")
                counter[value] = count
        return profile


class ClassEncoder:
    """Encodes the targets that blocks store as class indices.

    Parameters
    ----------
    classes : sequence of str or int
        In the order of the network's outputs.
    texts : sequence of str
        The texts that blocks store indices into.
    """

    def __init__(self, classes: Sequence[str | int], texts: Sequence[str]) -> None:
        indices = class_indices(classes)
        self._of_text = np.array([indices[text] for text in texts], np.int64)
        self._of_int = _sorted_numbers(indices, np.int64)
        self._of_float = _sorted_numbers(indices, np.float64)

    def __call__(self, stored: Array) -> Array:
        """Return class indices, int64 (rows,).

        Raises
        ------
        KeyError
            If a value is not one of the classes; its argument is the value's name.
        """
        if stored.dtype == np.int32:
            if len(stored) and (stored.min() < 0 or stored.max() >= len(self._of_text)):
                raise KeyError("a text that is not listed")
            return self._of_text[stored]
        values, indices = self._of_int if stored.dtype.kind == "i" else self._of_float
        places = np.searchsorted(values, stored)
        places[places == len(values)] = 0
        unknown = values[places] != stored if len(values) else np.ones(len(stored), bool)
        if unknown.any():
            raise KeyError(class_name(stored[int(np.argmax(unknown))].item()))
        return indices[places]


def _sorted_numbers(indices: dict[str, int], dtype: Any) -> tuple[Array, Array]:
    """Return the classes that are numbers of a dtype, ascending, and the index of each."""
    index_of = {}
    for name, index in indices.items():
        with contextlib.suppress(ValueError, OverflowError):
            value = np.array(int(name) if dtype is np.int64 else float(name), dtype).item()
            if class_name(value) == name:
                index_of[value] = index
    values = sorted(index_of)
    return np.array(values, dtype), np.array([index_of[value] for value in values], np.int64)


def class_name(value: str | int | float) -> str:
    """Return a value as the name of a class: 1 for 1.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def class_indices(classes: Sequence[str | int]) -> dict[str, int]:
    """Return the index of each class by its name."""
    return {class_name(label): index for index, label in enumerate(classes)}
