"""A training killed at random times and resumed ends with the bits of an undisturbed one."""

import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from glassnet import load

from ..trainings import history
from .processes import KILLS, SCRIPT, measure_seconds, survive
from .streaming_data import SMALL_BUFFERS, write_table
from .training import problem

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

#: Kinds of training; "command" is the command line, "stream" adds ``--stream``, "text" also ``--no-cache``.
KINDS = ["reference-float32", "fused-float32", "estimator", "command", "stream", "text"]
COMMANDS = ("command", "stream", "text")
#: The short version, which covers the mechanisms of the others.
SHORT = ["fused-float32", "estimator", "stream"]
MAIN = "from glassnet.cli import main; main()"


def command_of(kind: str, place: Path, name: str, keep: bool = True) -> tuple[list[str | Path], tuple[str, ...]]:
    """Return the command and the texts that it prints when training begins."""
    if kind not in COMMANDS:
        return [sys.executable, SCRIPT, kind, place / f"{name} checkpoints" if keep else "-", place / name], (
            "training",
        )
    table = write_table(place / "rows.csv", *problem())
    command: list[str | Path] = [sys.executable, "-c", MAIN if kind == "command" else SMALL_BUFFERS, "train", table]
    command += {"command": [], "stream": ["--stream"], "text": ["--stream", "--no-cache"]}[kind]
    command += ["--hidden", "48,24", "--dropout", "0.1", "--epochs", "20", "--batch-size", "16", "--patience", "12"]
    command += ["--engine", "reference", "--out", place / name]
    if keep:
        command += ["--checkpoint", place / f"{name} checkpoints", "--checkpoint-every", "0.0005 minutes", "--resume"]
    return command, ("resuming after", "training starts", "predicting" if not keep else "resuming after")


def result_of(kind: str, path: Path) -> object:
    if kind not in COMMANDS:
        return path.read_bytes()
    model = load(path)
    assert np.isfinite(model.vector).all()
    return (
        model.vector.tobytes(),
        history(model.history),
        model.metadata,
        model.classes,
        model.scaling.offset.tobytes(),
    )


@pytest.mark.sweep(only=["estimator"])
@pytest.mark.timeout(600 + 60 * KILLS)
@pytest.mark.parametrize("kind", KINDS if "GLASSNET_KILLS" in os.environ else SHORT)
def test_a_training_survives_being_killed(tmp_path: Path, kind: str) -> None:
    whole = command_of(kind, tmp_path, "whole", keep=False)
    seconds = measure_seconds(*whole)
    expected = result_of(kind, tmp_path / "whole")
    rng, kills, starts, trainings = random.Random(11), 0, 0, 0
    while kills < KILLS:  # a training may end before it was killed that often
        trainings += 1
        assert trainings < 20 + KILLS
        survived = survive(*command_of(kind, tmp_path, f"{trainings}"), seconds, min(KILLS - kills, 10), rng)
        kills, starts = kills + survived.kills, starts + survived.starts
        assert result_of(kind, tmp_path / f"{trainings}") == expected
        saved = sorted(path.name for path in (tmp_path / f"{trainings} checkpoints").iterdir())
        assert len(saved) == 3 and saved[-1] == "lock" and not any(name.startswith(".") for name in saved)
    caches = [path.suffix for path in tmp_path.glob(".glassnet/*")]
    assert caches == ([".blocks"] if kind == "stream" else [])
    print(f"{kind}: {kills} kills survived, {starts} starts, {trainings} trainings, {seconds:.1f} s undisturbed")
