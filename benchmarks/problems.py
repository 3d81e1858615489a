"""The datasets of the benchmarks, and the network for each."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import random as random_sparse

from glassnet.network.initializers import initialize
from glassnet.network.structure import Structure

MNIST_SIZES = (784, 128, 64, 10)


@dataclass(frozen=True)
class Problem:
    """Rows and a network for them: ReLU; softmax and cross-entropy for classes, else half the squared error.

    Parameters
    ----------
    name : str
        Its name in the tables.
    sizes : tuple of int
        Units of each layer.
    x : array (rows, features) float32, or SciPy CSR
        The rows.
    y : array (rows,) int64, or (rows, 1) float32
        Classes, or values.
    rate : float
        Learning rate of plain gradient descent.
    x_bytes : array (rows, features) uint8, optional
        The same rows times 255.
    """

    name: str
    sizes: tuple[int, ...]
    x: Any
    y: np.ndarray
    rate: float = 0.1
    x_bytes: np.ndarray | None = None

    @property
    def structure(self) -> Structure:
        """The layers."""
        return Structure(self.sizes, ("relu",) * (len(self.sizes) - 2) + ("softmax" if self.classes else "identity",))

    @property
    def classes(self) -> bool:
        """Whether this is a classification."""
        return self.y.dtype.kind == "i"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.x.shape[0])

    def first(self, rows: int) -> Problem:
        """Return the problem with only its first rows."""
        some = None if self.x_bytes is None else self.x_bytes[:rows]
        return replace(self, x=self.x[:rows], y=self.y[:rows], x_bytes=some)

    def start(self) -> np.ndarray:
        """Return the common initial parameters (n_parameters,) float32."""
        return initialize(self.structure, np.random.default_rng(0), dtype=np.float32)


def pixels(rows: int, path: str | None, name: str = "train") -> tuple[np.ndarray, np.ndarray, str]:
    """Return bytes (rows, 784), classes, and the name of the dataset.

    MNIST in Kaggle's layout from the path, or GLASSNET_MNIST, or ../shared/mnist next to the checkout. Otherwise random
    bytes with MNIST's share of zeros; they are not adjacent as in MNIST, so that skipping them gains less.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "mnist" / "mnist_train.csv.gz"
    found = Path(path or os.environ.get("GLASSNET_MNIST") or beside)
    if found.is_dir():
        found /= "mnist_train.csv.gz"
    if name == "test":
        found = found.with_name(found.name.replace("train", "test"))
    if found.exists():
        with gzip.open(found, "rt") if found.suffix == ".gz" else open(found) as file:
            table = np.loadtxt(file, np.uint8, delimiter=",", skiprows=1, max_rows=rows)
        return np.ascontiguousarray(table[:, 1:]), table[:, 0].astype(np.int64), "MNIST"
    if path:
        raise SystemExit(f"{found} does not exist; name a CSV file in Kaggle's MNIST layout: label, then 784 pixels")
    rng = np.random.default_rng(0)
    x = rng.integers(1, 256, (rows, 784), np.uint8)
    x[rng.random(x.shape, np.float32) < 0.81] = 0
    return x, rng.integers(0, 10, rows), "random bytes with MNIST's share of zeros"


def mnist(rows: int, path: str | None, sizes: tuple[int, ...] = MNIST_SIZES) -> Problem:
    """Return MNIST, or its replacement: see `pixels`."""
    x_bytes, y, name = pixels(rows, path)
    return Problem(name, sizes, (x_bytes / np.float32(255)).astype(np.float32), y, x_bytes=x_bytes)


def dense(rows: int) -> Problem:
    """Return random numbers of MNIST's shape, without zeros."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 784), np.float32)
    return Problem("dense random numbers", MNIST_SIZES, x, rng.integers(0, 10, rows), rate=0.01)


def deep(rows: int) -> Problem:
    """Return a regression for eight hidden layers of 64 units."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 100), np.float32)
    y = np.tanh(x[:, :5].sum(axis=1, keepdims=True)).astype(np.float32)
    return Problem("regression", (100, *[64] * 8, 1), x, y, rate=0.01)


def digits() -> Problem:
    """Return scikit-learn's handwritten digits: 1,797 rows of 64."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return Problem("digits", (64, 64, 32, 10), (x / 16).astype(np.float32), y.astype(np.int64))


def table(rows: int) -> Problem:
    """Return a table of 30 numeric columns and two classes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 30), np.float32)
    return Problem("table", (30, 64, 32, 2), x, (x[:, 0] * x[:, 1] > x[:, 2]).astype(np.int64))


def sparse(rows: int, columns: int = 10_000) -> Problem:
    """Return CSR rows, a tenth of whose values are not 0."""
    x = random_sparse(rows, columns, 0.1, "csr", np.float32, np.random.default_rng(0))
    return Problem("10 % CSR", (columns, 128, 64, 10), x, np.random.default_rng(1).integers(0, 10, rows), rate=0.01)
