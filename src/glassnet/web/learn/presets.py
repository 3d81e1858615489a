"""Presets: the recommended settings, and two versions of the original program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glassnet.datasets import DIGITS
from glassnet.models.recommended import recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION
from glassnet.web.learn.training_rows import TrainingRows

#: Learning rate and loss of the original program.
ALPHA = 500
ORIGINAL_LOSS = "half_mean_squared_error"
#: The data of the initial plan.
INITIAL_DATA = {"kind": "spiral", "rows": 400, "noise": 0.03, "seed": 0}


def recommended(rows: TrainingRows, count: int) -> dict[str, Any]:
    """Return `recommended_settings` with ReLU; generated points, which are few, get more epochs."""
    settings = recommended_settings(count, rows.task, epochs=_epochs(rows, 150), engine="reference")
    hidden = _hidden(rows, [16, 16])
    return _preset(hidden, ["relu"] * len(hidden), None, settings.as_json())


def original(rows: TrainingRows, count: int) -> dict[str, Any]:
    """Return the original program as it runs: a step of alpha / m after each row (`glassnet.walkthrough`)."""
    return _original(rows, {"batch_size": 1, "learning_rate": ALPHA / count, "epochs": _epochs(rows, 30, 10)})


def original_full_batch(rows: TrainingRows, count: int) -> dict[str, Any]:
    """Return the original program as its comments describe it: one full-batch step of alpha per epoch."""
    return _original(rows, {"batch_size": count, "learning_rate": float(ALPHA), "epochs": _epochs(rows, 30, 30)})


#: In display order.
PRESETS: dict[str, Callable[[TrainingRows, int], dict[str, Any]]] = {
    "recommended": recommended,
    "original": original,
    "original_full_batch": original_full_batch,
}


def presets(rows: TrainingRows, count: int) -> dict[str, dict[str, Any]]:
    """Return the presets for rows with the given number of training rows; the original program is for classes only."""
    available = PRESETS if rows.task == CLASSIFICATION else {"recommended": recommended}
    return {name: preset(rows, count) for name, preset in available.items()}


def initial_plan() -> dict[str, Any]:
    """Return the plan that the page opens with: a spiral, and a network that separates it within seconds."""
    settings = {"optimizer": "adam", "learning_rate": 0.03, "batch_size": 16, "epochs": 150, "engine": "reference"}
    return {
        "data": INITIAL_DATA,
        "validation_fraction": 0.25,
        "hidden": [8, 8],
        "activations": ["tanh", "tanh"],
        "output": None,
        "settings": settings,
    }


def default_losses() -> dict[str, str]:
    """Return the default loss of each task, used if the loss of a plan does not fit newly chosen data."""
    return {task: str(recommended_settings(1, task).loss) for task in (CLASSIFICATION, REGRESSION)}


def _original(rows: TrainingRows, settings: dict[str, Any]) -> dict[str, Any]:
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
    return _preset(hidden, ["sigmoid"] * len(hidden), "sigmoid", settings)


def _hidden(rows: TrainingRows, plane: list[int]) -> list[int]:
    if rows.is_plane:
        return plane
    return [32, 16] if rows.kind == DIGITS else [64, 32]


def _epochs(rows: TrainingRows, plane: int, others: int | None = None) -> int | None:
    return plane if rows.is_plane else others


def _preset(hidden: list[int], activations: list[str], output: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in settings.items() if name != "threads" and value is not None}
    return {"hidden": hidden, "activations": activations, "output": output, "settings": settings}
