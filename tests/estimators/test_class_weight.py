"""Class weights: as scikit-learn computes them, for one target and for several labels, in fit and partial_fit."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils import compute_sample_weight

from glassnet import InputError, MLPClassifier

from .sklearn_comparison import ignore_convergence, problem

X, Y = problem("multi-class")  # the classes 2, 3 and 7
LABELS = problem("multi-label")[1]


def classifier(**params: Any) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 4, "random_state": 0, **params})


def assert_weighted(y: np.ndarray, class_weight: Any, weights: np.ndarray) -> None:
    with ignore_convergence():
        mine = classifier(class_weight=class_weight).fit(X, y)
        same = classifier().fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(mine.coefs_[0], same.coefs_[0], rtol=1e-12)


@pytest.mark.parametrize(
    "class_weight", ["balanced", {2: 1.0, 3: 0.5, 7: 2.0}, {np.int64(2): 1, 3: np.float32(4), 7: 0}]
)
def test_one_target(class_weight: Any) -> None:
    assert_weighted(Y, class_weight, compute_sample_weight(class_weight, Y))


@pytest.mark.parametrize("class_weight", ["balanced", [{0: 1, 1: 2.0}, {0: 3, 1: 1}, {0: 1, 1: 1}]])
def test_several_labels(class_weight: Any) -> None:
    assert_weighted(LABELS, class_weight, compute_sample_weight(class_weight, LABELS))


def test_a_batch_may_lack_classes_that_have_weights() -> None:
    weights = {2: 1.0, 3: 0.5, 7: 2.0}
    first = Y == 3
    mine = classifier(class_weight=weights).partial_fit(X[first], Y[first], classes=[2, 3, 7])
    same = classifier().partial_fit(X[first], Y[first], np.full(first.sum(), 0.5), classes=[2, 3, 7])
    np.testing.assert_allclose(mine.coefs_[0], same.coefs_[0], rtol=1e-12)
    mine.partial_fit(X, Y)
    labels = [{0: 1, 1: 2.0}] * 3
    only_zero = np.zeros((4, 3), int)
    assert classifier(class_weight=labels).partial_fit(X[:4], only_zero, classes=[0, 1, 2]).t_ == 4


@pytest.mark.parametrize(
    ("y", "class_weight", "message"),
    [
        (LABELS, {0: 1, 1: 2}, "For multi-output, class_weight should be a list of dicts"),
        (LABELS, [{0: 1, 1: 2}], "should match number of outputs. Got 1 element"),
        (LABELS, [1.0, 2.0, 3.0], r"class_weight\[0\] is 1.0; it must be a dict"),
        (LABELS, [{0: 1, 1: 2}, {0: 1, 1: -2}, {0: 1, 1: 1}], r"class_weight\[1\]\[1\] is -2; weights are finite"),
        (Y, [{2: 1, 3: 1, 7: 1}], "class_weight is a list, which is for several labels; y has one: give a dict"),
        (Y, {2: 1, 3: 1}, r"The classes, \[7\], are not in class_weight"),
        (Y, {2: 1, 3: np.nan, 7: 1}, r"class_weight\[3\] is nan; weights are finite numbers of 0 or more"),
        (Y, {2: 1, 3: "2", 7: 1}, r"class_weight\[3\] is '2'"),
        (Y, {2: 0, 3: 0, 7: 0}, "class_weight gives every row the weight 0"),
    ],
)
def test_weights_that_do_not_fit(y: np.ndarray, class_weight: Any, message: str) -> None:
    if message.startswith("The classes"):  # as in scikit-learn, classes without an entry have the weight 1
        assert_weighted(y, class_weight, np.ones(len(y)))
        class_weight = {2: 1, 3: 1, 8: 1}
    with pytest.raises(ValueError, match=message):
        classifier(class_weight=class_weight).fit(X, y)
    assert issubclass(InputError, ValueError)


def test_balanced_weights_need_all_rows() -> None:
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=[2, 3, 7])
    with ignore_convergence():
        fitted = classifier(class_weight="balanced").fit(X, Y)
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        fitted.partial_fit(X, Y)
