"""Fit the preprocessor of streamed rows, by the same rules and statistics as of rows in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import ColumnError
from glassnet.data.object_columns import NUMBER
from glassnet.preprocessing.column_choice import TEXT, LeftOutColumn
from glassnet.preprocessing.input_fitting import FittedInputs
from glassnet.preprocessing.scaling import choose_scaling
from glassnet.preprocessing.table_fitting import build_preprocessor, find_left_out
from glassnet.preprocessing.table_statistics import TableStatistics, numeric_values
from glassnet.streaming.block_readers import read_rows
from glassnet.streaming.medians import streamed_medians
from glassnet.streaming.profile import DatasetProfile
from glassnet.streaming.target_profile import TRAINING


def fit_stream_inputs(profile: DatasetProfile) -> FittedInputs:
    """Fit the preprocessor of streamed rows: see `glassnet.preprocessing.input_fitting.fit_inputs`.

    Raises
    ------
    InputError
        If no column is left as an input, or one has no mean.
    """
    names = tuple(profile.feature_names)
    scaling = profile.options.columns.scaling
    training = profile.splits[TRAINING].features
    if profile.is_matrix:
        return FittedInputs(choose_scaling(training, profile.sparse, scaling), names)
    try:
        statistics = _statistics(profile)
        left_out = _find_left_out(profile, statistics)
        out = {column.position for column in left_out}
        kept = [position for position in range(len(names)) if position not in out]
        plain = all(profile.coding.kinds[position] == NUMBER for position in kept)
        if plain and not any(split.features.missing[kept].any() for split in profile.splits):
            kept_names = tuple(names[at] for at in kept)
            return FittedInputs(choose_scaling(training.take(kept), kind=scaling), kept_names, left_out=left_out)
        median = streamed_medians(lambda: _values(profile, statistics), statistics.values.count)
        fitted = build_preprocessor(statistics, median, names, True, left_out, scaling).without_left_out()
    except ColumnError as error:
        raise error.to_input_error(names) from None
    return FittedInputs(fitted, fitted.names, left_out=left_out)


def _statistics(profile: DatasetProfile) -> TableStatistics:
    """Return the statistics of the training rows; where there are categories or dates, by a pass over them."""
    kinds = [kind or NUMBER for kind in profile.coding.kinds]
    statistics = TableStatistics(kinds)
    if not profile.coding.has_categories:
        statistics.values = profile.splits[TRAINING].features
        statistics.rows = len(profile.splits[TRAINING])
        statistics.rising = list(profile.rising)
        return statistics
    for x in read_rows(profile, TRAINING):
        statistics.add(profile.coding.table(x, range(len(kinds))))
    return statistics


def _find_left_out(profile: DatasetProfile, statistics: TableStatistics) -> tuple[LeftOutColumn, ...]:
    names = profile.feature_names
    left_out = find_left_out(statistics, names, profile.options.columns.without_ignored(), True, set())
    found = {column.position for column in left_out}
    more = [LeftOutColumn(names[at], at, TEXT) for at in profile.coding.too_many() - found]
    return tuple(sorted([*left_out, *more], key=lambda column: column.position))


def _values(profile: DatasetProfile, statistics: TableStatistics) -> Iterator[Array]:
    """Yield the numbers and parts of dates of the training rows, block by block."""
    for x in read_rows(profile, TRAINING):
        table = profile.coding.table(x, range(len(statistics.kinds)))
        yield np.asarray(numeric_values(table, statistics.numbers, statistics.dates))
