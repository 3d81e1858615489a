"""SVMlight files (LIBSVM's format): a target and the nonzero entries, ``1 3:0.5 17:2``; read as sparse rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix, vstack

from glassnet._utils.arrays import Array
from glassnet.data.base_file import MAX_FEATURES, File, ReadState, open_stream
from glassnet.data.formatting import first_line, short_repr
from glassnet.data.tables import Matrix
from glassnet.data.text.lines import MAX_ROW_BYTES, Quoting, RowTooLong, split_rows
from glassnet.errors import InputError

#: Name of the number before the entries.
TARGET = "y"

#: Rows as CSR, with the file's column numbers, and their targets.
SparseRows: TypeAlias = tuple[Any, Array]


class SvmlightFile(File):
    """An SVMlight file, plain or compressed.

    Column i of the file is called xi, so that files that count from 0 and files that count from 1 both keep their
    numbers. The number of columns is not stored: opening the file reads it once.
    """

    format = "SVMlight"
    open_ended = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        low, high = 1, 0
        first_error: tuple[int, str] | None = None
        for (x, _), rows_before, _, errors in self._parts():
            if errors and first_error is None:
                first_error = (rows_before + errors[0][0], errors[0][1])
            if x.nnz:
                low = min(low, int(x.indices.min()))
                high = max(high, int(x.indices.max()))
        if first_error is not None and not high:
            raise InputError(f"{path}: row {first_error[0]} {first_error[1]}")
        self.names = [*(f"x{column}" for column in range(low, high + 1)), TARGET]

    def blocks(self, state: ReadState) -> Iterator[Matrix]:
        """Yield the rows: see `File.blocks`."""
        names = tuple(state.names[:-1])
        first = int(names[0][1:]) if names else 1
        for (x, y), rows_before, rows, errors in self._parts():
            if errors and state.bad_rows is None:
                row, message = errors[0]
                raise InputError(f"{self.path}: row {rows_before + row} {message}")
            shifted = csr_matrix((x.data, (x.indices - first).astype(np.int32), x.indptr), (len(y), len(names)))
            matrix = Matrix(self.source, shifted, y, names, TARGET, open_ended=True, first_row=rows_before + 1)
            if state.bad_rows is not None:
                unparsed = [(rows_before + row, message) for row, message in errors]
                matrix = state.bad_rows.filter_matrix(matrix, rows_before + rows, unparsed)
            yield matrix

    def _parts(self) -> Iterator[tuple[SparseRows, int, Array, list[tuple[int, str]]]]:
        """Yield rows, the number of rows before them, their numbers counted from there, and rows with errors."""
        rows_before = 0
        try:
            with open_stream(self.path) as stream:
                for text in split_rows(stream, quoting=Quoting(quote=b"")):
                    errors: list[tuple[int, str]] = []
                    try:
                        sparse = _parse(text)
                        rows = np.arange(1, len(sparse[1]) + 1)
                    except (ValueError, OverflowError):
                        lines = [line for line in text.splitlines() if line.partition(b"#")[0].strip()]
                        parts = list(_parse_lines(lines, 1, errors))
                        sparse = _concat(parts)
                        rows = np.setdiff1d(np.arange(1, len(lines) + 1), [row for row, _ in errors])
                    yield sparse, rows_before, rows, errors
                    rows_before += len(rows) + len(errors)
        except RowTooLong:
            raise InputError(f"{self.path}: row {rows_before + 1} is longer than {MAX_ROW_BYTES >> 20} MB") from None


def merge_names(names: Sequence[list[str]]) -> list[str]:
    """Return the columns of several files: from the lowest to the highest number."""
    numbers = [int(name[1:]) for each in names for name in (each[0], each[-2:][0]) if name != TARGET]
    return [*(f"x{column}" for column in range(min(numbers, default=1), max(numbers, default=0) + 1)), TARGET]


def _parse(text: bytes) -> SparseRows:
    """Parse rows; raise a ValueError or OverflowError if one is invalid."""
    from sklearn.datasets import load_svmlight_file

    x, y = load_svmlight_file(io.BytesIO(text), dtype=np.float64, zero_based=True)
    if x.nnz and x.indices.max() > MAX_FEATURES:
        raise ValueError(f"column {x.indices.max():,} is more than {MAX_FEATURES:,}")
    return x, y


def _parse_lines(lines: list[bytes], first: int, errors: list[tuple[int, str]]) -> Iterator[SparseRows]:
    """Parse the valid lines, by bisection; add the number, from `first` on, and reason of the others to `errors`."""
    try:
        yield _parse(b"\n".join(lines))
    except (ValueError, OverflowError) as error:
        if len(lines) == 1:
            text = lines[0].decode(errors="replace")
            errors.append((first, f"is {short_repr(text)}, which can't be read: {first_line(error)}"))
            return
        half = len(lines) // 2
        yield from _parse_lines(lines[:half], first, errors)
        yield from _parse_lines(lines[half:], first + half, errors)


def _concat(parts: list[SparseRows]) -> SparseRows:
    width = max((x.shape[1] for x, _ in parts), default=1)
    for x, _ in parts:
        x.resize(x.shape[0], width)
    if not parts:
        return csr_matrix((0, width)), np.empty(0)
    return vstack([x for x, _ in parts], format="csr"), np.concatenate([y for _, y in parts])
