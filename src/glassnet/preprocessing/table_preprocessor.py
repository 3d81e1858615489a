"""The preprocessor of a table: numbers, booleans, categories and dates become the inputs of a network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from glassnet.preprocessing.categories import clean_value
from glassnet.preprocessing.column_choice import LeftOutColumn
from glassnet.preprocessing.column_matching import match_columns
from glassnet.preprocessing.dates import PARTS
from glassnet.preprocessing.feature_columns import CODES, ONE_HOT, CategoricalColumn, DateColumn, NumericColumn
from glassnet.preprocessing.scaling import SCALED, STANDARD
from glassnet.preprocessing.statistics import column_indices
from glassnet.preprocessing.table_statistics import numeric_values

#: The kind in `TablePreprocessor.to_dict`, beside those of `Scaling`.
TABLE = "table"
#: Rows transformed at once, so that the float64 copy stays small.
ROWS_AT_ONCE = 4096
#: Share of the values of a column that may be unknown categories without a warning.
MAX_UNKNOWN_SHARE = 0.2
_TOO_FAR = "that is too far from the training rows for {}"


@dataclass(frozen=True, eq=False)
class TablePreprocessor(Preprocessor):
    """Transforms the columns of a table into the inputs of a network; `fit_preprocessor` fits one.

    The order of the inputs: numbers, booleans among them; the parts of dates; an indicator for each column of these
    that has one; the one-hot columns of categories; the codes of categories. Within each group the order is that of the
    table.

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
    boolean, indicator : array (n_values,), bool
        As in `NumericColumn`, of the columns of numbers and then of the parts of each date.
    median, offset, scale : array (n_values,), float64
        As in `NumericColumn`.
    categories : tuple of CategoricalColumn
        The columns of categories, in the table's order.
    dates : tuple of int
        The positions of the columns of dates, ascending.
    left_out : tuple of LeftOutColumn
        The columns that become no inputs, in the table's order.
    scaling : str
        How numbers are scaled: one of `glassnet.preprocessing.scaling.KINDS`.
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
    dates: tuple[int, ...] = ()
    left_out: tuple[LeftOutColumn, ...] = ()
    scaling: str = STANDARD

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
    def columns(self) -> tuple[NumericColumn | CategoricalColumn | DateColumn | LeftOutColumn, ...]:
        """The description of each column, in the table's order."""
        described: list[Any] = [*self.categories, *self.left_out]
        columns = {column.position: column for column in described}
        arrays = (self.boolean, self.median, self.offset, self.scale, self.indicator)
        values = [
            NumericColumn(name, position, *value)
            for name, position, *value in zip(
                self._value_names, self._value_positions, *(array.tolist() for array in arrays), strict=True
            )
        ]
        columns |= {value.position: value for value in values[: len(self.numbers)]}
        for first, position in zip(range(len(self.numbers), len(values), len(PARTS)), self.dates, strict=True):
            columns[position] = DateColumn(self.names[position], position, tuple(values[first : first + len(PARTS)]))
        return tuple(columns[position] for position in range(len(self.names)))

    @cached_property
    def _value_positions(self) -> list[int]:
        """The position of the column of each number or part of a date."""
        return [*self.numbers.tolist(), *(position for position in self.dates for _ in PARTS)]

    @cached_property
    def _value_names(self) -> list[str]:
        """The name of each number or part of a date."""
        parts = [f"{self.names[position]} {part}" for position in self.dates for part in PARTS]
        return [*(self.names[position] for position in self.numbers.tolist()), *parts]

    @cached_property
    def embedding_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each embedding table, (categories + 1, width): one for each of the last inputs."""
        return tuple(column.embedding_shape for column in self._encoded if column.encoding == CODES)

    @cached_property
    def n_inputs(self) -> int:
        """Number of columns that `transform` returns."""
        return len(self.scale) + int(self.indicator.sum()) + sum(column.width for column in self._encoded)

    @property
    def n_features_in(self) -> int:
        """Number of columns of the table."""
        return len(self.names)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the names of the columns that `transform` returns; input_features is ignored."""
        missing = [
            f"{self.names[position]} is missing"
            for position, has in zip(self._value_positions, self.indicator.tolist(), strict=True)
            if has
        ]
        return (*self._value_names, *missing, *(name for column in self._encoded for name in column.input_names))

    def describe(self) -> str:
        """Return a line with the number of columns of each kind."""
        encoded = [column.encoding for column in self.categories]
        kinds = (
            (len(self.numbers) - int(self.boolean.sum()), f"of numbers ({SCALED[self.scaling]})"),
            (int(self.boolean.sum()), "of booleans"),
            (encoded.count(ONE_HOT), "of categories, one-hot"),
            (encoded.count(CODES), "of categories with embeddings"),
            (len(self.dates), "of dates"),
        )
        found = ", ".join(f"{count} {kind}" for count, kind in kinds if count)
        gaps = int(self.indicator.sum())
        return found + (f"; {gaps} with missing values, replaced by the median" if gaps else "")

    def without_left_out(self) -> TablePreprocessor:
        """Return the preprocessor of a table that has the columns that are left out no more."""
        out = {column.position for column in self.left_out}
        new = np.cumsum([position not in out for position in range(len(self.names))]) - 1
        return replace(
            self,
            names=tuple(name for position, name in enumerate(self.names) if position not in out),
            numbers=new[self.numbers],
            categories=tuple(replace(column, position=int(new[column.position])) for column in self.categories),
            dates=tuple(int(new[position]) for position in self.dates),
            left_out=(),
        )

    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """Transform a table into the inputs of a network.

        Parameters
        ----------
        X : data frame, array or sparse matrix (samples, columns)
            With the columns of the fitted table: by name in any order, others are ignored; without names in its order.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        array (samples, n_inputs), or a sparse matrix of this shape if X and the training rows are sparse
            Finite numbers, newly allocated; a sparse one may share its indices with X.

        Raises
        ------
        InputError
            If columns are missing, or an entry is infinite, not a number in a column of numbers, not a date in one of
            dates, or too large for the dtype (row and column named).

        Warns
        -----
        UserWarning
            Once for each column of which more than a fifth of the values are unknown, and once for ignored columns.
        """
        table = self._own_columns(as_table(X))
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise InputError(f"dtype is {dtype!r}; it must be float32 or float64")
        try:
            if isinstance(table, Matrix) and table.is_sparse and not self.centred:
                return self._scale_sparse(table.x, dtype)
            return self._transform(table, dtype)
        except ColumnError as error:
            raise error.to_input_error(self.names, None, table) from None

    def to_dict(self) -> dict[str, Any]:
        """Return everything but `arrays` as values that JSON holds; `preprocessor_from_dict` takes both."""
        return {
            "kind": TABLE,
            "names": list(self.names),
            "named": self.named,
            "centred": self.centred,
            "scaling": self.scaling,
            "booleans": self.numbers[self.boolean[: len(self.numbers)]].tolist(),
            "indicators": np.array(self._value_positions, np.int64)[self.indicator].tolist(),
            "categories": [column.to_dict() for column in self.categories],
            "dates": list(self.dates),
            "left_out": [[column.position, column.reason] for column in self.left_out],
        }

    def arrays(self) -> dict[str, Array]:
        """Return the arrays to be stored, by name: median, offset and scale, each (n_values,) float64."""
        return {"median": self.median, "offset": self.offset, "scale": self.scale}

    @cached_property
    def _encoded(self) -> tuple[CategoricalColumn, ...]:
        """The columns of categories in the order of their inputs: one-hot, then codes."""
        return tuple(c for encoding in (ONE_HOT, CODES) for c in self.categories if c.encoding == encoding)

    @cached_property
    def _imputed(self) -> Array:
        """The input that a missing value becomes, (n_values,)."""
        return (self.median - self.offset) * self.scale

    @cached_property
    def _warned(self) -> set[str]:
        """What a warning has been given for."""
        return set()

    def _transform(self, table: Table, dtype: Any) -> Array:
        """Return the inputs (samples, n_inputs) of a table, computed a few rows at a time."""
        booleans = set(self.numbers[self.boolean[: len(self.numbers)]].tolist())
        raw = numeric_values(table, self.numbers.tolist(), self.dates, booleans)
        codes = [self._codes(column, *table.factorize(column.position)) for column in self._encoded]
        return self.encode(raw, codes, dtype)

    def encode(self, raw: Array, codes: Sequence[Array], dtype: Any) -> Array:
        """Return the inputs (samples, n_inputs) of rows that are numbers already.

        Parameters
        ----------
        raw : array (samples, n_values)
            Numbers and parts of dates, NaN where missing.
        codes : sequence of array (samples,) of int
            The codes of each column of categories, in the order of the inputs.
        dtype : dtype
            float32 or float64.

        Raises
        ------
        ColumnError
            If a number is infinite or too large for the dtype.
        """
        result = np.empty((len(raw), self.n_inputs), dtype)
        first_encoded = self.n_inputs - sum(column.width for column in self._encoded)
        for first in range(0, len(result), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            self._scale(raw[part], result[part], first)
            start = first_encoded
            for column, code in zip(self._encoded, codes, strict=True):
                result[part, start : start + column.width] = column.vectors[code[part]]
                start += column.width
        return result

    def _codes(self, column: CategoricalColumn, indices: Array, values: list[Any]) -> Array:
        """Return the codes (samples,) of rows that index (samples,) a list of values; warn of many unknown ones."""
        indices = np.asarray(indices)
        cleaned = [clean_value(value) for value in values]
        codes = np.array([*map(column.code_of, cleaned), column.code_of(None)], np.int64)[indices]  # -1 is the last
        known = np.array([*(value is not None for value in cleaned), False])[indices]
        share = float(np.mean(codes[known] == 0)) if known.any() else 0.0
        if share - column.rare > MAX_UNKNOWN_SHARE and len(indices) > 1:  # a single row has no shares
            example = cleaned[int(indices[known & (codes == 0)][0])]
            self._warn_once(
                column.name,
                f"column {column.name!r}: {share:.0%} of the values are categories that the training rows did not "
                f"have, such as {example!r:.60}; they are all treated as one",
            )
        return codes

    def _warn_once(self, about: str, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            warnings.warn(message, UserWarning, stacklevel=2)

    def _own_columns(self, table: Table) -> Table:
        """Return the columns of the fitted table in its order, by name if both have names."""
        table, extra = match_columns(table, self.names, self.named, {column.name for column in self.left_out})
        if extra:
            self._warn_once("", f"the columns {format_names(extra)} are ignored: the training rows had no such ones")
        return table

    def _scale(self, raw: Array, out: Array, first: int) -> None:
        """Write the inputs of numbers (rows, n_values) into out (rows, n_inputs); first is the index of the first."""
        count = len(self.scale)
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
        """Raise a ColumnError for the first invalid entry (rows, n_values), if there is one."""
        for row, column in np.argwhere(invalid)[:1].tolist():
            raise ColumnError(self._value_positions[column], f"is {raw[row, column]}; {message}", first + row)

    def _scale_sparse(self, matrix: Any, dtype: Any) -> Any:
        """Multiply each stored entry by the scale of its column."""
        check_stored_entries(matrix, matrix.data, "every entry of a sparse matrix must be a finite number")
        with np.errstate(over="ignore"):
            data = (matrix.data * self.scale[column_indices(matrix)]).astype(dtype)
        check_stored_entries(matrix, data, _TOO_FAR.format(data.dtype))
        # sorting the result's indices in@entry must not change X; sorted ones are never sorted again
        share = matrix.has_canonical_format
        return type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=not share)


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
