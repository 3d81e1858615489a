"""Data: files to arrays, each fault with its row and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from glassnet.errors import InputError
from glassnet.network.activations import Array

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns that are taken for the target where none is named, in this order.
TARGET_NAMES = ("label", "target", "class", "y")
#: At most so many different whole numbers are classes rather than values.
MOST_NUMBERED_CLASSES = 20
#: The name of the data that comes with scikit-learn, where a file's path would stand.
DIGITS = "digits"


@dataclass(frozen=True)
class Table:
    """Columns by name, and where they come from.

    Parameters
    ----------
    source : str
        A path, or `DIGITS`.
    columns : pyarrow.Table
        The values as read.
    """

    source: str
    columns: pa.Table

    @property
    def names(self) -> list[str]:
        """The columns' names in the file's order."""
        return list(self.columns.column_names)

    def __len__(self) -> int:
        return int(self.columns.num_rows)


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header, plain or compressed (.gz, .bz2, .zst).

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Table
        At least one row and one column, all names different.

    Raises
    ------
    InputError
        If the file is missing, a folder, empty, only a header, ragged (row and counts are named), binary, or headless.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name the CSV file in it")
    blocks = csv.ReadOptions(block_size=1 << 23)
    # only an empty cell is a missing one: NA and the like are told as what they are
    cells = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(4096)
        if not start.strip():
            raise InputError(f"{path}: the file is empty; it needs a header and rows")
        if b"\0" in start:
            raise InputError(f"{path}: this is a binary file, not CSV text; export it as CSV")
        with pa.input_stream(str(path), compression="detect") as stream:
            columns = csv.read_csv(cast(Any, stream), read_options=blocks, convert_options=cells)
    except pa.ArrowInvalid as error:
        raise InputError(_csv_fault(path, error)) from None
    except OSError as error:
        raise InputError(
            f"{path}: can't be read: {_first_line(error)}; is it whole, and compressed as its name says?"
        ) from None
    try:
        names = columns.column_names
        foreign = next((f.name for f in columns.schema if pa.types.is_binary(f.type)), None)
    except UnicodeDecodeError:
        foreign = "the header"
    if foreign is not None:
        raise InputError(f"{path}: {foreign!r} is no UTF-8 text; save the file as CSV in UTF-8")
    if len(columns) == 0:
        raise InputError(f"{path}: the file has a header but no rows; add at least one row")
    if all(_is_number(name) for name in names):
        raise InputError(f"{path}: the first line is all numbers; it must be a header that names the columns")
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InputError(
            f"{path}: column {double[0]!r} stands there {names.count(double[0])} times; give each its own name"
        )
    return Table(str(path), columns)


def digits() -> tuple[Table, Table]:
    """Return scikit-learn's handwritten digits, 8×8 pixels of 0 to 16: four fifths to train on, one fifth to test."""
    import pyarrow as pa
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    names = ["label", *(f"{row}x{column}" for row in range(1, 9) for column in range(1, 9))]
    parts = train_test_split(np.column_stack([y, x]).astype(np.uint8), test_size=0.2, random_state=0, stratify=y)
    train, test = (Table(DIGITS, pa.table(list(part.T.copy()), names=names)) for part in parts)
    return train, test


def choose_target(table: Table, target: str | None = None) -> str:
    """Return the name of the target's column: the one asked for, or the first of `TARGET_NAMES` that is there.

    Raises
    ------
    InputError
        If it is not there.
    """
    if target is not None:
        if target not in table.names:
            raise InputError(f"{table.source}: there is no column {target!r}; the columns are {_listed(table.names)}")
        return target
    for name in TARGET_NAMES:
        if name in table.names:
            return name
    raise InputError(
        f"{table.source}: no column is called {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}; "
        f"name the target with --target; the columns are {_listed(table.names)}"
    )


