"""What consecutive calls of partial_fit share while no parameter changes: layers, settings and engine.

To build them takes longer than to train on a few rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from glassnet.engines.interface import Engine
from glassnet.metrics.registry import Metric
from glassnet.network.structure import Structure
from glassnet.preprocessing.scaling import BYTE_SCALE
from glassnet.training import Settings
from glassnet.training.rows import check_rows
from glassnet.training.run import Run
from glassnet.training.source import InMemory
from glassnet.training.state import TrainingState

#: Types whose equal values mean the same; other parameters are compared by identity.
_PLAIN = (int, float, str, tuple)


@dataclass
class CallPlan:
    """The layers, settings and engine of a call, and what they depend on.

    Parameters
    ----------
    key : tuple
        From `plan_key`.
    structure, settings, engine : Structure, Settings, Engine
        As the call used them.
    """

    key: tuple[Any, ...]
    structure: Structure
    settings: Settings
    engine: Engine

    def has_key(self, key: tuple[Any, ...] | None) -> bool:
        """Return whether another call with this key has the same layers, settings and engine."""
        if key is None or len(key) != len(self.key):
            return False
        if all(map(is_, key, self.key)):
            return True
        return all(
            one is other or (type(one) is type(other) and isinstance(one, _PLAIN) and one == other)
            for one, other in zip(key, self.key, strict=True)
        )

    def build_run(self, data: tuple[Any, ...], metric: Metric, state: TrainingState) -> Run:
        """Return the run of a call on these rows, (x, y, sample_weight)."""
        rows = check_rows(
            self.structure, self.settings.resolve_loss(), data, np.dtype(self.settings.dtype), "", BYTE_SCALE
        )
        return Run(self.structure, self.settings, self.engine, state, metric, InMemory(rows), {})


def plan_key(values: Mapping[str, Any], params: Iterable[str], x: Any, dtype: str) -> tuple[Any, ...] | None:
    """Return all that layers, settings and engine depend on; None where a call has to warn about the batch size."""
    samples, columns = x.shape
    if not isinstance(values["batch_size"], str) and values["batch_size"] > samples:
        return None
    # a copy of what may be changed in place
    held = [repr(value) if isinstance(value, (list, dict, np.ndarray)) else value for value in map(values.get, params)]
    return (*held, samples, columns, values["n_outputs_"], dtype)
