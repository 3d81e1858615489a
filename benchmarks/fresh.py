"""Measurements that need a new process: a first fit, and the peak memory of a fit."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace

from turns import head, line, seconds

GLASSNET, SKLEARN = "glassnet", "scikit-learn"
_MODULES = {GLASSNET: "glassnet", SKLEARN: "sklearn.neural_network"}

#: A first fit on a small table: the seconds of the import, of a first fit and of a second one, and the engine.
_FIRST = """
import sys, time, warnings
import numpy as np
from sklearn.datasets import load_digits, load_iris
warnings.simplefilter("ignore")
x, y = {"iris": load_iris, "digits": load_digits}[sys.argv[2]](return_X_y=True)
began = time.perf_counter()
MLPClassifier = __import__(sys.argv[1], fromlist=["MLPClassifier"]).MLPClassifier
took = [time.perf_counter() - began]
for _ in range(2):
    network = MLPClassifier(random_state=0)
    began = time.perf_counter()
    network.fit(x, y)
    took.append(time.perf_counter() - began)
print(*took, getattr(network, "engine_", "-"))
"""

#: Print the peak memory in bytes before and after a fit, and its seconds. The rows are generated in place, so that
#: nothing needs more memory than they do. A small fit runs first, so that the memory of the library is not counted.
_MEMORY = """
import json, resource, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
MLPClassifier = __import__(sys.argv[1], fromlist=["MLPClassifier"]).MLPClassifier
columns, rows, how = 784, int(sys.argv[2]), json.loads(sys.argv[3])
unit = 1 if sys.platform == "darwin" else 1024
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
rng = np.random.default_rng(0)
x = np.empty((rows, columns), np.float32)
for first in range(0, rows, 4096):
    rng.random(out=x[first : first + 4096], dtype=np.float32)
y = rng.integers(0, 10, rows)
y[:20] = np.arange(20) % 10
network = MLPClassifier((128, 64), batch_size=512, max_iter=1, random_state=0, **how)
network.fit(x[:2048], y[:2048])
before, began = peak(), time.perf_counter()
network.fit(x, y)
print(x.nbytes, before, peak(), time.perf_counter() - began, getattr(network, "engine_", "-"))
"""

#: Bytes of the rows, and the free memory that is needed, as a multiple of them.
DATA, FREE = 1_000_000_000, 3.5


def first_fits(options: Namespace) -> None:
    """Print the seconds of a first fit in a new process."""
    rounds = min(options.rounds, 5)
    print("### a first fit in a new process\n")
    print(f"scikit-learn's defaults; seconds, median (minimum) of {rounds} processes each, taking turns.\n")
    head(["table", "", "engine", "import", "first fit", "second fit", "import and first fit"])
    for table in ("iris",) if options.smoke else ("iris", "digits"):
        found: dict[str, list[list[float]]] = {side: [] for side in _MODULES}
        engines = {}
        for _ in range(rounds):
            for side, module in _MODULES.items():
                with tempfile.TemporaryDirectory() as empty:
                    *took, engines[side] = _process(_FIRST, module, table, GLASSNET_CACHE_DIR=empty)
                found[side].append([float(value) for value in took])
        for side, took in found.items():
            columns = [*zip(*took, strict=True), [one[0] + one[1] for one in took]]
            cells = [f"{seconds(statistics.median(column))} ({seconds(min(column))})" for column in columns]
            line([table, side, engines[side], *cells])


def memory(options: Namespace) -> None:
    """Print the peak memory of a fit without its rows."""
    size = min(DATA // (100 if options.smoke else 10 if options.quick else 1), int(free_memory() / FREE))
    rows = size // (4 * 784)
    print(f"### peak memory of a fit on {4 * 784 * rows / 1e6:,.0f} MB of float32, each in a new process\n")
    print(f"784-128-64-10, {rows:,} rows, batch 512, one epoch; additional MB during the fit (peak RSS).\n")
    try:
        import resource  # noqa: F401  # not available on every system
    except ImportError:
        print("The module `resource` is not available on this system.")
        return
    head(["", "engine", "validation", "additional MB", "share of the rows' size", "seconds"])
    for side, own in ((GLASSNET, '"engine": "reference"'), (GLASSNET, '"engine": "fused"'), (SKLEARN, "")):
        for validation in (False, True):
            how = ", ".join([f'"early_stopping": {str(validation).lower()}', *([own] if own else [])])
            data, before, after, took, engine = _process(_MEMORY, _MODULES[side], str(rows), "{" + how + "}")
            more = float(after) - float(before)
            validated = "early stopping" if validation else "none"
            line([side, engine, validated, f"{more / 1e6:,.0f}", f"{more / float(data):.0%}", seconds(float(took))])


def free_memory() -> float:
    """Return the available memory in bytes, or a large number if the system does not report it."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024.0 * int(text.split()[1]) for text in lines if text.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 1e12


def _process(program: str, *arguments: str, **environment: str) -> list[str]:
    """Run a program in a new process and return the words that it printed."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()
