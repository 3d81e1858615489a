"""Tables as people have them: `glassnet.fit` on frames with text, missing values, dates, odd columns and rows."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import glassnet
from glassnet import InputError, MLPClassifier
from glassnet.cli import main
from glassnet.models.fitting_files import fit_files
from glassnet.preprocessing import Scaling, TablePreprocessor

FEW = glassnet.Settings(epochs=1, engine="reference", loss="categorical_crossentropy")
FRAMES = {"pandas": pd.DataFrame, "polars": lambda c: pytest.importorskip("polars").DataFrame(c), "arrow": pa.table}


def people(rows: int = 300) -> tuple[dict[str, list], list[str]]:
    """Return columns of every kind, and a target that depends on a category and a boolean."""
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Köln", "Rome"], rows)
    member = rng.random(rows) < 0.5
    columns = {
        "age": [None if n % 20 == 0 else int(value) for n, value in enumerate(rng.integers(18, 90, rows))],
        "city": [None if n % 30 == 0 else str(value) for n, value in enumerate(city)],
        "member": member.tolist(),
        "name": [f"person {n}" for n in range(rows)],
        "country": ["CH"] * rows,
    }
    return columns, ["yes" if (c == "Bern") ^ m else "no" for c, m in zip(city, member, strict=True)]


@pytest.mark.filterwarnings("ignore:column '(name|country)' is left out")
@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_with_text_and_missing_values_is_learned(kind: str) -> None:
    columns, y = people()
    frame = FRAMES[kind](columns)
    model = glassnet.fit(frame, y, settings=glassnet.recommended_settings(300, engine="reference"))
    assert np.mean(model.predict(frame) == np.array(y)) > 0.97
    assert model.feature_names == ("age", "city", "member")
    assert [name for name, _ in model.metadata["left_out"]] == ["name", "country"]


def test_columns_that_are_left_out_are_reported() -> None:
    columns, y = people()
    with pytest.warns(UserWarning, match="column '(name|country)' is left out: it (is text|holds a single)") as found:
        glassnet.fit(pd.DataFrame(columns), y, settings=FEW)
    assert len(found) == 2
    glassnet.fit(pd.DataFrame(columns), y, settings=FEW, ignore=["name", "country"])  # warnings are errors


def test_columns_are_matched_by_name_in_predict() -> None:
    columns, y = people()
    frame = pd.DataFrame(columns).drop(columns=["name", "country"])
    numbers = pd.DataFrame({"p": np.arange(60.0), "q": np.arange(60.0) % 7})
    for rows, target in ((frame, y), (numbers, (np.arange(60) % 2).tolist())):
        model = glassnet.fit(rows, target, settings=FEW)
        expected = model.predict_proba(rows)
        names = list(rows.columns)
        np.testing.assert_array_equal(model.predict_proba(rows[names[::-1]]), expected)
        np.testing.assert_array_equal(model.predict_proba(pa.Table.from_pandas(rows[names[::-1]])), expected)
        with pytest.warns(UserWarning, match="the columns 'more' are ignored"):
            np.testing.assert_array_equal(model.predict_proba(rows.assign(more=1)), expected)
        np.testing.assert_array_equal(model.predict_proba(rows.assign(more=1, y=target)), expected)  # said once
        with pytest.raises(InputError, match=f"X lacks the column '{names[0]}' of the training rows"):
            model.predict(rows[names[1:]])
        np.testing.assert_array_equal(model.predict_proba(rows.to_numpy()), expected)
        with pytest.raises(InputError, match=r"columns; the training rows had|has shape .* needs"):
            model.predict(rows.to_numpy()[:, 1:])


def test_one_nan_in_an_array_is_named_before_scaling() -> None:
    x = np.random.default_rng(0).normal(size=(200, 4))
    y = (x[:, 0] > 0).astype(int)
    model = glassnet.fit(x, y, settings=FEW)
    for value in (np.nan, np.inf, -np.inf):
        bad = x.copy()
        bad[150, 2] = value
        for use in (lambda rows: glassnet.fit(rows, y, settings=FEW), model.predict):
            with pytest.raises(InputError, match=rf"x\[150, 2\].* is {value}; every feature must be a finite number"):
                use(bad)


def test_two_flags_and_a_quantity_are_no_pixels() -> None:
    rng = np.random.default_rng(0)
    flags = rng.integers(0, 2, (400, 2))
    y = flags[:, 0] ^ flags[:, 1]
    for kind in (np.int64, np.uint8, np.float32):
        x = np.column_stack([flags, rng.integers(40, 201, 400)]).astype(kind)
        for rows in (x, pd.DataFrame(x, columns=["a", "b", "c"])):
            model = glassnet.fit(rows, y, settings=glassnet.recommended_settings(400, engine="reference"))
            assert isinstance(model.scaling, Scaling) and model.scaling.kind == "standard"
            assert np.mean(model.predict(rows) == y) > 0.98


@pytest.mark.parametrize("kind", ["standard", "range", "bytes", "identity"])
def test_the_scaling_can_be_chosen(kind: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 4))
    for rows in (x, pd.DataFrame(x, columns=list("abcd"))):
        assert glassnet.fit(rows, np.arange(60) % 2, scaling=kind, settings=FEW).scaling.kind == kind


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.empty((0, 3)), r"x has shape \(0, 3\).*at least one of each"),
        (pd.DataFrame({"a": []}), r"x has shape \(0, 1\)"),
        (np.ones((3, 2), complex), "is of dtype complex128; convert it to numbers or text"),
        (pd.DataFrame({"a": [1j, 2j, 3j]}), "is of dtype complex128"),
        (np.array([[1, "a"], [2, 3], [3, 4]], object), r"X\[0, 1\].* is 'a', which is not a number"),
        (pd.DataFrame({"a": [[1], [2], [3]]}), r"X\[0, 0\] \(column 'a'\) is a list"),
        (np.zeros(3), r"x has shape \(3,\)"),
        ("rows.csv", "X is a str|X has 0 dimensions"),
        (pd.DataFrame([[1, 2], [2, 3], [3, 5]], columns=["a", "a"]), "x: column 'a' occurs 2 times"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_of_no_use_are_named(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        glassnet.fit(x, [0, 1, 0], settings=FEW)


def test_names_that_are_not_those_of_the_rows_are_named() -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 3, 5]})
    for x, message in (
        (frame, "feature_names has 2 names: 'b', 'a'; x has 2 columns: 'a', 'b'; leave feature_names out"),
        (np.eye(3), "feature_names has 2 names: 'b', 'a'; x has 3 columns; give one for each"),
    ):
        with pytest.raises(InputError, match=message):
            glassnet.fit(x, [0, 1, 0], feature_names=["b", "a"], settings=FEW)


@pytest.mark.parametrize("dtype", ["Int64", "object", "category", "string", "boolean", "Float32", "datetime64[us]"])
def test_frames_of_every_dtype_are_taken(dtype: str) -> None:
    values: list = ["u", "v"] * 15 if dtype in ("category", "string") else [1, 0] * 15
    frame = pd.DataFrame({"a": pd.Series(values).astype(dtype), "b": np.arange(30.0)})
    model = glassnet.fit(frame, [0, 1] * 15, settings=FEW)
    assert len(model.predict(frame)) == 30
    frame["a"] = frame["a"].astype(object).where(frame.index != 4, None)
    glassnet.fit(frame, [0, 1] * 15, settings=FEW)


def test_an_array_of_objects_is_taken_column_by_column() -> None:
    rows = np.array([[n % 7, n * 0.5, n % 2 == 0] for n in range(40)], object)
    model = glassnet.fit(rows, [0, 1] * 20, settings=FEW)
    assert isinstance(model.preprocessor, TablePreprocessor) and model.feature_names == ("x1", "x2", "x3")
    assert len(model.predict(rows)) == 40


def test_categories_that_change_type_or_have_blanks_are_recognised() -> None:
    rng = np.random.default_rng(0)
    code = rng.integers(1, 6, 300)
    y = (code >= 3).astype(int)
    text = pd.DataFrame({"code": code.astype(str), "noise": rng.normal(size=300)})
    model = glassnet.fit(text, y, settings=glassnet.recommended_settings(300, engine="reference"))
    for used in (code, code.astype(float), [f"{value} " for value in code]):
        assert np.mean(model.predict(text.assign(code=used)) == y) == 1
    with pytest.warns(UserWarning, match="column 'code': 100% of the values are categories that the training rows"):
        model.predict(text.assign(code="other"))


@pytest.fixture(autouse=True)
def _work_in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # lists of skipped rows are written there


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("odd", ["<1.0", "see note", "12 kg"])
@pytest.mark.parametrize("where", ["price", "size"])
def test_one_odd_cell_is_named_and_can_be_skipped(odd: str, where: str, tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=400).round(3), "price": rng.normal(100, 20, 400).round(2)})
    frame = frame.astype(object)
    frame.loc[37, where] = odd
    path = tmp_path / "prices.csv"
    frame.to_csv(path, index=False)
    command = ["train", path, "--epochs", 1, "--engine", "reference"]
    assert run(*command) == 2
    message = capsys.readouterr().err
    assert "prices.csv: row 38, " in message and repr(odd) in message and "--on-bad-row skip" in message
    assert run(*command, "--on-bad-row", "skip") == 0
    out = capsys.readouterr()
    assert "skipped 1 invalid row" in out.out + out.err and "regression" in out.out + out.err


def test_an_unnamed_counter_is_left_out_and_reported(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "label": np.repeat(["p", "q"], 150)})
    frame.to_csv(tmp_path / "t.csv")  # with pandas' index, and the rows sorted by class
    out = tmp_path / "m.glassnet"
    assert run("train", tmp_path / "t.csv", "--engine", "reference", "--out", out) == 0
    found = capsys.readouterr()
    assert "the first column has no name and numbers the rows" in found.out + found.err
    model = glassnet.load(out)
    assert model.feature_names == ("a",) and model.history[-1].validation_metric < 0.8


def test_a_missing_target_is_an_error_with_its_row_or_is_left_out(tmp_path: Path, capsys: Any) -> None:
    columns, y = people(100)
    frame = pd.DataFrame(columns).drop(columns=["name", "country"]).assign(answer=y)
    frame.loc[[40, 60], "answer"] = None
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    for stream in ("--no-stream", "--stream"):
        command = ["train", path, "--epochs", 1, "--engine", "reference", "--json", stream]
        assert run(*command) == 2
        assert "t.csv: row 41, target column 'answer' is empty" in capsys.readouterr().err
        assert run(*command, "--on-bad-row", "skip") == 0
        assert '"bad_rows": 2' in capsys.readouterr().out


def test_the_options_of_columns_reach_the_command_line_and_streams(tmp_path: Path) -> None:
    columns, y = people(100)
    frame = pd.DataFrame(columns).assign(answer=y, zip=[8000 + n % 3 for n in range(100)])
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    options = ["--target", "answer", "--ignore", "name,country", "--categorical", "zip", "--scaling", "range"]
    models = []
    for stream in ("--no-stream", "--stream"):
        command = ["train", path, "--epochs", 1, "--engine", "reference", "--validation-fraction", 0, "--quiet"]
        assert run(*command, *options, stream, "--out", tmp_path / "m.glassnet") == 0
        models.append(glassnet.load(tmp_path / "m.glassnet"))
    one, other = models
    assert one.feature_names == other.feature_names == ("age", "city", "member", "zip")
    assert one.preprocessor.to_dict() == other.preprocessor.to_dict()
    assert "zip = 8001" in one.input_names and one.preprocessor.scale[0] < 1 / 50
    assert run("train", path, "--ignore", "nam") == 2


@pytest.mark.filterwarnings("ignore:column '(name|country)' is left out")
def test_a_model_of_a_table_is_trained_further_evaluated_and_drawn(tmp_path: Path, capsys: Any) -> None:
    columns, y = people(100)
    path = tmp_path / "t.csv"
    pd.DataFrame(columns).assign(answer=y).to_csv(path, index=False)
    model = tmp_path / "m.glassnet"
    command = ["train", path, "--epochs", 2, "--engine", "reference", "--quiet"]
    assert run(*command, "--out", model) == 0
    assert run(*command, "--warm-start", model, "--out", tmp_path / "more.glassnet") == 0
    more = glassnet.load(tmp_path / "more.glassnet")
    assert more.preprocessor.to_dict() == glassnet.load(model).preprocessor.to_dict()
    capsys.readouterr()
    assert run("show", model) == 0
    shown = capsys.readouterr().out
    assert "1 of numbers (scaled to mean 0 and deviation 1), 1 of booleans, 1 of categories, one-hot;" in shown
    assert "1 with missing values, replaced by the median" in shown
    assert "left out: name (is text of which most values occur once), country (holds a single value)" in shown
    for command in (["evaluate", model, path], ["predict", model, path, "--proba"], ["show", model]):
        assert run(*command) == 0
    assert run("plot", model, "--data", path, "--out", tmp_path / "plots") == 0
    assert run("report", model, "--data", path, "--out", tmp_path / "report.html") == 0
    assert "Bern" in (tmp_path / "report.html").read_text(encoding="utf-8")
    found = glassnet.cross_val_predict(more, pd.DataFrame(columns), y, cv=3)
    assert found.outputs.shape == (100, 2)


# ------------------------------------------------------------------------------------------------- one set of rules

#: Values of a column by its kind; the draws below choose among them.
KINDS: dict[str, Any] = {
    "number": st.floats(-1e3, 1e3).map(lambda value: round(value, 2) + 0.001),
    "whole": st.integers(-50, 50),
    "flag": st.booleans(),
    "few": st.sampled_from(["u", "v", "w x", "Ä", "=1"]),
    "many": st.integers(0, 80).map("k{}".format),
    "date": st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 1, 1)),
    "same": st.just("constant"),
}
NAMES = ("age", "Age ", "x, y", "größe", "1", "id", 'a"b', "class of", "=SUM(A1)")


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    """Draw a table: columns of any kind and order, odd names, missing values, and a target that is the last column."""
    rows = draw(st.integers(30, 60))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    names = draw(st.permutations(NAMES))
    columns: dict[str, Any] = {}
    for name, kind in zip(names, ["number", *kinds], strict=False):
        values = draw(st.lists(KINDS[kind], min_size=rows, max_size=rows))
        gaps = draw(st.sampled_from([0, 0, 7]))
        columns[name] = [None if gaps and row % gaps == 3 else value for row, value in enumerate(values)]
        if kind == "date":
            columns[name] = pd.to_datetime(pd.Series(columns[name]))
    columns["outcome"] = [("p", "q", "r")[row % 3] for row in range(rows)]
    return pd.DataFrame(columns)


def without_target(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="outcome")


@pytest.mark.filterwarnings("ignore:column .* is left out", "ignore:Stochastic Optimizer")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_fit_estimators_streams_and_the_command_line_train_the_same_model(tmp_path: Path, frame: pd.DataFrame) -> None:
    y = frame["outcome"].to_numpy()
    x = without_target(frame)
    recommended = glassnet.recommended_settings(len(y), epochs=1, batch_size=16, engine="reference")
    try:
        model = glassnet.fit(x, y, hidden=(3,), settings=recommended)
    except InputError as error:
        if "no column is left" not in str(error) and "holds numbers" not in str(error):
            raise
        return
    for other in (pytest.importorskip("polars").from_pandas(x), pa.Table.from_pandas(x, preserve_index=False)):
        same = glassnet.fit(other, y, hidden=(3,), settings=recommended)
        assert same.preprocessor.to_dict() == model.preprocessor.to_dict()
        np.testing.assert_array_equal(same.vector, model.vector)
    shuffled = list(reversed(x.columns))
    np.testing.assert_array_equal(model.predict_proba(x[shuffled]), model.predict_proba(x))

    path = tmp_path / "drawn.parquet"
    frame.to_parquet(path)
    out = tmp_path / "m.glassnet"
    options = ["--hidden", 3, "--epochs", 1, "--batch-size", 16, "--engine", "reference", "--quiet"]
    assert run("train", path, "--validation-fraction", 0, "--no-stream", *options, "--out", out) == 0
    loaded = glassnet.load(out)
    assert loaded.preprocessor.to_dict() == model.preprocessor.to_dict() and loaded.target_name == "outcome"
    np.testing.assert_array_equal(loaded.vector, model.vector)

    streamed = fit_files(path, validation_fraction=0, hidden=(3,), settings=recommended, cache=False)
    assert streamed.preprocessor.to_dict() == model.preprocessor.to_dict()
    assert streamed.feature_names == model.feature_names and streamed.classes == model.classes
    for name, array in model.preprocessor.arrays().items():
        np.testing.assert_allclose(streamed.preprocessor.arrays()[name], array, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(streamed.inputs(x), model.inputs(x), rtol=1e-6, atol=1e-6)

    estimator = MLPClassifier.recommended(
        hidden_layer_sizes=(3,), preprocess="auto", max_iter=1, batch_size=16, engine="reference"
    ).fit(x, y)
    np.testing.assert_array_equal(estimator.model_.vector, model.vector)
    np.testing.assert_array_equal(estimator.predict_proba(x), model.predict_proba(x))
