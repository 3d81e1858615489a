"""Selection of the engine: the fused engine for all that it supports, else the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.engines.interface import Engine, Objective, UpdateRule
from glassnet.engines.reference import ReferenceEngine
from glassnet.training.settings import Settings

#: Estimated seconds of a training on the reference engine above which the fused engine is compiled where it is not:
#: that takes about 20 s, once on a machine, and shorter trainings should not wait for it.
WORTH_COMPILING = 10.0
#: For that estimate: seconds of a step of any size, and of each multiplication.
SECONDS_PER_STEP, SECONDS_PER_MULTIPLICATION = 1e-4, 2.5e-11


def select_engine(settings: Settings, objective: Objective, rule: UpdateRule, rows: int) -> Engine:
    """Return the engine for a training.

    Parameters
    ----------
    settings : Settings
        ``engine`` is a name or ``"auto"``; the reference engine runs what the fused engine does not support.
    objective, rule : Objective, UpdateRule
        The loss and penalties, and how the parameters are updated.
    rows : int
        Number of training rows.
    """
    name = "reference" if settings.full_batch else settings.engine
    if name == "auto":
        name = "fused" if _fused_is_ready(settings, objective, rule, rows) else "reference"
    batch_size = min(settings.batch_size, max(rows, 1))  # an engine reserves memory for a whole batch
    return make_engine(name, objective, rule, batch_size, np.dtype(settings.dtype), settings.threads)


def _fused_is_ready(settings: Settings, objective: Objective, rule: UpdateRule, rows: int) -> bool:
    """Check that the fused engine can run this training: its machine code is here, or the work is worth compiling it.

    Where it is not, say once that training is slower than it could be.
    """
    from glassnet.engines.fused.codes import supports
    from glassnet.engines.fused.loader import has_machine_code, say_once
    from glassnet.engines.fused.machine_code import can_compile

    if not supports(objective, rule):
        return False
    if has_machine_code(settings.dtype):
        return True
    if can_compile() and _seconds(settings, objective, rows) > WORTH_COMPILING:
        return True
    say_once(
        "training in NumPy, several times slower than it could be: the fused engine is not compiled for this "
        "processor; see `glassnet engine`"
    )
    return False


def make_engine(
    name: str, objective: Objective, rule: UpdateRule, batch_size: int, dtype: Any, threads: int | None = None
) -> Engine:
    """Return the engine of that name, or the reference engine for what the fused one does not support."""
    if name == "fused":
        from glassnet.engines.fused.engine import FusedEngine, supports

        if supports(objective, rule):
            return FusedEngine(objective, rule, batch_size, dtype, threads)
    return ReferenceEngine(objective, rule, batch_size, dtype)


def _seconds(settings: Settings, objective: Objective, rows: int) -> float:
    """Estimate the time of the reference engine: forward, backward and dW are one multiplication each per weight."""
    multiplications = 3 * objective.structure.n_parameters * rows
    steps = -(-rows // settings.batch_size)
    return settings.epochs * (SECONDS_PER_STEP * steps + SECONDS_PER_MULTIPLICATION * multiplications)
