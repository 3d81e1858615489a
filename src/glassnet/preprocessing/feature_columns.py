"""Descriptions of a table's columns: how numbers are standardized and how categories are encoded.

They are plain data, from which exporters to other formats build the first step of a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from glassnet._utils.arrays import Array

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
class CategoricalColumn:
    """A column of categories. Each has a code, 1 to n in their order; code 0 is any other or missing value.

    Parameters
    ----------
    name : str
        The column's name.
    position : int
        Its position in the table, from 0.
    categories : tuple of str, int, bool or float
        Those that have a code, all different, sorted. Equal numbers are one category: 1, 1.0 and True.
    encoding : str
        ``"one-hot"``: code c becomes row c of `vectors`. ``"codes"``: the code itself is the input, a whole number, by
        which the network looks up the category's embedding.
    shares : tuple of float or None
        Only for one-hot if no training row has code 0: the share of the training rows of each category. The weights of
        a column for code 0 would never be trained, so other values become the average of the training rows instead.
    """

    name: str
    position: int
    categories: tuple[Value, ...]
    encoding: str
    shares: tuple[float, ...] | None = None

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
        return [f"{self.name} = {v}" for v in self.categories] + [f"{self.name} = other"] * (self.shares is None)

    @cached_property
    def code(self) -> dict[Any, int]:
        """The code of each category."""
        return {value: code for code, value in enumerate(self.categories, start=1)}

    def codes(self, indices: Array, values: list[Any]) -> Array:
        """Return the codes (samples,) of rows that index (samples,) a list of values; -1 is a missing value."""
        code_of_value = [self.code.get(value, 0) for value in values]
        return np.array([*code_of_value, 0], np.int64)[indices]  # index -1 is the last

    def to_dict(self) -> dict[str, Any]:
        """Return the column as values that JSON holds."""
        return {
            "column": self.position,
            "encoding": self.encoding,
            "categories": [
                {"int": str(value)} if isinstance(value, int) and abs(value) > MAX_NUMBER else value
                for value in self.categories
            ],
            "shares": None if self.shares is None else list(self.shares),
        }
