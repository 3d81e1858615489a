"""The preparation of a table: what was learned from the training rows, applied to any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.preprocessing.base import Preprocessor
from glassnet.preprocessing.column_error import FINITE, Fault, listed
from glassnet.preprocessing.feature_columns import CODES, ONE_HOT, Category, Number
from glassnet.preprocessing.statistics import column_indices
from glassnet.preprocessing.tables import SparseTable, Table, read_table

#: The kind in `TablePreprocessor.to_dict`, beside those of `Scaling`.
TABLE = "table"
#: Rows transformed at once, so that the float64 copy stays small.
ROWS_AT_ONCE = 4096
_TOO_FAR = "that is too far from the training rows for {}"


@dataclass(frozen=True, eq=False)
class TablePreprocessor(Preprocessor):
    """How the columns of a table become the inputs of a network; `fit_preprocessor` makes one.

    The inputs stand in this order, within each group as the columns stand in the table: the numbers, booleans among
    them; an indicator for each column of numbers that needs one; the one-hot columns of categories; last the codes.

    Parameters
    ----------
    names : tuple of str
        The table's columns.
    named : bool
        Whether they are the user's, by which a data frame's columns are checked.
    centred : bool
        False for sparse rows: then every offset is 0, rows stay sparse, and none may miss a value.
    numbers : array (n_numbers,), int64
        The positions of the columns of numbers, ascending.
    boolean, indicator : array (n_numbers,), bool
        As in `Number`.
    median, offset, scale : array (n_numbers,), float64
        As in `Number`.
    categories : tuple of Category
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
    categories: tuple[Category, ...]

    def __repr__(self) -> str:
        return (
            f"<TablePreprocessor: {len(self.names)} columns become {self.n_inputs} inputs, "
            f"{len(self.embedding_shapes)} of them codes>"
        )

    @cached_property
    def columns(self) -> tuple[Number | Category, ...]:
        """Each column's description, in the table's order."""
        figures = (self.numbers, self.boolean, self.median, self.offset, self.scale, self.indicator)
        found: dict[int, Number | Category] = {category.position: category for category in self.categories}
        for position, *rest in zip(*(figure.tolist() for figure in figures), strict=True):
            found[position] = Number(self.names[position], position, *rest)
        return tuple(found[position] for position in range(len(self.names)))

    @cached_property
    def embedding_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each embedding table, (categories + 1, width): one for each of the last inputs."""
        return tuple(category.table for category in self._encoded if category.encoding == CODES)

    @cached_property
    def n_inputs(self) -> int:
        """Number of columns that `transform` returns."""
        return len(self.numbers) + int(self.indicator.sum()) + sum(category.width for category in self._encoded)

    @property
    def n_features_in(self) -> int:
        """Number of columns of the table."""
        return len(self.names)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the names of the columns that `transform` returns; input_features is ignored."""
        numbers = [self.names[position] for position in self.numbers.tolist()]
        missing = [f"{name} is missing" for name, has in zip(numbers, self.indicator.tolist(), strict=True) if has]
        return (*numbers, *missing, *(name for category in self._encoded for name in category.input_names))

    def transform(self, X: Any, dtype: Any = np.float32) -> Any:
        """Make a network's inputs of a table.

        Parameters
        ----------
        X : data frame, array or sparse matrix (samples, columns)
            With the columns of the table that was fitted, in its order.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        array (samples, n_inputs), or a sparse matrix of this shape if X and the training rows are sparse
            Finite numbers, freshly made; a sparse one may share its indices with X.

        Raises
        ------
        InputError
            If columns are missing, unknown or in another order, or an entry is infinite, no number where one belongs,
            or too large for the dtype (row and column named).
        """
        table = read_table(X)
        self._check_columns(table)
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise InputError(f"dtype is {dtype!r}; it must be float32 or float64")
        try:
            if isinstance(table, SparseTable) and not self.centred:
                return self._scale_sparse(table, dtype)
            return self._prepare(table, dtype)
        except Fault as fault:
            raise fault.told(self.names) from None

    def to_dict(self) -> dict[str, Any]:
        """Return everything but `arrays` as plain values that JSON keeps; `preprocessor_from_dict` takes both."""
        return {
            "kind": TABLE,
            "names": list(self.names),
            "named": self.named,
            "centred": self.centred,
            "booleans": self.numbers[self.boolean].tolist(),
            "indicators": self.numbers[self.indicator].tolist(),
            "categories": [category.to_dict() for category in self.categories],
        }

    def arrays(self) -> dict[str, Array]:
        """Return the arrays to be stored, by name: median, offset and scale, each (n_numbers,) float64."""
        return {"median": self.median, "offset": self.offset, "scale": self.scale}

    @cached_property
    def _encoded(self) -> tuple[Category, ...]:
        """The categories as their inputs stand: one-hot, then codes."""
        return tuple(c for encoding in (ONE_HOT, CODES) for c in self.categories if c.encoding == encoding)

    @cached_property
    def _positions(self) -> list[int]:
        return self.numbers.tolist()

    @cached_property
    def _stand_in(self) -> Array:
        """The input that stands for a missing value, (n_numbers,)."""
        return (self.median - self.offset) * self.scale

    def _prepare(self, table: Table, dtype: Any) -> Array:
        """Return the inputs (samples, n_inputs) of a table, made of a few rows at a time."""
        raw = table.matrix(self._positions)
        codes = [category.codes(*factorised(table, category.position)) for category in self._encoded]
        result = np.empty((table.shape[0], self.n_inputs), dtype)
        for first in range(0, len(result), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            self._scale(raw[part], result[part], first)
            place = self.n_inputs - sum(category.width for category in self._encoded)
            for category, code in zip(self._encoded, codes, strict=True):
                result[part, place : place + category.width] = category.vectors[code[part]]
                place += category.width
        return result

    def _check_columns(self, table: Table) -> None:
        if self.named and table.names is not None and table.names != self.names:
            missing = [name for name in self.names if name not in set(table.names)]
            extra = [name for name in table.names if name not in set(self.names)]
            if missing:
                instead = f"; it has {listed(extra)} instead" if extra else ""
                raise InputError(f"X lacks the column {listed(missing)} of the training rows{instead}")
            if extra:
                raise InputError(f"X has the column {listed(extra)}, which the training rows had not; leave it out")
            if len(table.names) == len(self.names):
                place = next(i for i, name in enumerate(self.names) if table.names[i] != name)
                raise InputError(
                    f"X's column {place} is {table.names[place]!r}; in the training rows it was {self.names[place]!r}: "
                    "bring the columns into that order"
                )
        if table.shape[1] != len(self.names):
            raise InputError(f"X has {table.shape[1]} columns; the training rows had {len(self.names)}")

    def _scale(self, raw: Array, out: Array, first: int) -> None:
        """Write the inputs of numbers (rows, n_numbers) into out (rows, n_inputs); first is the number of their row."""
        count, missing = len(self.numbers), None
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            missing = np.isnan(raw)
            self._refuse(np.isinf(raw), raw, first, FINITE)
            if not self.centred:
                self._refuse(missing, raw, first, "no entry may be missing, as the training rows were sparse")
        with np.errstate(over="ignore", invalid="ignore"):
            block = np.subtract(raw, self.offset)
            block *= self.scale
            if missing is not None:
                np.copyto(block, self._stand_in, where=missing)
            out[:, :count] = block
        if not np.isfinite(out[:, :count]).all():
            self._refuse(~np.isfinite(out[:, :count]), raw, first, _TOO_FAR.format(out.dtype))
        out[:, count : count + int(self.indicator.sum())] = 0 if missing is None else missing[:, self.indicator]

    def _refuse(self, wrong: Array, raw: Array, first: int, why: str) -> None:
        """Refuse the first entry (rows, n_numbers) that is wrong, if there is one."""
        for row, place in np.argwhere(wrong).tolist():
            raise Fault(int(self.numbers[place]), f"is {raw[row, place]}; {why}", first + row)

    def _scale_sparse(self, table: SparseTable, dtype: Any) -> Any:
        """Multiply each stored entry by its column's factor."""
        matrix = table.entries
        table.refuse(matrix.data, "every entry of a sparse matrix must be a finite number")
        with np.errstate(over="ignore"):
            data = (matrix.data * self.scale[column_indices(matrix)]).astype(dtype)
        table.refuse(data, _TOO_FAR.format(data.dtype))
        # who sorts the result's indices in place must not disorder X; those in order already stay as they are
        share = matrix.has_canonical_format
        return type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=not share)


def factorised(table: Table, position: int) -> tuple[Array, list[Any]]:
    """Return a column as places (samples,) in a list of its values, NumPy's scalars made Python's."""
    places, values = table.factorised(position)
    return places, [value.item() if isinstance(value, np.generic) else value for value in values]
