"""The model file: round trips keep every bit, and invalid files are refused."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as to_bytes

from glassnet import InputError, Settings, Structure, fit, load, recommended_settings, save, train
from glassnet._utils import safetensors_file as arrays_file
from glassnet.models import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import Scaling


def example(kind: str = "numbers", dtype: str = "float32") -> tuple[Model, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    y = {
        "numbers": np.arange(60) % 3,
        "text": np.array(["Ärger", "=cmd()", "<b>"])[np.arange(60) % 3],
        "values": x[:, 0] * 1e5,
        "quantiles": x[:, 0],
    }[kind]
    if kind == "quantiles":
        chosen = recommended_settings(
            60, "regression", loss="pinball", loss_settings={"quantiles": (0.1, 0.9)}, epochs=3
        )
    else:
        loss = "huber" if kind == "values" else "categorical_crossentropy"
        chosen = Settings(loss=loss, epochs=3, dtype=dtype, dropout=(0.1, 0.2), schedule_settings={"warmup": 1})
    return fit(x, y, hidden=(5,), settings=chosen, validation_fraction=0.2, feature_names=("a", "b ü", "c")), x


def with_embeddings() -> tuple[Model, np.ndarray]:
    """Return a model of a number, and of two columns of codes."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(5, 2, 60), rng.integers(7, size=60), rng.integers(2, size=60)])
    structure = Structure((1 + 3 + 1, 4, 3), ("relu", "softmax"), embeddings=[(7, 3), (2, 1)])
    scaling = Scaling("standard", np.array([5.0, 0, 0]), np.array([0.5, 1, 1]))
    vector = train(structure, scaling.transform(x), np.arange(60) % 3, Settings(epochs=2)).vector
    return Model(structure, vector, scaling, ("a", "b", "c"), Target.of_classes((0, 1, 2))), x


def parts_of(path: Path) -> tuple[dict, dict]:
    """Return a model file's arrays and its metadata, the model's JSON parsed."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    return dict(read_arrays(content)), {"model": json.loads(header["__metadata__"]["glassnet"])}


def write_parts(path: Path, arrays: dict, metadata: dict) -> Path:
    """Write arrays and metadata as a model file; `model`, if given, becomes glassnet's JSON."""
    text = metadata.get("model")
    path.write_bytes(
        to_bytes(arrays, {"glassnet": text if isinstance(text, str) else json.dumps(text)} if text else {})
    )
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["numbers", "text", "values", "quantiles"])
def test_a_loaded_model_predicts_bit_for_bit_what_the_saved_one_did(kind: str, dtype: str, tmp_path: Path) -> None:
    model, x = example(kind, dtype)
    save(model, tmp_path / "new" / "m.glassnet")
    again = load(tmp_path / "new" / "m.glassnet")
    assert again.vector.tobytes() == model.vector.tobytes() and again.vector.dtype == model.vector.dtype
    assert again.outputs(x).tobytes() == model.outputs(x).tobytes()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.structure == model.structure and again.classes == model.classes
    assert again.feature_names == model.feature_names and again.history == model.history
    assert again.metadata == dict(model.metadata)
    assert again.settings.as_json() == json.loads(json.dumps(model.settings.as_json()))
    save(again, tmp_path / "again.glassnet")
    assert (tmp_path / "again.glassnet").read_bytes() == (tmp_path / "new" / "m.glassnet").read_bytes()


def test_embeddings_are_saved_and_predict_the_same_bits(tmp_path: Path) -> None:
    model, x = with_embeddings()
    save(model, tmp_path / "m.glassnet")
    arrays, metadata = parts_of(tmp_path / "m.glassnet")
    assert arrays["E1"].shape == (7, 3) and arrays["E2"].shape == (2, 1)
    assert metadata["model"]["embeddings"] == [[7, 3], [2, 1]] and metadata["model"]["format_version"] == 3
    again = load(tmp_path / "m.glassnet")
    assert again.structure == model.structure and again.vector.tobytes() == model.vector.tobytes()
    assert again.outputs(x).tobytes() == model.outputs(x).tobytes()
    for value in (7, -1, 0.5):
        x[8, 1] = value
        with pytest.raises(InputError, match=rf"x\[8, 1\] \(column 'b'\) is {value:.1f}; .* embedding E1, .* 0 … 6"):
            again.predict(x)


