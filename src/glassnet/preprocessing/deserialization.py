"""Restore a preprocessor from untrusted values and arrays: every one is checked."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.column_choice import LeftOutColumn
from glassnet.preprocessing.dates import PARTS
from glassnet.preprocessing.feature_columns import CODES, MAX_ONE_HOT, ONE_HOT, CategoricalColumn, value_from_json
from glassnet.preprocessing.scaling import KINDS, Scaling
from glassnet.preprocessing.table_preprocessor import TABLE, TablePreprocessor

_FIELDS = {
    "kind": str,
    "names": list,
    "named": bool,
    "centred": bool,
    "scaling": str,
    "booleans": list,
    "indicators": list,
    "categories": list,
    "dates": list,
    "left_out": list,
}
_CATEGORY_FIELDS = {"column": int, "encoding": str, "categories": list, "shares": (list, type(None)), "rare": float}


def preprocessor_from_dict(description: Any, arrays: dict[str, Array]) -> Preprocessor:
    """Restore a preprocessor from the results of its `to_dict` and `arrays`.

    Parameters
    ----------
    description : dict
        As read from JSON.
    arrays : dict of array
        Exactly those of the kind, float64: ``offset`` and ``scale``, each (columns,); of a table also ``median``, all
        three (n_numbers,).

    Returns
    -------
    Scaling or TablePreprocessor
        It transforms rows to the same inputs, bit for bit.

    Raises
    ------
    InputError
        If anything is missing, of another type, duplicated, out of range, not finite, or inconsistent.
    """
    kind = description.get("kind") if isinstance(description, dict) else None
    return _scaling(description, arrays) if kind in KINDS else _table_preprocessor(description, arrays)


def _scaling(description: dict[str, Any], arrays: dict[str, Array]) -> Scaling:
    kind = _check_fields(description, "preprocessor", {"kind": str})["kind"]
    columns = _n_columns(arrays)
    _check_arrays(arrays, ("offset", "scale"), (columns,))
    if not arrays["scale"].all():
        raise InputError("preprocessor.scale holds 0, by which no value can be scaled back")
    return Scaling(kind, arrays["offset"], arrays["scale"])


def _n_columns(arrays: dict[str, Array]) -> int:
    scale = arrays.get("scale") if isinstance(arrays, dict) else None
    return int(scale.size) if isinstance(scale, np.ndarray) else 0


def _check_arrays(arrays: Any, names: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Check that these are the arrays: float64, finite, of this shape, no scale negative."""
    if not isinstance(arrays, dict) or set(arrays) != set(names):
        found = list(arrays) if isinstance(arrays, dict) else arrays
        raise InputError(f"the arrays of the preprocessor are {found!r:.80}; they must be {', '.join(names)}")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float64:
            what = (array.dtype, array.shape) if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(f"preprocessor.{name} is {what}; it must be float64 of shape {shape}")
        if not np.isfinite(array).all() or (name == "scale" and (array < 0).any()):
            raise InputError(f"preprocessor.{name} holds NaN, infinity or a negative scale")


def _table_preprocessor(description: Any, arrays: dict[str, Array]) -> TablePreprocessor:
    fields = _check_fields(description, "preprocessor", _FIELDS)
    if fields["kind"] != TABLE:
        raise InputError(f"preprocessor.kind is {fields['kind']!r:.80}; it must be one of {', '.join((*KINDS, TABLE))}")
    if fields["scaling"] not in KINDS:
        raise InputError(f"preprocessor.scaling is {fields['scaling']!r:.80}; it must be one of {', '.join(KINDS)}")
    names = fields["names"]
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError(f"preprocessor.names[{index}] is {name!r:.80}; it must be text")
    if not names or len(set(names)) != len(names):
        raise InputError(f"preprocessor.names has {len(names)} names, of which {len(set(names))} differ")
    categories = tuple(_categorical_column(content, names, index) for index, content in enumerate(fields["categories"]))
    positions = [category.position for category in categories]
    if any(second <= first for first, second in pairwise(positions)):
        raise InputError(f"preprocessor.categories are of the columns {positions!r:.80}; each must come once, in order")
    left_out = _left_out(fields["left_out"], names)
    out = [column.position for column in left_out]
    dates = _positions(fields["dates"], set(range(len(names))), "dates")
    for one, other in ((positions, dates), (positions, out), (dates, out)):
        if set(one) & set(other):
            raise InputError(f"the column {min(set(one) & set(other))} is described twice in the preprocessor")
    numbers = np.setdiff1d(np.arange(len(names)), [*positions, *dates, *out]).astype(np.int64)
    booleans = _positions(fields["booleans"], set(numbers.tolist()), "booleans", "numbers")
    indicators = _positions(fields["indicators"], {*numbers.tolist(), *dates}, "indicators", "numbers")
    values = [(position, 0) for position in numbers.tolist()]
    values += [(position, part) for position in dates for part in range(len(PARTS))]
    _check_arrays(arrays, ("median", "offset", "scale"), (len(values),))
    if not fields["centred"] and (positions or dates or booleans or indicators or arrays["offset"].any()):
        raise InputError("the preprocessor is of sparse rows, which have neither categories nor indicators nor offsets")
    return TablePreprocessor(
        tuple(names),
        fields["named"],
        fields["centred"],
        numbers,
        np.array([position in booleans for position, _ in values], bool),
        np.array([position in indicators and part == 0 for position, part in values], bool),
        arrays["median"],
        arrays["offset"],
        arrays["scale"],
        categories,
        tuple(dates),
        left_out,
        fields["scaling"],
    )


