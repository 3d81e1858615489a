"""Metrics by group: rows grouped by the values of a column, or by quantiles of its numbers."""

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
from glassnet.web.error_analysis.evaluation import Evaluation
from glassnet.web.work import checkpoint

#: A column of more distinct numbers than this is cut at quantiles.
MAX_DISTINCT_NUMBERS = 12
N_QUANTILE_GROUPS = 6
#: Groups of a text column. With more values, the rarest form one group, as do values with fewer rows than `MIN_ROWS`.
MAX_GROUPS = 20
MIN_ROWS = 5
#: Groups with fewer rows are marked as small.
SMALL_GROUP = 20
#: Columns that the search for weak slices examines, and slices that it returns.
MAX_COLUMNS = 300
MAX_WEAK_SLICES = 6
_WEAK_SLICES: WeakKeyDictionary[Evaluation, dict[str, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Group:
    """A group of rows.

    Parameters
    ----------
    rows : array of int
        Row indices.
    kind : str
        ``"value"``, ``"range"``, ``"others"`` or ``"missing"``.
    value : str, int, float or bool
        The value of the column, for ``"value"``.
    low, high : float
        The smallest and the largest number, for ``"range"``.
    n_values : int
        Number of distinct values, for ``"others"``.
    """

    rows: Array
    kind: str
    value: Any = None
    low: float | None = None
    high: float | None = None
    n_values: int = 1


def groups_of(table: ArrowTable, column: str) -> list[Group]:
    """Partition the rows of a table by a column."""
    import pyarrow as pa

    cells = table.columns[column].combine_chunks()
    is_number = pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)
    missing = np.asarray(cells.is_null(nan_is_null=True))
    present = np.flatnonzero(~missing)
    if is_number:
        numbers = np.asarray(cells.filter(pa.array(~missing)).to_numpy(zero_copy_only=False))
        found = _group_numbers(numbers, present)
    else:
        texts = [cell if isinstance(cell, (str, bool)) else str(cell) for cell in cells.to_pylist()]
        found = _group_values([texts[row] for row in present], present)
    if missing.any():
        found.append(Group(np.flatnonzero(missing), "missing"))
    return found


def _group_numbers(numbers: Array, rows: Array) -> list[Group]:
    values = np.unique(numbers)
    if len(values) <= MAX_DISTINCT_NUMBERS:
        return [Group(rows[numbers == value], "value", value.item()) for value in values]
    cuts = np.unique(np.quantile(numbers, np.linspace(0, 1, N_QUANTILE_GROUPS + 1)[1:-1], method="lower"))
    position = np.searchsorted(cuts, numbers, side="left")  # a cut belongs to the group below it
    found = []
    for group in range(len(cuts) + 1):
        inside = position == group
        if inside.any():
            members = numbers[inside]
            found.append(Group(rows[inside], "range", low=float(members.min()), high=float(members.max())))
    return found


def _group_values(cells: Sequence[str | bool], rows: Array) -> list[Group]:
    by_value: dict[str | bool, list[int]] = {}
    for cell, row in zip(cells, rows.tolist(), strict=True):
        by_value.setdefault(cell, []).append(row)
    ordered = sorted(by_value.items(), key=lambda entry: -len(entry[1]))
    frequent = ordered
    if len(ordered) > MAX_GROUPS:
        frequent = [entry for entry in ordered[: MAX_GROUPS - 1] if len(entry[1]) >= MIN_ROWS]
    found = [Group(np.array(members), "value", value) for value, members in frequent]
    if rest := ordered[len(frequent) :]:
        merged = np.sort(np.concatenate([members for _, members in rest]))
        found.append(Group(merged, "others", n_values=len(rest)))
    return found


def group_metrics(evaluation: Evaluation, rows: Array, z: float = Z_95) -> dict[str, Any]:
    """Return the metrics of some rows with their confidence intervals (95 % by default)."""
    count = len(rows)
    content: dict[str, Any] = {
        "rows": count,
        "small": count < SMALL_GROUP,
        "loss": float(np.mean(evaluation.loss[rows])),
    }
    if evaluation.is_classification:
        correct = int(np.sum(~evaluation.wrong[rows]))
        return content | {"accuracy": correct / count, "interval": wilson_interval(correct, count, z)}
    residuals = evaluation.residuals[rows]
    squares = np.square(residuals)
    mean = float(np.mean(squares))
    margin = z * _standard_error(squares)
    bias = float(np.mean(residuals))
    bias_margin = z * _standard_error(residuals)
    return content | {
        "rmse": mean**0.5,
        "interval": (max(0.0, mean - margin) ** 0.5, (mean + margin) ** 0.5),
        "mean_error": bias,
        "mean_error_interval": (bias - bias_margin, bias + bias_margin),
    }


def _standard_error(values: Array) -> float:
    """Return the standard error of the mean; 0 for a single value."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def metrics_by_group(evaluation: Evaluation, column: str) -> list[dict[str, Any]]:
    """Return the groups of a column, each with its metrics."""
    groups = groups_of(evaluation.examples.table, column)
    return [_describe(group) | group_metrics(evaluation, group.rows) for group in groups]


def cached_weak_slices(evaluation: Evaluation) -> dict[str, Any]:
    """Return the result of `find_weak_slices`, cached as long as the evaluation exists."""
    if evaluation not in _WEAK_SLICES:
        _WEAK_SLICES[evaluation] = find_weak_slices(evaluation)
    return _WEAK_SLICES[evaluation]


def find_weak_slices(evaluation: Evaluation) -> dict[str, Any]:
    """Search the columns for groups on which the model is significantly worse than overall, the worst first.

    The intervals are Bonferroni-corrected for the number of groups, so that the family-wise error rate is 5 %. The
    target is excluded (the confusion matrix covers it), and so are pixels.
    """
    table = evaluation.examples.table
    model = evaluation.model
    excluded = {model.target_name, *(model.feature_names if model_image_side(model) else ())}
    names = [name for name in table.names if name not in excluded][:MAX_COLUMNS]
    candidates = []
    for name in names:
        checkpoint()
        candidates += [(name, number, group) for number, group in enumerate(groups_of(table, name))]
    candidates = [entry for entry in candidates if SMALL_GROUP <= len(entry[2].rows) < len(evaluation)]
    z = float(norm.isf(0.025 / max(len(candidates), 1)))
    overall = group_metrics(evaluation, np.arange(len(evaluation)))
    found = []
    for name, number, group in candidates:
        checkpoint()
        metrics = group_metrics(evaluation, group.rows, z)
        if evaluation.is_classification:
            significant = metrics["interval"][1] < overall["accuracy"]
            gap = overall["accuracy"] - metrics["accuracy"]
        else:
            significant = metrics["interval"][0] > overall["rmse"]
            gap = metrics["rmse"] - overall["rmse"]
        if significant:
            found.append((gap, {"column": name, "group": number} | _describe(group) | metrics))
    found.sort(key=lambda entry: -entry[0])
    slices = [content for _, content in found[:MAX_WEAK_SLICES]]
    return {"slices": slices, "n_tested": len(candidates), "n_columns": len(names)}


def _describe(group: Group) -> dict[str, Any]:
    """Return kind and value of a group as plain values."""
    if group.kind == "value":
        value = group.value
        return {"kind": "value", "value": value[:80] if isinstance(value, str) else value}
    if group.kind == "range":
        return {"kind": "range", "low": group.low, "high": group.high}
    return {"kind": group.kind, "n_values": group.n_values}
