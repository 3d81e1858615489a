"""``glassnet walkthrough``."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from glassnet.cli import main
from glassnet.data import features, target_values
from glassnet.datasets import load_digits
from glassnet.walkthrough import train_nn

HEADER = "label,1x1,1x2,2x1,2x2"


@pytest.fixture
def walkthrough(capsys: pytest.CaptureFixture):
    """Return a function that runs the command and returns exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["walkthrough", *[str(argument) for argument in arguments]])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def write_pictures(path: Path, rows: int, first: str = "") -> Path:
    """Write pictures of four pixels in Kaggle's layout; the label is the number of the brightest pixel."""
    rng = np.random.default_rng(rows)
    lines = [HEADER]
    for row in range(rows):
        pixels = rng.integers(0, 100, 4)
        pixels[row % 4] = 255
        lines.append(f"{row % 4}," + ",".join(map(str, pixels)))
    if first:
        lines[1] = first
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_without_files_it_trains_on_the_digits_as_train_nn_does(walkthrough, capsys: pytest.CaptureFixture) -> None:
    code, out, _ = walkthrough("--epochs", 2, "--language", "en")
    data = []
    for table in load_digits():
        data += [features(table, table.names[1:]) / 16, np.eye(10)[target_values(table, "label")]]
    np.random.seed(0)
    train_nn(*data, [64, 128, 64, 10], 2, 500, language="en")
    assert code == 0 and out == capsys.readouterr().out
    assert out.startswith("gradient descent 1, performance on the test set: 0.") and len(out.splitlines()) == 2


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_it_takes_files_in_kaggles_layout_and_prints_in_korean(walkthrough, tmp_path: Path, ending: str) -> None:
    train = write_pictures(tmp_path / f"train{ending}", 80)
    test = write_pictures(tmp_path / f"test{ending}", 40)
    options = ("--epochs", 20, "--alpha", 100, "--layers", "4,8,4", "--language", "ko")
    code, out, err = walkthrough(train, test, *options)
    lines = out.splitlines()
    assert (code, err) == (0, "") and len(lines) == 20
    assert lines[0].startswith("1번째 경사 하강, 테스트 셋에서 성능: ")
    assert float(lines[-1].split()[-1]) > 0.8
    assert walkthrough(train, test, *options, "--seed", 1)[1] != out
    assert walkthrough(train, test, *options, "--engine", "fused")[1] == out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["train.csv"], "TEST.csv is missing after train.csv"),
        (["train.csv", "test.csv", "--layers", "4,8"], "the data have 4 pixels and 4 classes"),
        (["train.csv", "test.csv", "--layers", "5,8,4"], "--layers 5,8,4: the data have 4 pixels and 4 classes"),
        (["train.csv", "test.csv", "--language", "fr"], "language is 'fr'; it must be one of en, ko"),
        (["train.csv", "test.csv", "--engine", "torch"], "engine is 'torch'"),
        (["train.csv", "test.csv", "--epochs", "0"], "--epochs"),
        (["train.csv", "bright.csv"], "bright.csv: row 1, column '1x2' is 256; a pixel is between 0 and 255"),
        (["train.csv", "unknown.csv"], "unknown.csv: row 1 has the label 7, which no training row has"),
        (["unlabelled.csv", "test.csv"], "unlabelled.csv: there is no column 'label'"),
    ],
)
def test_invalid_options_and_files_are_user_errors(
    walkthrough, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("train.csv"), 40)
    write_pictures(Path("test.csv"), 20)
    write_pictures(Path("bright.csv"), 20, first="0,1,256,3,4")
    write_pictures(Path("unknown.csv"), 20, first="7,1,2,3,4")
    Path("unlabelled.csv").write_text("1x1,1x2\n1,2\n")
    code, out, err = walkthrough(*options)
    assert (code, out) == (2, "") and message in err
