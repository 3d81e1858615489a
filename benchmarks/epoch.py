"""Seconds an epoch of training 784-128-64-10 on MNIST-shaped rows, everybody on the same work in one run.

    python benchmarks/epoch.py [--rows 60000] [--rounds 5] [--threads 2] [--batches 32,128,512] [--data CSV]

ReLU, softmax cross-entropy, plain gradient descent, float32, rows shuffled anew in every epoch. The contenders take
turns within each round, so that a machine that others use too slows them all; the first round is the warm-up and is
shown apart. Without --data the rows are random bytes with MNIST's share of zeros: no dense program can tell.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version


def arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds, after one of warm-up")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else 2)
    parser.add_argument("--batches", default="32,128,512")
    parser.add_argument("--data", help="a CSV in Kaggle's MNIST layout, instead of random bytes")
    return parser.parse_args()


OPTIONS = arguments()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(OPTIONS.threads)  # before NumPy is imported, or it is not heard

import numpy as np  # the threads come first

from glassnet.data import features, read_table, target_values
from glassnet.engines.interface import Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.network.initializers import initialize
from glassnet.network.structure import Structure
from glassnet.training import Settings
from glassnet.training.metrics import METRICS

SIZES = (784, 128, 64, 10)
RATE = 0.1
Epoch = Callable[[], None]


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return x (rows, 784) float32 in 0–1 and y (rows,) classes."""
    if OPTIONS.data:
        table = read_table(OPTIONS.data)
        x = features(table, [column for column in table.names if column != "label"])[: OPTIONS.rows]
        return (x / 255).astype(np.float32), target_values(table, "label")[: OPTIONS.rows]
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (OPTIONS.rows, SIZES[0])).astype(np.float32) / 255
    x *= rng.random(x.shape, dtype=np.float32) > 0.81
    return x, rng.integers(0, SIZES[-1], OPTIONS.rows)


def start() -> list[np.ndarray]:
    """Return the same first weights for everybody: W1, b1, W2, b2, W3, b3, float32."""
    structure = Structure(SIZES, ("relu", "relu", "softmax"))
    vector = initialize(structure, np.random.default_rng(0), dtype=np.float32)
    return [view.copy() for view in structure.views(vector).values()]


def glassnet_reference(x: np.ndarray, y: np.ndarray, batch: int) -> Epoch:
    """Time our reference engine, history's loss, accuracy and gradient norm included."""
    structure = Structure(SIZES, ("relu", "relu", "softmax"))
    settings = Settings(optimizer="gradient_descent", batch_size=batch)
    engine = ReferenceEngine(settings.objective(structure), settings.update_rule(), batch, np.float32)
    vector = initialize(structure, np.random.default_rng(0), dtype=np.float32)
    weights = Weights(vector, settings.found_optimizer().start(vector), None)
    rng, rates = np.random.default_rng(1), np.full(-(-len(x) // batch), RATE)
    data, metric = Rows(x, y), METRICS["accuracy"].row

    def epoch() -> None:
        engine.train_epoch(weights, data, rng.permutation(len(x)), rates, rng, metric)

    return epoch


def numpy_sketch(x: np.ndarray, y: np.ndarray, batch: int) -> Epoch:
    """Time the shortest NumPy that trains this one network: no loss, no history, no choice of anything."""
    W1, b1, W2, b2, W3, b3 = start()
    one_hot, rng = np.eye(SIZES[-1], dtype=np.float32)[y], np.random.default_rng(1)

    def epoch() -> None:
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch):
            chosen = order[first : first + batch]
            a0 = x[chosen]
            a1 = np.maximum(a0 @ W1 + b1, 0)
            a2 = np.maximum(a1 @ W2 + b2, 0)
            z3 = a2 @ W3 + b3
            a3 = np.exp(z3 - z3.max(axis=1, keepdims=True))
            a3 /= a3.sum(axis=1, keepdims=True)
            dz3 = (a3 - one_hot[chosen]) / len(chosen)
            dz2 = (dz3 @ W3.T) * (a2 > 0)
            dz1 = (dz2 @ W2.T) * (a1 > 0)
            for W, b, a, dz in ((W3, b3, a2, dz3), (W2, b2, a1, dz2), (W1, b1, a0, dz1)):
                W -= RATE * (a.T @ dz)  # in place
                b -= RATE * dz.sum(axis=0)  # in place

    return epoch


def scikit_learn(x: np.ndarray, y: np.ndarray, batch: int) -> Epoch:
    """Time scikit-learn's own `partial_fit`: it takes one epoch over the rows, shuffled."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        SIZES[1:-1], solver="sgd", momentum=0, alpha=0, batch_size=batch, learning_rate_init=RATE, random_state=0
    )
    classes = np.arange(SIZES[-1])
    return lambda: model.partial_fit(x, y, classes=classes)


def pytorch(x: np.ndarray, y: np.ndarray, batch: int) -> Epoch:
    """Time PyTorch by hand: tensors indexed by a permutation, torch.optim.SGD."""
    import torch

    torch.set_num_threads(OPTIONS.threads)
    layers: list[torch.nn.Module] = []
    for before, after in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), RATE)
    data, truth = torch.from_numpy(x), torch.from_numpy(y)

    def epoch() -> None:
        order = torch.randperm(len(data))
        for first in range(0, len(data), batch):
            chosen = order[first : first + batch]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(data[chosen]), truth[chosen]).backward()
            optimizer.step()

    return epoch


CONTENDERS = {
    "glassnet reference": glassnet_reference,
    "NumPy sketch": numpy_sketch,
    "scikit-learn": scikit_learn,
    "PyTorch": pytorch,
}


def main() -> None:
    """Run all rounds and print the table."""
    contenders = dict(CONTENDERS)
    try:
        torch_version = version("torch")
    except ModuleNotFoundError:
        torch_version = "not installed"
        del contenders["PyTorch"]
    x, y = rows()
    what = "MNIST" if OPTIONS.data else "MNIST-shaped random"
    print(f"784-128-64-10, ReLU, cross-entropy, plain gradient descent, float32, {len(x):,} {what} rows")
    print(f"{processor()}, {OPTIONS.threads} threads, Python {sys.version.split()[0]}")
    print(f"NumPy {np.__version__}, scikit-learn {version('scikit-learn')}, PyTorch {torch_version}")
    print(f"seconds an epoch: median (least) of {OPTIONS.rounds}, contenders in turn; warm-up round left out\n")
    print("| batch | " + " | ".join(contenders) + " | ours to sketch | warm-ups |")
    print("| --- " * (len(contenders) + 3) + "|")
    for batch in (int(size) for size in OPTIONS.batches.split(",")):
        epochs = {name: prepare(x, y, batch) for name, prepare in contenders.items()}
        seconds: dict[str, list[float]] = {name: [] for name in epochs}
        for _ in range(OPTIONS.rounds + 1):
            for name, epoch in epochs.items():
                began = time.perf_counter()
                epoch()
                seconds[name].append(time.perf_counter() - began)
        cells = [f"{statistics.median(times[1:]):.3f} ({min(times[1:]):.3f})" for times in seconds.values()]
        ours, sketch = seconds["glassnet reference"][1:], seconds["NumPy sketch"][1:]
        ratio = statistics.median(a / b for a, b in zip(ours, sketch, strict=True))
        warm = " ".join(f"{times[0]:.2f}" for times in seconds.values())
        print(f"| {batch} | " + " | ".join(cells) + f" | {ratio:.2f} | {warm} |", flush=True)


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main()
