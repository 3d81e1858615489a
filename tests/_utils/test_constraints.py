"""The check of settings: by a declaration, and against the types of defaults."""

import math
from typing import Any

import numpy as np
import pytest

from glassnet import InputError
from glassnet._utils.constraints import (
    BOOLEAN,
    FINITE,
    MAPPING,
    NON_NEGATIVE,
    NON_NEGATIVE_INT,
    POSITIVE,
    POSITIVE_INT,
    Constraint,
    check_settings,
    check_value,
    one_of,
    optional,
)

DEFAULTS = {"rate": 0.5, "limit": math.inf, "count": 3, "on": False, "quantiles": (0.5,), "custom": object()}


@pytest.mark.parametrize(
    ("constraint", "accepted", "refused"),
    [
        (POSITIVE_INT, (1, np.int64(3)), (0, -1, 1.0, True, "1", None)),
        (NON_NEGATIVE_INT, (0, 2**70), (-1, 0.5, False)),
        (POSITIVE, (1e-300, 2, np.float32(1)), (0, -1.0, math.inf, math.nan, True, "x", None)),
        (NON_NEGATIVE, (0, 0.0), (-1e-9, math.inf, math.nan)),
        (FINITE, (-3, 0.5), (math.inf, math.nan, "1", 1j)),
        (BOOLEAN, (True, np.False_), (0, 1, "yes", None)),
        (MAPPING, ({}, {"a": 1}), ([], None, "x")),
        (one_of("a", "b"), ("a", "b"), ("c", None, 1)),
        (optional(POSITIVE_INT), (None, 1), (0, 1.5)),
    ],
)
def test_values_are_accepted_or_refused(
    constraint: Constraint, accepted: tuple[Any, ...], refused: tuple[Any, ...]
) -> None:
    for value in accepted:
        check_value("x", value, constraint)
    for value in refused:
        with pytest.raises(InputError, match="^x is .*; it must be "):
            check_value("x", value, constraint)


def test_the_message_has_name_value_and_expectation() -> None:
    with pytest.raises(InputError, match="^mode is 'c'; it must be 'a', 'b' or 'd'$"):
        check_value("mode", "c", one_of("a", "b", "d"))
    with pytest.raises(InputError) as found:
        check_value("mode", "c" * 1000, one_of("a", "b"))
    assert len(str(found.value)) < 150


def test_settings_of_the_defaults_types_pass() -> None:
    check_settings({"rate": 1, "limit": math.inf, "count": 2.5, "on": np.True_, "quantiles": [0.1, 0.9]}, DEFAULTS, "x")
    check_settings({"custom": "anything"}, DEFAULTS, "x")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rates": 1}, "x has no setting 'rates'; it has: rate, limit"),
        ({"rate": math.inf}, "setting 'rate' of x is inf; it must be a finite number"),
        ({"rate": True}, "setting 'rate' of x is True"),
        ({"limit": -math.inf}, "setting 'limit' of x is -inf"),
        ({"limit": math.nan}, "setting 'limit' of x is nan"),
        ({"on": 1}, "setting 'on' of x is 1; it must be True or False"),
        ({"quantiles": "0.5"}, "setting 'quantiles' of x is '0.5'; it must be a list of finite numbers"),
        ({"quantiles": [math.nan]}, "must be a list of finite numbers"),
    ],
)
def test_other_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_settings(settings, DEFAULTS, "x")


def test_no_settings_at_all_is_said() -> None:
    with pytest.raises(InputError, match="x has no setting 'a'; it has: none"):
        check_settings({"a": 1}, {}, "x")
