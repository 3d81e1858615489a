"""Loading a table of pixels: time and peak memory, from the file to an array of bytes and the target.

Each library runs in a fresh process and is imported before the clock starts. The other libraries only read the file
into a data frame; the conversion to arrays is not part of their time and memory.
"""

from __future__ import annotations

import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
from machine import installed
from problems import pixels
from turns import head, line, seconds

GLASSNET = "glassnet"
#: Imports, and the statements that are timed, for the file ``path``; glassnet's end with x and y.
_READERS = {
    GLASSNET: (
        "from glassnet.data import features, read_table, target_values; import pyarrow.compute, pyarrow.csv",
        "table = read_table(path); y = target_values(table, 'label'); "
        "x = features(table, [name for name in table.names if name != 'label']); "
        "assert x.dtype == np.uint8 and x.shape[1] == 784",
    ),
    "pandas": ("import pandas", "frame = pandas.read_csv(path)"),
    "pandas, pyarrow's engine": ("import pandas, pyarrow.csv", "frame = pandas.read_csv(path, engine='pyarrow')"),
    "polars": ("import polars", "frame = polars.read_csv(path)"),
}
_PACKAGES = {"pandas, pyarrow's engine": "pandas"}
_PROGRAM = """
import sys, time
import numpy as np
path = sys.argv[1]
{imports}
def peak():
    with open("/proc/self/status") as lines:
        return 1024 * next(int(text.split()[1]) for text in lines if text.startswith("VmHWM"))
before = peak()
start = time.perf_counter()
{work}
print(time.perf_counter() - start, before, peak())
"""


def run(options: Namespace) -> None:
    """Print the table."""
    if not Path("/proc/self/status").exists():  # `resource` would include the memory of the parent process
        print("This system does not report the peak memory of a process.")
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "pixels.csv"
        compressed = Path(folder) / "pixels.csv.gz"
        name = _write_csv(options, plain)
        with plain.open("rb") as source, gzip.open(compressed, "wb", compresslevel=1) as sink:
            shutil.copyfileobj(source, sink)
        array = options.rows * 784
        print(
            f"{options.rows:,} rows of {name}, a label and 784 pixels: {array / 1e6:,.0f} MB as bytes. Seconds: median"
        )
        print(f"(minimum) of {options.rounds} processes each, in turn. MB: the peak of the process (RSS), and how")
        print("much of that came after the imports, also as a multiple of the array.\n")
        head(["file", "", "seconds", "ratio to pandas", "peak MB", "MB after the imports", "of the array"])
        for path in (plain, compressed):
            _table(options, path, array)


def _table(options: Namespace, path: Path, array: int) -> None:
    """Measure all libraries on one file, in turns."""
    names = [name for name in _READERS if name == GLASSNET or installed(_PACKAGES.get(name, name))]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            imports, work = _READERS[name]
            program = _PROGRAM.format(imports=imports, work=work)
            command = [sys.executable, "-c", program, str(path)]
            words = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
            found[name].append((float(words[0]), float(words[1]), float(words[2])))
    for name, rounds in found.items():
        took, before, after = (list(column) for column in zip(*rounds, strict=True))
        share = ""
        if "pandas" in found:
            share = f"{statistics.median(t / p[0] for t, p in zip(took, found['pandas'], strict=True)):.2f}"
        peak = max(after)
        more = max(a - b for a, b in zip(after, before, strict=True))
        cell = f"{seconds(statistics.median(took))} ({seconds(min(took))})"
        size = f"{path.name}, {path.stat().st_size / 1e6:,.0f} MB"
        line([size, name, cell, share, f"{peak / 1e6:,.0f}", f"{more / 1e6:,.0f}", f"{more / array:.1f}"])


def _write_csv(options: Namespace, path: Path) -> str:
    """Write the rows as CSV in Kaggle's layout, and return the name of the dataset."""
    import pyarrow as pa
    import pyarrow.csv as csv

    x, y, name = pixels(options.rows, options.data)
    names = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
    table = pa.table({"label": y} | {name: np.ascontiguousarray(x[:, column]) for column, name in enumerate(names)})
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="none"))
    return name
