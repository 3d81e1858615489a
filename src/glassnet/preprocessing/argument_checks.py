"""Checks of the arguments of `fit_preprocessor`: column names, training rows, columns of categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.formatting import format_names
from glassnet.data.tables import Table
from glassnet.errors import InputError


def column_names(table: Table, feature_names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns' names: the table's own, the given ones, or x0, x1, …; all different."""
    names = tuple(table.names) or tuple(f"x{position}" for position in range(table.shape[1]))
    if feature_names is not None:
        given = tuple(str(name) for name in feature_names)
        if len(given) != table.shape[1] or (table.names and given != tuple(table.names)):
            raise InputError(
                f"feature_names has {len(given)} names: {format_names(given)}; "
                f"it must name X's {len(names)} columns in order"
            )
        names = given
    if not names:
        raise InputError("X has no columns; pass at least one feature")
    if len(set(names)) != len(names):
        double, count = next((name, count) for name, count in Counter(names).items() if count > 1)
        raise InputError(f"X's column {double!r} occurs {count} times; give each its own name")
    for position, name in enumerate(names):
        if not is_unicode(name):
            raise InputError(
                f"the name of X's column {position} is {name!a:.60}, which is not valid Unicode text; correct it"
            )
    return names


def is_unicode(text: str) -> bool:
    """Return whether text can be encoded; half a surrogate pair can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def training_rows(rows: Any, samples: int) -> Array:
    """Return the indices of the training rows, all if None; rows may also be a boolean mask."""
    chosen = np.arange(samples) if rows is None else np.asarray(rows)
    if chosen.dtype == np.bool_ and chosen.shape == (samples,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iu"):
        raise InputError(
            f"rows is an array of {chosen.dtype} with shape {chosen.shape}; it must hold the indices of the training "
            f"rows, or a boolean for each of the {samples} rows"
        )
    wrong = chosen[(chosen < 0) | (chosen >= samples)]
    if len(wrong):
        raise InputError(f"rows holds {wrong[0]}; the indices of X's {samples} rows start from 0")
    if not len(chosen):
        raise InputError(f"there is no training row among X's {samples} rows; at least one is needed")
    return chosen


def categorical_mask(features: Any, names: Sequence[str], named: bool) -> Array:
    """Return whether categorical_features names each column, (columns,) bool.

    The messages begin as those of scikit-learn's `HistGradientBoostingClassifier`.
    """
    columns = len(names)
    mask = np.zeros(columns, bool)
    if features is None or (isinstance(features, str) and features == "from_dtype"):
        return mask
    if isinstance(features, str) or np.ndim(features) != 1:
        raise InputError(
            f"categorical_features is {features!r:.80}; it must be 'from_dtype', or an array-like of bool, int or str"
        )
    chosen = np.asarray(features)
    if not chosen.size:
        return mask
    types = {type(feature) for feature in features} if chosen.dtype.kind in "UTO" else set()
    if chosen.dtype.kind not in "iubUTO" or not all(issubclass(kind, str) for kind in types):
        what = ", ".join(sorted(kind.__name__ for kind in types)) or chosen.dtype.name
        raise InputError(f"categorical_features must be an array-like of bool, int or str, got: {what}.")
    if types:
        if not named:
            raise InputError(
                "categorical_features should be passed as an array of integers or as a boolean mask when the model is "
                "fitted on data without feature names."
            )
        position_of = {name: position for position, name in enumerate(names)}
        for name in chosen.tolist():
            if name not in position_of:
                raise InputError(
                    f"categorical_features has an item value {name!r} which is not a valid feature name of the "
                    f"training data. Observed feature names: {list(names)}"
                )
            mask[position_of[name]] = True
    elif chosen.dtype.kind == "b":
        if chosen.shape != (columns,):
            raise InputError(
                "categorical_features set as a boolean mask must have shape (n_features,), got: "
                f"{chosen.shape}; X has {columns} features"
            )
        mask = chosen
    else:
        if chosen.max() >= columns or chosen.min() < 0:
            raise InputError(
                "categorical_features set as integer indices must be in [0, n_features - 1], got: "
                f"{chosen.tolist()!r:.80}; X has {columns} features"
            )
        mask[chosen] = True
    return mask
