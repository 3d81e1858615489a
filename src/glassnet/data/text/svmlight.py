"""SVMlight files (LIBSVM's format): a target and the nonzero entries, ``1 3:0.5 17:2``; read as sparse rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_matrix

from glassnet._utils.arrays import Array
from glassnet.data.base_file import MAX_SPARSE_COLUMNS, File, ReadState, open_stream
from glassnet.data.formatting import first_line, short_repr
from glassnet.data.tables import Matrix
from glassnet.data.text.lines import MAX_ROW_BYTES, Quoting, RowTooLong, split_rows
from glassnet.errors import InputError

#: Name of the number before the entries.
TARGET = "y"

#: The largest number of a column that is read at all.
MAX_INDEX = 2**31 - 2
#: Rows as CSR, with the file's column numbers, and their targets.
SparseRows: TypeAlias = tuple[Any, Array]


class SvmlightFile(File):
    """An SVMlight file, plain or compressed.

    Column i of the file is called xi, so that files that count from 0 and files that count from 1 both keep their
    numbers. The number of columns is not stored: opening the file reads it once.
    """

    format = "SVMlight"
    open_ended = True

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        self._max_index = min(max_columns or MAX_SPARSE_COLUMNS, MAX_INDEX)
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
                    sparse, rows, errors = self._parse_block(text)
                    yield sparse, rows_before, rows, errors
                    rows_before += len(rows) + len(errors)
        except RowTooLong:
            raise InputError(f"{self.path}: row {rows_before + 1} is longer than {MAX_ROW_BYTES >> 20} MB") from None

    def _parse_block(self, text: bytes) -> tuple[SparseRows, Array, list[tuple[int, str]]]:
        """Return the valid rows, their numbers, from 1, and the numbers and errors of the others."""
        try:
            sparse = _parse(text, self._max_index)
            return sparse, np.arange(1, len(sparse[1]) + 1), []
        except (ValueError, OverflowError):
            pass
        lines = [line for line in text.splitlines() if line.partition(b"#")[0].strip()]
        found = [(row, _error_in(line, self._max_index)) for row, line in enumerate(lines, start=1)]
        rows = np.array([row for row, error in found if not error], np.int64)
        valid = b"\n".join(lines[row - 1] for row in rows.tolist())
        sparse = _parse(valid, self._max_index) if len(rows) else (csr_matrix((0, 1)), np.empty(0))
        return sparse, rows, [(row, error) for row, error in found if error]


def merge_names(names: Sequence[list[str]]) -> list[str]:
    """Return the columns of several files: from the lowest to the highest number."""
    numbers = [int(name[1:]) for each in names for name in (each[0], each[-2:][0]) if name != TARGET]
    return [*(f"x{column}" for column in range(min(numbers, default=1), max(numbers, default=0) + 1)), TARGET]


def _parse(text: bytes, max_index: int) -> SparseRows:
    """Parse rows; raise a ValueError or OverflowError if one is invalid."""
    from sklearn.datasets import load_svmlight_file

    x, y = load_svmlight_file(io.BytesIO(text), dtype=np.float64, zero_based=True)
    if x.nnz and x.indices.max() > max_index:
        raise ValueError
    return x, y


def _error_in(line: bytes, max_index: int) -> str:
    """Return what is wrong with a row, or an empty string."""
    cells = line.partition(b"#")[0].split()
    try:
        float(cells[0])
        previous = -1
        for cell in cells[1:]:
            name, _, value = cell.partition(b":")
            if name == b"qid":
                int(value)
                continue
            index = int(name)
            if index > max_index:
                raise ValueError(
                    f"column {index:,} is more than {max_index:,}, and each takes memory; if it is right, allow it: "
                    f"--max-columns {index}"
                )
            if index <= previous:
                raise ValueError("columns must be numbers from 0 on, sorted and unique")
            previous = index
            float(value)
    except ValueError as error:
        return f"is {short_repr(line.decode(errors='replace'))}, which can't be read: {first_line(error)}"
    return ""
