"""Sample files for the tests, read in tables of any size."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from glassnet.data import ArrowTable
from glassnet.preprocessing.scaling import choose_scaling
from glassnet.streaming.profile import DatasetProfile, ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.streaming.stream_source import RowTransform, StreamSource
from glassnet.streaming.target_profile import TRAINING, ClassEncoder


def stream_threads():
    """Return the running threads that read ahead for a stream."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("glassnet-stream")]


class SampleFiles:
    """A replacement for `glassnet.data.Files`: a CSV file read a few rows at a time, each table with its own types."""

    def __init__(self, path: Path, columns: dict[str, Any], rows: int, text: bool = True) -> None:
        self.table = pa.table(columns)
        self.rows = rows
        if text:
            csv.write_csv(self.table, path)
        self.files = self.paths = (path,)
        self.names = list(self.table.column_names)
        self.bad_rows: list[Any] = []
        self.passes = 0
        self.reading_key = ""
        self.source = str(path)

    @property
    def bad_count(self) -> int:
        return len(self.bad_rows)

    def require(self, *names: str) -> None:
        """Take an empty cell of these columns for an invalid row; there are none."""

    def blocks(self, text: Any = ()) -> Iterator[ArrowTable]:
        self.passes += 1
        for first in range(0, len(self.table), self.rows):
            yield ArrowTable(str(self.files[0]), self.table.slice(first, self.rows))


def columns_of(x: np.ndarray, y: Any) -> dict[str, Any]:
    return {"label": y, **{f"x{c}": x[:, c] for c in range(x.shape[1])}}


def pixels(rows: int, columns: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return bytes and classes; the first two bytes of a row are its number."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (rows, columns), np.uint8)
    x[:, 0] = np.arange(rows) % 256
    x[:, 1] = np.arange(rows) // 256 % 256
    x[:, 2] = 255
    return x, rng.integers(0, 3, rows)


def row_ids(x: Any) -> list[int]:
    """Return the numbers of rows of `pixels`."""
    return (x[:, 0].astype(int) + 256 * x[:, 1].astype(int)).tolist()


def scan_sample(files: Any, fraction: float = 0.0, cache: bool = True, group: str = "") -> DatasetProfile:
    return scan_files(files, ScanOptions("label", group, fraction), cache)


def source_of(
    profile: DatasetProfile, split: int = TRAINING, buffer_bytes: int = 2**26, dtype: Any = np.float32
) -> StreamSource:
    classes = profile.target_profile.unique.tolist()
    encode = ClassEncoder(classes, profile.target_profile.texts)
    features = profile.splits[TRAINING].features
    scaling = choose_scaling(features, kind="bytes" if features.all_bytes else "auto")
    transform = RowTransform(scaling, encode, dtype, repr(classes))
    return StreamSource(profile, split, transform, 0.0, buffer_bytes)


class Seeds:
    """A sampler with consecutive seeds."""

    def __init__(self, seed: int = 7) -> None:
        self.next = seed

    def seed(self) -> int:
        self.next += 1
        return self.next - 1

    def order(self, rows: np.ndarray) -> np.ndarray:
        raise AssertionError("a stream does not shuffle a list of its rows")


def read_all(parts: Any) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return x and y of all parts in order, and the lengths of the parts."""
    xs: list[np.ndarray] = []
    ys: list[np.ndarray] = []
    lengths = []
    for part in parts:
        order = np.arange(len(part.rows)) if part.order is None else part.order
        x = part.rows.x[order]
        xs.append((x.toarray() if hasattr(x, "toarray") else x).copy())
        ys.append(part.rows.y[order].copy())
        lengths.append(len(order))
    return np.concatenate(xs), np.concatenate(ys), lengths
