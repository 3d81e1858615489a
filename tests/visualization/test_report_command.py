"""`glassnet report`: the command writes the report of the library."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits

import glassnet
from glassnet import MLPClassifier, MLPRegressor, Model, Settings, fit
from glassnet._utils.safetensors_file import write_arrays
from glassnet.cli import main
from glassnet.visualization.report import render_report, write_report

from .pages import Page

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here
DIGITS, NUMBERS = load_digits(return_X_y=True)
SUGAR = load_diabetes(as_frame=True, scaled=False)


@pytest.fixture(scope="module")
def sugar() -> Model:
    chosen = Settings(loss="half_mean_squared_error", epochs=4)
    names = list(SUGAR.data)
    return fit(SUGAR.data, SUGAR.target, hidden=(9,), task="regression", settings=chosen, feature_names=names)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_command_writes_the_same_page(
    sugar: Model, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    glassnet.save(sugar, "m.glassnet")
    SUGAR.data.assign(y=SUGAR.target).to_csv("held out.csv", index=False)
    assert run("report", "m.glassnet", "--data", "held out.csv", "--out", "new/r.html", "--language", "ko") == 0
    expected = render_report(
        glassnet.load("m.glassnet"), SUGAR.data, SUGAR.target, source="held out.csv", language="ko"
    )
    assert Path("new/r.html").read_bytes() == expected
    assert "saved the report to" in capsys.readouterr().out
    assert run("report", "m.glassnet") == 0 and "give a file with --data" in capsys.readouterr().out
    assert Path("report.html").read_bytes() == render_report(glassnet.load("m.glassnet"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.csv"], "there is no such file"),
        (["--language", "fr"], "it must be one of en, ko"),
        (["--out", "."], "this is a folder"),
    ],
)
def test_the_command_reports_errors(
    sugar: Model, arguments: list, message: str, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    glassnet.save(sugar, "m.glassnet")
    assert run("report", "m.glassnet", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_the_command_takes_the_file_of_an_estimator(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = SUGAR.data.assign(sex=np.where(SUGAR.data["sex"] > 0, "f", "m"))  # text, which preprocess="auto" takes
    rows.assign(sugar=SUGAR.target).to_csv("rows.csv", index=False)
    network = MLPRegressor(hidden_layer_sizes=(4,), preprocess="auto", max_iter=3, random_state=0).fit(
        rows, SUGAR.target
    )
    network.save("sugar.glassnet")
    assert run("report", "sugar.glassnet", "--data", "rows.csv") == 0  # the one column that is new is the target
    assert Path("report.html").read_bytes() == render_report(
        glassnet.load("sugar.glassnet"), rows, SUGAR.target, source="rows.csv"
    )

    classes = pd.DataFrame(DIGITS[:60]).assign(number=NUMBERS[:60]).astype(int)
    classes.to_csv("digits.csv", index=False)
    MLPClassifier((4,), max_iter=3, random_state=0).fit(DIGITS[:60], NUMBERS[:60]).save("digits.glassnet")  # no names
    assert run("report", "digits.glassnet", "--data", "digits.csv", "--target", "number", "--out", "d.html") == 0
    text = Page(Path("d.html").read_text("utf-8")).text
    assert "60 rows: digits.csv" in text
    accuracy = MLPClassifier.load("digits.glassnet").score(DIGITS[:60], NUMBERS[:60])
    assert f"{100 * accuracy:.1f}" in text
    assert run("report", "digits.glassnet", "--out", "without.html") == 0
    assert "give a file with --data" in capsys.readouterr().out

    for kind in ("os", "MLPTransformer"):  # which has no file
        write_arrays(f"{kind}.glassnet", {"W1": np.zeros((1, 1))}, "other", {"estimator": kind})
    glassnet.save(
        glassnet.fit(DIGITS[:60], NUMBERS[:60], hidden=(2,), settings=glassnet.Settings(epochs=1)), "m.glassnet"
    )
    rows.assign(sugar="sweet").to_csv("text.csv", index=False)
    for arguments, message in [
        (
            ["digits.glassnet", "--data", "digits.csv", "--target", "numbr"],
            "there is no column 'numbr'; did you mean 'number'?",
        ),
        (["sugar.glassnet", "--data", "digits.csv"], "the target column 'target' is missing"),
        (["sugar.glassnet", "--data", "digits.csv", "--target", "number"], "column 'age', 'sex', "),
        (["sugar.glassnet", "--data", "text.csv"], "this model predicts numbers"),
        (["os.glassnet"], "no glassnet model"),
        (["MLPTransformer.glassnet"], "no glassnet model"),
        (["m.glassnet", "--target", "none"], "--target names a column of --data"),
    ]:
        assert run("report", *arguments) == 2
        assert message in capsys.readouterr().err, arguments


def test_a_model_of_the_digits_is_evaluated_on_their_test_rows(tmp_path: Path) -> None:
    path = tmp_path / "d.glassnet"
    assert run("train", "--hidden", "8", "--epochs", "1", "--out", path, "-q") == 0
    assert run("report", path, "--out", tmp_path / "r.html") == 0
    assert "360 rows: digits" in Page((tmp_path / "r.html").read_text("utf-8")).text
    assert write_report(glassnet.load(path), path=tmp_path / "x.html") == tmp_path / "x.html"
