"""The options of reading, on the command line: for training, and for the files that a model is used on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from glassnet.cli import main
from glassnet.models import load


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a command and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


ROWS = [f"{row};{row / 4};{'yes' if row > 60 else 'no'}" for row in range(120)]
FAST = ("--hidden", "4", "--epochs", "2")


def test_what_was_detected_is_said_in_one_line_each(run: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [row.replace(".", ",") for row in ROWS])
    code, out, err = run("train", path, *FAST)
    assert (code, err) == (0, "")
    for note in ("the delimiter is ';'", "decimals have a comma", "the first line looks like data"):
        assert sum(note in line and str(path) in line for line in out.splitlines()) == 1
    code, out, _ = run("train", path, *FAST, "--json")
    assert code == 0 and json.loads(out)


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_a_model_reads_other_files_as_its_training_files(run: Any, stream: str, tmp_path: Path) -> None:
    lines = [f"{row}!{row % 7}k{row % 3}!{'yes' if row > 60 else 'no'}" for row in range(120)]
    lines[50] = "n.a.!1k1!no"
    path = write(tmp_path / "t.csv", lines)
    model = tmp_path / "m.glassnet"
    options = ("--delimiter", "!", "--missing", "n.a.", "--no-header", stream, "--out", model)
    code, _, err = run("train", path, *FAST, *options)
    assert (code, err) == (0, "")
    assert load(model).metadata["csv"] == {"delimiter": "!", "missing": ["n.a."], "header": False}
    code, out, err = run("evaluate", model, path, "--json")
    assert (code, err, json.loads(out)["rows"]) == (0, "", 120)
    one = write(tmp_path / "one.csv", ["100!1k1"])  # a single row, without a header and a target
    code, out, err = run("predict", model, one)
    assert (code, err) == (0, "") and out.splitlines()[1].strip('"') in ("yes", "no")


def test_an_odd_cell_is_an_error_with_ways_out_that_work(run: Any, tmp_path: Path) -> None:
    lines = ["size,price", *(f"{row},{row * 7}" for row in range(400))]
    for cell, way in (("<1.0", "--missing"), ('"1,250.5"', "--thousands"), ("n/a (sold)", "--on-bad-row")):
        lines[201] = f"200,{cell}"
        path = write(tmp_path / "t.csv", lines)
        for stream in ("--stream", "--no-stream"):
            code, _, err = run("train", path, *FAST, stream)
            assert code == 2 and err.count("\n") == 1
            assert f"{path}: row 201, column 'price' is {cell.strip(chr(34))!r}, which is not a number" in err
            assert way in err
            value = {"--missing": "<1.0", "--thousands": ",", "--on-bad-row": "skip"}[way]
            more = ("--on-bad-row", "skip") if way == "--missing" else ()  # the target must not be missing
            code, out, err = run("train", path, *FAST, stream, way, value, *more)
            assert (code, err) == (0, ""), err
            assert "regression: predicting 'price'" in out


def test_test_files_are_read_as_the_training_files(run: Any, tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", ["a,y", *(f"{row % 5}k,{row}.5" for row in range(60)), "7,0.5", "8,1.5"])
    test = write(tmp_path / "test.csv", ["a,y", "7,1.5", "8,2.5"])  # numbers only, in a column of text
    for stream in ("--stream", "--no-stream"):
        code, _, err = run("train", train, "--test", test, *FAST, stream)
        assert (code, err) == (0, "")


def test_columns_of_the_reading_options_must_exist(run: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ["id,size,label", *(f"i{row},{row},{'uv'[row % 2]}" for row in range(60))])
    code, _, err = run("train", path, "--ignore", "idd", *FAST)
    assert code == 2 and "--ignore names the column 'idd', which is not there; did you mean 'id'?" in err
    assert run("train", path, "--ignore", "id", *FAST)[0] == 0
    code, _, err = run("train", path, "--numeric", "id", *FAST)
    assert code == 2 and "row 1, column 'id' is 'i0', which is not a number" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--delimiter", "ab"), "delimiter is 'ab'"),
        (("--decimal", ";"), "decimal is ';'"),
        (("--encoding", "klingon"), "encoding 'klingon' is not known"),
        (("--thousands", "x"), "thousands is 'x'"),
        (("--max-columns", "0"), "--max-columns 0: it must be at least 1"),
        (("--max-columns", "2"), "has 3 columns, more than 2"),
        (("--set", "optimizer_settings=" + "[" * 5000), "--set optimizer_settings: the value is nested too deeply"),
    ],
)
def test_impossible_values_of_options_are_errors(
    run: Any, options: tuple[str, str], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv", [row.replace(";", ",") for row in ROWS])
    code, _, err = run("train", path, *options)
    assert code == 2 and message in err and err.count("\n") == 1


def test_reading_does_not_import_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ["a,b,c", "1,x,2024-01-31", "?,y,", "2.5,None,2024-02-01"])
    program = (
        "import sys; from glassnet.data import read_table; read_table(sys.argv[1]); sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, env=os.environ)
