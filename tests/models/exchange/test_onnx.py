"""ONNX files, run by onnxruntime, give the outputs of glassnet."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet
from glassnet import InputError, Settings, fit
from glassnet.models.exchange import Portable, to_onnx
from glassnet.models.exchange.onnx_file import onnx_bytes
from glassnet.models.exchange.onnx_graph import NODES
from glassnet.network.activations import ACTIVATIONS
from glassnet.preprocessing.scaling import Scaling
from tests.models.exchange.networks import CLOSE, answers, network, odd_rows, portable

onnx = pytest.importorskip("onnx", reason="ONNX files are made with the package onnx, which is not here")
ort = pytest.importorskip("onnxruntime", reason="ONNX files are read by onnxruntime, which is not here")

DTYPES = ("float32", "float64")


def session(content: bytes | Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    given = content if isinstance(content, bytes) else str(content)
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def run(exported: Portable, x: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
    """Export, read again, and return the outputs by name."""
    read = session(onnx_bytes(exported, **options))
    names = [output.name for output in read.get_outputs()]
    return dict(zip(names, read.run(None, {"X": x}), strict=True))


def values(sizes: Any, activations: Any, dtype: str, **around: Any) -> Portable:
    return portable(sizes, activations, "regression", dtype, **around)


# -------------------------------------------------------------------------------------------------------- the network


def test_every_activation_of_the_table_has_its_nodes() -> None:
    assert list(NODES) == list(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_agrees_on_extreme_numbers(name: str, dtype: str) -> None:
    around = np.concatenate([np.linspace(-12, 12, 4801), [-1e4, -1e3, -88, -30, 30, 88, 1e3, 1e4, 1e-30, -1e-30]])
    z = np.append(around, np.array([np.finfo(dtype).tiny, -np.finfo(dtype).tiny / 8])).astype(dtype)
    z = z[:4812].reshape(-1, 3) if name == "softmax" else z[:, np.newaxis]
    columns = z.shape[1]
    exported = values((columns, columns), (name,), dtype)
    W = exported.structure.views(exported.vector)
    W["W1"][...], W["b1"][...] = np.eye(columns), 0
    with np.errstate(under="ignore"):
        expected = ACTIVATIONS[name].function(z)
    found = run(exported, z)["variable"]
    assert found.dtype == expected.dtype == dtype
    scale = 1 + np.abs(z)  # what is far below a function's steepest part is right to the dtype's own grain
    precision = np.finfo(dtype).eps
    ordinary = np.abs(expected) < np.sqrt(np.finfo(dtype).max)
    assert np.all(
        np.abs(found - expected)[ordinary] <= (4 * precision * scale + 32 * precision * np.abs(expected))[ordinary]
    )
    assert np.allclose(found[~ordinary], expected[~ordinary], rtol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "exponential"])
def test_networks_of_three_layers_agree_on_odd_rows(activation: str, dtype: str) -> None:
    exported = values((5, 7, 4, 3), (activation, activation, "identity"), dtype)
    x = odd_rows(5, dtype)
    assert np.allclose(run(exported, x)["variable"], answers(exported, x), **CLOSE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(1, 1), (3, 1), (1, 1, 1, 1), (4, 2), (6, *[5] * 10, 2), (300, 1, 200)])
def test_any_sizes_agree(sizes: tuple[int, ...], dtype: str) -> None:
    exported = values(sizes, [*["tanh"] * (len(sizes) - 2), "identity"], dtype)
    x = odd_rows(sizes[0], dtype)
    for rows in (x, x[:1], x[:0]):
        found = run(exported, rows)["variable"]
        assert found.shape == (len(rows), sizes[-1])
        assert np.allclose(found, answers(exported, rows), **CLOSE[dtype])


def test_the_distribution_function_in_float64_keeps_its_digits_in_the_tail() -> None:
    exported = values((1, 1), ("gelu",), "float64")
    exported.vector[:] = 1, 0
    z = np.linspace(-30, 8, 3001)[:, np.newaxis]
    assert np.allclose(run(exported, z)["variable"], ACTIVATIONS["gelu"].function(z), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_in_its_row(dtype: str) -> None:
    for name in ACTIVATIONS:
        exported = portable((3, 4, 3), (name, "softmax"), "multiclass", dtype, classes=np.arange(3))
        x = odd_rows(3, dtype)[:3]
        whole = run(exported, x)["probabilities"]
        x[1, 1] = np.nan
        found = run(exported, x)["probabilities"]
        assert np.isnan(found[1]).all() and np.array_equal(found[[0, 2]], whole[[0, 2]])


# ---------------------------------------------------------------------------------------------- what the outputs mean


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("classes", "kind"),
    [([3, -7], "tensor(int64)"), (["nein", "ja ✓"], "tensor(string)"), ([False, True], "tensor(int64)")],
)
def test_two_classes_of_one_output(classes: list, kind: str, dtype: str) -> None:
    exported = portable((4, 5, 1), ("relu", "sigmoid"), "binary", dtype, classes=np.array(classes, object))
    x = odd_rows(4, dtype)
    p = answers(exported, x)[:, 0]
    exported.parameters["b2"][:] -= np.log(np.median(p) / (1 - np.median(p))) + 0.01  # so that both are said
    p = answers(exported, x)[:, 0]
    read = session(onnx_bytes(exported))
    outputs = [(output.name, output.type, output.shape) for output in read.get_outputs()]
    number = "float" if dtype == "float32" else "double"
    assert outputs == [("label", kind, ["rows"]), ("probabilities", f"tensor({number})", ["rows", 2])]
    label, probabilities = read.run(None, {"X": x})
    assert label.tolist() == [exported.classes.tolist()[yes] for yes in (p > 0.5).astype(int)] and set(p > 0.5) == {
        True,
        False,
    }
    assert np.allclose(probabilities, np.column_stack([1 - p, p]), **CLOSE[dtype])


def test_an_output_at_the_threshold_is_no_and_small_probabilities_keep_their_digits() -> None:
    exported = portable((1, 1), ("sigmoid",), "binary", "float32", classes=np.array(["no", "yes"]))
    exported.vector[:] = 1, 0
    found = run(exported, np.array([[0], [-40]], np.float32))
    assert found["label"].tolist() == ["no", "no"]
    assert found["probabilities"][1, 1] == pytest.approx(np.exp(-40), rel=1e-5)


def test_a_single_class_is_always_predicted() -> None:
    exported = portable((2, 1), ("sigmoid",), "binary", classes=np.array([7]))
    found = run(exported, odd_rows(2, "float64"))
    assert set(found["label"].tolist()) == {7} and found["probabilities"].shape == (15, 2)


@pytest.mark.parametrize(
    "classes", [np.array([5, 2**62, -1]), np.array(["c", "a", "ä\n€"], object), np.array([1.0, 3.0, 2.0])]
)
def test_several_classes(classes: np.ndarray) -> None:
    exported = portable((4, 6, 3), ("gelu", "softmax"), "multiclass", classes=classes)
    x = odd_rows(4, "float64")
    found, expected = run(exported, x), answers(exported, x)
    assert found["label"].tolist() == classes[expected.argmax(axis=1)].tolist()
    assert found["label"].dtype == (object if classes.dtype == object else np.int64)
    assert np.allclose(found["probabilities"], expected, **CLOSE["float64"])


def test_of_equal_outputs_the_first_class_wins() -> None:
    exported = portable((2, 3), ("softmax",), "multiclass", classes=np.array(["x", "y", "z"]))
    exported.vector[:] = 0
    assert run(exported, np.ones((2, 2)))["label"].tolist() == ["x", "x"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_labels(dtype: str) -> None:
    exported = portable((4, 5, 3), ("tanh", "sigmoid"), "multilabel", dtype)
    x = odd_rows(4, dtype)
    found, expected = run(exported, x), answers(exported, x)
    assert found["label"].dtype == np.int64 and np.array_equal(found["label"], expected > 0.5)
    assert np.allclose(found["probabilities"], expected, **CLOSE[dtype])


def test_outputs_that_are_not_probabilities_are_named_scores() -> None:
    for kind, outputs, known in (("binary", 1, 2), ("multiclass", 3, 3), ("multilabel", 2, 0)):
        exported = portable((4, outputs), ("identity",), kind, classes=np.arange(known), threshold=0.0)
        x = odd_rows(4, "float64")
        found, expected = run(exported, x), answers(exported, x)
        assert list(found) == ["label", "scores"] and np.allclose(found["scores"], expected)
        best = {"binary": expected[:, 0] > 0, "multiclass": expected.argmax(axis=1), "multilabel": expected > 0}
        assert np.array_equal(found["label"], best[kind])


# ------------------------------------------------------------------------------------------------------------- models


def table(columns: int = 4, rows: int = 80) -> np.ndarray:
    """Return rows whose columns have units very different from each other."""
    return np.random.default_rng(0).standard_normal((rows, columns)) * 10.0 ** np.arange(columns) + 1e3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "binary_crossentropy", "hinge"])
def test_a_model_with_its_scaling(loss: str, dtype: str, tmp_path: Path) -> None:
    x = table()
    y = np.array(["low", "middle", "high"])[np.arange(80) % 3]
    model = fit(x, y, hidden=(6,), settings=Settings(loss=loss, epochs=4, dtype=dtype))
    model.to_onnx(tmp_path / "new" / "model.onnx", input_dtype="float64")
    read = session(tmp_path / "new" / "model.onnx")
    label, second = read.run(None, {"X": x})
    assert label.tolist() == model.predict(x).tolist()
    expected = model.outputs(x) if loss == "hinge" else model.predict_proba(x)
    assert np.allclose(second, expected, **CLOSE[dtype])


def test_sigmoid_outputs_that_are_all_0_are_normalized_as_in_glassnet() -> None:
    x = table()
    model = fit(x, np.arange(80) % 3, hidden=(), settings=Settings(loss="binary_crossentropy", epochs=1))
    vector = model.vector.copy()
    model.structure.views(vector)["b1"][:] = -50, -45, -200
    model = replace(model, vector=vector)
    found = run(model.portable(), x, input_dtype="float64")
    assert np.allclose(found["probabilities"], model.predict_proba(x), rtol=1e-4)
    assert set(found["label"].tolist()) == {1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_of_values_with_both_scalings(dtype: str) -> None:
    x = table()
    for y in (x[:, 0] * 1e6, x[:, :2]):
        chosen = Settings(loss="huber", epochs=3, dtype=dtype)
        model = fit(x, y, hidden=(5,), task="regression", settings=chosen)
        found = run(model.portable(), x, input_dtype="float64")["variable"]
        assert np.allclose(found.squeeze(), model.predict(x), rtol=1e-6 if dtype == "float32" else 1e-12)


def test_quantiles_share_the_scaling_of_their_target() -> None:
    x = table()
    chosen = Settings(loss="pinball", loss_settings={"quantiles": (0.1, 0.5, 0.9)}, epochs=3)
    model = fit(x, x[:, 0], hidden=(5,), task="regression", settings=chosen)
    assert np.allclose(run(model.portable(), x, input_dtype="float64")["variable"], model.predict(x), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("quantiles", [(0.5,), (0.1, 0.5, 0.9), (0.9, 0.1, 0.5), (0.5, 0.5, 0.2)])
def test_quantiles_never_cross(quantiles: tuple, dtype: str) -> None:
    outputs = len(quantiles)
    scaling = Scaling("standard", np.array([3.0]), np.array([0.5]))
    exported = values((4, 5, outputs), "relu", dtype, quantiles=quantiles, target_scaling=scaling)
    x = odd_rows(4, dtype)
    raw = scaling.inverse_transform(answers(exported, x))
    assert outputs == 1 or (np.diff(raw[:, np.argsort(quantiles, kind="stable")]) < 0).any()
    rank = np.argsort(np.argsort(quantiles, kind="stable"), kind="stable")
    for rows in (x, x[:1], x[:0]):
        found = run(exported, rows)["variable"]
        assert np.allclose(found, np.sort(raw[: len(rows)], axis=1)[:, rank], **CLOSE[dtype])


def test_rows_of_float32_are_scaled_without_losing_more_than_they_have_lost() -> None:
    x = table().astype(np.float32)
    x[:, 0] += 1.6e9  # seconds: the deviation is lost in float32 beside the mean, if subtracted there
    model = fit(x.astype(np.float64), np.arange(80) % 2, hidden=(4,), settings=Settings(epochs=3))
    assert np.allclose(run(model.portable(), x)["probabilities"], model.predict_proba(x), rtol=1e-5)


def test_input_dtype_is_the_dtype_of_the_input() -> None:
    exported = values((2, 3, 1), "relu", "float32")
    read = session(onnx_bytes(exported, input_dtype="float64"))
    assert read.get_inputs()[0].type == "tensor(double)"
    x = odd_rows(2, "float64")[:8]
    assert np.allclose(read.run(None, {"X": x})[0], answers(exported, x.astype(np.float32)), **CLOSE["float32"])


# ----------------------------------------------------------------------------------------------------------- the file


def test_the_file_has_metadata() -> None:
    import json

    names = ("a", "b ü", "c")
    exported = portable((3, 4, 2), "silu", "regression", "float32", feature_names=names)
    model = onnx.load_from_string(onnx_bytes(exported))
    assert (model.producer_name, model.producer_version) == ("glassnet", glassnet.__version__)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)] and model.ir_version == 8
    (facts,) = model.metadata_props
    assert json.loads(facts.value) == {
        "kind": "regression",
        "layer_sizes": [3, 4, 2],
        "activations": ["silu", "identity"],
        "feature_names": list(names),
    }
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, array in exported.parameters.items():
        assert held[name].tobytes() == array.tobytes()


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    exported = portable((3, 4, 2), ("mish", "softmax"), "multiclass", classes=np.array(["a", "b"]))
    to_onnx(exported, tmp_path / "one.onnx")
    to_onnx(exported, str(tmp_path / "two.onnx"))
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes() == onnx_bytes(exported)


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported, path = values((2, 1), "relu", "float32"), tmp_path / "m.onnx"
    to_onnx(exported, path)
    before = path.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="m.onnx: can't be written: No space left on device"):
        to_onnx(values((2, 2), "relu", "float32"), path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.onnx"]
    with pytest.raises(InputError, match="this is a folder"):
        to_onnx(exported, tmp_path)


def test_without_onnx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'this needs onnx, .*: pip install "glassnet\[onnx\]"'):
        to_onnx(values((2, 1), "relu", "float32"), tmp_path / "m.onnx")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("wrong", ["float16", int, "numbers"])
def test_another_input_dtype_is_rejected(wrong: Any) -> None:
    with pytest.raises(InputError, match="input_dtype is .* must be 'float32' or 'float64'"):
        onnx_bytes(values((2, 1), "relu", "float32"), input_dtype=wrong)


def test_a_network_larger_than_a_file_is_rejected() -> None:
    structure, _ = network((1, 1), "relu")
    exported = Portable(structure, np.zeros(2), "regression")
    vast = np.lib.stride_tricks.as_strided(np.zeros(1), (2**28,), (0,))
    object.__setattr__(exported, "vector", vast)
    before = time.monotonic()
    with pytest.raises(InputError, match=r"take 2,147,483,648 bytes; an ONNX file holds at most .*use float32"):
        onnx_bytes(exported)
    assert time.monotonic() - before < 1


def test_a_scaling_by_bytes_is_exact() -> None:
    pixels = np.arange(256, dtype=np.float32)[:, np.newaxis]
    exported = values((1, 1), ("identity",), "float32", scaling=Scaling("bytes", np.zeros(1), np.full(1, 1 / 255)))
    exported.vector[:] = 1, 0
    assert np.array_equal(run(exported, pixels)["variable"], exported.scaling.transform(pixels))
