"""Selection of the engine: the fused engine where it can run and is worth compiling, else the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.interface import Engine, Objective, UpdateRule
from glassnet.engines.reference import ReferenceEngine
from glassnet.training.settings import Settings

#: Estimated seconds of a training on the reference engine above which the fused engine is used: compiling takes about
#: 20 s, once on a machine, and shorter trainings should not wait for it.
WORTH_COMPILING = 10.0
#: For that estimate: seconds of a step of any size, and of each multiplication.
SECONDS_PER_STEP, SECONDS_PER_MULTIPLICATION = 1e-4, 2.5e-11


def select_engine(settings: Settings, objective: Objective, rule: UpdateRule, rows: int) -> Engine:
    """Return the engine for a training; the choice depends on the settings and the sizes alone.

    Parameters
    ----------
    settings : Settings
        ``engine`` is a name or ``"auto"``; the reference engine runs what the fused engine does not support.
    objective, rule : Objective, UpdateRule
        The loss and penalties, and how the parameters are updated.
    rows : int
        Number of training rows.
    """
    fused = settings.engine == "fused" or (
        settings.engine == "auto" and _seconds(settings, objective, rows) > WORTH_COMPILING
    )
    name = "fused" if fused and not settings.full_batch else "reference"
    batch_size = min(settings.batch_size, max(rows, 1))  # an engine reserves memory for a whole batch
    return make_engine(name, objective, rule, batch_size, np.dtype(settings.dtype), settings.threads)


def make_engine(
    name: str, objective: Objective, rule: UpdateRule, batch_size: int, dtype: Any, threads: int | None = None
) -> Engine:
    """Return the engine of that name, or the reference engine for what the fused one does not support."""
    if name == "fused":
        from glassnet.engines.fused.engine import FusedEngine, supports  # imports Numba

        if supports(objective, rule):
            return FusedEngine(objective, rule, batch_size, dtype, threads)
    return ReferenceEngine(objective, rule, batch_size, dtype)


def _seconds(settings: Settings, objective: Objective, rows: int) -> float:
    """Estimate the time of the reference engine: forward, backward and dW are one multiplication each per weight."""
    multiplications = 3 * objective.structure.n_parameters * rows
    steps = -(-rows // settings.batch_size)
    return settings.epochs * (SECONDS_PER_STEP * steps + SECONDS_PER_MULTIPLICATION * multiplications)
