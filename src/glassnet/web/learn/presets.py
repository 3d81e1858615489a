"""Plans to begin from: what people do today, and what the original program did, in its two readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glassnet.datasets import DIGITS
from glassnet.models.recommended import recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION
from glassnet.web.learn.rows import RowsToLearn

#: The original's step size, and its loss.
ALPHA, ORIGINAL_LOSS = 500, "half_mean_squared_error"
#: What the page opens with.
START = {"kind": "spiral", "rows": 400, "noise": 0.03, "seed": 0}


def today(rows: RowsToLearn, count: int) -> dict[str, Any]:
    """Return `recommended_settings`, with ReLUs; the plane gets more units and time, as its rows are few."""
    settings = recommended_settings(count, rows.task, epochs=_epochs(rows, 150), engine="reference")
    hidden = _hidden(rows, [16, 16])
    return _told(hidden, ["relu"] * len(hidden), None, settings.as_json())


def original(rows: RowsToLearn, count: int) -> dict[str, Any]:
    """Return what the original program does when run: a step of alpha / m after each row (`glassnet.walkthrough`)."""
    return _original(rows, {"batch_size": 1, "learning_rate": ALPHA / count, "epochs": _epochs(rows, 30, 10)})


def original_at_once(rows: RowsToLearn, count: int) -> dict[str, Any]:
    """Return what the original's comments say: one step of alpha an epoch, along the mean gradient of all rows."""
    return _original(rows, {"batch_size": count, "learning_rate": float(ALPHA), "epochs": _epochs(rows, 30, 30)})


#: In the order in which they are offered.
PRESETS: dict[str, Callable[[RowsToLearn, int], dict[str, Any]]] = {
    "today": today,
    "original": original,
    "original_at_once": original_at_once,
}


def presets(rows: RowsToLearn, count: int) -> dict[str, dict[str, Any]]:
    """Return the presets for rows, of which so many are trained on; the original's are for classes."""
    return {
        name: preset(rows, count) for name, preset in PRESETS.items() if name == "today" or rows.task == CLASSIFICATION
    }


def start() -> dict[str, Any]:
    """Return the plan that the page opens with: a spiral, and a network that unwinds it before one's eyes."""
    settings = {"optimizer": "adam", "learning_rate": 0.03, "batch_size": 16, "epochs": 150, "engine": "reference"}
    return {
        "data": START,
        "validation_fraction": 0.25,
        "hidden": [8, 8],
        "activations": ["tanh", "tanh"],
        "output": None,
        "settings": settings,
    }


def usual_losses() -> dict[str, str]:
    """Return the loss of each task, for a plan whose own does not suit the rows that are chosen next."""
    return {task: str(recommended_settings(1, task).loss) for task in (CLASSIFICATION, REGRESSION)}


def _original(rows: RowsToLearn, settings: dict[str, Any]) -> dict[str, Any]:
    hidden = _hidden(rows, [12, 12])
    settings = {
        "loss": ORIGINAL_LOSS,
        "optimizer": "gradient_descent",
        "schedule": "constant",
        "initializer": "normal",
        "dtype": "float64",
        "shuffle": False,
        "restore_best": False,
        "engine": "reference",
        **settings,
    }
    return _told(hidden, ["sigmoid"] * len(hidden), "sigmoid", settings)


def _hidden(rows: RowsToLearn, plane: list[int]) -> list[int]:
    return plane if rows.is_plane else [32, 16] if rows.kind == DIGITS else [64, 32]


def _epochs(rows: RowsToLearn, plane: int, others: int | None = None) -> int | None:
    return plane if rows.is_plane else others


def _told(hidden: list[int], activations: list[str], output: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in settings.items() if name != "threads" and value is not None}
    return {"hidden": hidden, "activations": activations, "output": output, "settings": settings}
