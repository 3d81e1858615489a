"""Targets: what their values are, and whether they are classes or quantities."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import glassnet
import glassnet.cli
from glassnet import InputError
from glassnet.cli import main
from glassnet.data import read_table, target_values
from glassnet.models.target_rule import as_targets, choose_task, warn_of_classes

FEW = glassnet.Settings(epochs=1, engine="reference")


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 2], "classification"),
        ([0.0, 1.0, 2.0], "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        (np.arange(21.0), "regression"),
        ([0.5, 1], "regression"),
        ([[0, 1], [1, 0]], "regression"),
        ([1e19, 2e19], "regression"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_text_booleans_and_up_to_20_whole_numbers_are_classes(y: Any, task: str) -> None:
    assert choose_task(as_targets(y)).task == task
    if task == "regression":
        assert choose_task(as_targets(np.asarray(y, float))).task == task


@pytest.mark.parametrize("loss", ["poisson", "pinball"])
def test_a_loss_for_quantities_decides_the_task(loss: str) -> None:
    assert choose_task(np.array([0, 1, 2]), loss).task == "regression"
    assert choose_task(np.array(["a", "b"], object), loss).task == "classification"
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    settings = glassnet.recommended_settings(60, "regression", loss=loss, epochs=2)
    model = glassnet.fit(x, rng.poisson(2, 60), hidden=(3,), settings=settings)
    assert model.task == "regression"


def test_a_loss_for_classes_makes_classes_of_whole_numbers_only() -> None:
    assert choose_task(np.arange(26), "categorical_crossentropy").task == "classification"
    assert choose_task(np.arange(26.0), "hinge").task == "classification"
    assert choose_task(np.array([0.5, 1.5]), "hinge").task == "regression"
    assert choose_task(np.arange(26), "huber").task == "regression"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (pd.Series([0, 1, 1], dtype=object), np.array([0, 1, 1])),
        (pd.Series([0.5, 1, 2], dtype=object), np.array([0.5, 1, 2])),
        (pd.Series([Decimal("0.5"), 1]), np.array([0.5, 1])),
        (pd.Series([True, False], dtype=object), np.array([True, False])),
        (pd.Series(["a", "b"], dtype="category"), np.array(["a", "b"], object)),
        (pd.Series([3, 1], dtype="category"), np.array([3, 1])),
        (pd.Series([3, 1], dtype="Int64"), np.array([3, 1])),
        (pd.cut([1.0, 9.0], 2), np.array(["(0.992, 5.0]", "(5.0, 9.0]"], object)),
        (pa.chunked_array([[1, 2], [3]]), np.array([1, 2, 3])),
        (["001", "1"], np.array(["001", "1"], object)),
        (np.array([[1.5], [2.5]]), np.array([1.5, 2.5])),
    ],
    ids=str,
)
def test_targets_keep_their_type(y: Any, expected: np.ndarray) -> None:
    found = as_targets(y)
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", None, "b"], "row 2 has the target missing in 'y'; every row needs a target"),
        (np.array([0, 1, None], object), "row 3 has the target missing"),
        (pd.Series([1, None, 2], dtype="Int64"), "row 2 has the target missing"),
        ([1.0, np.nan], "row 2 has the target missing"),
        ([1.0, np.inf], "row 2 has the target inf"),
        ([1.5, 2.5, "n/a"], "row 3 has the target 'n/a' in 'y'; the other targets are of another type"),
        (["a", "b", 3], "row 3 has the target 3 in 'y'; the other targets are of another type"),
        (np.array([1j]), "y has dtype complex128; it must hold numbers, booleans or text"),
        (np.zeros((2, 2, 2)), r"y has shape \(2, 2, 2\)"),
    ],
    ids=str,
)
def test_what_is_no_target_is_named(y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_targets(y)


def frame(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})


@pytest.mark.parametrize("y", [[0, 1], [0.0, 1.0], [True, False], ["yes", "no"], ["001", "1"], [7, 9]], ids=str)
def test_predictions_equal_the_targets_in_type_and_writing(y: list) -> None:
    x = frame()
    truth = np.array([y[int(value > 0)] for value in x["a"]], object)
    model = glassnet.fit(x, truth, settings=glassnet.recommended_settings(60, engine="reference", epochs=40))
    predicted = model.predict(x)
    assert (predicted == truth).mean() > 0.9
    assert {type(value) for value in predicted.tolist()} == {int if isinstance(v, float) else type(v) for v in y}
    assert glassnet.fit(x, truth.tolist(), settings=FEW).classes == model.classes


def test_a_target_of_many_whole_numbers_is_a_quantity_everywhere(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = frame(300)
    y = np.rint(100 + 30 * x["a"] + rng.normal(size=300)).astype(int)
    assert len(set(y)) > 20
    settings = glassnet.recommended_settings(300, "regression", engine="reference")
    model = glassnet.fit(x, y, settings=settings, validation_fraction=0.2)
    assert model.task == "regression" and model.history[-1].validation_metric > 0.8
    path = tmp_path / "t.csv"
    x.assign(y=y).to_csv(path, index=False)
    for stream in (False, True):
        assert fit_command(path, tmp_path, stream).task == "regression"


def fit_command(path: Path, folder: Path, stream: bool) -> glassnet.Model:
    out = folder / "m.glassnet"
    arguments = ["train", str(path), "--epochs", "1", "--engine", "reference", "--quiet", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--stream" if stream else "--no-stream"])
    assert not ended.value.code
    return glassnet.load(out)


def test_many_classes_and_classes_that_look_measured_warn() -> None:
    for classes, rows, message in (
        (tuple(f"c{n}" for n in range(101)), 1000, "'y' has 101 different classes; each needs rows enough"),
        (tuple(f"c{n}" for n in range(200)), 300, "in 300 rows: is it an id or a name"),
        (tuple(range(101)), 1000, "they look like a quantity: the task 'regression' predicts it"),
        (tuple(n + 0.5 for n in range(21)), 1000, "they look like a quantity"),
        (tuple(f"{n}.50" for n in range(21)), 1000, "they look like a quantity"),  # as a file has them
    ):
        with pytest.warns(UserWarning, match=message):
            warn_of_classes(classes, rows, "y")
    for quiet in (tuple(range(100)), ("a", "b"), (0.5, 1.5), tuple(str(n) for n in range(100))):
        warn_of_classes(quiet, 1000, "y")  # warnings are errors


def test_an_id_as_the_target_is_hinted_at() -> None:
    x = frame(150)
    with pytest.warns(UserWarning, match="is it an id or a name rather than the target"):
        glassnet.fit(x, [f"customer {n}" for n in range(150)], settings=FEW)
    with pytest.warns(UserWarning, match="they look like a quantity"):
        glassnet.fit(x, np.linspace(0, 1, 150), task="classification", settings=FEW)


def test_a_negative_count_is_refused() -> None:
    x = frame()
    y = np.arange(60) - 1
    with pytest.raises(InputError, match="row 1 has the target -1; loss 'poisson' is for counts, 0 or more"):
        glassnet.fit(x, y, task="regression", settings=glassnet.Settings(loss="poisson", epochs=1))


@pytest.mark.parametrize(
    "writing", [("true", "false"), ("TRUE", "FALSE"), ("True", "False"), ("001", "002"), ("yes", "no")]
)
@pytest.mark.parametrize("stream", [False, True])
def test_predictions_are_written_as_in_the_training_file(writing: tuple, stream: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=200).round(3)
    lines = ["a,answer", *(f"{value},{writing[int(value > 0)]}" for value in a)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = fit_command(path, tmp_path, stream)
    assert sorted(model.classes) == sorted(writing)
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines).replace("rue", "RUE").replace("alse", "ALSE") + "\n", encoding="utf-8")
    table = read_table(other)
    truth = model.encode(target_values(table, "answer"))
    assert truth.tolist() == [model.classes.index(writing[int(value > 0)]) for value in a]