def test_arrays_are_in_the_file_under_their_names(tmp_path: Path) -> None:
    model, _ = example("values")
    save(model, tmp_path / "m.glassnet")
    arrays, metadata = parts_of(tmp_path / "m.glassnet")
    scalings = {f"{prefix}.{part}" for prefix in ("preprocessor", "target") for part in ("offset", "scale")}
    assert set(arrays) == {"W1", "b1", "W2", "b2"} | scalings
    assert metadata["model"]["format_version"] == 3 and metadata["model"]["embeddings"] == []
    np.testing.assert_array_equal(arrays["W1"], model.parameters["W1"])


def change(path: tuple, value: object):
    def apply(arrays: dict, metadata: dict) -> None:
        place = metadata["model"]
        for key in path[:-1]:
            place = place[key]
        if value is KeyError:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return apply


def set_array(name: str, value: object):
    def apply(arrays: dict, metadata: dict) -> None:
        if value is KeyError:
            del arrays[name]
        else:
            arrays[name] = value(arrays[name]) if callable(value) else value

    return apply


def set_metadata(name: str, value: str):
    return lambda arrays, metadata: metadata.update({name: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (set_metadata("model", ""), "a safetensors file but no glassnet model"),
        (change(("format_version",), 4), r"format is 4, newer than this glassnet .* reads \(3\); install a newer"),
        (
            change(("format_version",), 1),
            r"format is 1, .* before its first release; .*train the model again",
        ),
        (change(("format_version",), "x"), "model.format_version is 'x'"),
        (change(("format_version",), KeyError), "'format_version' is missing"),
        (set_metadata("model", "{"), "does not fit together"),
        (set_metadata("model", "[" * 100_000), "does not fit together"),
        (set_metadata("model", "[1]"), "model is not a JSON object"),
        (change(("layer_sizes",), [3, 10**12, 3]), "parameters; the most is"),
        (change(("layer_sizes",), [3, 50_000, 3]), "W1 has shape"),
        (change(("layer_sizes",), [3, -5, 3]), "a layer has a whole number of units"),
        (change(("layer_sizes",), [3, 5.5, 3]), "layer_sizes"),
        (change(("layer_sizes",), [3, 5, 5, 3]), "activations has 2 entries for 3 layers"),
        (change(("layer_sizes",), "35"), "layer_sizes"),
        (change(("activations", 0), "evil"), "activation 'evil' is not known"),
        (change(("activations",), ["relu"]), "activations has 1 entries"),
        (change(("activations", 1), "tanh"), "does not go with the output activation"),
        (change(("target", "kind"), "guess"), "target.kind is 'guess'"),
        (change(("target", "kind"), "binary"), "3 classes for 3 outputs of a binary model"),
        (change(("target", "kind"), "regression"), "3 classes for 3 outputs of a regression model"),
        (change(("target",), KeyError), "'target' is missing"),
        (change(("target", "threshold"), "low"), "target.threshold is 'low'"),
        (change(("target", "quantiles"), [0.1, 2, 0.3]), "each must be above 0 and below 1"),
        (change(("target", "quantiles"), [0.1, 0.2, 0.3]), "3 quantiles for 3 outputs of a multiclass model"),
        (change(("target", "scaling"), {"kind": "standard"}), "the arrays of the preprocessor are"),
        (change(("target", "classes", "values"), [0, 1]), "2 classes for 3 outputs"),
        (change(("target", "classes", "dtype"), "V8"), "target.classes.dtype is 'V8'"),
        (change(("target", "classes", "dtype"), "<U9999999"), "the longest class has fewer characters"),
        (change(("target", "classes", "values"), [0, "1", 2]), "some classes are text and some numbers"),
        (change(("target", "classes", "values"), [0, 1, 2**64]), "does not fit in 64 bits|must be at most"),
        (change(("target", "classes", "values"), [0, 1, 1]), "a class is listed twice"),
        (change(("feature_names",), ["a", "a", "c"]), "a feature is listed twice"),
        (change(("format_version",), True), "model.format_version is True"),
        (change(("target", "classes", "values"), [0, 1, None]), r"target.classes.values\[2\] is None"),
        (change(("feature_names",), ["a"]), "1 feature names for 3 columns"),
        (change(("preprocessor", "kind"), "magic"), "preprocessor"),
        (change(("preprocessor",), "magic"), "model.preprocessor is 'magic'"),
        (change(("settings", "loss"), "evil"), "loss 'evil' is not known"),
        (change(("settings", "epochs"), -1), "epochs is -1"),
        (change(("settings", "surprise"), 1), "settings has no field 'surprise'"),
        (change(("history", 0, "loss"), "low"), "history.loss is 'low'"),
        (change(("history", 0, "loss"), KeyError), "loss"),
        (change(("history",), {"a": 1}), "model.history is"),
        (change(("metadata",), []), "model.metadata is"),
        (change(("metadata", "training_rows"), "many"), "metadata.training_rows is 'many'; it must be int"),
        (change(("metadata", "validation_rows"), [1]), r"metadata.validation_rows is \[1\]"),
        (change(("metadata", "best_epoch"), {"a": 1}), "metadata.best_epoch is"),
        (change(("metadata", "best_epoch"), 10**30), "metadata.best_epoch is 1000.*; it must be at most"),
        (change(("metadata", "metric"), 3), "metadata.metric is 3; it must be str"),
        (change(("history", 0, "loss"), float("nan")), "the number NaN"),
        (change(("history", 0, "metric"), float("-inf")), "the number -Infinity"),
        (set_metadata("model", '{"format_version": 1e999}'), "the number 1e999"),
        (change(("history", 0, "loss"), 10**400), "a number of 401 digits"),
        (set_array("W1", KeyError), "the arrays are not those of layers"),
        (set_array("evil", np.zeros(3)), "the arrays are not those of layers .*: evil"),
        (set_array("b1", np.zeros(4, np.float32)), r"b1 has shape \(4,\); it must be \(5,\)"),
        (set_array("b1", np.zeros(5)), "b1 has dtype float64"),
        (set_array("W1", lambda W: W.astype(np.int32)), "'W1'.dtype is 'I32'"),
        (set_array("W2", lambda W: W * np.nan), "W2 holds NaN or infinity"),
        (set_array("preprocessor.scale", lambda f: f * np.inf), "preprocessor.scale holds NaN, infinity"),
        (set_array("preprocessor.scale", lambda f: f * 0), "preprocessor.scale holds 0"),
    ],
)
def test_inconsistent_files_are_refused(damage, message: str, tmp_path: Path) -> None:
    model, _ = example()
    save(model, tmp_path / "m.glassnet")
    arrays, metadata = parts_of(tmp_path / "m.glassnet")
    damage(arrays, metadata)
    with pytest.raises(InputError, match=message) as caught:
        load(write_parts(tmp_path / "bad.glassnet", arrays, metadata))
    assert "bad.glassnet" in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change(("embeddings",), KeyError), "'embeddings' is missing"),
        (change(("embeddings",), []), "the arrays are not those of layers .*: E1, E2"),
        (change(("embeddings",), None), "model.embeddings is None; it must be list"),
        (change(("embeddings",), [[7, 3], [3, 1]]), r"E2 has shape \(2, 1\); it must be \(3, 1\)"),
        (change(("embeddings",), [[7, 2], [2, 1]]), r"E1 has shape \(7, 3\); it must be \(7, 2\)"),
        (change(("embeddings",), [[7, 3], [2, 9]]), "the embeddings have 12 units"),
        (change(("embeddings", 0), [7, True]), r"embeddings\[0\] is \[7, True\]"),
        (change(("embeddings", 0), [7, 3, 1]), r"embeddings\[0\] is \[7, 3, 1\]"),
        (change(("embeddings", 1), "21"), r"model.embeddings\[1\] is '21'"),
        (change(("embeddings", 1), [10**12, 1]), "embeddings.1. has 1,000,000,000,000 categories"),
        (change(("feature_names",), ["a", "b", "c", "d", "e"]), "5 feature names for 3 columns"),
        (set_array("E1", KeyError), "the arrays are not those of layers .*: E1"),
        (set_array("E2", lambda E: E.astype(float)), "E2 has dtype float64"),
        (set_array("E2", lambda E: E / 0), "E2 holds NaN or infinity"),
        (set_array("preprocessor.offset", np.array([5.0, 1, 0])), "scaling would change the codes of an embedding"),
        (set_array("preprocessor.scale", np.array([0.5, 1, 2])), "scaling would change the codes of an embedding"),
    ],
)
# the damage divides by 0
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_inconsistent_embeddings_are_refused(damage, message: str, tmp_path: Path) -> None:
    save(with_embeddings()[0], tmp_path / "m.glassnet")
    arrays, metadata = parts_of(tmp_path / "m.glassnet")
    damage(arrays, metadata)
    with pytest.raises(InputError, match=message):
        load(write_parts(tmp_path / "bad.glassnet", arrays, metadata))


