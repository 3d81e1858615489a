"""The rows of ``glassnet predict``: predictions beside columns of the file, rows that can't be predicted among them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.spreadsheet import spreadsheet_safe
from glassnet.cli.reading import options_of
from glassnet.data import Table, open_files
from glassnet.data.file_set import ERROR, MARK, SKIP
from glassnet.data.text.column_kinds import TEXT
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.table_rows import file_kinds, raw_rows

if TYPE_CHECKING:
    import pyarrow as pa

#: What happens to a row that can't be predicted: an error, no row in the output, a row without a prediction.
BLANK = "blank"
ON_BAD_ROW = (ERROR, SKIP, BLANK)
#: ``--keep`` for all columns of the file.
ALL = "all"


@dataclass
class PredictionRows:
    """Predicts the rows of files block by block.

    Parameters
    ----------
    model : Model
        The model.
    data : str
        The files.
    keep : tuple of str
        Columns of the files to begin each row with; ``("all",)`` for all.
    proba : bool
        Whether to add the probability of each class.
    on_bad_row : str
        One of `ON_BAD_ROW`.
    safe : bool
        Whether to make text safe for spreadsheets.

    Attributes
    ----------
    rows, n_bad : int
        Number of rows read, and of those that could not be predicted.
    first_bad : str
        Which row that was first, and why.
    """

    model: Model
    data: str
    keep: tuple[str, ...] = ()
    proba: bool = False
    on_bad_row: str = ERROR
    safe: bool = False
    rows: int = 0
    n_bad: int = 0
    first_bad: str = ""
    _fields: list[Any] = field(default_factory=list)  # of the predicted columns

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows of the output; two columns may have the same name.

        Raises
        ------
        InputError
            If a column to keep does not exist; if a row can't be predicted and ``on_bad_row`` is ``"error"``, or none
            of the first rows can.
        """
        reading = ERROR if self.on_bad_row == ERROR else MARK
        options = options_of(self.model)
        names = open_files(self.data, **options).names if self.keep == (ALL,) else self.keep
        kinds = dict.fromkeys(names, TEXT) | file_kinds(self.model)  # kept as they are written
        files = open_files(self.data, **(options | {"on_bad_row": reading, "kinds": kinds}))
        files.check_columns("--keep", names)
        for block in files.blocks(settle=False):
            marks, lost = files.take_marks()
            yield self._block(block, names, marks, lost)
        _, lost = files.take_marks()
        self._count_lost(lost)
        if lost and self.on_bad_row == BLANK:
            yield self._assemble(None, names, None, np.full(len(lost), -1), np.empty(0, np.int64))

    def _block(
        self, block: Table, names: Sequence[str], marks: dict[tuple[str, int], str], lost: list[tuple[str, int]]
    ) -> pa.Table:
        """Return the output's rows for a block, given its invalid rows and those before or within it that were lost."""
        sources, numbers = block.locate_many(np.arange(len(block)))
        reasons = {}
        if marks:
            places = enumerate(zip(sources, numbers, strict=True))
            reasons = {index: marks[place] for index, place in places if place in marks}
        good = np.setdiff1d(np.arange(len(block)), list(reasons))
        self.rows += len(block)
        if self.on_bad_row == ERROR:
            predicted = self._predict(block, names)
        else:
            predicted = _join(list(self._predict_each(block, names, good, reasons)))
            good = np.setdiff1d(good, list(reasons))
        for index in sorted(reasons):
            self._count(f"{block.describe_row(index)}: {reasons[index]}")
        self._count_lost(lost)
        if predicted is None and not self._fields:
            raise InputError(f"no row can be predicted; the first: {self.first_bad}")
        order = good
        if self.on_bad_row == BLANK:
            # a lost row is where its number is missing; one of the file before comes first
            at = [bisect(numbers, row) if source == sources[0] else 0 for source, row in lost]
            order = np.insert(np.arange(len(block)), at, -1)
        return self._assemble(block, names, predicted, order, good)

    def _predict(self, table: Table, names: Sequence[str]) -> pa.Table:
        """Return the predicted columns for all rows of a table."""
        import pyarrow as pa

        model = self.model
        x = raw_rows(model, table, model.target_name)
        predicted = model.predict(x)
        target = f"predicted_{model.target_name}" if model.target_name in names else model.target_name
        columns: list[Any] = [predicted]
        titles = [target]
        if predicted.ndim == 2:
            columns = list(predicted.T)
            quantiles = model.target.quantiles
            endings = [f"quantile_{each:g}" for each in quantiles] or [str(each + 1) for each in range(len(columns))]
            titles = [f"{target}_{ending}" for ending in endings]
        if self.proba:
            titles += [f"probability_{label}" for label in model.classes]
            columns += list(model.predict_proba(x).T)
        return pa.table([pa.array(values) for values in columns], names=titles)

    def _predict_each(
        self, block: Table, names: Sequence[str], rows: Array, reasons: dict[int, str]
    ) -> Iterator[pa.Table]:
        """Predict rows of a block, in halves where one of them can't be; note why in ``reasons``."""
        if not len(rows):
            return
        try:
            yield self._predict(block.take(rows), names)
        except InputError as error:
            if len(rows) == 1:
                place = block.describe_row(int(rows[0]))
                reasons[int(rows[0])] = str(error).removeprefix(place).lstrip(",: ")
                return
            middle = len(rows) // 2
            yield from self._predict_each(block, names, rows[:middle], reasons)
            yield from self._predict_each(block, names, rows[middle:], reasons)

    def _assemble(
        self, block: Table | None, names: Sequence[str], predicted: pa.Table | None, order: Array, good: Array
    ) -> pa.Table:
        """Return rows of the output.

        Parameters
        ----------
        block : Table, optional
            The rows of the file.
        names : sequence of str
            Columns of the file to keep.
        predicted : pyarrow.Table, optional
            The predicted columns of some rows.
        order : array (rows,) of int
            The index of each row in the block; -1 for none.
        good : array (predicted rows,) of int
            The index of each predicted row in the block.
        """
        import pyarrow as pa

        if predicted is not None:
            self._fields = list(predicted.schema)
        position = np.full(len(order) + 1 if block is None else len(block) + 1, -1)  # the last for -1
        position[good] = np.arange(len(good))
        columns = []
        for name in names:
            text = pa.nulls(0, pa.string()) if block is None else _text(block, name)
            columns.append(_take(text, order))
        for number, described in enumerate(self._fields):
            column = pa.nulls(0, described.type) if predicted is None else predicted.column(number)
            columns.append(_take(column, position[order]))
        titles = [*names, *(described.name for described in self._fields)]
        if self.safe:
            titles = [spreadsheet_safe(title) for title in titles]
            columns = [_safe(column) for column in columns]
        return pa.table(columns, names=titles)

    def _count_lost(self, lost: list[tuple[str, int]]) -> None:
        self.rows += len(lost)
        for source, row in lost:
            self._count(f"{source}: row {row} can't be read as a row of this table")

    def _count(self, reason: str) -> None:
        self.n_bad += 1
        self.first_bad = self.first_bad or reason


def _join(parts: list[pa.Table]) -> pa.Table | None:
    import pyarrow as pa

    return pa.concat_tables(parts).combine_chunks() if parts else None


def _take(column: Any, rows: Array) -> Any:
    """Return entries of a column, (rows,) of int; null for -1."""
    import pyarrow as pa

    return column.take(pa.array(rows, mask=rows < 0))


def _text(block: Table, name: str) -> Any:
    """Return a column of the file as text."""
    import pyarrow as pa

    column = block.to_arrow().columns.column(name)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _safe(column: Any) -> Any:
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return column
    return pa.array([None if value is None else spreadsheet_safe(value) for value in column.to_pylist()], pa.string())
