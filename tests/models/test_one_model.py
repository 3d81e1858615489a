"""One trained network: every way to train gives the same bits, and every command takes every file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import glassnet
from glassnet import InputError, MLPClassifier, MLPRegressor, Settings
from glassnet.cli import main
from glassnet.data import features, read_table, target_values
from glassnet.training.loop import run_training
from glassnet.web.app_state import AppState, Examples
from glassnet.web.learn.plan import prepare_training, read_plan
from glassnet.web.learn.presets import presets
from glassnet.web.learn.training_rows import FileRows, load_training_rows
from glassnet.web.server import create_app

#: Few steps, and no compilation: bits are compared, not scores.
FEW = {"epochs": 2, "batch_size": 16, "engine": "reference"}
FEW_PARAMS = {"max_iter": 2, "batch_size": 16, "engine": "reference"}


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def numbers(kind: str, n_rows: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Return raw rows and targets: 2 or 3 classes, values, or images of bytes with 3 classes."""
    rng = np.random.default_rng(0)
    if kind == "bytes":
        x = rng.integers(0, 256, (n_rows, 6))
        return x, np.arange(n_rows) % 3
    x = rng.standard_normal((n_rows, 4)) * [1, 10, 0.1, 3] + [0, 5, 0, -2]
    if kind == "values":
        return x, x[:, 0] * 7.5 + 100.25
    return x, np.arange(n_rows) % int(kind)


def assert_equal_predictions(actual: np.ndarray, expected: np.ndarray) -> None:
    """Check that classes are equal, and values equal up to rounding in float32."""
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(actual, expected)


