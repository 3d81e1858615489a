"""What there is to learn from: points of the plane, the digits, the server's own file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glassnet._utils.arrays import Array
from glassnet._utils.registry import lookup
from glassnet.data import ArrowTable, choose_target, features, target_values
from glassnet.datasets import DIGITS, GENERATORS, load_digits
from glassnet.errors import InputError
from glassnet.models.target import CLASSIFICATION
from glassnet.web.app_state import AppState, Examples

#: The server's own rows, as `RowsToLearn.kind` has it.
OWN = "own"
#: What the columns of the plane are called.
PLANE_NAMES, PLANE_TARGET = ("x1", "x2"), "class"
#: Points of the plane at most: more are not drawn.
MAX_ROWS = 5000


@dataclass(frozen=True)
class Own:
    """The server's own rows, as they were when it began: what is used later may be another model's.

    Parameters
    ----------
    examples : Examples
        The rows, with their targets.
    target : str
        What is to be predicted.
    task : str
        ``"classification"`` or ``"regression"``.
    """

    examples: Examples
    target: str
    task: str


@dataclass(frozen=True)
class RowsToLearn:
    """Rows, and what they are called.

    Parameters
    ----------
    kind : str
        A name of `glassnet.datasets.GENERATORS`, `DIGITS` or `OWN`.
    table : ArrowTable
        All columns.
    x, y : array (samples, features), array (samples,)
        Raw rows.
    names : tuple of str
        The features.
    target, task : str
        What is predicted, and whether it is classes or values.
    drawn : mapping
        For the plane: rows, noise, seed.
    """

    kind: str
    table: ArrowTable
    x: Array
    y: Array
    names: tuple[str, ...]
    target: str
    task: str
    drawn: dict[str, Any]

    @property
    def is_plane(self) -> bool:
        """Whether the rows are points that can be drawn."""
        return self.kind in GENERATORS

    def examples(self, chosen: Array, unseen: bool) -> Examples:
        """Return some of the rows as the workshop holds them."""
        table = ArrowTable(self.table.source, self.table.columns.take(chosen), spans=self.table.spans_of(chosen))
        return Examples(table, self.x[chosen], self.y[chosen], unseen)


def own_rows(workshop: AppState) -> Own | None:
    """Return the server's own rows, where it has some that are no digits and have targets."""
    model, rows = workshop.model, workshop.training
    if rows is None or rows.y is None or rows.table.source == DIGITS:
        return None
    return Own(rows, model.target_name, model.task)


def tasks(own: Own | None) -> dict[str, str]:
    """Return what may be chosen here, and whether it is classes or values."""
    return dict.fromkeys([*GENERATORS, DIGITS], CLASSIFICATION) | ({} if own is None else {OWN: own.task})


def rows_to_learn(wanted: Any, own: Own | None) -> RowsToLearn:
    """Return the rows that a plan names.

    Parameters
    ----------
    wanted : mapping
        ``{"kind": "spiral", "rows": 400, "noise": 0.05, "seed": 0}``; only the plane has more than a kind.
    own : Own, optional
        The server's own rows.

    Raises
    ------
    InputError
        If there are no such rows, or what is said of them can't be used.
    """
    if not isinstance(wanted, dict):
        raise InputError(f"data is {wanted!r}; it must be an object such as {{'kind': 'spiral'}}")
    lookup(tasks(own), wanted.get("kind"), "data kind")
    name = str(wanted["kind"])
    known = ("kind", "rows", "noise", "seed") if name in GENERATORS else ("kind",)
    for given in wanted:
        lookup(dict.fromkeys(known), given, f"setting of data {name!r}:")
    if name in GENERATORS:
        return _plane(name, {key: value for key, value in wanted.items() if key != "kind"})
    if name == DIGITS:
        table = load_digits()[0]
        target, task = choose_target(table), CLASSIFICATION
    else:
        assert own is not None  # `tasks` saw to it
        table, target, task = own.examples.table, own.target, own.task
    names = tuple(column for column in table.names if column != target)
    return RowsToLearn(name, table, features(table, names), target_values(table, target), names, target, task, {})


def _plane(name: str, given: dict[str, Any]) -> RowsToLearn:
    import pyarrow as pa

    drawn: dict[str, Any] = {"rows": 400, "noise": 0.05, "seed": 0} | given
    for key, least, most in (("rows", 10, MAX_ROWS), ("seed", 0, 2**32 - 1)):
        value = drawn[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"{key} is {value!r}; it must be a whole number from {least} to {most}")
    noise = drawn["noise"]
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise <= 1:
        raise InputError(f"noise is {noise!r}; it must be a number from 0 to 1")
    x, y = GENERATORS[name](drawn["rows"], noise=noise, random_state=drawn["seed"])
    columns = pa.table({PLANE_NAMES[0]: x[:, 0], PLANE_NAMES[1]: x[:, 1], PLANE_TARGET: y})
    return RowsToLearn(name, ArrowTable(name, columns), x, y, PLANE_NAMES, PLANE_TARGET, CLASSIFICATION, drawn)
