"""Metrics of a classifier: equal to scikit-learn's, and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from glassnet.metrics.classification import (
    MAX_CONFUSION_CLASSES,
    ClassificationAccumulator,
    classification_metrics,
    confused_pairs,
    confusion_matrix,
    normalize_rows,
    wilson_interval,
)


def test_the_metrics_are_scikit_learns_and_can_be_added_part_by_part() -> None:
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 4, (2, 300))
    found = classification_metrics(y_true, y_pred, "abcd")
    assert found["accuracy"] == metrics.accuracy_score(y_true, y_pred)
    assert found["confusion_matrix"] == metrics.confusion_matrix(y_true, y_pred).tolist()
    precision, recall, _, rows = metrics.precision_recall_fscore_support(y_true, y_pred)
    for label, name in enumerate("abcd"):
        assert found["classes"][name] == {"precision": precision[label], "recall": recall[label], "rows": rows[label]}
    accumulator = ClassificationAccumulator("abcd")
    for first in range(0, 300, 41):
        accumulator.add(y_true[first : first + 41], y_pred[first : first + 41])
    assert accumulator.metrics() == found


def test_a_class_that_never_occurs_has_zeros_and_too_many_classes_have_no_matrix() -> None:
    one = np.zeros(3, int)
    assert classification_metrics(one, one, "ab")["classes"]["b"] == {"precision": 0, "recall": 0, "rows": 0}
    assert normalize_rows(confusion_matrix(one, one, 2)).tolist() == [[1, 0], [0, 0]]
    many = classification_metrics(one, one, range(MAX_CONFUSION_CLASSES + 1))
    assert many["confusion_matrix"] is None and many["accuracy"] == 1


def test_the_most_confused_pairs_come_first() -> None:
    matrix = np.array([[5, 1, 0], [3, 5, 0], [0, 1, 9]])
    y_true, y_pred = np.repeat(np.indices((3, 3)).reshape(2, -1), matrix.ravel(), axis=1)
    np.testing.assert_array_equal(confusion_matrix(y_true, y_pred, 3), matrix)
    assert confused_pairs(y_true, y_pred, 3) == [(1, 0, 3), (0, 1, 1), (2, 1, 1)]
    assert confused_pairs(y_true, y_true, 3) == []


def test_the_wilson_interval_by_hand() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4901, 0.9433), abs=1e-4)  # from a table
    assert wilson_interval(0, 1)[0] == 0 and wilson_interval(1, 1)[1] == 1
