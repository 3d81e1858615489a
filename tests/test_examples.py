"""Every example runs, with --quick, and writes a picture."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
#: The eight bytes that every PNG file begins with, and fewer bytes than any picture worth looking at has.
SIGNATURE, LEAST = b"\x89PNG\r\n\x1a\n", 15_000


def run(example: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(example), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.sweep(only=["training_curves", "messy_table"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_writes_its_picture(example: Path, tmp_path: Path) -> None:
    done = run(example, "--quick", "--out", "picture.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / "picture.png").read_bytes()
    assert picture.startswith(SIGNATURE) and len(picture) > LEAST
    assert done.stdout.endswith("written: picture.png\n")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_the_examples_are_found() -> None:
    assert {"training_curves", "messy_table", "importance"} <= {example.stem for example in EXAMPLES}


def test_each_example_says_how_it_is_run() -> None:
    for example in EXAMPLES:
        assert f"python examples/{example.name} [" in example.read_text(encoding="utf-8")


def test_a_file_of_pixels_takes_the_place_of_the_small_digits(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rows = [",".join(["label", *(f"pixel{column}" for column in range(64))])]
    rows += [",".join(map(str, [digit, *pixels.astype(int)])) for digit, pixels in zip(y, X * 15, strict=True)]
    (tmp_path / "digits.csv").write_text("\n".join(rows[:400]))
    example = next(example for example in EXAMPLES if example.stem == "first_layer_weights")
    done = run(example, "--quick", "--data", "digits.csv", "--out", "picture.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "picture.png").stat().st_size > LEAST
