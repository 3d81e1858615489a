"""SVMlight files (LIBSVM's format): a target and the entries that are not 0, ``1 3:0.5 17:2``; read as sparse rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix, vstack

from glassnet._utils.arrays import Array
from glassnet.data.file import MAX_FEATURES, File, opened
from glassnet.data.formatting import first_line, short
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix
from glassnet.data.text.lines import LONGEST_ROW, RowTooLong, blocks_of_rows
from glassnet.errors import InputError

#: What the number before the entries is called.
TARGET = "y"

#: Rows as CSR, columns as the file numbers them; their targets.
Sparse: TypeAlias = tuple[Any, Array]


class SvmlightFile(File):
    """An SVMlight file, plain or compressed.

    Column i of the file is called xi, so that files that count from 0 and files that count from 1 both keep their
    numbers. How many there are is known at the end alone: opening the file reads it once.
    """

    format = "SVMlight"
    endless = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        low, high = 1, 0
        wrong: list[tuple[int, str]] = []
        for (x, _), before, _, bad in self._parts():
            wrong += [(before + row, told) for row, told in bad[: 1 - len(wrong)]]
            if x.nnz:
                low, high = min(low, int(x.indices.min())), max(high, int(x.indices.max()))
        if wrong and not high:
            raise InputError(f"{path}: row {wrong[0][0]} {wrong[0][1]}")
        self.names = [*(f"x{column}" for column in range(low, high + 1)), TARGET]

    def blocks(self, state: Pass) -> Iterator[Matrix]:
        """Yield the rows: see `File.blocks`."""
        names = tuple(state.names[:-1])
        first = int(names[0][1:]) if names else 1
        for (x, y), before, rows, bad in self._parts():
            if bad and state.bad is None:
                row, told = bad[0]
                raise InputError(f"{self.path}: row {before + row} {told}")
            shifted = csr_matrix((x.data, (x.indices - first).astype(np.int32), x.indptr), (len(y), len(names)))
            matrix = Matrix(self.source, shifted, y, names, TARGET, endless=True, first_row=before + 1)
            if state.bad is not None:
                unread = [(before + row, told) for row, told in bad]
                matrix = state.bad.sift_matrix(matrix, before + rows, unread)
            yield matrix

    def _parts(self) -> Iterator[tuple[Sparse, int, Array, list[tuple[int, str]]]]:
        """Yield rows, how many stand before them, their numbers among the next ones, and what can't be read."""
        before = 0
        try:
            with opened(self.path) as stream:
                for text in blocks_of_rows(stream, quotes=False):
                    bad: list[tuple[int, str]] = []
                    try:
                        sparse = _parsed(text)
                        rows = np.arange(1, len(sparse[1]) + 1)
                    except (ValueError, OverflowError):
                        lines = [line for line in text.splitlines() if line.partition(b"#")[0].strip()]
                        parts = list(_mended(lines, 1, bad))
                        sparse = _stacked(parts)
                        rows = np.setdiff1d(np.arange(1, len(lines) + 1), [row for row, _ in bad])
                    yield sparse, before, rows, bad
                    before += len(rows) + len(bad)
        except RowTooLong:
            raise InputError(f"{self.path}: row {before + 1} is longer than {LONGEST_ROW >> 20} MB") from None


def joint_names(names: Sequence[list[str]]) -> list[str]:
    """Return the columns of several files: from the first that one of them has to the last."""
    numbers = [int(name[1:]) for each in names for name in (each[0], each[-2:][0]) if name != TARGET]
    return [*(f"x{column}" for column in range(min(numbers, default=1), max(numbers, default=0) + 1)), TARGET]


def _parsed(text: bytes) -> Sparse:
    """Read rows; a ValueError or OverflowError if one is wrong."""
    from sklearn.datasets import load_svmlight_file

    x, y = load_svmlight_file(io.BytesIO(text), dtype=np.float64, zero_based=True)
    if x.nnz and x.indices.max() > MAX_FEATURES:
        raise ValueError(f"column {x.indices.max():,} is more than {MAX_FEATURES:,}")
    return x, y


def _mended(lines: list[bytes], first: int, bad: list[tuple[int, str]]) -> Iterator[Sparse]:
    """Read the lines that can be read, by halves; note the number of each other one, from `first` on, and why."""
    try:
        yield _parsed(b"\n".join(lines))
    except (ValueError, OverflowError) as error:
        if len(lines) == 1:
            text = lines[0].decode(errors="replace")
            bad.append((first, f"is {short(text)}, which can't be read: {first_line(error)}"))
            return
        half = len(lines) // 2
        yield from _mended(lines[:half], first, bad)
        yield from _mended(lines[half:], first + half, bad)


def _stacked(parts: list[Sparse]) -> Sparse:
    width = max((x.shape[1] for x, _ in parts), default=1)
    for x, _ in parts:
        x.resize(x.shape[0], width)
    if not parts:
        return csr_matrix((0, width)), np.empty(0)
    return vstack([x for x, _ in parts], format="csr"), np.concatenate([y for _, y in parts])
