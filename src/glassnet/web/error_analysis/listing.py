"""Rows as they are shown: where they stand, what is true, what was predicted, and a picture or what stands in them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization.images import to_grayscale
from glassnet.visualization.plots import model_image_side
from glassnet.web.app_state import Examples
from glassnet.web.error_analysis.evaluation import Verdict

#: Columns of a row that are shown, and signs of a cell.
MAX_CELLS, LONGEST_CELL = 8, 60


def listed(verdict: Verdict, rows: Array) -> dict[str, Any]:
    """Return rows with truth and prediction."""
    shown = seen(verdict, rows)
    for entry, row in zip(shown["rows"], rows.tolist(), strict=True):
        entry["loss"] = float(verdict.loss[row])
        if verdict.of_classes:
            entry |= {"truth": int(verdict.truth[row]), "predicted": int(verdict.predicted[row])}
            entry["sure"] = float(verdict.sure[row])
            entry["own"] = None if verdict.own is None else float(verdict.own[row])
        else:
            entry |= {"truth": float(verdict.truth[row]), "predicted": float(verdict.predicted[row])}
            entry["residual"] = float(verdict.off[row])
    return shown


def seen(verdict: Verdict, rows: Array) -> dict[str, Any]:
    """Return rows with what is seen of them: ``side`` and pictures, or ``columns`` and cells."""
    examples, side = verdict.examples, model_image_side(verdict.model)
    told = examples.places(rows)
    if side:
        for entry, row in zip(told, rows.tolist(), strict=True):
            entry["picture"] = base64.b64encode((255 - to_grayscale(values_of(examples, row))).tobytes()).decode()
        return {"side": side, "columns": None, "rows": told}
    columns = _columns(verdict)
    cells = examples.table.columns.select(columns).take(rows).to_pylist() if columns else [{}] * len(told)
    for entry, values in zip(told, cells, strict=True):
        entry["cells"] = [_cell(values[name]) for name in columns]
    return {"side": 0, "columns": columns, "rows": told}


def values_of(examples: Examples, row: int) -> Array:
    """Return the raw numbers of a row, (features,), in the model's order."""
    one = examples.x[[row]]
    return np.asarray(one.toarray() if hasattr(one, "toarray") else one, np.float64)[0]


def _columns(verdict: Verdict) -> Sequence[str]:
    """Return which columns are shown: all of the model's, or those with the strongest weights, in their order."""
    names = verdict.model.feature_names
    if len(names) <= MAX_CELLS:
        return list(names)
    W1 = verdict.model.parameters["W1"]
    if len(W1) != len(names):  # columns of categories became others
        return list(names[:MAX_CELLS])
    strength = np.linalg.norm(np.nan_to_num(W1), axis=1)
    return [names[column] for column in np.sort(np.argsort(-strength, kind="stable")[:MAX_CELLS])]


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
