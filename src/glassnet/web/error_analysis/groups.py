"""How good a model is for each group of rows that a column makes: by its values, or numbers cut at quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.stats import norm

from glassnet._utils.arrays import Array
from glassnet.data import ArrowTable
from glassnet.metrics.classification import Z_95, wilson_interval
from glassnet.visualization.plots import model_image_side
from glassnet.web.error_analysis.evaluation import Verdict

#: Different numbers that are groups of their own; more are cut at quantiles into so many groups.
MAX_NUMBERS, CUTS = 12, 6
#: Groups of text that are told; of more values the rarest are one group, and those of fewer rows than `RARE`.
MAX_GROUPS, RARE = 20, 5
#: Of fewer rows little can be said.
FEW = 20
#: Columns that are looked at for the groups where the model is weakest, and such groups that are told.
MAX_COLUMNS, MAX_WEAK = 300, 6
_FOUND: WeakKeyDictionary[Verdict, dict[str, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Group:
    """Rows that belong together.

    Parameters
    ----------
    rows : array of int
        Which they are.
    kind : str
        ``"value"``, ``"range"``, ``"others"`` or ``"missing"``.
    value : str, int, float or bool
        What stands in the column, for ``"value"``.
    low, high : float
        The least and the greatest number, for ``"range"``.
    values : int
        How many values there are among ``"others"``.
    """

    rows: Array
    kind: str
    value: Any = None
    low: float | None = None
    high: float | None = None
    values: int = 1


def groups_of(table: ArrowTable, column: str) -> list[Group]:
    """Part the rows of a table by a column: each row is in one group."""
    import pyarrow as pa

    cells = table.columns[column].combine_chunks()
    is_number = pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)
    missing = np.asarray(cells.is_null(nan_is_null=True))
    there = np.flatnonzero(~missing)
    if is_number:
        numbers = np.asarray(cells.filter(pa.array(~missing)).to_numpy(zero_copy_only=False))
        found = _by_number(numbers, there)
    else:
        texts = [cell if isinstance(cell, (str, bool)) else str(cell) for cell in cells.to_pylist()]
        found = _by_value([texts[row] for row in there], there)
    if missing.any():
        found.append(Group(np.flatnonzero(missing), "missing"))
    return found


def _by_number(numbers: Array, rows: Array) -> list[Group]:
    values = np.unique(numbers)
    if len(values) <= MAX_NUMBERS:
        return [Group(rows[numbers == value], "value", value.item()) for value in values]
    cuts = np.unique(np.quantile(numbers, np.linspace(0, 1, CUTS + 1)[1:-1], method="lower"))
    place = np.searchsorted(cuts, numbers, side="left")  # a cut belongs to the group below it
    found = []
    for group in range(len(cuts) + 1):
        inside = place == group
        if inside.any():
            here = numbers[inside]
            found.append(Group(rows[inside], "range", low=float(here.min()), high=float(here.max())))
    return found


def _by_value(cells: Sequence[str | bool], rows: Array) -> list[Group]:
    by_value: dict[str | bool, list[int]] = {}
    for cell, row in zip(cells, rows.tolist(), strict=True):
        by_value.setdefault(cell, []).append(row)
    ordered = sorted(by_value.items(), key=lambda entry: -len(entry[1]))
    kept = ordered
    if len(ordered) > MAX_GROUPS:
        kept = [entry for entry in ordered[: MAX_GROUPS - 1] if len(entry[1]) >= RARE]
    found = [Group(np.array(members), "value", value) for value, members in kept]
    if rest := ordered[len(kept) :]:
        together = np.sort(np.concatenate([members for _, members in rest]))
        found.append(Group(together, "others", values=len(rest)))
    return found


def figures(verdict: Verdict, rows: Array, deviations: float = Z_95) -> dict[str, Any]:
    """Return how good the model is on some of the rows, and how sure that is (95 % unless told otherwise)."""
    count = len(rows)
    told: dict[str, Any] = {"rows": count, "few": count < FEW, "loss": float(np.mean(verdict.loss[rows]))}
    if verdict.of_classes:
        right = int(np.sum(~verdict.wrong[rows]))
        return told | {"accuracy": right / count, "interval": wilson_interval(right, count, deviations)}
    off = verdict.off[rows]
    squares = np.square(off)
    mean, reach = float(np.mean(squares)), deviations * _error_of_mean(squares)
    bias, swing = float(np.mean(off)), deviations * _error_of_mean(off)
    return told | {
        "rmse": mean**0.5,
        "interval": (max(0.0, mean - reach) ** 0.5, (mean + reach) ** 0.5),
        "mean_error": bias,
        "mean_error_interval": (bias - swing, bias + swing),
    }


def _error_of_mean(values: Array) -> float:
    """Return the standard error of the mean; of one value nothing is known, and it is taken to be 0."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def by_column(verdict: Verdict, column: str) -> list[dict[str, Any]]:
    """Return the groups of a column, each with its figures."""
    return [_named(group) | figures(verdict, group.rows) for group in groups_of(verdict.examples.table, column)]


def weakest(verdict: Verdict) -> dict[str, Any]:
    """Return what `look_through` finds; the second time from memory, as long as the verdict stands."""
    if verdict not in _FOUND:
        _FOUND[verdict] = look_through(verdict)
    return _FOUND[verdict]


def look_through(verdict: Verdict) -> dict[str, Any]:
    """Look through the columns for groups where the model is surely worse than over all, the worst first.

    Of many groups some are worse by chance: the interval is widened by their number (Bonferroni), so that with 95 %
    none is told that only seems so. The target is no column here, what it comes to the confusions tell; nor are pixels.
    """
    table, model = verdict.examples.table, verdict.model
    passed = {model.target_name, *(model.feature_names if model_image_side(model) else ())}
    names = [name for name in table.names if name not in passed][:MAX_COLUMNS]
    parted = [(name, number, group) for name in names for number, group in enumerate(groups_of(table, name))]
    parted = [entry for entry in parted if FEW <= len(entry[2].rows) < len(verdict)]
    deviations = float(norm.isf(0.025 / max(len(parted), 1)))
    overall = figures(verdict, np.arange(len(verdict)))
    found = []
    for name, number, group in parted:
        told = figures(verdict, group.rows, deviations)
        worse = (
            overall["accuracy"] - told["interval"][1] if verdict.of_classes else told["interval"][0] - overall["rmse"]
        )
        if worse > 0:
            gap = overall["accuracy"] - told["accuracy"] if verdict.of_classes else told["rmse"] - overall["rmse"]
            found.append((gap, {"column": name, "group": number} | _named(group) | told))
    found.sort(key=lambda entry: -entry[0])
    return {"groups": [told for _, told in found[:MAX_WEAK]], "looked_at": len(parted), "columns": len(names)}


def _named(group: Group) -> dict[str, Any]:
    """Return what a group is."""
    if group.kind == "value":
        value = group.value
        return {"kind": "value", "value": value[:80] if isinstance(value, str) else value}
    if group.kind == "range":
        return {"kind": "range", "low": group.low, "high": group.high}
    return {"kind": group.kind, "values": group.values}
