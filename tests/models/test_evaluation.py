"""Evaluation: metrics that can be counted by hand, and equal to scikit-learn's."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from glassnet import Settings, fit
from glassnet.models.evaluation import evaluate, evaluate_blocks
from glassnet.visualization.plots import confusion_matrix


def test_classes_are_counted() -> None:
    """A network whose output is its input: class a where the first column is larger."""
    x = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 0]])
    model = fit(x, list("aabba"), hidden=(), settings=Settings(epochs=1))
    scaling = replace(model.preprocessor, offset=np.zeros(2), scale=np.ones(2))
    known = replace(model, vector=np.array([9, 0, 0, 9, 0, 0], np.float32), preprocessor=scaling)
    found = evaluate(known, x, list("abbba"))
    assert found["accuracy"] == 0.8
    assert found["confusion_matrix"] == [[2, 0], [1, 2]]
    assert found["classes"]["a"] == {"precision": pytest.approx(2 / 3), "recall": 1.0, "rows": 2}
    assert found["classes"]["b"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "rows": 3}
    correct = np.log(1 + np.exp(-9))
    wrong = np.log(1 + np.exp(9))
    assert found["loss"] == pytest.approx((4 * correct + wrong) / 5, rel=1e-5)


def test_errors_are_in_the_unit_of_the_target() -> None:
    x = np.array([[0.0], [1], [2], [3]])
    model = fit(x, [0.5, 1, 2, 3], hidden=(), task="regression", settings=Settings(loss="huber", epochs=1))
    unit = replace(model.preprocessor, offset=np.zeros(1), scale=np.ones(1))
    target = replace(model.target, scaling=unit)
    known = replace(model, vector=np.array([1, 0], np.float32), preprocessor=unit, target=target)
    found = evaluate(known, x, [0, 1, 2, 5])
    assert found["mean_absolute_error"] == pytest.approx(0.5)
    assert found["root_mean_squared_error"] == pytest.approx(1.0)
    assert found["r2"] == pytest.approx(1 - 4 / 14)
    assert found["rows"] == 4
    assert evaluate(known, x[:1], [1])["r2"] is None


def test_classes_may_be_fractions() -> None:
    x = np.random.default_rng(0).standard_normal((60, 2))
    y = np.where(x[:, 0] > 0, 0.5, 2.0)
    model = fit(x, y, task="classification")
    found = evaluate(model, x, y)
    assert found["accuracy"] == np.mean(model.predict(x) == y) > 0.9
    assert found["classes"]["0.5"]["rows"] == found["confusion_matrix"][0][0] + found["confusion_matrix"][0][1]
    assert "60 rows right" in confusion_matrix(model, x, y).get_suptitle()


def test_blocks_of_rows_have_the_metrics_of_scikit_learn_for_all_rows() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 3))
    label = np.array(list("abc"))[rng.integers(0, 3, 500)]
    model = fit(x, label, hidden=(4,), settings=Settings(epochs=2))
    whole = evaluate(model, x, label)
    predicted = model.predict(x)
    parts = evaluate_blocks(model, [(x[first : first + 37], label[first : first + 37]) for first in range(0, 500, 37)])
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-6) and parts | {"loss": 0} == whole | {"loss": 0}
    precision, recall, _, rows = metrics.precision_recall_fscore_support(label, predicted, zero_division=0)
    for label_index, name in enumerate("abc"):
        assert whole["classes"][name] == {
            "precision": precision[label_index],
            "recall": recall[label_index],
            "rows": rows[label_index],
        }
    assert whole["confusion_matrix"] == metrics.confusion_matrix(label, predicted).tolist()

    values = np.column_stack([1e6 + x[:, 0], 3 * x[:, 1]])
    settings = Settings(loss="half_mean_squared_error", epochs=2)
    model = fit(x, values, hidden=(4,), task="regression", settings=settings)
    whole = evaluate(model, x, values)
    predicted = model.predict(x)
    parts = evaluate_blocks(model, [(x[first : first + 37], values[first : first + 37]) for first in range(0, 500, 37)])
    for name, figure in (
        ("r2", metrics.r2_score),
        ("mean_absolute_error", metrics.mean_absolute_error),
        ("root_mean_squared_error", metrics.root_mean_squared_error),
    ):
        assert whole[name] == pytest.approx(figure(values, predicted), rel=1e-9)
        assert parts[name] == pytest.approx(whole[name], rel=1e-9)
