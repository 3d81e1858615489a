"""Estimators saved, loaded, exported to other libraries and imported again predict the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

import glassnet
from glassnet import Callback, InputError, MLPClassifier, MLPRegressor
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
X, y = load_iris(return_X_y=True)
XR, yr = load_diabetes(return_X_y=True)
TARGETS = {
    "numbers": y,
    "text": np.array(["ant", "bee", "ćma"])[y],
    "objects": np.array(["ant", "bee", "ćma"], object)[y],
    "truth": y > 0,
    "whole floats": y * 2.0,
    "labels": np.c_[y > 0, y > 1] * 1,
    "one class": np.zeros(150, int),
}


def same(a: Any, b: Any, rows: Any) -> None:
    assert type(a) is type(b)
    assert np.array_equal(a.predict(rows), b.predict(rows))
    assert a.predict(rows).dtype == b.predict(rows).dtype
    if hasattr(a, "predict_proba"):
        assert a.predict_proba(rows).tobytes() == b.predict_proba(rows).tobytes()
    assert a.get_params() == b.get_params()


@pytest.mark.parametrize("kind", TARGETS)
def test_a_saved_and_loaded_estimator_predicts_the_same_bits(kind: str, tmp_path: Path) -> None:
    network = MLPClassifier((5,), max_iter=5, random_state=0, class_weight="balanced").fit(X, TARGETS[kind])
    network.save(tmp_path / "network.glassnet")
    back = MLPClassifier.load(tmp_path / "network.glassnet")
    same(network, back, X)
    assert back.classes_.dtype == network.classes_.dtype
    assert back.loss_curve_ == network.loss_curve_ and list(back.history_) == list(network.history_)
    assert [p.name for p in tmp_path.iterdir()] == ["network.glassnet"]


def test_a_loaded_estimator_can_be_trained_further(tmp_path: Path) -> None:
    network = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, y)
    network.save(tmp_path / "network.glassnet")
    back = MLPClassifier.load(tmp_path / "network.glassnet")
    for _ in range(50):
        back.partial_fit(X, y)
    assert back.loss_ < network.loss_ / 1.5
    with pytest.raises(ValueError, match="classes not in"):
        back.partial_fit(X, y + 1)


def test_a_loaded_estimator_continues_its_counts(tmp_path: Path) -> None:
    network = MLPClassifier((5,), max_iter=5, random_state=0, warm_start=True).fit(X, y)
    network.save(tmp_path / "network.glassnet")
    back = MLPClassifier.load(tmp_path / "network.glassnet").fit(X, y)
    assert len(back.loss_curve_) == len(back.history_) == 10 and back.t_ == 1500
    model = glassnet.load(tmp_path / "network.glassnet")
    assert np.array_equal(model.predict(X), network.predict(X))


def test_preprocessing_and_target_scaling_are_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(200) < 0.1, np.nan, rng.normal(size=200)),
            "kind": rng.choice(["a", "b", "c"], 200),
            "street": rng.choice([f"no {n}" for n in range(60)], 200),
        }
    )
    values = np.c_[rng.normal(size=200) * 1e3, rng.normal(size=200)]
    network = MLPRegressor(
        hidden_layer_sizes=(5,), preprocess="auto", target_transform="standardize", max_iter=5, random_state=0
    ).fit(frame, values)
    assert (
        network.model_.structure.embeddings
        and network.embeddings_[0].shape[0] == network.model_.structure.embeddings[0][0]
    )
    network.save(tmp_path / "network.glassnet")
    back = MLPRegressor.load(tmp_path / "network.glassnet")
    unseen = pd.DataFrame({"size": [np.nan, 1.0], "kind": ["z", "a"], "street": ["no 1", None]})
    same(network, back, frame)
    with pytest.warns(UserWarning, match="of the values are categories"):
        same(network, back, unseen)
    assert np.isfinite(back.predict(unseen)).all()
    with pytest.raises(ValueError, match="feature names"):
        back.predict(frame.rename(columns={"size": "length"}))


def test_a_foreign_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "network.glassnet"
    with pytest.raises(InputError, match="there is no such file"):
        MLPClassifier.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="no glassnet model"):
        MLPClassifier.load(path)
    MLPClassifier((5,), max_iter=2).fit(X, y).save(path)
    with pytest.raises(InputError, match="holds 'MLPClassifier', and MLPRegressor is expected"):
        MLPRegressor.load(path)


def damaged(change: Any, path: Path) -> None:
    """Write a valid file with its metadata or arrays changed."""
    MLPClassifier((5,), max_iter=2, random_state=0).fit(X, y).save(path)
    with safe_open(path, framework="numpy") as file:
        saved = json.loads(file.metadata()["glassnet"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    change(saved, arrays)
    save_file(arrays, path, {"glassnet": json.dumps(saved)})


@pytest.mark.parametrize(
    "change",
    [
        lambda saved, arrays: saved.update(layer_sizes=[4, 6, 3]),
        lambda saved, arrays: saved.update(layer_sizes=[4, 10**9, 3]),
        lambda saved, arrays: saved.update(activations=["relu", "rm -rf"]),
        lambda saved, arrays: saved.update(feature_names=["a"]),
        lambda saved, arrays: saved.update(feature_names=["a"] * 4),
        lambda saved, arrays: saved.update(estimator=[]),
        lambda saved, arrays: saved["estimator"].update(has_feature_names="yes"),
        lambda saved, arrays: saved["estimator"]["params"].update(hidden_layer_sizes="many"),
        lambda saved, arrays: saved["estimator"]["params"].update(preprocess="auto"),
        lambda saved, arrays: saved["estimator"]["params"].update(__class__=1),
        lambda saved, arrays: saved["estimator"]["attributes"].update(predict=1),
        lambda saved, arrays: saved["estimator"]["attributes"].update(engine_="../evil"),
        lambda saved, arrays: saved["estimator"]["attributes"].update(out_activation_="tanh"),
        lambda saved, arrays: saved["estimator"].pop("params"),
        lambda saved, arrays: saved["target"]["classes"].update(values=[0, 1]),
        lambda saved, arrays: saved["target"]["classes"].update(values=[0, 1, 1]),
        lambda saved, arrays: saved["target"]["classes"].update(dtype="V8"),
        lambda saved, arrays: saved["target"].update(kind="binary"),
        lambda saved, arrays: saved["target"].update(kind="regression"),
        lambda saved, arrays: saved.pop("target"),
        lambda saved, arrays: arrays.update(W1=arrays["W1"].astype(np.int64)),
        lambda saved, arrays: arrays.update(W1=arrays["W1"] * np.nan),
        lambda saved, arrays: arrays.update(W9=arrays["W1"]),
        lambda saved, arrays: arrays.update({"target.offset": np.zeros(3), "target.scale": np.zeros(3)}),
        lambda saved, arrays: saved.update(preprocessor={}),
        lambda saved, arrays: saved.update(embeddings=[[3, 10**8]]),
    ],
)
def test_an_inconsistent_file_is_rejected(change: Any, tmp_path: Path) -> None:
    damaged(change, tmp_path / "network.glassnet")
    with pytest.raises(InputError, match="is not consistent|does not fit together|cut short"):
        MLPClassifier.load(tmp_path / "network.glassnet")


def test_training_only_parameters_are_not_saved(tmp_path: Path) -> None:
    loss = (lambda y, o: np.sum((o - y) ** 2, axis=1) / 2, lambda y, o: o - y)
    network = MLPRegressor(loss, (4,), max_iter=3, random_state=np.random.RandomState(0)).fit(XR, yr)
    network.save(tmp_path / "network.glassnet")
    back = MLPRegressor.load(tmp_path / "network.glassnet")
    assert back.loss == "squared_error" and back.random_state is None
    assert np.array_equal(back.predict(XR), network.predict(XR))


@pytest.mark.parametrize("kind", ["numbers", "text", "truth", "labels"])
def test_to_scikit_learn_and_back(kind: str) -> None:
    network = MLPClassifier((5, 4), max_iter=5, alpha=0.01, random_state=0).fit(X, TARGETS[kind])
    sklearn_mlp = network.to_sklearn()
    assert type(sklearn_mlp) is sklearn.neural_network.MLPClassifier and sklearn_mlp.alpha == 0.01
    assert np.array_equal(sklearn_mlp.predict(X), network.predict(X))
    assert np.allclose(sklearn_mlp.predict_proba(X), network.predict_proba(X))
    back = MLPClassifier.from_sklearn(sklearn_mlp)
    assert back.predict_proba(X).tobytes() == network.predict_proba(X).tobytes()
    assert back.loss_curve_ == network.loss_curve_ and back.alpha == 0.01
    with pytest.raises(InputError, match="MLPRegressor is expected"):
        MLPRegressor.from_sklearn(sklearn_mlp)


def test_to_torch_and_back() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    network = MLPClassifier((5, 4), activation=["gelu", "tanh"], max_iter=5, random_state=0).fit(X, TARGETS["text"])
    module = network.to_torch()
    with torch.no_grad():
        assert np.allclose(module(torch.from_numpy(network.prepare(X))).numpy(), network.predict_proba(X))
    back = MLPClassifier.from_torch(module, classes=network.classes_)
    assert np.array_equal(back.predict(X), network.predict(X))
    logits = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    assert np.allclose(MLPClassifier.from_torch(logits).predict_proba(X.astype(np.float32)).sum(axis=1), 1, atol=1e-6)
    assert MLPRegressor.from_torch(logits).predict(X).shape == (150, 3)
    far = MLPRegressor(hidden_layer_sizes=(4,), target_transform="standardize", max_iter=5).fit(XR, yr)
    with torch.no_grad():
        assert np.allclose(far.to_torch()(torch.from_numpy(XR)).numpy()[:, 0], far.predict(XR))


def test_to_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    network = MLPClassifier((5,), max_iter=5, random_state=0).fit(X, TARGETS["text"])
    network.to_onnx(tmp_path / "network.onnx")
    label, probability = runtime.InferenceSession(tmp_path / "network.onnx").run(None, {"X": X})
    assert np.array_equal(label, network.predict(X)) and np.allclose(probability, network.predict_proba(X))
    values = MLPRegressor(quantiles=(0.9, 0.1), hidden_layer_sizes=(4,), target_transform="standardize", max_iter=5)
    values.fit(XR, yr).to_onnx(tmp_path / "values.onnx")
    (found,) = runtime.InferenceSession(tmp_path / "values.onnx").run(None, {"X": XR})
    assert np.allclose(found, values.predict(XR))


COMBINATIONS = st.fixed_dictionaries(
    {},
    optional={
        "hidden_layer_sizes": st.sampled_from([(), (3,), (4, 2), 5]),
        "activation": st.sampled_from([*ACTIVATIONS, ["tanh", "gelu"]]),
        "solver": st.sampled_from(["lbfgs", "sgd", *OPTIMIZERS]),
        "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive", "one_cycle", "cosine", "exponential"]),
        "batch_size": st.sampled_from(["auto", 1, 7, 64]),
        "loss": st.sampled_from(["log_loss", "hinge", "focal", "half_mean_squared_error", "binary_crossentropy"]),
        "out_activation": st.sampled_from([None, "softmax", "logistic", "identity"]),
        "initializer": st.sampled_from([None, "auto", "orthogonal", "zeros"]),
        "dropout": st.sampled_from([0.0, 0.5, [0.1, 0.2], [0.1]]),
        "l1": st.sampled_from([0.0, 0.01]),
        "weight_decay": st.sampled_from([None, 0.1]),
        "max_norm": st.sampled_from([None, 1.0]),
        "clip_norm": st.sampled_from([None, 1.0]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "ema_decay": st.sampled_from([None, 0.9]),
        "class_weight": st.sampled_from([None, "balanced"]),
        "early_stopping": st.booleans(),
        "stratify": st.sampled_from([None, True, False]),
        "scoring": st.sampled_from([None, "accuracy", "f1_macro"]),
        "restore_best_weights": st.sampled_from([None, True, False]),
        "patience": st.sampled_from([None, 1]),
        "preprocess": st.sampled_from([None, "auto"]),
        "dtype": st.sampled_from([None, "float32"]),
        "shuffle": st.booleans(),
    },
)


@pytest.mark.filterwarnings("ignore")  # any combination may warn; what it may not do is fail
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=COMBINATIONS, kind=st.sampled_from(["numbers", "truth", "labels"]))
def test_any_combination_is_rejected_or_works_and_is_saved(chosen: dict, kind: str, tmp_path: Path) -> None:
    started = []

    class Started(Callback):
        def on_train_begin(self, run: Any) -> None:
            started.append(True)

    network = MLPClassifier(**{"max_iter": 2, "random_state": 0, **chosen, "callbacks": Started()})
    try:
        network.fit(X, TARGETS[kind])
    except InputError:
        assert not started
        return
    assert started
    if hasattr(network, "predict_proba") and network.out_activation_ in ("softmax", "logistic"):
        assert np.isfinite(network.predict_proba(X)).all()
        assert kind == "labels" or np.allclose(network.predict_proba(X).sum(axis=1), 1, atol=1e-5)
    network.set_params(callbacks=None)
    clone(network)
    network.save(tmp_path / "network.glassnet")
    back = MLPClassifier.load(tmp_path / "network.glassnet")
    assert np.array_equal(back.predict(X), network.predict(X))
    assert back.get_params() == network.get_params()
