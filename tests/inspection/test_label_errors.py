"""Label errors: planted ones are found."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

import glassnet
from glassnet import Settings, find_mislabelled

DIGITS, NUMBERS = load_digits(return_X_y=True)
FAST = Settings(loss="categorical_crossentropy", optimizer="adamw", learning_rate=0.01, batch_size=32, epochs=12)


@pytest.fixture(scope="module")
def planted():
    """Return digits of which 20 have another's label: rows, labels, which of them, and a model of them."""
    rng = np.random.default_rng(3)
    y = NUMBERS.copy()
    which = rng.choice(len(y), 20, replace=False)
    y[which] = (y[which] + rng.integers(1, 10, 20)) % 10
    return DIGITS, y, which, glassnet.fit(DIGITS, y, hidden=(32,), settings=FAST)


def test_most_of_20_planted_label_errors_are_ranked_first(planted) -> None:
    x, y, which, model = planted
    found = find_mislabelled(model, x, y)
    first = found.order[:25].tolist()
    right = [row for row in which if row in first]
    assert len(right) >= 18
    assert np.mean(found.suggested[right] == NUMBERS[right]) > 0.9
    assert found.suspected[right].all() and found.suspected.sum() < 60
    assert np.array_equal(found.given, y)
    # deterministic
    again = find_mislabelled(model, x, y)
    assert np.array_equal(again.predictions.outputs, found.predictions.outputs)


def test_outlying_values_are_suspected() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = np.round(y) + 0.5
    y[[7, 77, 177]] += (900, -900, 1200)
    model = glassnet.fit(x, y, hidden=(), settings=Settings(loss="half_mean_squared_error", epochs=30, batch_size=32))
    found = find_mislabelled(model, x, y, cv=3)
    assert {7, 77, 177} <= set(found.order[:3].tolist()) and found.suspected[[7, 77, 177]].all()
    assert found.quality is None and found.suspected.sum() < 12
    assert abs(found.suggested[7] - (y[7] - 900)) < 300  # in the target's unit


def test_without_probabilities_the_rows_are_ranked_by_loss(planted) -> None:
    x, y, which, _ = planted
    model = glassnet.fit(x, y, hidden=(32,), settings=Settings(loss="hinge", epochs=12, batch_size=32))
    found = find_mislabelled(model, x, y, cv=3)
    assert found.quality is None
    assert len(set(which.tolist()) & set(found.order[:30].tolist())) >= 16
    losses = found.predictions.loss[found.order][: int(found.suspected.sum())]
    assert (np.diff(losses) <= 0).all()


def test_the_only_row_of_a_class_is_not_suspected_and_comes_last() -> None:
    x = DIGITS[:120]
    y = np.array([f"d{number}" for number in NUMBERS[:120]], object)
    y[5] = "a"
    model = glassnet.fit(x, y, hidden=(8,), settings=FAST)
    found = find_mislabelled(model, x, y, cv=3)
    assert not found.suspected[5] and found.order[-1] == 5
    assert np.isnan(found.quality[5]) and np.isfinite(np.delete(found.quality, 5)).all()
    assert not (found.suggested[found.suspected] == 0).any()
