"""Rows as JSON: location, target, prediction, and an image or the cells of the table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization.images import to_grayscale
from glassnet.visualization.plots import model_image_side
from glassnet.web.app_state import Examples
from glassnet.web.error_analysis.evaluation import Evaluation

#: Columns of a row that are returned.
MAX_CELLS = 8
#: Characters of a cell.
MAX_CELL_LENGTH = 60


def list_rows(evaluation: Evaluation, rows: Array) -> dict[str, Any]:
    """Return rows with target and prediction."""
    content = render_rows(evaluation, rows)
    probability = evaluation.actual_probability
    for entry, row in zip(content["rows"], rows.tolist(), strict=True):
        entry["loss"] = float(evaluation.loss[row])
        if evaluation.is_classification:
            entry |= {"actual": int(evaluation.actual[row]), "predicted": int(evaluation.predicted[row])}
            entry["confidence"] = float(evaluation.confidence[row])
            entry["actual_probability"] = None if probability is None else float(probability[row])
        else:
            entry |= {"actual": float(evaluation.actual[row]), "predicted": float(evaluation.predicted[row])}
            entry["residual"] = float(evaluation.residuals[row])
    return content


def render_rows(evaluation: Evaluation, rows: Array) -> dict[str, Any]:
    """Return the rows' contents: ``side`` and images, or ``columns`` and cells."""
    examples = evaluation.examples
    side = model_image_side(evaluation.model)
    entries = examples.locate(rows)
    if side:
        for entry, row in zip(entries, rows.tolist(), strict=True):
            entry["image"] = base64.b64encode((255 - to_grayscale(row_values(examples, row))).tobytes()).decode()
        return {"side": side, "columns": None, "rows": entries}
    columns = _shown_columns(evaluation)
    cells = examples.table.columns.select(columns).take(rows).to_pylist() if columns else [{}] * len(entries)
    for entry, values in zip(entries, cells, strict=True):
        entry["cells"] = [_cell(values[name]) for name in columns]
    return {"side": 0, "columns": columns, "rows": entries}


def row_values(examples: Examples, row: int) -> Array:
    """Return the raw values of a row, (features,), in the model's order: numbers, or the entries of a table."""
    selected = examples.x[[row]]
    if selected.dtype == object:
        return selected[0]
    return np.asarray(selected.toarray() if hasattr(selected, "toarray") else selected, np.float64)[0]


def _shown_columns(evaluation: Evaluation) -> Sequence[str]:
    """Return the features to show: all, or those with the largest weights, in their order."""
    names = evaluation.model.feature_names
    if len(names) <= MAX_CELLS:
        return list(names)
    W1 = evaluation.model.parameters["W1"]
    if len(W1) != len(names):  # categorical columns were expanded
        return list(names[:MAX_CELLS])
    strength = np.linalg.norm(np.nan_to_num(W1), axis=1)
    return [names[column] for column in np.sort(np.argsort(-strength, kind="stable")[:MAX_CELLS])]


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    text = str(value)
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 1] + "…"
