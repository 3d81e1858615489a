"""Values of categories: when two are the same category, how often each occurs, and which get a code."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import ColumnError
from glassnet.data.formatting import is_number
from glassnet.data.object_columns import is_missing
from glassnet.preprocessing.argument_checks import is_unicode
from glassnet.preprocessing.feature_columns import CODES, MAX_ONE_HOT, ONE_HOT, CategoricalColumn, Value, as_text

#: Range of whole numbers that a category may be: 64 bits, signed or unsigned.
MIN_WHOLE = -(2**63)
MAX_WHOLE = 2**64 - 1
#: Codes below this are exact in float32.
MAX_CODES = 2**24
#: A column in which less than this share of the values is text beside more different numbers than can be categories
#: holds numbers.
MAX_ODD_SHARE = 0.5
MAX_NUMBERED_CATEGORIES = 20
#: Columns of more different texts may be names or descriptions rather than categories.
MAX_TEXTS = 10
#: Where there are more than `MAX_ONE_HOT` categories, those of fewer than this share of the rows count as rare.
RARE_SHARE = 0.001


class CategoryCounts:
    """How often each category occurs; the counts of two parts of the rows add up.

    Values are the same category if they are equal numbers, or the same text without the blanks around it.

    Attributes
    ----------
    counts : Counter
        Number of rows by the category's value; a missing value is None.
    """

    def __init__(self) -> None:
        self.counts: Counter[Value | None] = Counter()

    def add(self, codes: Array, values: list[Any], position: int) -> None:
        """Add rows.

        Parameters
        ----------
        codes : array (samples,), int
            The index of each row's value; -1 is missing.
        values : list
            The values, some perhaps equal.
        position : int
            The position of the column in its table, for the error.

        Raises
        ------
        ColumnError
            If a value can't be a category.
        """
        occurrences = np.bincount(np.asarray(codes) + 1, minlength=len(values) + 1).tolist()
        for value, count in zip([None, *values], occurrences, strict=True):
            if count:
                category = clean_value(value)
                check_value(category, position)
                self.counts[category] += count

    def merged(self) -> dict[Value | None, int]:
        """Return the counts by category: values that are written alike, such as 3 and the text "3", are one, a text."""
        of_text: dict[str, Value] = {}
        merged: Counter[Value | None] = Counter()
        for value in sorted(self.counts, key=lambda value: not isinstance(value, str)):  # texts first
            merged[None if value is None else of_text.setdefault(as_text(value), value)] += self.counts[value]
        return merged

    def odd_text(self) -> str | None:
        """Return a text that is no number in a column where nearly all values are numbers; None if there is none.

        Such a column holds a quantity, of which one cell is odd (``n/a``, ``<1.0``); it is no column of categories.
        """
        merged = self.merged()
        merged.pop(None, None)
        numbers = {value for value in merged if _is_number(value)}
        odd = [value for value in merged if value not in numbers]
        rows = sum(merged.values())
        share = sum(merged[value] for value in odd) / max(rows, 1)
        return str(odd[0]) if odd and share < MAX_ODD_SHARE and len(numbers) > MAX_NUMBERED_CATEGORIES else None

    def most_are_single(self) -> bool:
        """Return whether the column is text of which most values occur once: names, descriptions, keys."""
        merged = self.merged()
        merged.pop(None, None)
        single = sum(count == 1 for count in merged.values())
        is_text = any(isinstance(value, str) for value in merged)
        return is_text and len(merged) > MAX_TEXTS and 2 * single > sum(merged.values())


def _is_number(value: Value | None) -> bool:
    return not isinstance(value, str) or is_number(value)


def clean_value(value: Any) -> Any:
    """Return a value as the category that it is: text without blanks around it, and None if it is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    is_interval_or_time = hasattr(value, "closed") or hasattr(value, "freqstr") or hasattr(value, "isoformat")
    return str(value) if is_interval_or_time else value


def check_value(value: Any, position: int) -> None:
    """Check that a value can be a category and be stored in a model file; a ColumnError if not."""
    why = ""
    if value is None:
        return
    if not isinstance(value, str | int | float):
        why = f"of type {type(value).__name__}; convert it to text, or to a number if its size matters"
    elif isinstance(value, str) and not is_unicode(value):
        why = "which is not valid Unicode text; correct it"
    elif isinstance(value, float) and np.isinf(value):
        why = "which is not a finite number; leave the entry empty"
    elif isinstance(value, int) and not MIN_WHOLE <= value <= MAX_WHOLE:
        why = "which does not fit in 64 bits; convert it to text"
    if why:
        raise ColumnError(position, f"holds {value!a:.60}, {why}")


def choose_categories(counts: CategoryCounts, position: int, name: str) -> CategoricalColumn:
    """Choose the categories of a column that get a code, and the encoding.

    Up to `MAX_ONE_HOT` categories become one-hot columns. Of more, those that are rare (a thousandth of the rows, or
    once) share code 0, which unknown values get too; if still more are left, they become codes of an embedding. Missing
    values that occur in the training rows are a category.
    """
    merged = counts.merged()
    rows = sum(merged.values())
    if len(merged) - (None in merged) > MAX_ONE_HOT:
        frequent = _frequent(merged, max(2, RARE_SHARE * rows))
        # a single row is too little to learn an embedding from, but such rows train the one of unknown categories
        merged = frequent if len(frequent) - (None in frequent) <= MAX_ONE_HOT else _frequent(merged, 2)
    others = rows - sum(merged.values())
    known = sorted((v for v in merged if v is not None), key=lambda value: (isinstance(value, str), value))
    ordered: list[Value | None] = [*known, *[None] * (None in merged)]
    if len(known) <= MAX_ONE_HOT:
        shares = None if others else tuple(merged[value] / rows for value in ordered)
        return CategoricalColumn(name, position, tuple(ordered), ONE_HOT, shares, others / rows)
    if not others:
        # code 0 needs rows to learn from: the rarest category shares it with unknown ones
        rarest = min(reversed(known), key=merged.__getitem__)
        ordered.remove(rarest)
        others = merged[rarest]
    if len(ordered) >= MAX_CODES:
        raise ColumnError(position, f"has {len(ordered)} categories; the most is {MAX_CODES - 1}: leave the column out")
    return CategoricalColumn(name, position, tuple(ordered), CODES, None, others / rows)


def _frequent(counts: dict[Value | None, int], minimum: float) -> dict[Value | None, int]:
    """Return the categories of at least `minimum` rows; missing values are always one."""
    return {value: count for value, count in counts.items() if value is None or count >= minimum}