def write_csv(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    path = folder / "rows.csv"
    table = pd.DataFrame(x, columns=[f"c{column}" for column in range(x.shape[1])])
    table["target"] = y
    table.to_csv(path, index=False)
    return path


def train_on_the_page(path: Path, hidden: tuple[int, ...], task: str = "classification") -> glassnet.Model:
    """Train as the page does, with its recommended preset and no validation rows."""
    table = read_table(path)
    columns = [name for name in table.names if name != "target"]
    examples = Examples(table.to_arrow(), features(table, columns), target_values(table, "target"))
    file_rows = FileRows(examples, "target", task)
    rows = load_training_rows({"kind": "file"}, file_rows)
    plan = presets(rows, len(rows.y))["recommended"]
    plan["settings"] |= FEW
    content = plan | {
        "data": {"kind": "file"},
        "validation_fraction": 0,
        "hidden": list(hidden),
        "activations": ["relu"] * len(hidden),
    }
    _, data, run = prepare_training(read_plan(content), file_rows)
    run_training(run)
    return data.build_model(run.result()[0], run.history)


@pytest.mark.parametrize("kind", ["2", "3", "values", "bytes"])
def test_every_way_of_training_ends_in_the_same_bits(kind: str, tmp_path: Path) -> None:
    x, y = numbers(kind)
    task = "regression" if kind == "values" else "classification"
    hidden = (5, 4)
    expected = glassnet.fit(
        x, y, hidden=hidden, task=task, settings=glassnet.recommended_settings(len(y), task, **FEW)
    ).vector
    cls = MLPRegressor if kind == "values" else MLPClassifier
    est = cls.recommended(hidden_layer_sizes=hidden, **FEW_PARAMS).fit(x, y)
    np.testing.assert_array_equal(est.model_.vector, expected)

    path = write_csv(tmp_path, x, y)
    out = tmp_path / "m.glassnet"
    options = ["--epochs", "2", "--batch-size", "16", "--engine", "reference", "--hidden", "5,4"]
    arguments = ["train", str(path), "--target", "target", "--task", task, "--validation-fraction", "0"]
    assert run(*arguments, *options, "--out", str(out), "--quiet") == 0
    np.testing.assert_array_equal(glassnet.load(out).vector, expected)
    np.testing.assert_array_equal(train_on_the_page(path, hidden, task).vector, expected)


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_recommended_shows_its_parameters_and_clones(cls: type) -> None:
    est = cls.recommended(random_state=3, batch_size=8)
    params = est.get_params()
    assert (params["solver"], params["learning_rate"], params["max_iter"]) == ("adamw", "one_cycle", "recommended")
    assert (params["random_state"], params["batch_size"], params["preprocess"]) == (3, 8, "scale")
    assert clone(est).get_params() == params


def test_recommended_without_changes_is_fit_without_settings() -> None:
    x, y = numbers("3", 30)
    est = MLPClassifier.recommended(hidden_layer_sizes=(4,), engine="reference").fit(x, y)
    settings = glassnet.recommended_settings(30, engine="reference")
    np.testing.assert_array_equal(est.model_.vector, glassnet.fit(x, y, hidden=(4,), settings=settings).vector)


# ----------------------------------------------------------------------------------------- estimators hold models


def table(n_rows: int = 40) -> pd.DataFrame:
    """Return a table with text and missing values."""
    rng = np.random.default_rng(1)
    size = rng.standard_normal(n_rows)
    size[::7] = np.nan
    return pd.DataFrame({"size": size, "colour": np.array(["red", "green", "blue", "green"])[np.arange(n_rows) % 4]})


def fitted(kind: str) -> tuple[MLPClassifier | MLPRegressor, pd.DataFrame | np.ndarray]:
    """Return an estimator after a few epochs, and rows for it."""
    x, y = numbers("3")
    few = {"hidden_layer_sizes": (4,), "engine": "reference", "max_iter": 2, "random_state": 0, "n_iter_no_change": 5}
    if kind == "auto":
        rows = table()
        return MLPClassifier(preprocess="auto", **few).fit(rows, np.array(["no", "yes"])[np.arange(40) % 2]), rows
    estimators = {
        "binary": (MLPClassifier(**few), np.where(y > 0, "yes", "no")),
        "multiclass": (MLPClassifier(**few), y),
        "multilabel": (MLPClassifier(**few), np.column_stack([y > 0, y > 1]).astype(int)),
        "scaled": (MLPRegressor(target_transform="standardize", preprocess="scale", **few), x[:, 0] * 100 + 7),
        "quantiles": (MLPRegressor(quantiles=(0.1, 0.9), **few), x[:, 0]),
    }
    est, target = estimators[kind]
    return est.fit(x, target), x


KINDS = ("binary", "multiclass", "multilabel", "scaled", "quantiles", "auto")
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


@pytest.mark.parametrize("kind", KINDS)
def test_model_and_estimator_share_their_parameters(kind: str) -> None:
    est, x = fitted(kind)
    model = est.model_
    again = type(est).from_model(model)
    assert all(np.shares_memory(W, model.vector) for W in est.coefs_ + est.intercepts_)
    assert all(np.shares_memory(W, model.vector) for W in again.coefs_ + again.intercepts_)
    assert np.shares_memory(again.model_.vector, model.vector)
    np.testing.assert_array_equal(again.predict(x), est.predict(x))
    assert_equal_predictions(model.predict(x), est.predict(x))
    if hasattr(est, "predict_proba"):
        np.testing.assert_array_equal(again.predict_proba(x), est.predict_proba(x))


def test_a_model_of_another_task_does_not_become_an_estimator() -> None:
    x, y = numbers("values")
    model = glassnet.fit(x, y, hidden=(3,), settings=glassnet.recommended_settings(48, "regression", **FEW))
    with pytest.raises(InputError, match="regression"):
        MLPClassifier.from_model(model)
    with pytest.raises(InputError, match="classification"):
        MLPRegressor.from_model(fitted("multiclass")[0].model_)


# ---------------------------------------------------------------------------------------------------------- files


def model_files(folder: Path) -> dict[str, tuple[Path, Path, str]]:
    """Return a file of each origin, the CSV file that it was trained on, and the task."""
    x, y = numbers("3")
    path = write_csv(folder, x, y)
    frame = pd.read_csv(path)
    columns = frame.drop(columns="target")
    few = {"hidden_layer_sizes": (4,), "engine": "reference", "max_iter": 2, "random_state": 0, "n_iter_no_change": 5}
    files = {name: folder / f"{name}.glassnet" for name in ("estimator", "regressor", "fit", "cli", "page", "auto")}
    MLPClassifier(**few).fit(columns, frame["target"]).save(files["estimator"])
    values = frame.assign(target=frame["c0"] * 3 + 0.5)
    values.to_csv(folder / "values.csv", index=False)
    MLPRegressor(target_transform="standardize", **few).fit(columns, values["target"]).save(files["regressor"])
    model = glassnet.fit(
        x,
        y,
        hidden=(4,),
        settings=glassnet.recommended_settings(48, **FEW),
        feature_names=tuple(columns),
        target_name="target",
    )
    glassnet.save(model, files["fit"])
    options = ["--epochs", "2", "--engine", "reference", "--hidden", "4", "--target", "target", "--quiet"]
    assert run("train", str(path), *options, "--out", str(files["cli"])) == 0
    glassnet.save(train_on_the_page(path, (4,)), files["page"])
    mixed = table()
    mixed["target"] = np.array(["no", "yes"])[np.arange(40) % 2]
    mixed.to_csv(folder / "mixed.csv", index=False)
    MLPClassifier(preprocess="auto", **few).fit(mixed[["size", "colour"]], mixed["target"]).save(files["auto"])
    rows = {"regressor": folder / "values.csv", "auto": folder / "mixed.csv"}
    return {
        name: (file, rows.get(name, path), "regression" if name == "regressor" else "classification")
        for name, file in files.items()
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path, str]]:
    return model_files(tmp_path_factory.mktemp("files"))


ORIGINS = ("estimator", "regressor", "fit", "cli", "page", "auto")


