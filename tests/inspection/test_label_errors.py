"""Held-out answers, and rows that look mislabelled: planted ones are found."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import StratifiedKFold

import glassnet
from glassnet import Callback, InputError, Settings, find_mislabelled
from glassnet.models.cross_validation import folds_of, held_out

DIGITS, NUMBERS = load_digits(return_X_y=True)
QUICK = Settings(loss="categorical_crossentropy", optimizer="adamw", learning_rate=0.01, batch_size=32, epochs=12)


@pytest.fixture(scope="module")
def planted():
    """Return digits of which 20 have another's label: rows, labels, which of them, and a model of them."""
    rng = np.random.default_rng(3)
    y = NUMBERS.copy()
    which = rng.choice(len(y), 20, replace=False)
    y[which] = (y[which] + rng.integers(1, 10, 20)) % 10
    return DIGITS, y, which, glassnet.fit(DIGITS, y, hidden=(32,), settings=QUICK)


def test_most_of_20_planted_labels_are_among_the_first_that_are_found(planted) -> None:
    x, y, which, model = planted
    found = find_mislabelled(model, x, y)
    first = found.order[:25].tolist()
    right = [row for row in which if row in first]
    assert len(right) >= 18
    assert np.mean(found.suggested[right] == NUMBERS[right]) > 0.9
    assert found.suspected[right].all() and found.suspected.sum() < 60
    assert np.array_equal(found.given, y)
    # a second look at the same rows finds the same; the model's own parameters are not what judges
    again = find_mislabelled(model, x, y)
    assert np.array_equal(again.held_out.answers, found.held_out.answers)


def test_a_row_is_judged_by_a_network_that_has_not_seen_it(planted) -> None:
    x, y, *_ = planted
    x, y = x[:200], y[:200].copy()
    model = glassnet.fit(x, y, hidden=(16,), settings=QUICK)
    before = held_out(model, x, y, folds=4)
    row = int(np.flatnonzero(before.fold == 2)[0])
    loud = x.copy()
    loud[row] = 16 - loud[row]
    after = held_out(model, loud, y, folds=4)
    same_fold = before.fold == 2
    others = same_fold & (np.arange(len(y)) != row)
    assert np.array_equal(after.answers[others], before.answers[others])
    assert not np.array_equal(after.answers[row], before.answers[row])
    assert not np.array_equal(after.answers[~same_fold], before.answers[~same_fold])
    np.testing.assert_allclose(
        before.loss, -np.log(before.answers[np.arange(len(y)), y]), rtol=1e-4, atol=1e-6
    )  # the log loss of the label


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_are_of_a_size_and_alike_in_their_classes(folds: int) -> None:
    fold = folds_of(NUMBERS, folds, seed=1)
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    ours = [np.bincount(NUMBERS[fold == number], minlength=10) for number in range(folds)]
    theirs = [np.bincount(NUMBERS[out], minlength=10) for _, out in StratifiedKFold(folds).split(NUMBERS, NUMBERS)]
    assert np.abs(np.array(ours) - np.array(theirs)).max() <= 1
    assert not np.array_equal(fold, folds_of(NUMBERS, folds, seed=2))
    assert np.array_equal(fold, folds_of(NUMBERS, folds, seed=1))


def test_values_far_from_what_is_foreseen_are_suspected() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = np.round(y) + 0.5
    y[[7, 77, 177]] += (900, -900, 1200)
    model = glassnet.fit(x, y, hidden=(), settings=Settings(loss="half_mean_squared_error", epochs=30, batch_size=32))
    found = find_mislabelled(model, x, y, folds=3)
    assert {7, 77, 177} <= set(found.order[:3].tolist()) and found.suspected[[7, 77, 177]].all()
    assert found.quality is None and found.suspected.sum() < 12
    assert abs(found.suggested[7] - (y[7] - 900)) < 300  # in the target's unit


def test_a_model_without_probabilities_is_judged_by_its_loss(planted) -> None:
    x, y, which, _ = planted
    model = glassnet.fit(x, y, hidden=(32,), settings=Settings(loss="hinge", epochs=12, batch_size=32))
    found = find_mislabelled(model, x, y, folds=3)
    assert found.quality is None
    assert len(set(which.tolist()) & set(found.order[:30].tolist())) >= 16
    losses = found.held_out.loss[found.order][: int(found.suspected.sum())]
    assert (np.diff(losses) <= 0).all()


def test_the_only_row_of_a_class_can_not_be_judged_and_comes_last() -> None:
    x, y = DIGITS[:120], np.array([f"d{number}" for number in NUMBERS[:120]], object)
    y[5] = "a"
    model = glassnet.fit(x, y, hidden=(8,), settings=QUICK)
    found = find_mislabelled(model, x, y, folds=3)
    assert not found.suspected[5] and found.order[-1] == 5
    assert np.isnan(found.quality[5]) and np.isfinite(np.delete(found.quality, 5)).all()
    assert not (found.suggested[found.suspected] == 0).any()


def test_rows_are_set_aside_where_the_model_was_trained_so() -> None:
    seen = []

    class Watch(Callback):
        def on_train_begin(self, run) -> None:
            seen.append((len(run.source), len(run.eval_sets["validation"]) if "validation" in run.eval_sets else 0))

    model = glassnet.fit(DIGITS[:250], NUMBERS[:250], hidden=(8,), settings=QUICK, validation_fraction=0.2)
    held_out(model, DIGITS[:250], NUMBERS[:250], folds=5, callbacks=[Watch()])
    assert seen == [(160, 40)] * 5


def test_a_callback_that_fails_ends_all_folds() -> None:
    class Enough(Exception):
        pass

    class Stop(Callback):
        def on_epoch_end(self, run) -> None:
            raise Enough

    model = glassnet.fit(DIGITS[:60], NUMBERS[:60], hidden=(), settings=QUICK)
    with pytest.raises(Enough):
        held_out(model, DIGITS[:60], NUMBERS[:60], callbacks=[Stop()])


@pytest.mark.parametrize("folds", [1, 61, True, 2.0])
def test_a_number_of_folds_that_can_not_be_is_refused(folds) -> None:
    model = glassnet.fit(DIGITS[:60], NUMBERS[:60], hidden=(), settings=QUICK)
    with pytest.raises(InputError, match=r"folds is .*; it must be a whole number from 2 to the number of rows, 60"):
        held_out(model, DIGITS[:60], NUMBERS[:60], folds=folds)
    with pytest.raises(InputError, match="must be the same"):
        held_out(model, DIGITS[:59], NUMBERS[:60])
