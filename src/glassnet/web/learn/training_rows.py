"""Training data: generated points in the plane, the digits, or the file of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.data import ArrowTable, choose_target, target_values
from glassnet.datasets import DIGITS, GENERATORS, load_digits
from glassnet.errors import InputError
from glassnet.models.model import Model
from glassnet.models.target import CLASSIFICATION
from glassnet.web.app_state import AppState, Examples, make_examples
from glassnet.web.training_memory import rows_memory

#: `TrainingRows.kind` of the rows of the server's file.
FILE = "file"
#: Column names of generated points.
PLANE_NAMES = ("x1", "x2")
PLANE_TARGET = "class"
#: Maximum number of generated points.
MAX_ROWS = 5000
N_DIGITS_COLUMNS = 65


@dataclass(frozen=True)
class FileRows:
    """The training rows that the server was started with; the model's rows can be replaced later.

    Parameters
    ----------
    examples : Examples
        Rows with targets.
    target : str
        Name of the target column.
    task : str
        ``"classification"`` or ``"regression"``.
    """

    examples: Examples
    target: str
    task: str


@dataclass(frozen=True)
class TrainingRows:
    """Rows to train on.

    Parameters
    ----------
    kind : str
        A name of `glassnet.datasets.GENERATORS`, `DIGITS` or `FILE`.
    table : ArrowTable
        All columns.
    x, y : array (samples, features) or Table, array (samples,)
        Raw rows; of a file, its columns as they are.
    names : tuple of str
        Feature names.
    target, task : str
        Name of the target; ``"classification"`` or ``"regression"``.
    options : mapping
        For generated points: rows, noise, seed.
    """

    kind: str
    table: ArrowTable
    x: Any
    y: Array
    names: tuple[str, ...]
    target: str
    task: str
    options: dict[str, Any]

    @property
    def is_plane(self) -> bool:
        """Whether the rows are points in the plane."""
        return self.kind in GENERATORS

    def examples(self, chosen: Array, model: Model, held_out: bool) -> Examples:
        """Return some of the rows as `Examples` of a model that was trained on them."""
        return make_examples(self.table.take(chosen), model, held_out)


def get_file_rows(state: AppState) -> FileRows | None:
    """Return the training rows of the server's file; None for the digits, or without targets."""
    model = state.model
    rows = state.training
    if rows is None or rows.y is None or rows.table.source == DIGITS:
        return None
    return FileRows(rows, model.target_name, model.task)


def tasks(file_rows: FileRows | None) -> dict[str, str]:
    """Return the available kinds of data and the task of each."""
    return dict.fromkeys([*GENERATORS, DIGITS], CLASSIFICATION) | ({} if file_rows is None else {FILE: file_rows.task})


def load_memory(data: Any, file_rows: FileRows | None) -> int:
    """Estimate the bytes that `load_training_rows`, and training on the rows, takes for them."""
    if file_rows is not None and isinstance(data, dict) and data.get("kind") == FILE:
        return rows_memory(len(file_rows.examples), len(file_rows.examples.table.names))
    return rows_memory(MAX_ROWS, N_DIGITS_COLUMNS)


def load_training_rows(data: Any, file_rows: FileRows | None) -> TrainingRows:
    """Load or generate the rows of a plan.

    Parameters
    ----------
    data : mapping
        ``{"kind": "spiral", "rows": 400, "noise": 0.05, "seed": 0}``; only generated points have options.
    file_rows : FileRows, optional
        The rows of the server's file.

    Raises
    ------
    InputError
        If the kind or an option is invalid.
    """
    if not isinstance(data, dict):
        raise InputError(f"data is {data!r}; it must be an object such as {{'kind': 'spiral'}}")
    lookup(tasks(file_rows), data.get("kind"), "data kind")
    name = str(data["kind"])
    known = ("kind", "rows", "noise", "seed") if name in GENERATORS else ("kind",)
    for option in data:
        lookup(dict.fromkeys(known), option, f"setting of data {name!r}:")
    if name in GENERATORS:
        return _generate(name, {key: value for key, value in data.items() if key != "kind"})
    if name == DIGITS:
        table = load_digits()[0]
        target = choose_target(table)
        task = CLASSIFICATION
    else:
        assert file_rows is not None  # checked by `tasks`
        table = file_rows.examples.table
        target = file_rows.target
        task = file_rows.task
    names = tuple(column for column in table.names if column != target)
    return TrainingRows(name, table, table.select(names), target_values(table, target), names, target, task, {})


def _generate(name: str, given: dict[str, Any]) -> TrainingRows:
    import pyarrow as pa

    options: dict[str, Any] = {"rows": 400, "noise": 0.05, "seed": 0} | given
    for key, low, high in (("rows", 10, MAX_ROWS), ("seed", 0, 2**32 - 1)):
        value = options[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(f"{key} is {value!r}; it must be an integer from {low} to {high}")
    noise = options["noise"]
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise <= 1:
        raise InputError(f"noise is {noise!r}; it must be a number from 0 to 1")
    x, y = GENERATORS[name](options["rows"], noise=noise, random_state=options["seed"])
    columns = pa.table({PLANE_NAMES[0]: x[:, 0], PLANE_NAMES[1]: x[:, 1], PLANE_TARGET: y})
    return TrainingRows(name, ArrowTable(name, columns), x, y, PLANE_NAMES, PLANE_TARGET, CLASSIFICATION, options)
