"""Many broken files in processes of their own, with a watchdog: a crash or a hang costs a process and is a finding."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
#: Seconds of computing, and seconds by the clock, after which a file hangs: a process may be stopped for a while.
HANGS, HANGS_BY_THE_CLOCK = 5.0, 240.0


@dataclass
class Outcome:
    """What became of the files: how many of each kind, and what must not have happened, by the file's number."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)


def fuzz(kind: str, numbers: range, seed: int = 0, say: Callable[[str], None] = lambda line: None) -> Outcome:
    """Break and use files of a format, by their numbers; each fault is said at once."""
    outcome, first = Outcome(), numbers.start
    while first < numbers.stop:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            first = _watch_one(kind, range(first, numbers.stop), seed, Path(folder), outcome, say)
    return outcome


def _watch_one(kind: str, numbers: range, seed: int, folder: Path, outcome: Outcome, say: Callable[[str], None]) -> int:
    """Run one worker until it is done, dies or hangs; return the number at which the next one begins."""

    def found(number: int, why: str) -> None:
        outcome.faults[number] = why
        say(f"fault at {number}: {why}")

    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}", "MPLBACKEND": "agg"}
    environment |= {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    arguments = [kind, str(seed), str(numbers.start), str(numbers.stop), "1", str(folder / "room")]
    with (
        open(folder / "errors", "w+b") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *arguments],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, cwd=REPOSITORY, env=environment,
        ) as worker,
    ):  # fmt: skip
        at, since, spent, rest = numbers.start - 1, time.monotonic(), _seconds(worker.pid), b""
        while True:
            ready, _, _ = select.select([worker.stdout], [], [], 1.0)
            if ready:
                piece = os.read(worker.stdout.fileno(), 2**16)  # type: ignore[union-attr]  # it is a pipe
                if not piece:
                    break
                *lines, rest = (rest + piece).split(b"\n")
                for told in map(json.loads, lines):
                    at = told.get("at", at)
                    if told.get("before"):
                        outcome.counts[told["before"]] += 1
                    if "fault" in told:
                        found(told["fault"], told["why"])
                since, spent = time.monotonic(), _seconds(worker.pid)
            elif at >= numbers.start and (
                _seconds(worker.pid) - spent > HANGS or time.monotonic() - since > HANGS_BY_THE_CLOCK
            ):
                worker.kill()
                outcome.counts["fault"] += 1
                found(at, f"hangs: {_seconds(worker.pid) - spent:.0f} s of computing")
                worker.wait()
                return at + 1
        code = worker.wait()
        if code == 0:
            return numbers.stop
        errors.seek(0)
        why = f"the process ended with {code}: {errors.read()[-1500:].decode(errors='replace')}"
        if at < numbers.start:
            raise RuntimeError(f"the worker could not begin: {why}")
        outcome.counts["fault"] += 1
        found(at, why)
        return at + 1


def _seconds(process: int) -> float:
    """Return the seconds of computing that a process has had."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
