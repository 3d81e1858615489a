"""Early stopping: Keras' rule and scikit-learn's as two settings of the same criteria."""

import math

import pytest

from glassnet.training.early_stopping import EarlyStopping

KERAS = EarlyStopping("min", tol=0.1, patience=2)
SKLEARN = EarlyStopping("min", tol=0.1, patience=3, best_tol=0.0, inclusive=True)


def run(criteria: EarlyStopping, values: list[float]) -> tuple[float, int, int]:
    """Return the best value, its epoch, and the number of epochs until the training stops."""
    best = criteria.worst
    best_epoch = waited = 0
    for epoch, value in enumerate(values, start=1):
        waited = criteria.count(value, best, waited)
        if criteria.is_best(value, best):
            best = value
            best_epoch = epoch
        if criteria.should_stop(waited):
            return best, best_epoch, epoch
    return best, best_epoch, len(values)


def test_only_gains_above_tol_are_best_by_default() -> None:
    assert run(KERAS, [1.0, 0.95, 0.85, 0.84, 0.83, 0.1]) == (0.85, 3, 5)


def test_any_gain_is_best_in_scikit_learns_rule_and_its_counter_is_reset_by_tol() -> None:
    assert run(SKLEARN, [1.0, 0.95, 0.93, 0.92, 0.1]) == (0.92, 4, 4)
    assert run(SKLEARN, [1.0, 0.95, 0.93, 0.8, 0.79, 0.78, 0.77]) == (0.77, 7, 7)


@pytest.mark.parametrize("criteria", [KERAS, SKLEARN])
def test_a_larger_value_is_better_in_mode_max(criteria: EarlyStopping) -> None:
    values = [0.1, 0.5, 0.55, 0.56, 0.57, 0.58, 0.9]
    mirrored = EarlyStopping("max", criteria.tol, criteria.patience, criteria.best_tol, criteria.inclusive)
    best, epoch, stopped = run(criteria, [-value for value in values])
    assert run(mirrored, values) == (-best, epoch, stopped)


def test_a_gain_of_exactly_tol_counts_only_if_inclusive() -> None:
    assert EarlyStopping(tol=0.25).count(0.75, 1.0, 4) == 5
    assert EarlyStopping(tol=0.25, inclusive=True).count(0.75, 1.0, 4) == 0


def test_nan_is_never_best() -> None:
    for criteria in (KERAS, SKLEARN):
        assert not criteria.is_best(math.nan, criteria.worst)
    assert KERAS.count(math.nan, 1.0, 0) == 1 and SKLEARN.count(math.nan, 1.0, 2) == 0


def test_without_patience_it_never_stops() -> None:
    assert not EarlyStopping().should_stop(10**9)
