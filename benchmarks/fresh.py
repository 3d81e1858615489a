"""What needs a process of its own: a first fit, and the most memory that a fit takes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace

from turns import head, line, seconds

OURS, SKLEARN = "glassnet", "scikit-learn"
_MODULES = {OURS: "glassnet", SKLEARN: "sklearn.neural_network"}

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

#: Peak memory, in bytes, before a fit and after it, and its seconds. The rows are made in place, so that nothing is
#: larger than they are, and a small fit comes first, so that what a library holds anyway is not counted.
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

#: Bytes of the rows, and how many times as much must be free.
DATA, FREE = 1_000_000_000, 3.5


def first_fits(options: Namespace) -> None:
    """Print the seconds of a first fit in a fresh process."""
    rounds = min(options.rounds, 5)
    print("### a first fit, in a fresh process, with nothing compiled on this machine\n")
    print(f"scikit-learn's defaults; seconds, median (least) of {rounds} processes each, taking turns. A fit of less")
    print("than ten seconds' work runs on the reference engine and waits for no compiler.\n")
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
    """Print the most memory that a fit takes beyond its rows."""
    size = min(DATA // (100 if options.smoke else 10 if options.quick else 1), int(free_memory() / FREE))
    rows = size // (4 * 784)
    print(f"### the most memory of a fit on {4 * 784 * rows / 1e6:,.0f} MB of float32, each in a process of its own\n")
    print(f"784-128-64-10, {rows:,} rows, batch 512, one epoch; MB beyond what the process held before (peak RSS).\n")
    try:
        import resource  # noqa: F401  # whether it is there
    except ImportError:
        print("This system has no `resource` to ask.")
        return
    head(["", "engine", "validation", "MB more", "of the rows' size", "seconds"])
    for side, own in ((OURS, '"engine": "reference"'), (OURS, '"engine": "fused"'), (SKLEARN, "")):
        for validation in (False, True):
            how = ", ".join([f'"early_stopping": {str(validation).lower()}', *([own] if own else [])])
            data, before, after, took, engine = _process(_MEMORY, _MODULES[side], str(rows), "{" + how + "}")
            more = float(after) - float(before)
            told = "early stopping" if validation else "none"
            line([side, engine, told, f"{more / 1e6:,.0f}", f"{more / float(data):.0%}", seconds(float(took))])


def free_memory() -> float:
    """Return the bytes that a process could have; without end where the system does not tell."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024.0 * int(text.split()[1]) for text in lines if text.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 1e12


def _process(program: str, *arguments: str, **environment: str) -> list[str]:
    """Run a program in a fresh process and return the words that it printed."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()