@pytest.mark.parametrize("origin", ORIGINS)
def test_every_file_becomes_a_model_and_an_estimator(origin: str, files: dict, tmp_path: Path) -> None:
    path, rows, task = files[origin]
    x = pd.read_csv(rows).drop(columns="target")
    model = glassnet.load(path)
    assert model.task == task
    cls = MLPRegressor if task == "regression" else MLPClassifier
    est = cls.load(path)
    np.testing.assert_array_equal(est.model_.vector, model.vector)
    assert_equal_predictions(est.predict(x), model.predict(x))
    other = MLPClassifier if task == "regression" else MLPRegressor
    with pytest.raises(InputError):
        other.load(path)
    est.save(tmp_path / "again.glassnet")
    np.testing.assert_array_equal(glassnet.load(tmp_path / "again.glassnet").vector, model.vector)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("command", ["evaluate", "predict", "show", "plot", "report", "export"])
def test_every_command_takes_every_file(
    command: str, origin: str, files: dict, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    path, rows, _ = files[origin]
    out = tmp_path / "out"
    arguments = {
        "evaluate": [str(path), str(rows), "--json"],
        "predict": [str(path), str(rows), "--out", f"{out}.csv"],
        "show": [str(path)],
        "plot": [str(path), "--data", str(rows), "--out", str(out)],
        "report": [str(path), "--data", str(rows), "--out", f"{out}.html"],
        "export": [str(path), "--to", f"{out}.onnx"],
    }
    if command == "export":
        pytest.importorskip("onnx")
    assert run(command, *arguments[command]) == 0, capfd.readouterr().err
    if command == "predict":
        predicted = pd.read_csv(f"{out}.csv").iloc[:, 0].to_numpy()
        expected = glassnet.load(path).predict(pd.read_csv(rows).drop(columns="target"))
        assert_equal_predictions(predicted, expected)
    elif command == "evaluate":
        assert json.loads(capfd.readouterr().out)["rows"] == len(pd.read_csv(rows))


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_page_takes_every_file(origin: str, files: dict) -> None:
    from starlette.testclient import TestClient

    state = AppState(glassnet.load(files[origin][0]), origin)
    with TestClient(create_app(state), base_url="http://127.0.0.1") as client:
        assert client.get("/api/model").status_code == 200


@pytest.mark.parametrize("origin", [origin for origin in ORIGINS if origin != "auto"])
def test_training_continues_from_every_file_of_numbers(origin: str, files: dict, tmp_path: Path) -> None:
    path, rows, _ = files[origin]
    out = tmp_path / "more.glassnet"
    arguments = ["train", str(rows), "--warm-start", str(path), "--epochs", "1", "--engine", "reference", "--quiet"]
    assert run(*arguments, "--out", str(out)) == 0
    before = glassnet.load(path)
    after = glassnet.load(out)
    assert after.structure.layer_sizes == before.structure.layer_sizes
    assert after.target.labels == before.target.labels
    assert not np.array_equal(after.vector, before.vector)


# ----------------------------------------------------------------------------------------------------- warm start


def test_warm_start_begins_at_the_parameters_of_the_model() -> None:
    x, y = numbers("3")
    settings = glassnet.recommended_settings(48, **FEW)
    first = glassnet.fit(x, y, hidden=(4,), settings=settings)
    still = Settings(loss=settings.loss, learning_rate=1e-30, optimizer="gradient_descent", epochs=1)
    second = glassnet.fit(x * 2 + 1, y, settings=still, warm_start=first)
    np.testing.assert_array_equal(second.vector, first.vector)
    assert second.structure is first.structure and second.target.labels == first.target.labels
    assert second.preprocessor is first.preprocessor


def test_a_model_of_other_columns_is_refused() -> None:
    x, y = numbers("3")
    settings = glassnet.recommended_settings(48, **FEW)
    model = glassnet.fit(x, y, hidden=(4,), settings=settings, feature_names=("a", "b", "c", "d"))
    with pytest.raises(InputError, match="same order"):
        glassnet.fit(x, y, settings=settings, warm_start=model, feature_names=("a", "b", "d", "c"))
    with pytest.raises(InputError, match=r"\(samples, 4\)"):
        glassnet.fit(x[:, :3], y, settings=settings, warm_start=model)


@pytest.mark.parametrize("option", [["--hidden", "8"], ["--activation", "tanh"]])
def test_warm_start_refuses_another_network(option: list, files: dict, capfd: pytest.CaptureFixture) -> None:
    path, rows, _ = files["fit"]
    assert run("train", str(rows), "--warm-start", str(path), *option) == 2
    assert option[0] in capfd.readouterr().err


# -------------------------------------------------------------------------------------------- old and foreign files


def test_a_file_of_the_first_format_and_a_foreign_one_get_a_clear_error(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    array = {"W1": np.zeros((2, 1), np.float32)}
    save_file(array, tmp_path / "old.glassnet", {"glassnet": json.dumps({"format_version": 1})})
    save_file(array, tmp_path / "foreign.safetensors")
    for load in (glassnet.load, MLPClassifier.load):
        with pytest.raises(InputError, match="train the model again"):
            load(tmp_path / "old.glassnet")
        with pytest.raises(InputError, match="no glassnet model"):
            load(tmp_path / "foreign.safetensors")
