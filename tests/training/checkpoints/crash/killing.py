"""Starting processes, and killing them where it hurts."""

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
#: How many kills each kind of training is to survive; ``make crash`` asks for 50.
KILLS = int(os.environ.get("GLASSNET_KILLS", "2"))


def environment() -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}


def start(command: Sequence[str | Path]) -> subprocess.Popen[str]:
    words, pipe = [str(word) for word in command], subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment())


def begun(process: subprocess.Popen[str], words: tuple[str, ...]) -> bool:
    """Wait until a process says that it trains; False if it ended before."""
    assert process.stdout is not None
    return any(any(word in line for word in words) for line in process.stdout)


@dataclass
class Survived:
    """What a training went through."""

    kills: int = 0
    starts: int = 0


def survive(
    command: Sequence[str | Path], words: tuple[str, ...], seconds: float, kills: int, chance: random.Random,
    after: Callable[[], None] = lambda: None,
) -> Survived:  # fmt: skip
    """Start a command again and again, each time killed some moments after it began to train; let the last one end.

    Parameters
    ----------
    command : sequence of str
        What is started, each time the same.
    words : tuple of str
        One of them stands in the line by which it says that it trains.
    seconds : float
        What it takes undisturbed.
    kills : int
        At most so many.
    chance : random.Random
        Where the moments are drawn from.
    after : callable
        Called after each kill.
    """
    survived = Survived()
    while True:
        process = start(command)
        survived.starts += 1
        last = survived.kills == kills
        timer = None
        if begun(process, words) and not last:
            timer = threading.Timer(chance.uniform(0, 2 * seconds / (kills + 1)), process.send_signal, [signal.SIGKILL])
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


def timed(command: Sequence[str | Path], words: tuple[str, ...]) -> float:
    """Return the seconds that a command takes from when it begins to train."""
    process = start(command)
    assert begun(process, words)
    began = time.monotonic()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return time.monotonic() - began
