"""Cross-validation: each row is predicted by a network that was not trained on it."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

import glassnet
from glassnet import Callback, InputError, Settings, cross_val_predict
from glassnet.models.cross_validation import assign_folds

DIGITS, NUMBERS = load_digits(return_X_y=True)
FAST = Settings(loss="categorical_crossentropy", optimizer="adamw", learning_rate=0.01, batch_size=32, epochs=12)


def test_a_row_is_predicted_by_a_network_that_was_not_trained_on_it() -> None:
    x = DIGITS[:200]
    y = NUMBERS[:200].copy()
    model = glassnet.fit(x, y, hidden=(16,), settings=FAST)
    before = cross_val_predict(model, x, y, cv=4)
    row = int(np.flatnonzero(before.fold == 2)[0])
    changed = x.copy()
    changed[row] = 16 - changed[row]
    after = cross_val_predict(model, changed, y, cv=4)
    same_fold = before.fold == 2
    others = same_fold & (np.arange(len(y)) != row)
    assert np.array_equal(after.outputs[others], before.outputs[others])
    assert not np.array_equal(after.outputs[row], before.outputs[row])
    assert not np.array_equal(after.outputs[~same_fold], before.outputs[~same_fold])
    np.testing.assert_allclose(
        before.loss, -np.log(before.outputs[np.arange(len(y)), y]), rtol=1e-4, atol=1e-6
    )  # the log loss of the label


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_have_equal_sizes_and_are_stratified(folds: int) -> None:
    fold = assign_folds(NUMBERS, folds, random_state=1)
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    found = [np.bincount(NUMBERS[fold == number], minlength=10) for number in range(folds)]
    expected = [np.bincount(NUMBERS[out], minlength=10) for _, out in StratifiedKFold(folds).split(NUMBERS, NUMBERS)]
    assert np.abs(np.array(found) - np.array(expected)).max() <= 1
    assert not np.array_equal(fold, assign_folds(NUMBERS, folds, random_state=2))
    assert np.array_equal(fold, assign_folds(NUMBERS, folds, random_state=1))


def test_validation_rows_are_held_out_if_the_model_had_them() -> None:
    sizes = []

    class Watch(Callback):
        def on_train_begin(self, run) -> None:
            sizes.append((len(run.source), len(run.eval_sets["validation"]) if "validation" in run.eval_sets else 0))

    model = glassnet.fit(DIGITS[:250], NUMBERS[:250], hidden=(8,), settings=FAST, validation_fraction=0.2)
    cross_val_predict(model, DIGITS[:250], NUMBERS[:250], cv=5, callbacks=[Watch()])
    assert sizes == [(160, 40)] * 5


def test_an_exception_of_a_callback_ends_all_folds() -> None:
    class Enough(Exception):
        pass

    class Stop(Callback):
        def on_epoch_end(self, run) -> None:
            raise Enough

    model = glassnet.fit(DIGITS[:60], NUMBERS[:60], hidden=(), settings=FAST)
    with pytest.raises(Enough):
        cross_val_predict(model, DIGITS[:60], NUMBERS[:60], callbacks=[Stop()])


@pytest.mark.parametrize("folds", [1, 61, True, 2.0])
def test_an_invalid_number_of_folds_is_refused(folds) -> None:
    model = glassnet.fit(DIGITS[:60], NUMBERS[:60], hidden=(), settings=FAST)
    with pytest.raises(InputError, match=r"cv is .*; it must be a whole number from 2 to the number of rows, 60"):
        cross_val_predict(model, DIGITS[:60], NUMBERS[:60], cv=folds)
    with pytest.raises(InputError, match="must be the same"):
        cross_val_predict(model, DIGITS[:59], NUMBERS[:60])
