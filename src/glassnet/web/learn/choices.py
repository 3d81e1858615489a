"""The library's tables as JSON, so that a new entry of a table appears on the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.initializers import INITIALIZERS
from glassnet.network.losses import CLASSIFICATION, LOSSES, REGRESSION
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.training.settings import ENGINES, LBFGS, LBFGS_DEFAULTS

#: Losses that are for values only (`glassnet.models.fitting.check_task`).


def tables() -> dict[str, Any]:
    """Return every table: name, formula and settings of each entry."""
    lbfgs = {
        "name": LBFGS,
        "formula": "",
        "settings": _settings(LBFGS_DEFAULTS),
        "learning_rate": None,
        "weight_decay": 0,
    }
    return {
        "activations": [
            {"name": a.name, "formula": formula(a.function), "curve": curve(a)} for a in ACTIVATIONS.values()
        ],
        "losses": [
            {
                "name": loss.name,
                "formula": formula(loss.per_sample),
                "settings": _settings(loss.settings),
                "link": loss.link,
                "classes": loss.name not in REGRESSION,
                "values": loss.name not in CLASSIFICATION,
            }
            for loss in LOSSES.values()
        ],
        "optimizers": [
            {
                "name": rule.name,
                "formula": formula(rule.direction),
                "settings": _settings(rule.settings),
                "learning_rate": rule.learning_rate,
                "weight_decay": rule.weight_decay,
            }
            for rule in OPTIMIZERS.values()
        ]
        + [lbfgs],
        "schedules": [
            {"name": s.name, "formula": formula(s.factor), "settings": _settings({**s.settings, "warmup": s.warmup})}
            for s in SCHEDULES.values()
        ],
        "initializers": [{"name": "auto", "formula": ""}]
        + [{"name": name, "formula": formula(rule)} for name, rule in INITIALIZERS.items()],
        "dtypes": ["float32", "float64"],
        "engines": list(ENGINES),
    }


def formula(function: Callable[..., Any]) -> str:
    """Return the first line of a docstring, which holds the formula."""
    return (function.__doc__ or "").strip().split("\n")[0].rstrip(".").replace("`", "")


def curve(activation: Activation) -> dict[str, Any]:
    """Return an activation and its derivative over -4 … 4."""
    z = np.linspace(-4, 4, 65)[:, np.newaxis]
    with np.errstate(all="ignore"):
        a = activation.function(z)
        derivative = activation.derivative(np.ones_like(a), z, a)
    return {"z": z[:, 0], "a": a[:, 0], "derivative": derivative[:, 0]}


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values; an infinite limit is omitted."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if not (isinstance(value, float) and math.isinf(value))
    }
