"""Streamed training: compared with training in memory, a full shuffle and reading by pandas; peak memory."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from problems import MNIST_SIZES, Problem, mnist, pixels
from turns import head, line, seconds, take_turns

from glassnet.data import open_files
from glassnet.engines.interface import Rows
from glassnet.models.fitting_files import source_of
from glassnet.models.model import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import BYTE_SCALE, choose_scaling
from glassnet.streaming.profile import DatasetProfile, ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.streaming.stream_source import BUFFER_BYTES, StreamSource
from glassnet.training import Settings, train
from glassnet.training.callbacks.base import CallbackList
from glassnet.training.loop import build_run, run_single_epoch
from glassnet.training.source import InMemory, Source
from glassnet.training.state import init_state

BATCH = 128
#: Size of a small buffer in bytes: an epoch of MNIST (47 MB) takes six of them.
SMALL = 2**23
#: Rows of the synthetic dataset after which they repeat, and its number of columns.
CHUNK_ROWS, COLUMNS = 100_000, 50


SECTIONS = ("epochs", "first", "sorted", "memory")


def run(options: Namespace) -> None:
    """Print the tables of the sections."""
    sections = (options.sections or ",".join(SECTIONS)).split(",")
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise SystemExit(f"streaming has no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    problem = mnist(options.rows, options.data)
    with tempfile.TemporaryDirectory() as folder:
        path = _as_csv(problem, Path(folder) / "train.csv")
        if "epochs" in sections:
            _epochs(problem, path, options)
        if "first" in sections:
            _first_pass(path, options)
    if "sorted" in sections:
        _sorted_by_class(problem, options)
    if "memory" in sections:
        _peak(options)


def _as_csv(problem: Problem, path: Path, order: np.ndarray | None = None) -> Path:
    """Write the rows as a CSV file: the label, then the pixels."""
    import pyarrow as pa
    from pyarrow import csv

    order = np.arange(problem.rows) if order is None else order
    assert problem.x_bytes is not None
    columns = {"label": problem.y[order]} | {f"p{n}": c for n, c in enumerate(problem.x_bytes[order].T)}
    csv.write_csv(pa.table(columns), path)
    return path


def _untrained(profile: DatasetProfile) -> Model:
    structure = Problem("", MNIST_SIZES, np.empty((0, 0)), np.zeros(1, np.int64)).structure
    scaling = choose_scaling(profile.splits[0].features)
    classes = tuple(profile.target_profile.unique.tolist())
    return Model(
        structure, np.empty(0, np.float32), scaling, tuple(profile.feature_names), Target.of_classes(classes, "label")
    )


def _epoch(problem: Problem, source: Source, threads: int) -> Callable[[], None]:
    """Return a function that trains one epoch on the fused engine, as the loop of `glassnet.train` does."""
    settings = Settings(
        engine="fused", optimizer="gradient_descent", learning_rate=0.1, batch_size=BATCH, epochs=1, threads=threads
    )
    run = build_run(
        problem.structure, settings, source, None, None, "accuracy", init_state(problem.structure, settings)
    )

    def epoch() -> None:
        run.history.clear()
        run_single_epoch(run, CallbackList(()))
        run.stop_reason = ""

    return epoch


def _epochs(problem: Problem, path: Path, options: Namespace) -> None:
    profile = scan_files(open_files(path), ScanOptions("label"))
    untrained = _untrained(profile)
    memory = InMemory(Rows(problem.x_bytes, problem.y, scale=BYTE_SCALE))
    streams = {
        f"stream, buffers of {size >> 20} MiB": functools.partial(source_of, profile, 0, untrained, size)
        for size in (BUFFER_BYTES, SMALL)
    }
    contenders = {"in memory": _epoch(problem, memory, options.threads)}
    contenders |= {name: _epoch(problem, make(), options.threads) for name, make in streams.items()}
    contenders |= {f"{name}: reading alone": _reading(make()) for name, make in streams.items()}
    times = take_turns(contenders, options.rounds)
    print(f"An epoch of 784-128-64-10 on {problem.rows:,} rows of bytes ({problem.name}), fused engine, batch {BATCH};")
    print(
        f"seconds: median (minimum) of {options.rounds} rounds. Rows that all fit into a buffer are read once, not in"
    )
    print("every epoch; the small buffers are read in every epoch, from a cache file in the system's page cache.\n")
    head(["", "seconds an epoch", "times as long as in memory"])
    for name, found_times in times.items():
        line([name, found_times, f"{found_times.times(times['in memory']):.2f}"])


class _Draws:
    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def seed(self) -> int:
        return int(self.rng.integers(2**63))

    def order(self, rows: np.ndarray) -> np.ndarray:
        return self.rng.permutation(rows)


def _reading(source: StreamSource) -> Callable[[], None]:
    def read() -> None:
        for _ in source.parts(BATCH, _Draws()):
            pass

    return read


def _first_pass(path: Path, options: Namespace) -> None:
    def first_pass(cache: bool) -> None:
        shutil.rmtree(path.parent / ".glassnet", ignore_errors=True)
        scan_files(open_files(path), ScanOptions("label", validation_fraction=0.1), cache)

    import pandas

    contenders = {
        "first pass, cache written": lambda: first_pass(True),
        "first pass, no cache": lambda: first_pass(False),
        "pandas.read_csv": lambda: pandas.read_csv(path),
    }
    times = take_turns(contenders, min(options.rounds, 3))
    scan_files(open_files(path), ScanOptions("label", validation_fraction=0.1))
    from_cache = _time_cached_scan(path)
    print(
        f"\nA CSV file of {path.stat().st_size / 1e6:.0f} MB: types, classes, statistics, split; then training starts\n"
    )
    head(["", "seconds", "times as long as pandas"])
    for name, seconds_ in times.items():
        line([name, seconds_, f"{seconds_.times(times['pandas.read_csv']):.2f}"])
    line(["a cache that is there, checked", seconds(from_cache), f"{from_cache / times['pandas.read_csv'].median:.2f}"])


def _time_cached_scan(path: Path) -> float:
    start = time.perf_counter()
    scan_files(open_files(path), ScanOptions("label", validation_fraction=0.1))
    return time.perf_counter() - start


def _sorted_by_class(problem: Problem, options: Namespace) -> None:
    """Train on rows sorted by class: the worst case for shuffling by blocks and buffers."""
    x_test, y_test, _ = pixels(10_000, options.data, "test") if problem.name == "MNIST" else (None, None, "")
    if x_test is None:
        x_test = problem.x_bytes
        y_test = problem.y
    order = np.argsort(problem.y, kind="stable")
    seeds, epochs = (2, 3) if options.quick else (5, 10)
    if options.smoke:
        seeds, epochs = 1, 1
    print(
        f"\nTest accuracy after {epochs} epochs, mean ± deviation of {seeds} seeds; sorted by class is the worst case\n"
    )
    head(["shuffling", "buffers an epoch", "rows in order", "rows sorted by class"])
    with tempfile.TemporaryDirectory() as folder:
        profiles = {}
        for name, rows in (("plain", None), ("sorted", order)):
            (Path(folder) / name).mkdir()
            path = _as_csv(problem, Path(folder) / name / "train.csv", rows)
            profiles[name] = [scan_files(open_files(path), ScanOptions("label"), cache) for cache in (True, False)]
        untrained = _untrained(profiles["plain"][0])
        evaluate = functools.partial(_accuracy, problem, untrained, (x_test, y_test), range(seeds), epochs)
        full = [
            evaluate(functools.partial(InMemory, Rows(problem.x_bytes[rows], problem.y[rows], scale=BYTE_SCALE)))
            for rows in (np.arange(problem.rows), order)
        ]
        line(["full, in memory", 1, *full])
        for size in (2**23, 2**22, 2**21, 2**20):
            cells = [evaluate(functools.partial(source_of, profiles[n][0], 0, untrained, size)) for n in profiles]
            parts = sum(1 for _ in source_of(profiles["plain"][0], 0, untrained, size).parts(BATCH, None))
            line([f"blocks, buffers of {size >> 20} MiB", parts, *cells])
        if not options.quick:
            cells = [evaluate(functools.partial(source_of, profiles[n][1], 0, untrained, SMALL), 1) for n in profiles]
            line([f"--no-cache, within buffers of {SMALL >> 20} MiB alone, 1 seed", "", *cells])


def _accuracy(
    problem: Problem,
    untrained: Model,
    test: tuple[Any, Any],
    seeds: range,
    epochs: int,
    make: Callable[[], Source],
    max_seeds: int = 99,
) -> str:
    accuracies = []
    for seed in list(seeds)[:max_seeds]:
        settings = Settings(engine="fused", learning_rate=0.001, batch_size=BATCH, epochs=epochs, random_state=seed)
        trained = train(problem.structure, make(), None, settings, test=test, scale=BYTE_SCALE)
        accuracies.append(100 * (trained.history[-1].test_metric or 0.0))
    return f"{np.mean(accuracies):.2f} ± {np.std(accuracies):.2f} %"


def _peak(options: Namespace) -> None:
    """Train on more data than fits in memory, in a separate process, and measure its memory."""
    size = 0.3 if options.quick else options.gigabytes
    if options.smoke:
        size = 0.002
    with tempfile.TemporaryDirectory() as folder:
        rows = _synthetic(Path(folder), int(size * 1e9))
        command = [sys.executable, __file__, folder, str(options.threads)]
        steps = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        cache = sum(path.stat().st_size for path in (Path(folder) / ".glassnet").iterdir())
    print(
        f"\nA set of {size:g} GB of CSV in files of about 1 GB, {rows:,} rows of {COLUMNS} numbers and a class; its "
        f"cache takes {cache / 1e9:.1f} GB.\nThe peak of the process's memory after each step (VmHWM)\n"
    )
    head(["after", "seconds", "peak, MB"])
    for name, took, peak in steps:
        line([name, f"{took:.0f}", f"{peak:.0f}"])


def _synthetic(folder: Path, size: int) -> int:
    """Write files of random numbers, and return the number of rows."""
    rng = np.random.default_rng(0)
    rows = max(1, min(CHUNK_ROWS, size // 300))
    x = rng.integers(-9999, 9999, (rows, COLUMNS)) / 1000
    y = (x[:, 0] * x[:, 1] > x[:, 2]).astype(int)
    lines = [",".join(map(repr, row)) + f",{label}\n" for row, label in zip(x.tolist(), y.tolist(), strict=True)]
    text = "".join(lines).encode()
    header = (",".join(f"x{c}" for c in range(COLUMNS)) + ",label\n").encode()
    written = chunks = 0
    while written < size or not chunks:
        with open(folder / f"part-{written // 10**9:03d}.csv", "ab") as file:
            if file.tell() == 0:
                file.write(header)
            written += file.write(text)
        chunks += 1
    return rows * chunks


def _measure(folder: str, threads: int) -> None:
    """Run in the measured process: scan the files, train, and print time and peak memory of each step."""
    from glassnet.models.fitting_files import fit_stream
    from glassnet.training import Callback

    steps: list[tuple[str, float, float]] = []
    start = time.perf_counter()

    def add_step(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        steps.append((name, now - start, _peak_memory()))
        start = now

    class StepTimer(Callback):
        def on_epoch_end(self, run: Any) -> None:
            add_step(f"epoch {len(run.history)}")

    add_step("everything is imported")
    profile = scan_files(open_files(folder), ScanOptions("label", validation_fraction=0.1))
    add_step("the first pass")
    settings = Settings(engine="fused", batch_size=1024, epochs=3, threads=threads)
    fit_stream(profile, hidden=(32,), settings=settings, callbacks=[StepTimer()])
    print(json.dumps(steps))


def _peak_memory() -> float:
    """Return the peak resident memory of this process in MB."""
    for line_ in Path("/proc/self/status").read_text().splitlines():
        if line_.startswith("VmHWM:"):
            return int(line_.split()[1]) / 1e3
    return float("nan")


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]))