def _positions(found: list[Any], allowed: set[int], key: str, what: str = "the table") -> list[int]:
    """Check that a list holds positions of columns, each once, in order."""
    for index, position in enumerate(found):
        if type(position) is not int or position not in allowed:
            raise InputError(f"preprocessor.{key}[{index}] is {position!r:.80}, which is not a column of {what}")
    if any(second <= first for first, second in pairwise(found)):
        raise InputError(f"preprocessor.{key} names a column twice, or not in order")
    return found


def _left_out(found: list[Any], names: list[str]) -> tuple[LeftOutColumn, ...]:
    """Check the columns that are left out, each a position and a reason."""
    for index, entry in enumerate(found):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], str):
            raise InputError(f"preprocessor.left_out[{index}] is {entry!r:.80}; it must be a position and a reason")
    positions = _positions([entry[0] for entry in found], set(range(len(names))), "left_out")
    return tuple(LeftOutColumn(names[at], at, entry[1]) for at, entry in zip(positions, found, strict=True))


def _categorical_column(content: Any, names: list[str], index: int) -> CategoricalColumn:
    where = f"preprocessor.categories[{index}]"
    fields = _check_fields(content, where, _CATEGORY_FIELDS)
    position = fields["column"]
    encoding = fields["encoding"]
    shares = fields["shares"]
    rare = fields["rare"]
    if not 0 <= rare <= 1:
        raise InputError(f"{where}.rare is {rare!r:.80}; a share is a number from 0 to 1")
    if not 0 <= position < len(names):
        raise InputError(f"{where}.column is {position!r:.80}; there are {len(names)} columns")
    if encoding not in (ONE_HOT, CODES):
        raise InputError(f"{where}.encoding is {encoding!r:.80}; it must be {ONE_HOT} or {CODES}")
    values = tuple(
        value_from_json(value, f"{where}.categories[{number}]") for number, value in enumerate(fields["categories"])
    )
    if len(set(values)) != len(values):
        raise InputError(f"{where}.categories holds a category twice")
    if encoding == ONE_HOT and len(values) - (None in values) > MAX_ONE_HOT:
        raise InputError(f"{where} has {len(values)} categories one-hot; the most is {MAX_ONE_HOT}")
    if shares is not None:
        if encoding != ONE_HOT or len(shares) != len(values):
            raise InputError(f"{where}.shares has {len(shares)} entries for {len(values)} categories as {encoding}")
        for share in shares:
            if type(share) is not float or not 0 <= share <= 1:
                raise InputError(f"{where}.shares holds {share!r:.80}; a share is a number from 0 to 1")
        if not math.isclose(math.fsum(shares), 1):
            raise InputError(f"{where}.shares add up to {math.fsum(shares)}; they must add up to 1")
    return CategoricalColumn(
        names[position], position, values, encoding, None if shares is None else tuple(shares), rare
    )


def _check_fields(content: Any, where: str, kinds: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object that has exactly these keys, with values of these types."""
    if not isinstance(content, dict) or set(content) != set(kinds):
        what = sorted(map(str, content)) if isinstance(content, dict) else content
        raise InputError(f"{where} is {what!r:.80}; it must be an object with {', '.join(kinds)}")
    for key, kind in kinds.items():
        value = content[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{where}.{key} is {value!r:.80}, which is of the wrong type")
    return content
