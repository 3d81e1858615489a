"""Activations, gradients, saliency and integrated gradients of an estimator, and its HTML representation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from glassnet import InputError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
X, y = load_iris(return_X_y=True)
XR, yr = load_diabetes(return_X_y=True)
TARGETS = {
    "binary": (y > 0).astype(int),
    "multi-class": np.array(["a", "b", "c"])[y],
    "labels": np.c_[y > 0, y > 1] * 1,
}


def fitted(kind: str) -> MLPClassifier:
    return MLPClassifier((6,), activation="tanh", max_iter=30, random_state=0).fit(X, TARGETS[kind])


@pytest.mark.parametrize("kind", TARGETS)
def test_activations_have_names(kind: str) -> None:
    network = fitted(kind)
    layers = network.explain(X)
    assert list(layers) == ["z1", "a1", "z2", "a2"]
    assert np.allclose(layers["z1"], X @ network.coefs_[0] + network.intercepts_[0])
    proba = network.predict_proba(X)
    assert np.allclose(layers["a2"], proba[:, 1:] if kind == "binary" else proba)


@pytest.mark.parametrize("kind", TARGETS)
def test_gradients_of_the_loss(kind: str) -> None:
    network, target = fitted(kind), TARGETS[kind]
    dW1 = network.gradients(X, target)["dW1"]

    def loss() -> float:
        p = network.predict_proba(X)
        truth = (np.asarray(target)[:, np.newaxis] == network.classes_) if kind != "labels" else target
        each = np.where(truth, np.log(p), 0 if kind != "labels" else np.log(1 - p))
        return -float(each.sum(axis=1).mean())

    for row, unit in ((0, 0), (3, 5)):
        weight = network.coefs_[0][row, unit]
        network.coefs_[0][row, unit] = weight + 1e-6
        above = loss()
        network.coefs_[0][row, unit] = weight - 1e-6
        below = loss()
        network.coefs_[0][row, unit] = weight
        assert dW1[row, unit] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("kind", TARGETS)
def test_saliency_is_the_gradient_of_a_probability(kind: str) -> None:
    network = fitted(kind)
    for output in range(2):
        slopes = network.saliency(X[:5], output=output)
        for column in range(4):
            step = 1e-5 * (np.arange(4) == column)
            ahead, behind = (network.predict_proba(X[:5] + s)[:, output] for s in (step, -step))
            assert np.allclose(slopes[:, column], (ahead - behind) / 2e-5, atol=1e-8)
    if kind != "labels":
        likeliest = network.predict_proba(X).argmax(axis=1)
        assert np.allclose(network.saliency(X), network.saliency(X, output=likeliest))


@pytest.mark.parametrize("kind", TARGETS)
def test_integrated_gradients_sum_to_the_difference_of_the_outputs(kind: str) -> None:
    network = fitted(kind)
    at_zero = network.predict_proba(np.zeros((1, 4)))
    for output in range(2):
        sums = network.integrated_gradients(X, output=output, tolerance=1e-6).sum(axis=1)
        assert np.allclose(sums, network.predict_proba(X)[:, output] - at_zero[:, output], atol=1e-5)


def test_an_unknown_output_is_rejected() -> None:
    with pytest.raises(InputError, match="with two classes it is 0 or 1"):
        fitted("binary").saliency(X, output=2)
    with pytest.raises(InputError, match="with 3 outputs it is one of 0 … 2"):
        fitted("multi-class").saliency(X, output=3)


def test_regression_and_tables_are_explained() -> None:
    values = MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0).fit(XR, yr)
    assert values.saliency(XR).shape == XR.shape and values.input_names[:2] == ("x0", "x1")
    frame = pd.DataFrame({"size": [1.0, 2.0, np.nan, 4.0] * 10, "kind": ["a", "b", "c", "b"] * 10})
    network = MLPClassifier((4,), preprocess="auto", max_iter=20, random_state=0).fit(frame, [0, 1, 1, 1] * 10)
    assert network.saliency(frame).shape == (40, len(network.input_names))
    assert any("kind" in name for name in network.input_names)
    assert network.gradients(frame, [0, 1, 1, 1] * 10)["dW1"].shape == network.coefs_[0].shape


def test_html_shows_the_network() -> None:
    shown = MLPClassifier((200, 3), max_iter=3, early_stopping=True, random_state=0).fit(X, y)._repr_html_()
    for text in ("4 → 200 → 3 → 3 units", "relu", "softmax", "loss:", "validation score:", "<svg"):
        assert text in shown
    assert "glassnet-network" in shown and "glassnet-network" not in MLPClassifier()._repr_html_()
    names = MLPClassifier(activation=(np.tanh, lambda z: 1 - np.tanh(z) ** 2), max_iter=2).fit(X, y)._repr_html_()
    assert "tanh" in names
