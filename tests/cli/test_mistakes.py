"""Frequent mistakes on the command line: one line that helps."""

import shutil
import subprocess
from pathlib import Path

import pytest

from glassnet.cli.mistakes import free_path

from .test_cli import flowers, glassnet, houses, model

__all__ = ["flowers", "glassnet", "houses", "model"]

MISTAKES = [
    ("evaluate TABLE MODEL", "are exchanged: the model comes first: glassnet evaluate MODEL TABLE"),
    ("predict TABLE MODEL", "are exchanged: the model comes first: glassnet predict MODEL TABLE"),
    ("show TABLE", "is a table, and a model is expected; train one: glassnet train TABLE --out m.glassnet"),
    ("export TABLE --to x.onnx", "is a table, and a model is expected"),
    ("train TABLE --lr 0.01", "No such option: --lr; it is called --learning-rate here"),
    ("train TABLE --layers 64,32", "No such option: --layers; it is called --hidden here"),
    ("train TABLE --output m", "it is called --out here"),
    ("predict MODEL TABLE --output m", "it is called --out here"),
    ("evaluate MODEL TABLE --lr 1", "No such option: --lr"),
    ("train TABLE --hidden 64 32", "--hidden 64 32: separate the entries by commas: --hidden 64,32"),
    ("train TABLE --hidden 64, 32, 16", "separate the entries by commas: --hidden 64,32,16"),
    ("train --hidden 64 32", "separate the entries by commas: --hidden 64,32"),
    ("train TABLE --dropout 0.1 .2", "separate the entries by commas: --dropout 0.1,.2"),
    ("train TABLE --activation tanh relu", "separate the entries by commas: --activation tanh,relu"),
    ("train TABLE --hidden 64,-3", "--hidden 64,-3: -3 is no size: a layer has a whole number of units, 1 or more"),
    ("train --data TABLE", "No such option: --data; give the file without an option: glassnet train DATA"),
    ("evaluate --model MODEL TABLE", "give the file without an option: glassnet evaluate MODEL DATA"),
    ("train TABLE --out m.pkl", "--out m.pkl: a model is written as a .glassnet file, which holds no code; end the"),
    ("train TABLE --out m.onnx", "end the name with .glassnet"),
    ("predict MODEL TABLE --out p.xlsx", "predictions are written as CSV or Parquet; end the name with .csv or .parq"),
    ("report MODEL --out r.pdf", "a report is an HTML page; end the name with .html"),
    ("predict MODEL", "Missing argument 'data'; write it like glassnet predict MODEL DATA"),
    ("train TABLE TABLE", "write it like glassnet train DATA"),
    ("TABLE", "To train on a file: glassnet train TABLE"),
    ("predict MODEL TABLE --on-bad-row leave", "--on-bad-row leave is not known; choose error, skip, blank"),
    ("predict MODEL TABLE --keep lenght", "names the column 'lenght', which is not there; did you mean 'length'?"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES)
def test_a_mistake_gets_one_line_that_helps(
    glassnet, flowers: Path, model: Path, line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(flowers, "t.csv")
    code, out, err = glassnet(*line.replace("TABLE", "t.csv").replace("MODEL", model.name).split())
    assert (code, err.count("\n")) == (2, 1), out + err
    expected = message.replace("TABLE", "t.csv")
    is_usage = "DATA" in message or "m.glassnet" in message
    assert (expected if is_usage else expected.replace("MODEL", model.name)) in err
    assert "epoch" not in out


def test_a_number_that_names_a_file_is_the_file(
    glassnet, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(flowers, "32")
    code, _, err = glassnet("train", "--hidden", "8", "32", "--epochs", "1", "-q")
    assert "separate" not in err and code in (0, 2)


def test_report_and_plot_overwrite_nothing_by_default(
    glassnet, model: Path, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in ("", "-2", "-3"):
        code, out, _ = glassnet("report", model, "--data", flowers)
        assert code == 0 and f"report{number}.html" in out and (tmp_path / f"report{number}.html").is_file()
        code, out, _ = glassnet("plot", model)
        assert code == 0 and f"plots{number}" in out and (tmp_path / f"plots{number}").is_dir()
    before = (tmp_path / "report.html").stat().st_mtime_ns
    assert glassnet("report", model, "--out", "report.html")[0] == 0  # named, it is replaced
    assert (tmp_path / "report.html").stat().st_mtime_ns > before
    assert free_path(str(tmp_path / "new.html")) == str(tmp_path / "new.html")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_demo_takes_a_target() -> None:
    root = Path(__file__).parents[2]
    printed = subprocess.run(
        ["make", "-n", "demo", "DATA=my rows.csv", "TARGET=price", "TEST=held out.csv"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert 'train "my rows.csv" --test "held out.csv" --target "price"' in printed