def test_metadata_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example()[0], tmp_path / "m.glassnet")
    monkeypatch.setattr(arrays_file, "MAX_HEADER_BYTES", 100)
    with pytest.raises(InputError, match=r"its header has [\d,]+ bytes; the maximum is 100"):
        load(tmp_path / "m.glassnet")


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load(tmp_path / "nothing.glassnet")
    with pytest.raises(InputError, match="this is a folder"):
        load(tmp_path)
    for content in (b"", b"a,b\n1,2\n", b"\x80\x04]\x94.", b"\xff" * 100, struct.pack("<Q", 2**63) + b"{}"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(InputError, match="this is no glassnet model, or it is cut short"):
            load(tmp_path / "bad")


@pytest.fixture(scope="module", params=[example, with_embeddings])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "m.glassnet"
    save(request.param()[0], path)
    return path.read_bytes()


def test_a_file_truncated_anywhere_is_refused(whole: bytes, tmp_path: Path) -> None:
    for length in [*range(0, 40), *range(40, len(whole), 37), len(whole) - 1]:
        (tmp_path / "cut.glassnet").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut.glassnet: this is no glassnet model"):
            load(tmp_path / "cut.glassnet")


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_changed_bytes_give_a_clear_error_or_a_working_model(
    data: st.DataObject, whole: bytes, tmp_path_factory
) -> None:
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.glassnet"
    path.write_bytes(content)
    try:
        model = load(path)
    except InputError:
        return  # any other exception fails the test
    with np.errstate(all="ignore"):
        assert model.outputs(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupted_save_leaves_the_old_file_whole(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = example()
    path = tmp_path / "m.glassnet"
    save(model, path)
    old = path.read_bytes()

    def pulled(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, pulled)
    with pytest.raises(InputError, match=r"m.glassnet: can't be written: No space left on device"):
        save(replace(model, vector=model.vector * 2), path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.glassnet"]


def test_paths_that_can_not_be_written_are_named(tmp_path: Path) -> None:
    model, _ = example()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="can't be written"):
        save(model, tmp_path / "file" / "m.glassnet")
    with pytest.raises(InputError, match="this is a folder"):
        save(model, tmp_path)


def test_a_custom_function_can_not_be_saved(tmp_path: Path) -> None:
    from glassnet.network.losses import Loss

    model, _ = example("values")
    own = Loss("own", lambda o, y: np.sum(abs(o - y), axis=-1), lambda o, y: np.sign(o - y))
    with pytest.raises(InputError, match="loss 'own' is not known"):
        save(replace(model, settings=replace(model.settings, loss=own)), tmp_path / "m.glassnet")
    assert not list(tmp_path.iterdir())


def test_the_permissions_follow_the_umask(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("POSIX permissions")
    save(example()[0], tmp_path / "m.glassnet")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "m.glassnet").stat().st_mode & 0o777 == 0o666 & ~umask