def features(table: Table, names: Sequence[str]) -> Array:
    """Return the columns of these names, in this order, as numbers.

    Returns
    -------
    array (samples, columns)
        uint8 if all are whole numbers from 0 to 255, else float64.

    Raises
    ------
    InputError
        If a column is missing (all are named), or an entry is text, missing, NaN or infinite (row and column named;
        rows count from 1 below the header).
    """
    import pyarrow as pa

    missing = [name for name in names if name not in table.names]
    if missing:
        extra = [name for name in table.names if name not in names]
        also = f"; it has {_listed(extra)} instead" if extra else ""
        raise InputError(f"{table.source}: column {_listed(missing)} is missing{also}")
    if not names:
        raise InputError(f"{table.source}: there is no column beside the target; add at least one feature")
    chosen = table.columns.select(list(names))
    for name, column in zip(names, chosen.columns, strict=True):
        if not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
        ):
            _refuse_text(table, name, column)
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise InputError(f"{table.source}: row {row + 1}, column {name!r} is empty; {_MEND_NUMBER}")
    if pa.types.is_boolean(chosen.schema.types[0]) or len({str(t) for t in chosen.schema.types}) > 1:
        chosen = chosen.cast(pa.schema([(name, pa.float64()) for name in names]))
    result = np.concatenate(
        [_small(batch.to_tensor().to_numpy()) for batch in chosen.combine_chunks().to_batches(4096)]
    )
    if result.dtype.kind == "f":
        wrong = np.argwhere(~np.isfinite(result))
        if len(wrong):
            row, place = (int(number) for number in wrong[0])
            raise InputError(
                f"{table.source}: row {row + 1}, column {names[place]!r} is {result[row, place]}; {_MEND_NUMBER}"
            )
    return result


_MEND_NUMBER = "every feature must be a finite number: fill it in or leave the row out"


def target_values(table: Table, name: str) -> Array:
    """Return the target's column: text (object), whole numbers (int64), or float64.

    Raises
    ------
    InputError
        If it is missing, or an entry is empty, NaN or infinite (row named).
    """
    import pyarrow as pa

    if name not in table.names:
        raise InputError(
            f"{table.source}: the target column {name!r} is missing; the columns are {_listed(table.names)}"
        )
    column = table.columns[name]
    values = column.to_numpy() if not column.null_count else None
    if values is None or (values.dtype.kind == "f" and not np.isfinite(values).all()):
        bad = column.is_null(nan_is_null=True).to_numpy() if values is None else ~np.isfinite(values)
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{table.source}: row {row + 1}, target column {name!r} is {_cell(column[row])}; every row needs a target"
        )
    if pa.types.is_boolean(column.type) or values.dtype.kind not in "iuf":
        return np.array([str(value) for value in values], dtype=object)
    if values.dtype.kind == "f" and np.array_equal(values, np.floor(values)) and np.abs(values).max() < 2**53:
        values = values.astype(np.int64)
    return values.astype(np.int64) if values.dtype.kind in "iu" else values.astype(np.float64)


def is_classification(values: Array) -> bool:
    """Say whether a target is classes: text, or at most `MOST_NUMBERED_CLASSES` different whole numbers."""
    return bool(
        values.dtype.kind == "O" or (values.dtype.kind in "iu" and len(np.unique(values)) <= MOST_NUMBERED_CLASSES)
    )


def _refuse_text(table: Table, name: str, column: Any) -> None:
    for row, value in enumerate(column.to_pylist(), start=1):
        if value is None or not _is_number(str(value)):
            shown = _short(value) if isinstance(value, str) else _cell(value)
            raise InputError(f"{table.source}: row {row}, column {name!r} is {shown}; every feature must be a number")
    raise InputError(f"{table.source}: column {name!r} holds numbers as {column.type}; write them as plain numbers")


def _small(block: Array) -> Array:
    """Keep bytes as bytes; everything else becomes float64."""
    if block.dtype.kind in "iu" and block.min() >= 0 and block.max() <= 255:
        return np.ascontiguousarray(block, np.uint8)
    return np.ascontiguousarray(block, np.float64)


def _csv_fault(path: Path, error: Exception) -> str:
    """Say where a CSV file is at fault; the parser knows the row only when it reads with one thread."""
    import pyarrow as pa
    import pyarrow.csv as csv

    first: list[Any] = []

    def note(row: Any) -> Literal["error"]:
        first.append(row)
        return "error"

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            csv.read_csv(
                cast(Any, stream),
                # read as Latin-1, in which all bytes are text: pyarrow can't hand over a row that is no UTF-8
                read_options=csv.ReadOptions(use_threads=False, encoding="latin-1"),
                parse_options=csv.ParseOptions(invalid_row_handler=note),
            )
    except pa.ArrowInvalid:
        pass
    if first:
        bad = first[0]
        where = f"row {bad.number - 1}" if bad.number else "a row"
        try:
            text = bad.text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            return f"{path}: {where} is no UTF-8 text; is this a CSV file? save it as CSV in UTF-8"
        return (
            f"{path}: {where} has {bad.actual_columns} columns and the header {bad.expected_columns}; mend the row "
            f"{_short(text)}"
        )
    return f"{path}: this is no CSV: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cell(value: object) -> str:
    """Show a cell as it stands in the file: None is an empty one."""
    return "empty" if str(value) == "None" else str(value)


def _short(value: object, length: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
