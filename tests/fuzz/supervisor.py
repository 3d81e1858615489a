"""Run the fuzzing in worker processes with a watchdog: a crash or a hang ends the worker and is a fault."""

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
#: CPU seconds, and seconds of wall time, after which a file counts as hanging; a process may be suspended for a while.
MAX_CPU_SECONDS, MAX_SECONDS = 5.0, 240.0


@dataclass
class Outcome:
    """Outcomes of the files: the count of each, and the faults by the number of the file."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)


def fuzz(kind: str, numbers: range, seed: int = 0, report: Callable[[str], None] = lambda line: None) -> Outcome:
    """Mutate and use files of a format, by their numbers; each fault is reported at once."""
    outcome = Outcome()
    first = numbers.start
    while first < numbers.stop:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            first = _run_worker(kind, range(first, numbers.stop), seed, Path(folder), outcome, report)
    return outcome


def _run_worker(
    kind: str, numbers: range, seed: int, folder: Path, outcome: Outcome, report: Callable[[str], None]
) -> int:
    """Run one worker until it finishes, dies or hangs; return the number at which the next one starts."""

    def add_fault(number: int, why: str) -> None:
        outcome.faults[number] = why
        report(f"fault at {number}: {why}")

    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}", "MPLBACKEND": "agg"}
    environment |= {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    arguments = [kind, str(seed), str(numbers.start), str(numbers.stop), "1", str(folder / "files")]
    with (
        open(folder / "errors", "w+b") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", *arguments],
            stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, cwd=REPOSITORY, env=environment,
        ) as worker,
    ):  # fmt: skip
        at = numbers.start - 1
        since = time.monotonic()
        cpu_before = _cpu_seconds(worker.pid)
        rest = b""
        while True:
            ready, _, _ = select.select([worker.stdout], [], [], 1.0)
            if ready:
                piece = os.read(worker.stdout.fileno(), 2**16)  # type: ignore[union-attr]  # it is a pipe
                if not piece:
                    break
                *lines, rest = (rest + piece).split(b"\n")
                for message in map(json.loads, lines):
                    at = message.get("at", at)
                    if message.get("before"):
                        outcome.counts[message["before"]] += 1
                    if "fault" in message:
                        add_fault(message["fault"], message["why"])
                since = time.monotonic()
                cpu_before = _cpu_seconds(worker.pid)
            elif at >= numbers.start and (
                _cpu_seconds(worker.pid) - cpu_before > MAX_CPU_SECONDS or time.monotonic() - since > MAX_SECONDS
            ):
                worker.kill()
                outcome.counts["fault"] += 1
                add_fault(at, f"hangs: {_cpu_seconds(worker.pid) - cpu_before:.0f} s of CPU time")
                worker.wait()
                return at + 1
        code = worker.wait()
        if code == 0:
            return numbers.stop
        errors.seek(0)
        why = f"the process ended with {code}: {errors.read()[-1500:].decode(errors='replace')}"
        if at < numbers.start:
            raise RuntimeError(f"the worker could not start: {why}")
        outcome.counts["fault"] += 1
        add_fault(at, why)
        return at + 1


def _cpu_seconds(process: int) -> float:
    """Return the CPU time of a process in seconds."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
