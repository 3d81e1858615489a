"""Which engine runs: the fused one where it can and where the work is worth it, else the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.interface import Engine, Objective, UpdateRule
from glassnet.engines.reference import ReferenceEngine
from glassnet.training.settings import Settings

#: Seconds that the reference engine may take, by the estimate below, before the fused engine is used: compiling
#: it takes some 20 s, once on a machine, and a training that is over sooner should not have to wait for that.
WORTH_COMPILING = 10.0
#: What that estimate goes by: seconds for a step of any size, and for each multiplication.
SECONDS_A_STEP, SECONDS_A_MULTIPLICATION = 1e-4, 2.5e-11


def select_engine(settings: Settings, objective: Objective, rule: UpdateRule, rows: int) -> Engine:
    """Return the engine for a training; the choice depends on the settings and the sizes alone.

    Parameters
    ----------
    settings : Settings
        ``engine`` names one, or is ``"auto"``; what the fused engine can't do, the reference engine does.
    objective, rule : Objective, UpdateRule
        What is minimised, and how the parameters change.
    rows : int
        How many there are to learn from.
    """
    asked, dtype = settings.engine, np.dtype(settings.dtype)
    fused = asked == "fused" or (asked == "auto" and _seconds(settings, objective, rows) > WORTH_COMPILING)
    name = "fused" if fused and not settings.full_batch else "reference"
    return make_engine(name, objective, rule, settings.batch_size, dtype, settings.threads)


def make_engine(
    name: str, objective: Objective, rule: UpdateRule, batch_size: int, dtype: Any, threads: int | None = None
) -> Engine:
    """Return the engine of that name, or the reference engine for what the fused one can't do."""
    if name == "fused":
        from glassnet.engines.fused.engine import FusedEngine, supports  # brings Numba along

        if supports(objective, rule):
            return FusedEngine(objective, rule, batch_size, dtype, threads)
    return ReferenceEngine(objective, rule, batch_size, dtype)


def _seconds(settings: Settings, objective: Objective, rows: int) -> float:
    """Estimate what the reference engine takes: forward, back and dW are a multiplication each for every weight."""
    multiplications = 3 * objective.structure.n_parameters * rows
    steps = -(-rows // settings.batch_size)
    return settings.epochs * (SECONDS_A_STEP * steps + SECONDS_A_MULTIPLICATION * multiplications)
