"""The original program (`glassnet.walkthrough.train_nn`) on MNIST: test accuracy for ten seeds.

The accuracies are those that the program prints, to two digits. The fused engine runs it: the same calculation as the
reference engine's, up to rounding.
"""

from __future__ import annotations

import argparse
import contextlib
import io

import numpy as np
from problems import pixels

from glassnet.walkthrough import train_nn

LAYERS = [784, 128, 64, 10]
ALPHA = 500
SEEDS = range(10)
#: Epochs whose accuracy is a column of the table.
EPOCHS = (1, 10, 30)


def run(options: argparse.Namespace) -> None:
    """Print the table."""
    data: list[np.ndarray] = []
    for name in ("train", "test"):
        rows, classes, description = pixels(options.rows, options.data if name == "train" else None, name)
        print(description)
        data += [rows / 255, np.eye(10)[classes]]
    print()
    epochs = 1 if options.smoke else EPOCHS[-1]
    columns = [epoch for epoch in EPOCHS if epoch <= epochs]
    table = []
    for seed in SEEDS:
        table.append(accuracies(seed, data, epochs))
    print(f"| seed | {' | '.join(f'epoch {epoch}' for epoch in columns)} |")
    print(f"| --- |{' --- |' * len(columns)}")
    for seed, printed in zip(SEEDS, table, strict=True):
        print(f"| {seed} | {' | '.join(printed[epoch - 1] for epoch in columns)} |")


def accuracies(seed: int, data: list[np.ndarray], epochs: int) -> list[str]:
    """Return the test accuracies that the program prints, one per epoch."""
    printed = io.StringIO()
    np.random.seed(seed)  # noqa: NPY002  # what the program draws from
    with contextlib.redirect_stdout(printed):
        train_nn(*data, LAYERS, epochs, ALPHA, language="en", engine="fused")
    return [line.rsplit(" ", 1)[1] for line in printed.getvalue().splitlines()]
