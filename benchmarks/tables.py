"""Scores on real tables with `glassnet train FILE` and nothing else; writes docs/tables.md.

A fifth of the lines of each file is held out by a fixed seed. ``glassnet train`` gets the others, without any option
but the file to save to, and ``glassnet evaluate`` the held-out ones. scikit-learn's HistGradientBoosting has its
defaults and the same rows, with categories as such and missing values as such.
"""

from __future__ import annotations

import bz2
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from turns import head, line

from glassnet.data import Table, choose_target, read_table, target_values
from glassnet.models.target_rule import choose_task

REPOSITORY = Path(__file__).resolve().parent.parent
#: Share of the lines that are held out, and the seed of their choice.
HELD_OUT, SEED = 0.2, 0
#: Standard deviations of the difference that count as noise.
NOISE = 2.0
#: Samples of the bootstrap of a difference.
SAMPLES = 2000
BEGIN, END = "<!-- the table: written by `make tables` -->", "<!-- the end of the table -->"


def folder() -> Path | None:
    """Return the folder with the tables: GLASSNET_TABLES, or ../shared/tables next to the checkout."""
    for found in (os.environ.get("GLASSNET_TABLES"), REPOSITORY.parent / "shared" / "tables"):
        if found and Path(found).is_dir():
            return Path(found)
    return None


def files(where: Path) -> list[Path]:
    """Return the tables, without those that are test rows of another."""
    found = [path for path in sorted(where.iterdir()) if ".csv" in path.suffixes]
    return [path for path in found if "-test" not in path.name]


@dataclass
class Scores:
    """The scores on the held-out rows of one table.

    Parameters
    ----------
    name : str
        The file.
    shape : tuple of int
        Rows and columns beside the target.
    task : str
        ``"classification"`` (accuracy) or ``"regression"`` (R²).
    glassnet, boosting, simple : float
        The score of glassnet, of HistGradientBoosting, and of the majority class or the mean.
    noise : float
        `NOISE` standard deviations of the difference between the first two, by the bootstrap over the held-out rows.
    seconds : float
        Of the command ``glassnet train``.
    """

    name: str
    shape: tuple[int, int]
    task: str
    glassnet: float
    boosting: float
    simple: float
    noise: float
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether glassnet is within noise of, or above, boosting."""
        return self.glassnet >= self.boosting - self.noise


def compare(path: Path, work: Path) -> Scores:
    """Split a table, train on it by the command line, and return the scores on its held-out rows."""
    train, test = split(path, work)
    model = work / "model.glassnet"
    began = time.perf_counter()
    result = json.loads(command("train", train, "--json", "--out", model))
    seconds = time.perf_counter() - began
    evaluated = json.loads(command("evaluate", model, test, "--json"))
    fitted = read_table(train)
    held_out = read_table(test)
    target = choose_target(fitted)
    y, truth = target_values(fitted, target), target_values(held_out, target)
    predicted = np.array(read_predictions(command("predict", model, test)), object)
    boosted = boosting(fitted, held_out, target, y, result["task"])
    is_class = result["task"] == "classification"
    assert result["task"] == choose_task(y).task
    own = predicted == truth.astype(str) if is_class else predicted.astype(float)
    theirs = boosted == truth if is_class else boosted.astype(float)
    values, counts = np.unique(y.astype(str) if is_class else y, return_counts=True)
    simple = float(np.mean(truth.astype(str) == values[counts.argmax()])) if is_class else 0.0
    score = evaluated["accuracy"] if is_class else evaluated["r2"]
    return Scores(
        path.name.partition(".")[0],
        (len(fitted) + len(held_out), len(fitted.names) - 1),
        result["task"],
        score,
        score_of(theirs, truth, is_class),
        simple,
        NOISE * spread(own, theirs, truth, is_class),
        seconds,
    )


def split(path: Path, work: Path) -> tuple[Path, Path]:
    """Write the lines of a file to two files: those to train on, and those that are held out."""
    opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    with opened(path, "rb") as file:
        lines = [text for text in file.read().splitlines(keepends=True) if text.strip()]
    header = lines[: len(lines) - len(read_table(path))]
    rows = lines[len(header) :]
    chosen = np.random.default_rng(SEED).random(len(rows)) < HELD_OUT
    train, test = work / "train.csv", work / "test.csv"
    for out, mask in ((train, ~chosen), (test, chosen)):
        out.write_bytes(b"".join([*header, *(row for row, own in zip(rows, mask, strict=True) if own)]))
    return train, test


def command(*arguments: object) -> str:
    """Run a command of glassnet and return what it prints."""
    program = [sys.executable, "-c", "from glassnet.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def read_predictions(text: str) -> list[str]:
    """Return the column that ``glassnet predict`` prints."""
    return [cell.strip('"') for cell in text.splitlines()[1:]]


def boosting(fitted: Table, held_out: Table, target: str, y: Any, task: str) -> Any:
    """Return the predictions of HistGradientBoosting with its defaults for the held-out rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    names = [name for name in fitted.names if name != target]
    frames = [table.to_arrow().columns.select(names).to_pandas() for table in (fitted, held_out)]
    for name in names:
        if frames[0][name].dtype.kind not in "iufb":
            known = frames[0][name].astype("string").value_counts().index[:255]  # the most that it takes
            for frame in frames:
                frame[name] = frame[name].astype("string").astype("category").cat.set_categories(known)
    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    return kind(random_state=SEED).fit(frames[0], y).predict(frames[1])


def score_of(found: Any, truth: Any, is_class: bool) -> float:
    """Return the accuracy of rows that are right or wrong, or R² of predicted values."""
    if is_class:
        return float(np.mean(found))
    return float(1 - np.mean(np.square(truth - found)) / np.var(truth))


def spread(own: Any, theirs: Any, truth: Any, is_class: bool) -> float:
    """Return the standard deviation of the difference of two scores over samples of the held-out rows."""
    rng = np.random.default_rng(SEED)
    differences = []
    for _ in range(SAMPLES):
        rows = rng.integers(0, len(truth), len(truth))
        scores = [score_of(found[rows], truth[rows], is_class) for found in (own, theirs)]
        differences.append(scores[0] - scores[1])
    return float(np.std(differences))


def run(options: Namespace) -> None:
    """Print the table, and write it to docs/tables.md."""
    where = folder()
    if where is None:
        print("no tables; set GLASSNET_TABLES to their folder")
        return
    found = []
    for path in files(where)[: 1 if options.smoke else None]:
        with tempfile.TemporaryDirectory() as work:
            found.append(compare(path, Path(work)))
    rows = [
        (
            each.name,
            f"{each.shape[0]:,}×{each.shape[1]}",
            "accuracy" if each.task == "classification" else "R²",
            f"{each.glassnet:.3f}",
            f"{each.boosting:.3f}",
            f"{each.simple:.3f}",
            f"{each.noise:.3f}",
            f"{each.seconds:.1f} s",
            "yes" if each.is_good else "**no**",
        )
        for each in found
    ]
    columns = ["table", "rows", "score", "glassnet", "boosting", "simple rule", "noise", "seconds", "within noise"]
    head(columns)
    for row in rows:
        line(row)
    page = REPOSITORY / "docs" / "tables.md"
    if not options.smoke:
        lines = ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        table = "\n".join(lines)
        page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
