"""Start processes and kill them while they train."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("training.py")
#: The number of kills of each kind of training; ``make crash`` sets 50.
KILLS = int(os.environ.get("GLASSNET_KILLS", "2"))


def environment() -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}


def start(command: Sequence[str | Path]) -> subprocess.Popen[str]:
    words = [str(word) for word in command]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment())


def wait_for_training(process: subprocess.Popen[str], words: tuple[str, ...]) -> bool:
    """Wait until a process prints that it trains; return False if it ended before."""
    assert process.stdout is not None
    return any(any(word in line for word in words) for line in process.stdout)


@dataclass
class Survival:
    """The number of kills and starts of a training."""

    kills: int = 0
    starts: int = 0


def survive(
    command: Sequence[str | Path], words: tuple[str, ...], seconds: float, kills: int, rng: random.Random,
    after: Callable[[], None] = lambda: None,
) -> Survival:  # fmt: skip
    """Start a command repeatedly, kill it a random time after training began, and let the last run end.

    Parameters
    ----------
    command : sequence of str
        The command, the same each time.
    words : tuple of str
        One of them is in the line printed when training begins.
    seconds : float
        The duration of an undisturbed run.
    kills : int
        The maximal number of kills.
    rng : random.Random
        The source of the random times.
    after : callable
        Called after each kill.
    """
    survived = Survival()
    while True:
        process = start(command)
        survived.starts += 1
        last = survived.kills == kills
        timer = None
        if wait_for_training(process, words) and not last:
            timer = threading.Timer(rng.uniform(0, 2 * seconds / (kills + 1)), process.send_signal, [signal.SIGKILL])
            timer.start()
        _, err = process.communicate(timeout=300)
        if timer is not None:
            timer.cancel()
        if process.returncode == -signal.SIGKILL:
            survived.kills += 1
            after()
            continue
        assert process.returncode == 0, err
        return survived


def measure_seconds(command: Sequence[str | Path], words: tuple[str, ...]) -> float:
    """Return the seconds that a command takes from the beginning of its training."""
    process = start(command)
    assert wait_for_training(process, words)
    start_time = time.monotonic()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return time.monotonic() - start_time
