"""The columns of a table that a model takes, and its target's: by name, or by position where there were no names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data import Matrix, Table, choose_target, features
from glassnet.data.columns import Named
from glassnet.data.formatting import format_names
from glassnet.data.text.column_kinds import BOOLEAN, DATE, NUMBER, TEXT
from glassnet.errors import InputError
from glassnet.models.model import Model, default_names
from glassnet.models.target import UNNAMED_TARGET
from glassnet.preprocessing import NumericColumn, Scaling, TablePreprocessor
from glassnet.preprocessing.feature_columns import CategoricalColumn, DateColumn

#: A class that is text because fractions are classes; in a file it is a number.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e-?\d+)?")


def find_target(model: Model, table: Named) -> str:
    """Return the target's column: the model's name for it, the only column that is no feature, or the usual names."""
    if model.target_name in table.names:
        return model.target_name
    known = set(model.feature_names)
    others = [name for name in table.names if name not in known]
    if len(others) == 1:
        return others[0]
    return choose_target(table) if model.target_name == UNNAMED_TARGET else model.target_name


def file_kinds(model: Model) -> dict[str, str]:
    """Return the kinds of a file's columns that a model needs, for `glassnet.data.open_files`."""
    kinds: dict[str, str] = {}
    if isinstance(model.preprocessor, Scaling):
        kinds = dict.fromkeys(model.feature_names, NUMBER)
    elif isinstance(model.preprocessor, TablePreprocessor):
        found = ((column.name, _file_kind(column)) for column in model.preprocessor.columns)
        kinds = {name: kind for name, kind in found if kind}
    labels = model.classes
    if any(isinstance(label, str) and not _PLAIN_NUMBER.fullmatch(label) for label in labels):
        kinds[model.target_name] = TEXT
    return kinds


def _file_kind(column: Any) -> str:
    """Return the kind of a column; an empty string if its values may be of several."""
    if isinstance(column, NumericColumn):
        return BOOLEAN if column.boolean else NUMBER
    if isinstance(column, DateColumn):
        return DATE
    if isinstance(column, CategoricalColumn):
        return TEXT if all(value is None or isinstance(value, str) for value in column.categories) else ""
    return TEXT  # left out


def raw_rows(model: Model, table: Table, target: str = "") -> Any:
    """Return the rows that a model takes.

    Parameters
    ----------
    model : Model
        Its `feature_names` are matched by name or, if it was trained on rows without names, by position.
    table : Table
        With the model's columns, and perhaps others.
    target : str
        The column that is no feature.

    Returns
    -------
    array or SciPy CSR matrix (samples, features), or pyarrow.Table
        Numbers, or, where the model preprocesses a table, the columns as they are.

    Raises
    ------
    InputError
        If a column is missing, or an entry is not a number where the model takes numbers (row and column named).
    """
    names = list(model.feature_names)
    others = [name for name in table.names if name != target]
    if model.feature_names == default_names(len(names)) and not set(names) & set(others) and len(others) == len(names):
        names = others
    if model.takes_numbers or isinstance(table, Matrix):
        return features(table, names)
    known = set(table.names)
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(f"{table.source}: column {format_names(missing)} is missing; the model was trained on it")
    return table.to_arrow().columns.select(names)


def as_entries(rows: Any) -> Array:
    """Return raw rows as an array (samples, features): numbers, or Python's own values where they are a table."""
    if not hasattr(rows, "to_pylist"):
        return rows
    entries = np.empty((rows.num_rows, rows.num_columns), object)
    for column, values in enumerate(rows.columns):
        entries[:, column] = values.to_pylist()
    return entries
