"""What becomes of each column of a table: numbers are standardised, categories get a place of their own.

These are plain descriptions; whoever writes a network down for another program builds its first step from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array

#: What a category may be; all four come back from a file as they were.
Value: TypeAlias = str | int | bool | float

#: Up to so many categories get a column each. The first weights W1 then learn a vector as wide as the first layer for
#: each category, which for few is just as good and needs no table; with more, the columns would be multiplied by 0
#: nearly always, and a learned vector is far narrower (11 numbers for 33 categories). skrub's TableVectorizer changes
#: its way at 40, for the same reason.
MAX_ONE_HOT = 32

#: No learned vector is wider: what fast.ai's first rule, min(50, n/2), allowed at most. The later rule grows to 600,
#: which for ten thousand categories is more numbers than the rest of a network for tables.
WIDEST_VECTOR = 50

#: Whole numbers up to this are the same in every reader of JSON; larger ones are written as ``{"int": "…"}``.
MAX_NUMBER = 2**53

ONE_HOT, CODES = "one-hot", "codes"


def vector_width(length: int) -> int:
    """Width of the learned vectors of a table with `length` entries: min(50, round(1.6 · length^0.56)).

    The rule of fastai (``emb_sz_rule``, found by trial), with a lower ceiling.
    """
    return max(1, min(WIDEST_VECTOR, round(1.6 * length**0.56)))


@dataclass(frozen=True)
class Number:
    """A column of numbers or of booleans: input = (value - offset) · scale, a missing value being the median first.

    Parameters
    ----------
    name : str
        The column's name.
    position : int
        Where it stands in the table, from 0.
    boolean : bool
        Booleans are 0 and 1: offset 0 and scale 1.
    median : float
        Of the training rows; it stands for a missing value.
    offset : float
        The mean.
    scale : float
        1 / deviation. 0 where the training rows held one value only: they tell nothing of others, so the input stays 0.
    indicator : bool
        Whether there is one more input, 1 where the value is missing and else 0: if some training rows missed it.
    """

    name: str
    position: int
    boolean: bool
    median: float
    offset: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class Category:
    """A column of categories. Each has a code, 1 to n in their order; 0 is any other or missing value.

    Parameters
    ----------
    name : str
        The column's name.
    position : int
        Where it stands in the table, from 0.
    categories : tuple of str, int, bool or float
        Those that have a code, all different, sorted. Equal numbers are one category: 1, 1.0 and True.
    encoding : str
        ``"one-hot"``: code c is the row c of `vectors`. ``"codes"``: the code itself is the input, a whole number, with
        which the network finds the category's learned vector.
    shares : tuple of float or None
        Only for one-hot where no training row had code 0: the share of the training rows that each category had. A
        column for code 0 would have weights that no row has trained, so such a value becomes the average row instead.
    """

    name: str
    position: int
    categories: tuple[Value, ...]
    encoding: str
    shares: tuple[float, ...] | None = None

    @property
    def width(self) -> int:
        """How many inputs the column becomes."""
        return 1 if self.encoding == CODES else len(self.categories) + (self.shares is None)

    @cached_property
    def vectors(self) -> Array:
        """The inputs of each code, (n + 1, width) float64: the codes, or 1 in the category's place and 0 elsewhere."""
        count = len(self.categories)
        if self.encoding == CODES:
            return np.arange(count + 1.0)[:, np.newaxis]
        other = np.eye(1, self.width, count) if self.shares is None else np.array([self.shares])
        return np.vstack([other, np.eye(count, self.width)])

    @property
    def table(self) -> tuple[int, int]:
        """The shape of the learned vectors, for an encoding by codes: (n + 1, their width)."""
        return len(self.categories) + 1, vector_width(len(self.categories) + 1)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs that the column becomes."""
        if self.encoding == CODES:
            return [self.name]
        return [f"{self.name} = {v}" for v in self.categories] + [f"{self.name} = other"] * (self.shares is None)

    @cached_property
    def code(self) -> dict[Any, int]:
        """The code of each category."""
        return {value: place for place, value in enumerate(self.categories, start=1)}

    def codes(self, places: Array, values: list[Any]) -> Array:
        """Return the codes (samples,) of rows given as places (samples,) in a list of values; -1 is a missing one."""
        found = [self.code.get(value, 0) for value in values]
        return np.array([*found, 0], np.int64)[places]  # the place -1 is the last

    def to_dict(self) -> dict[str, Any]:
        """Return the category as plain values that JSON keeps."""
        return {
            "column": self.position,
            "encoding": self.encoding,
            "categories": [
                {"int": str(value)} if isinstance(value, int) and abs(value) > MAX_NUMBER else value
                for value in self.categories
            ],
            "shares": None if self.shares is None else list(self.shares),
        }
