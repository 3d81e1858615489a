"""Dates and times as numbers: year, and month, day, weekday and hour on circles."""

from __future__ import annotations

import numpy as np

from glassnet._utils.arrays import Array

#: The numbers that a date becomes. Those that repeat are the coordinates of a point on a circle, so that December is
#: as close to January as to November.
PARTS = (
    "year", "month (sin)", "month (cos)", "day (sin)", "day (cos)",
    "weekday (sin)", "weekday (cos)", "hour (sin)", "hour (cos)",
)  # fmt: skip
_MONTHS_A_YEAR, _DAYS_A_MONTH, _DAYS_A_WEEK, _SECONDS_A_DAY = 12, 31, 7, 86_400
#: 1970-01-01 was a Thursday, the fourth day of a week from Monday on.
_FIRST_WEEKDAY = 3


def date_parts(seconds: Array) -> Array:
    """Return the numbers that dates become.

    Parameters
    ----------
    seconds : array (samples,), float64
        Seconds since 1970; NaN is a missing date.

    Returns
    -------
    array (samples, 9), float64
        A column for each of `PARTS`; NaN where the date is missing.
    """
    missing = np.isnan(seconds)
    days, second_of_day = np.divmod(np.where(missing, 0.0, seconds), _SECONDS_A_DAY)
    day = days.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = day.astype("datetime64[Y]")
    fractions = (
        (month - year.astype("datetime64[M]")).astype(np.int64) / _MONTHS_A_YEAR,
        (day - month.astype("datetime64[D]")).astype(np.int64) / _DAYS_A_MONTH,
        (days + _FIRST_WEEKDAY) % _DAYS_A_WEEK / _DAYS_A_WEEK,
        second_of_day / _SECONDS_A_DAY,
    )
    parts = [year.astype(np.int64) + 1970.0]
    for fraction in fractions:
        parts += [np.sin(2 * np.pi * fraction), np.cos(2 * np.pi * fraction)]
    result = np.column_stack(parts)
    result[missing] = np.nan
    return result
