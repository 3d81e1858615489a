"""Time of compilation: a first fit in a new process that compiles for its processor, that loads it, and by default.

Each row of the table is a separate process. The import of glassnet is timed separately. The cache of the first row is
an empty folder, which the first row fills for the second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import Namespace

from turns import head, line, seconds

#: The program of a process: print the seconds of the import, of a first and of a second fit, and the engine.
_PROGRAM = """
import os, time
import numpy as np
from sklearn.datasets import load_digits
began = time.perf_counter()
import glassnet
from glassnet.training import Settings
imported = time.perf_counter() - began
x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
if os.environ["BENCH_KIND"] == "bytes":
    x = (x * 16).astype(np.uint8)
structure = glassnet.Structure((64, 64, 32, 10), ("relu", "relu", "softmax"))
took = []
for _ in range(2):
    began = time.perf_counter()
    if os.environ["BENCH_ENGINE"] == "fused":
        settings = Settings(engine="fused", epochs=1)
        engine = glassnet.train(structure, x, y, settings, scale=1 / 16).engine
    else:
        engine = glassnet.fit(x, y, settings=Settings(epochs=10), hidden=(64, 32)).metadata["engine"]
    took.append(time.perf_counter() - began)
print(imported, *took, engine)
"""


def run(options: Namespace) -> None:
    """Print the table."""
    print("Digits, 1,797 rows, 64-64-32-10, each row a new process: seconds\n")
    head(["what", "engine", "import", "first fit", "second fit"])
    with tempfile.TemporaryDirectory() as empty:
        cases = [
            ("compiled for this processor, one epoch", "fused", "float32", "native"),
            ("that code from the disk, one epoch", "fused", "float32", "native"),
            ("the installed code, one epoch", "fused", "float32", ""),
            ("the installed code on bytes, one epoch", "fused", "bytes", ""),
            ("`glassnet.fit`, ten epochs", "auto", "float32", ""),
        ]
        for what, engine, kind, level in cases[4:] if options.smoke else cases:
            imported, first, second, ran = _fresh_process(empty if level else "", engine, kind, level)
            line([what, ran, *(seconds(float(value)) for value in (imported, first, second))])


def _fresh_process(cache: str, engine: str, kind: str, level: str) -> list[str]:
    """Run the program and return what it printed."""
    environment = {**os.environ, "BENCH_ENGINE": engine, "BENCH_KIND": kind}
    if level:
        environment |= {"GLASSNET_CACHE_DIR": cache, "GLASSNET_PROCESSOR": level}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split()
