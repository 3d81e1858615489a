"""What there is to choose from: the library's own tables, so that a new entry there is a new choice here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.initializers import INITIALIZERS
from glassnet.network.losses import CLASSIFICATION, LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.training.settings import ENGINES, LBFGS, LBFGS_DEFAULTS

#: Losses that can't tell classes apart (`glassnet.models.fitting.check_task`).
_OF_VALUES = ("poisson", "pinball")


def tables() -> dict[str, Any]:
    """Return every table: names, what stands in the docstring, the entry's own numbers."""
    lbfgs = {
        "name": LBFGS,
        "formula": "",
        "settings": _numbers(LBFGS_DEFAULTS),
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
                "settings": _numbers(loss.settings),
                "link": loss.link,
                "classes": loss.name not in _OF_VALUES,
                "values": loss.name not in CLASSIFICATION,
            }
            for loss in LOSSES.values()
        ],
        "optimizers": [
            {
                "name": rule.name,
                "formula": formula(rule.direction),
                "settings": _numbers(rule.settings),
                "learning_rate": rule.learning_rate,
                "weight_decay": rule.weight_decay,
            }
            for rule in OPTIMIZERS.values()
        ]
        + [lbfgs],
        "schedules": [
            {"name": s.name, "formula": formula(s.factor), "settings": _numbers({**s.settings, "warmup": s.warmup})}
            for s in SCHEDULES.values()
        ],
        "initializers": [{"name": "auto", "formula": ""}]
        + [{"name": name, "formula": formula(rule)} for name, rule in INITIALIZERS.items()],
        "dtypes": ["float32", "float64"],
        "engines": list(ENGINES),
    }


def formula(function: Callable[..., Any]) -> str:
    """Return the first line of a docstring, where the formula stands."""
    return (function.__doc__ or "").strip().split("\n")[0].rstrip(".").replace("`", "")


def curve(activation: Activation) -> dict[str, Any]:
    """Return an activation over -4 … 4, and its slope there: by its own function and derivative."""
    z = np.linspace(-4, 4, 65)[:, np.newaxis]
    with np.errstate(all="ignore"):
        a = activation.function(z)
        slope = activation.derivative(np.ones_like(a), z, a)
    return {"z": z[:, 0], "a": a[:, 0], "slope": slope[:, 0]}


def _numbers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers as JSON has them; one that is infinite is no limit, and is left out."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if not (isinstance(value, float) and math.isinf(value))
    }
