"""``glassnet train --checkpoint``: training, interruption and resuming."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import load
from glassnet.cli import main
from glassnet.cli import train_summary as summary
from glassnet.errors import InputError
from glassnet.training.checkpoints import folder as folder_of_checkpoints

from .trainings import damage, history

Run = Callable[..., tuple[int, str, str]]
#: A training of some seconds.
LONG = ["--epochs", "150", "--hidden", "20", "--engine", "reference"]
RUN = [sys.executable, "-c", "from glassnet.cli import main; main()"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that trains in this process, in a folder of its own, and gives code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["train", "--engine", "reference", "--hidden", "8", *arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def checkpoints(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).glob("*.checkpoint"))


def test_checkpoints_do_not_change_the_model(run: Run) -> None:
    assert run("--epochs", "3", "--out", "a", "-q") == (0, "", "")
    assert run("--epochs", "3", "--out", "b", "--checkpoint", "run1", "-q") == (0, "", "")
    assert checkpoints("run1") == ["epoch-0002.checkpoint", "epoch-0003.checkpoint"]
    assert load("a").vector.tobytes() == load("b").vector.tobytes()


@pytest.mark.parametrize(
    ("every", "found"),
    [
        ("2 epochs", ["epoch-0002.checkpoint", "epoch-0003.checkpoint"]),
        ("1epoch", 2),
        ("60 minutes", 1),
        ("0.5 minute", 1),
    ],
)
def test_checkpoint_every_epochs_or_minutes(run: Run, every: str, found: Any) -> None:
    assert run("--epochs", "3", "--checkpoint", "run1", "--checkpoint-every", every, "-q")[0] == 0
    assert checkpoints("run1") == found or len(checkpoints("run1")) == found


@pytest.mark.parametrize("every", ["", "5", "epochs", "0 epochs", "-1 epochs", "1.5 epochs", "2 hours", "5 epochs 3"])
def test_an_invalid_interval_is_refused(run: Run, every: str) -> None:
    code, out, err = run("--checkpoint", "run1", "--checkpoint-every", every)
    assert code == 2 and re.fullmatch("glassnet: .*--checkpoint-every.*\n", err)
    assert not Path("run1").exists()


@pytest.mark.parametrize("option", [["--resume"], ["--checkpoint-every", "1 epoch"]])
def test_options_without_the_folder_are_refused(run: Run, option: list[str]) -> None:
    code, _, err = run(*option)
    assert (code, err.count("\n")) == (2, 1) and f"{option[0]} requires --checkpoint DIR" in err


def test_resume_reports_the_position(run: Run) -> None:
    first = run("--epochs", "2", "--checkpoint", "run1", "--resume")
    assert first[0] == 0 and "run1: no checkpoint found; training starts from the beginning\n" in first[1]
    again = run("--epochs", "2", "--checkpoint", "run1", "--resume", "--out", "m")
    assert again[0] == 0 and "run1: resuming after 2 epochs\n" in again[1] and Path("m").is_file()


def test_existing_checkpoints_are_not_overwritten(run: Run) -> None:
    run("--epochs", "2", "--checkpoint", "run1", "-q")
    code, _, err = run("--epochs", "2", "--checkpoint", "run1", "-q")
    assert code == 2 and "resume it with resume=True (--resume)" in err


def test_differences_to_the_checkpoint_are_named(run: Run) -> None:
    run("--epochs", "2", "--checkpoint", "run1", "-q")
    code, _, err = run("--epochs", "2", "--checkpoint", "run1", "-q", "--resume", "--seed", "1", "--dropout", "0.5")
    assert code == 2 and "dropout was 0.0 and is 0.5; random_state was 0 and is 1" in err and err.count("\n") == 1
    code, _, err = run("--epochs", "3", "--checkpoint", "run1", "-q", "--resume")
    assert code == 2 and "epochs was 2 and is 3, and the schedule 'one_cycle' depends on" in err


def test_a_damaged_checkpoint_is_reported_in_one_line(run: Run) -> None:
    run("--epochs", "2", "--checkpoint", "run1", "-q", "--out", "a")
    damage(Path("run1/epoch-0002.checkpoint"))
    code, _, err = run("--epochs", "2", "--checkpoint", "run1", "-q", "--resume", "--out", "b")
    assert code == 0 and re.fullmatch("glassnet: run1/epoch-0002.checkpoint: it is damaged.*after 1 epoch\n", err)
    assert load("a").vector.tobytes() == load("b").vector.tobytes()
    for epoch in (1, 2):
        damage(Path(f"run1/epoch-000{epoch}.checkpoint"))
    code, _, err = run("--epochs", "2", "--checkpoint", "run1", "-q", "--resume")
    assert code == 2 and err.count("\n") == 1 and "start again with an empty folder" in err


def test_a_failed_write_is_reported_with_exit_code_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, memory: Any) -> int:
        raise InputError(f"{path}: can't be written: No space left on device; choose another path")

    monkeypatch.setattr(folder_of_checkpoints, "write_checkpoint", full)
    code, out, err = run("--epochs", "2", "--checkpoint", "run1", "--json", "--out", "m")
    assert code == 3 and json.loads(out)["epochs"] == 2 and Path("m").is_file()
    assert re.fullmatch(
        "(glassnet: the checkpoint after . epochs? was not written: .*; the training continues\n){2}", err
    )


def test_a_model_that_can_not_be_written_is_saved_by_resuming(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(model: Any, path: str) -> None:
        raise InputError(f"{path}: can't be written: No space left on device; choose another path")

    arguments = ("--epochs", "2", "--checkpoint", "run1", "--out", "m")
    with monkeypatch.context() as patch:
        patch.setattr(summary, "save", full)
        code, out, err = run(*arguments, "--json")
        assert code == 3 and json.loads(out)["model"] is None
        assert "the model was not saved: m: can't" in err and "with --resume saves it once" in err
        assert run("--epochs", "1", "--out", "m", "-q")[0] == 3
    assert run(*arguments, "--resume", "-q") == (0, "", "")
    assert Path("m").is_file()


def test_lbfgs_is_refused(run: Run) -> None:
    code, _, err = run("--optimizer", "lbfgs", "--checkpoint", "run1")
    assert code == 2 and "checkpoints do not go with optimizer 'lbfgs'" in err


# --------------------------------------------------------------------------------------------------------- signals


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a long training, and return it once it has written a checkpoint."""
    process = subprocess.Popen(
        [*RUN, "train", *LONG, "--checkpoint", str(folder), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder.parent, env=environment(),
    )  # fmt: skip
    deadline = time.monotonic() + 100
    before = checkpoints(str(folder))
    while checkpoints(str(folder)) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_and_sigterm_print_the_command_that_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "the checkpoints"
    ends = []
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = started(folder, *(["--resume"] if ends else []), "--out", "stopped.glassnet", "-q")
        process.send_signal(number)
        out, err = process.communicate(timeout=100)
        assert (process.returncode, out) == (code, "")
        stopped = re.fullmatch("glassnet: stopped: the checkpoint after (.*) is in .*; resume with: (.*)\n", err)
        assert stopped, err
        ends.append(stopped)
        assert not list(folder.glob(".*"))
    assert ends[0][1] != ends[1][1]
    words = shlex.split(ends[0][2])
    assert words[0] == "glassnet" and words.count("--resume") == 1
    alone = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [*RUN, *words[1:], "--threads", "1"]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=alone)
    assert again.stderr == ""
    with pytest.raises(SystemExit):
        main(
            ["train", "--epochs", "150", "--hidden", "20", "--engine", "reference", "--out", str(tmp_path / "w"), "-q"]
        )
    whole = load(tmp_path / "w")
    resumed = load(tmp_path / "stopped.glassnet")
    assert whole.vector.tobytes() == resumed.vector.tobytes()
    assert history(whole.history) == history(resumed.history) and len(resumed.history) == 150
    assert np.isfinite(whole.vector).all()


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_second_training_in_the_folder_is_refused_with_the_firsts_pid(tmp_path: Path, run: Run) -> None:
    process = started(tmp_path / "run1", "-q")
    try:
        code, _, err = run("--epochs", "150", "--checkpoint", str(tmp_path / "run1"), "--resume", "-q")
        assert code == 2 and f"another training writes its checkpoints there (process {process.pid} on" in err
    finally:
        process.kill()
        process.communicate()
    code, _, err = run("--epochs", "150", "--hidden", "20", "--checkpoint", str(tmp_path / "run1"), "--resume", "-q")
    assert (code, err) == (0, "")
