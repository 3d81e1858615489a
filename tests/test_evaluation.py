"""Evaluation: figures that can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from glassnet import Settings, fit
from glassnet.evaluation import evaluate
from glassnet.plots import confusion_matrix


def test_classes_are_counted() -> None:
    """A network whose output is its input: class a where the first column is larger."""
    x = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 0]])
    model = fit(x, list("aabba"), hidden=(), settings=Settings(epochs=1))
    scaling = replace(model.scaling, shift=np.zeros(2), factor=np.ones(2))
    told = replace(model, vector=np.array([9, 0, 0, 9, 0, 0], np.float32), scaling=scaling)
    found = evaluate(told, x, list("abbba"))
    assert found["accuracy"] == 0.8
    assert found["confusion_matrix"] == [[2, 0], [1, 2]]
    assert found["classes"]["a"] == {"precision": pytest.approx(2 / 3), "recall": 1.0, "rows": 2}
    assert found["classes"]["b"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "rows": 3}
    sure, wrong = np.log(1 + np.exp(-9)), np.log(1 + np.exp(9))
    assert found["loss"] == pytest.approx((4 * sure + wrong) / 5, rel=1e-5)


def test_values_are_measured_in_their_unit() -> None:
    x = np.array([[0.0], [1], [2], [3]])
    model = fit(x, [0.5, 1, 2, 3], hidden=(), task="regression", settings=Settings(loss="huber", epochs=1))
    unit = replace(model.scaling, shift=np.zeros(1), factor=np.ones(1))
    told = replace(model, vector=np.array([1, 0], np.float32), scaling=unit, target_scaling=unit)
    found = evaluate(told, x, [0, 1, 2, 5])
    assert found["mean_absolute_error"] == pytest.approx(0.5)
    assert found["root_mean_squared_error"] == pytest.approx(1.0)
    assert found["r2"] == pytest.approx(1 - 4 / 14)
    assert found["rows"] == 4
    assert evaluate(told, x[:1], [1])["r2"] is None


def test_classes_may_be_fractions() -> None:
    x = np.random.default_rng(0).standard_normal((60, 2))
    y = np.where(x[:, 0] > 0, 0.5, 2.0)
    model = fit(x, y, task="classification")
    found = evaluate(model, x, y)
    assert found["accuracy"] == np.mean(model.predict(x) == y) > 0.9
    assert found["classes"]["0.5"]["rows"] == found["confusion_matrix"][0][0] + found["confusion_matrix"][0][1]
    assert "60 rows right" in confusion_matrix(model, x, y).get_suptitle()
