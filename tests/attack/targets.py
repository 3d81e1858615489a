"""What is attacked: a server of its own on a loopback address, the command line, Python calls."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import glassnet
from glassnet import InputError
from tests.web.running import SOURCE, serve_process
from tests.web.sockets import ask, is_well

TOKEN = "a-token-of-more-than-sixteen-letters"
#: The files that a server may open where its limit is attacked.
FEW_FILES = 200


@dataclass(frozen=True)
class Target:
    """A running server: its address and its process."""

    at: str
    process: subprocess.Popen[str]

    def memory(self, kind: str = "VmRSS") -> int:
        """Return the bytes of memory of the process: ``VmRSS`` now, ``VmHWM`` at most; 0 if unknown."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0
        line = next(line for line in status.read_text().splitlines() if line.startswith(kind))
        return int(line.split()[1]) * 1024


@contextmanager
def server(folder: Path, *options: str, few_files: bool = False) -> Iterator[Target]:
    """Serve a small model of 4 columns and 2 classes; check afterwards that the server is well."""
    model = folder / "model.glassnet"
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    glassnet.save(glassnet.fit(x, (x[:, 0] > 0).astype(int), hidden=(8,)), model)
    setup = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW_FILES}, {FEW_FILES}))"
    process, content = serve_process(model, "--log", "none", *options, setup=setup if few_files else "pass")
    target = Target(content["address"].rstrip("/"), process)
    try:
        yield target
        assert process.poll() is None, "the server has ended"
        assert is_well(target.at), "the server is no longer well"
    finally:
        process.kill()
        process.communicate()


def is_answered(at: str, seconds: float = 30.0) -> bool:
    """Check whether a prediction is answered within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ask(at, "/api/predict", "POST", b'{"rows": [[0, 0, 0, 0]]}')[0] == 200:
                return True
        except OSError:
            time.sleep(0.1)
    return False


def command(*arguments: object, seconds: float = 200.0, memory: int = 2**31) -> tuple[int, str, str]:
    """Run ``glassnet``; check that it takes no more memory; return exit code, output, and errors."""
    code = (
        "import atexit, resource, sys\n"
        "def measure(): print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
        "atexit.register(measure)\n"
        "from glassnet.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env=environment,
        check=False,
    )
    *lines, last = ended.stderr.splitlines() or [""]
    assert last.startswith("peak "), f"exit code {ended.returncode}: {ended.stderr[-300:]}"
    peak = int(last.split()[1]) * 1024
    assert peak < memory, f"it took {peak / 2**20:,.0f} MiB"
    return ended.returncode, ended.stdout, "\n".join(lines)


def refused(*arguments: object, memory: int = 2**30) -> str:
    """Run ``glassnet``, which must end with exit code 2 and one line; return the line."""
    code, _, error = command(*arguments, memory=memory)
    assert code == 2 and error and "\n" not in error, f"exit code {code}: {error[-300:]}"
    return error


def refuses(call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """Call a function that must raise InputError; return its message."""
    try:
        call(*arguments, **options)
    except InputError as error:
        message = str(error)
        assert message and "\n" not in message, message
        return message
    raise AssertionError(f"{call.__name__} accepts it")
