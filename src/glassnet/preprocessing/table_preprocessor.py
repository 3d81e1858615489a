"""The preprocessor of a table: numbers, booleans and categories become the inputs of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.column_error import FINITE_OR_MISSING, ColumnError
from glassnet.data.conversion import as_table
from glassnet.data.formatting import format_names
from glassnet.data.tables import Matrix, Table
from glassnet.errors import InputError
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.feature_columns import CODES, ONE_HOT, CategoricalColumn, NumericColumn
from glassnet.preprocessing.statistics import column_indices

#: The kind in `TablePreprocessor.to_dict`, beside those of `Scaling`.
TABLE = "table"
#: Rows transformed at once, so that the float64 copy stays small.
ROWS_AT_ONCE = 4096
_TOO_FAR = "that is too far from the training rows for {}"


@dataclass(frozen=True, eq=False)
class TablePreprocessor(Preprocessor):
    """Transforms the columns of a table into the inputs of a network; `fit_preprocessor` fits one.

    The order of the inputs: numbers, booleans among them; an indicator for each column of numbers that has one; the
    one-hot columns of categories; the codes of categories. Within each group the order is that of the table.

    Parameters
    ----------
    names : tuple of str
        The table's columns.
    named : bool
        Whether the names are the user's; then the columns of a data frame are checked by name.
    centred : bool
        False for sparse rows: then every offset is 0, rows stay sparse, and no value may be missing.
    numbers : array (n_numbers,), int64
        The positions of the columns of numbers, ascending.
    boolean, indicator : array (n_numbers,), bool
        As in `NumericColumn`.
    median, offset, scale : array (n_numbers,), float64
        As in `NumericColumn`.
    categories : tuple of CategoricalColumn
        The other columns, in the table's order.
    """

    names: tuple[str, ...]
    named: bool
    centred: bool
    numbers: Array
    boolean: Array
    indicator: Array
    median: Array
    offset: Array
    scale: Array
    categories: tuple[CategoricalColumn, ...]

    @property
    def kind(self) -> str:  # type: ignore[override]  # a constant here, a field of Scaling
        """``"table"``."""
        return TABLE

    def __repr__(self) -> str:
        return (
            f"<TablePreprocessor: {len(self.names)} columns become {self.n_inputs} inputs, "
            f"{len(self.embedding_shapes)} of them codes>"
        )

    @cached_property
    def columns(self) -> tuple[NumericColumn | CategoricalColumn, ...]:
        """The description of each column, in the table's order."""
        columns: dict[int, NumericColumn | CategoricalColumn] = {column.position: column for column in self.categories}
        arrays = (self.numbers, self.boolean, self.median, self.offset, self.scale, self.indicator)
        for position, *values in zip(*(array.tolist() for array in arrays), strict=True):
            columns[position] = NumericColumn(self.names[position], position, *values)
        return tuple(columns[position] for position in range(len(self.names)))

    @cached_property
    def embedding_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each embedding table, (categories + 1, width): one for each of the last inputs."""
        return tuple(column.embedding_shape for column in self._encoded if column.encoding == CODES)

    @cached_property
    def n_inputs(self) -> int:
        """Number of columns that `transform` returns."""
        return len(self.numbers) + int(self.indicator.sum()) + sum(column.width for column in self._encoded)

    @property
    def n_features_in(self) -> int:
        """Number of columns of the table."""
        return len(self.names)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the names of the columns that `transform` returns; input_features is ignored."""
        numbers = [self.names[position] for position in self.numbers.tolist()]
        missing = [f"{name} is missing" for name, has in zip(numbers, self.indicator.tolist(), strict=True) if has]
        return (*numbers, *missing, *(name for column in self._encoded for name in column.input_names))

    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """Transform a table into the inputs of a network.

        Parameters
        ----------
        X : data frame, array or sparse matrix (samples, columns)
            With the columns of the fitted table, in its order.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        array (samples, n_inputs), or a sparse matrix of this shape if X and the training rows are sparse
            Finite numbers, newly allocated; a sparse one may share its indices with X.

        Raises
        ------
        InputError
            If columns are missing, unknown or in another order, or an entry is infinite, not a number in a column of
            numbers, or too large for the dtype (row and column named).
        """
        table = as_table(X)
        self._check_columns(table)
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise InputError(f"dtype is {dtype!r}; it must be float32 or float64")
        try:
            if isinstance(table, Matrix) and table.is_sparse and not self.centred:
                return self._scale_sparse(table.x, dtype)
            return self._transform(table, dtype)
        except ColumnError as error:
            raise error.to_input_error(self.names) from None

    def to_dict(self) -> dict[str, Any]:
        """Return everything but `arrays` as values that JSON holds; `preprocessor_from_dict` takes both."""
        return {
            "kind": TABLE,
            "names": list(self.names),
            "named": self.named,
            "centred": self.centred,
            "booleans": self.numbers[self.boolean].tolist(),
            "indicators": self.numbers[self.indicator].tolist(),
            "categories": [column.to_dict() for column in self.categories],
        }

    def arrays(self) -> dict[str, Array]:
        """Return the arrays to be stored, by name: median, offset and scale, each (n_numbers,) float64."""
        return {"median": self.median, "offset": self.offset, "scale": self.scale}

    @cached_property
    def _encoded(self) -> tuple[CategoricalColumn, ...]:
        """The columns of categories in the order of their inputs: one-hot, then codes."""
        return tuple(c for encoding in (ONE_HOT, CODES) for c in self.categories if c.encoding == encoding)

    @cached_property
    def _positions(self) -> list[int]:
        return self.numbers.tolist()

    @cached_property
    def _imputed(self) -> Array:
        """The input that a missing value becomes, (n_numbers,)."""
        return (self.median - self.offset) * self.scale

    def _transform(self, table: Table, dtype: Any) -> Array:
        """Return the inputs (samples, n_inputs) of a table, computed a few rows at a time."""
        raw = table.matrix(self._positions)
        codes = [column.codes(*factorize(table, column.position)) for column in self._encoded]
        result = np.empty((table.shape[0], self.n_inputs), dtype)
        first_encoded = self.n_inputs - sum(column.width for column in self._encoded)
        for first in range(0, len(result), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            self._scale(raw[part], result[part], first)
            start = first_encoded
            for column, code in zip(self._encoded, codes, strict=True):
                result[part, start : start + column.width] = column.vectors[code[part]]
                start += column.width
        return result

    def _check_columns(self, table: Table) -> None:
        names = table.names
        if self.named and names and tuple(names) != self.names:
            known = set(self.names)
            missing = [name for name in self.names if name not in set(names)]
            extra = [name for name in names if name not in known]
            if missing:
                instead = f"; it has {format_names(extra)} instead" if extra else ""
                raise InputError(f"X lacks the column {format_names(missing)} of the training rows{instead}")
            if extra:
                raise InputError(
                    f"X has the column {format_names(extra)}, which the training rows did not have; leave it out"
                )
            if len(names) == len(self.names):
                position = next(i for i, name in enumerate(self.names) if names[i] != name)
                raise InputError(
                    f"X's column {position} is {names[position]!r}; in the training rows it was "
                    f"{self.names[position]!r}: bring the columns into that order"
                )
        if table.shape[1] != len(self.names):
            raise InputError(f"X has {table.shape[1]} columns; the training rows had {len(self.names)}")

    def _scale(self, raw: Array, out: Array, first: int) -> None:
        """Write the inputs of numbers (rows, n_numbers) into out (rows, n_inputs); first is the index of the first."""
        count = len(self.numbers)
        missing = None
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            missing = np.isnan(raw)
            self._raise_first(np.isinf(raw), raw, first, FINITE_OR_MISSING)
            if not self.centred:
                self._raise_first(missing, raw, first, "no entry may be missing, because the training rows were sparse")
        with np.errstate(over="ignore", invalid="ignore"):
            block = np.subtract(raw, self.offset)
            block *= self.scale
            if missing is not None:
                np.copyto(block, self._imputed, where=missing)
            out[:, :count] = block
        if not np.isfinite(out[:, :count]).all():
            self._raise_first(~np.isfinite(out[:, :count]), raw, first, _TOO_FAR.format(out.dtype))
        out[:, count : count + int(self.indicator.sum())] = 0 if missing is None else missing[:, self.indicator]

    def _raise_first(self, invalid: Array, raw: Array, first: int, message: str) -> None:
        """Raise a ColumnError for the first invalid entry (rows, n_numbers), if there is one."""
        for row, column in np.argwhere(invalid)[:1].tolist():
            raise ColumnError(int(self.numbers[column]), f"is {raw[row, column]}; {message}", first + row)

    def _scale_sparse(self, matrix: Any, dtype: Any) -> Any:
        """Multiply each stored entry by the scale of its column."""
        check_stored_entries(matrix, matrix.data, "every entry of a sparse matrix must be a finite number")
        with np.errstate(over="ignore"):
            data = (matrix.data * self.scale[column_indices(matrix)]).astype(dtype)
        check_stored_entries(matrix, data, _TOO_FAR.format(data.dtype))
        # sorting the result's indices in@entry must not change X; sorted ones are never sorted again
        share = matrix.has_canonical_format
        return type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=not share)


def factorize(table: Table, position: int) -> tuple[Array, list[Any]]:
    """Return a column as codes (samples,) and the list of values that they index, as Python's own scalars."""
    codes, values = table.factorize(position)
    return codes, [value.item() if isinstance(value, np.generic) else value for value in values]


def check_stored_entries(matrix: Any, values: Array, message: str) -> None:
    """Check the stored entries of a CSR or CSC matrix.

    Parameters
    ----------
    matrix : CSR or CSC matrix
        The entries that the error names.
    values : array (stored entries,)
        What was computed from each; it must be finite.
    message : str
        What is expected.

    Raises
    ------
    ColumnError
        For the first whose value is not finite.
    """
    for entry in np.flatnonzero(~np.isfinite(values))[:1].tolist():
        inner = int(matrix.indices[entry])
        outer = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        row, column = (outer, inner) if matrix.format == "csr" else (inner, outer)
        raise ColumnError(column, f"is {matrix.data[entry]}; {message}", row)
