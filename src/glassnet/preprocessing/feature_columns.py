"""Descriptions of a table's columns: how numbers are standardized and how categories are encoded.

They are plain data, from which exporters to other formats build the first step of a network.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError

#: The types of a category; a file restores each as it was.
Value: TypeAlias = str | int | bool | float

#: Up to this many categories are one-hot encoded. The first weights W1 then learn a vector as wide as the first layer
#: for each category, which for few is as good as an embedding. With more, nearly all inputs are 0, and an embedding is
#: far narrower (11 numbers for 33 categories). skrub's TableVectorizer changes its encoding at 40, for the same reason.
MAX_ONE_HOT = 32

#: Maximum width of an embedding: the limit of fastai's first rule, min(50, n/2). Its later rule allows 600, which for
#: ten thousand categories is more numbers than the rest of a network for tables.
MAX_EMBEDDING_WIDTH = 50

#: Whole numbers up to this are the same in every reader of JSON; larger ones are written as ``{"int": "…"}``.
MAX_NUMBER = 2**53

ONE_HOT, CODES = "one-hot", "codes"


def embedding_width(length: int) -> int:
    """Return the width of an embedding table with `length` entries: min(50, round(1.6 · length^0.56)).

    The rule of fastai (``emb_sz_rule``, found by experiment), with a lower maximum.
    """
    return max(1, min(MAX_EMBEDDING_WIDTH, round(1.6 * length**0.56)))


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers or booleans: input = (value - offset) · scale; a missing value is imputed by the median.

    Parameters
    ----------
    name : str
        The column's name.
    position : int
        Its position in the table, from 0.
    boolean : bool
        Whether it holds booleans: they become 0 and 1, with offset 0 and scale 1.
    median : float
        Median of the training rows.
    offset : float
        Mean of the training rows.
    scale : float
        1 / deviation of the training rows. 0 if they hold a single value: they say nothing about others, so the input
        is always 0.
    indicator : bool
        Whether there is one more input that is 1 where the value is missing, else 0: if it is in some training rows.
    """

    name: str
    position: int
    boolean: bool
    median: float
    offset: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class DateColumn:
    """A column of dates: its name, its position in the table, and the numbers that it becomes."""

    name: str
    position: int
    parts: tuple[NumericColumn, ...]


def as_text(value: Value) -> str:
    """Return a category as text; equal numbers have the same: ``"1"`` for 1, 1.0 and True."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else str(value)


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories. Each has a code, 1 to n in their order; code 0 is any other value.

    Parameters
    ----------
    name : str
        The column's name.
    position : int
        Its position in the table, from 0.
    categories : tuple of str, int, bool, float or None
        Those that have a code, all different, sorted. Equal numbers are one category: 1, 1.0 and True. None is a
        missing value, the last one, if there are some in the training rows.
    encoding : str
        ``"one-hot"``: code c becomes row c of `vectors`. ``"codes"``: the code itself is the input, a whole number, by
        which the network looks up the category's embedding.
    shares : tuple of float or None
        Only for one-hot if no training row has code 0: the share of the training rows of each category. The weights of
        a column for code 0 would never be trained, so other values become the average of the training rows instead.
    rare : float
        The share of the training rows that have code 0.
    """

    name: str
    position: int
    categories: tuple[Value | None, ...]
    encoding: str
    shares: tuple[float, ...] | None = None
    rare: float = 0.0

    @property
    def width(self) -> int:
        """Number of inputs that the column becomes."""
        return 1 if self.encoding == CODES else len(self.categories) + (self.shares is None)

    @cached_property
    def vectors(self) -> Array:
        """The inputs of each code, (n + 1, width) float64: the code, or its one-hot vector."""
        count = len(self.categories)
        if self.encoding == CODES:
            return np.arange(count + 1.0)[:, np.newaxis]
        other = np.eye(1, self.width, count) if self.shares is None else np.array([self.shares])
        return np.vstack([other, np.eye(count, self.width)])

    @property
    def embedding_shape(self) -> tuple[int, int]:
        """The shape of the embedding table, for an encoding by codes: (n + 1, width)."""
        return len(self.categories) + 1, embedding_width(len(self.categories) + 1)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs that the column becomes."""
        if self.encoding == CODES:
            return [self.name]
        names = [f"{self.name} is missing" if v is None else f"{self.name} = {v}" for v in self.categories]
        return names + [f"{self.name} = other"] * (self.shares is None)

    @cached_property
    def code(self) -> dict[Any, int]:
        """The code of each category."""
        return {value: code for code, value in enumerate(self.categories, start=1)}

    @cached_property
    def _code_of_text(self) -> dict[str, int]:
        """The code of each category by the ways in which it may be written."""
        written: dict[str, int] = {}
        for value, code in self.code.items():
            if isinstance(value, bool):
                written |= dict.fromkeys((str(value), str(value).lower(), str(value).upper()), code)
            if value is not None:
                written[as_text(value)] = code
        return written

    @cached_property
    def _code_of_number(self) -> dict[float, int]:
        """The code of each category that is a number or text of one, unless two are the same number (1 and 001)."""
        found: dict[float, list[int]] = {}
        for value, code in self.code.items():
            number = _as_number(value)
            if number is not None:
                found.setdefault(number, []).append(code)
        return {number: codes[0] for number, codes in found.items() if len(codes) == 1}

    def code_of(self, value: Value | None) -> int:
        """Return the code of a value, whatever type it comes in: 0 for an unknown one, or a missing one without code.

        Parameters
        ----------
        value : str, int, bool, float or None
            As `glassnet.preprocessing.categories.clean_value` returns it.
        """
        if value in self.code or value is None:
            return self.code.get(value, 0)
        text = as_text(value)
        if text in self._code_of_text:
            return self._code_of_text[text]
        number = _as_number(value)
        return 0 if number is None else self._code_of_number.get(number, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return the column as values that JSON holds."""
        return {
            "column": self.position,
            "encoding": self.encoding,
            "categories": [value_to_json(value) for value in self.categories],
            "shares": None if self.shares is None else list(self.shares),
            "rare": self.rare,
        }


def value_to_json(value: Value | None) -> Any:
    """Return a category as a value that every reader of JSON restores exactly."""
    return {"int": str(value)} if isinstance(value, int) and abs(value) > MAX_NUMBER else value


def value_from_json(value: Any, where: str) -> Value | None:
    """Return the category that `value_to_json` wrote; an InputError, with `where`, for anything else."""
    if isinstance(value, dict) and set(value) == {"int"}:
        digits = value["int"]
        if isinstance(digits, str) and re.fullmatch("-?[1-9][0-9]{0,19}", digits, re.ASCII):
            return int(digits)
    elif value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InputError(f"{where} is {value!r:.80}; a category is text, a number or a boolean")


def _as_number(value: Value | None) -> float | None:
    """Return the finite number that a category is or that its text says; None if there is none."""
    try:
        number = float("" if value is None else value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None
