"""Compiling beforehand: everything that a training may need, into the folder where the next process finds it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import Objective, Rows, UpdateRule, Weights
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.structure import Structure


def warm_up() -> Iterator[tuple[str, float]]:
    """Compile for each kind of numbers and input, or find it compiled; yield what, and the seconds it took."""
    structure = Structure((4, 2, 2), ("relu", "identity"))
    objective = Objective(structure, LOSSES["half_mean_squared_error"], (0.0, 0.0))
    rule = UpdateRule(OPTIMIZERS["gradient_descent"])
    for dtype in ("float32", "float64"):
        for kind in (dtype, "uint8"):
            began = time.perf_counter()
            engine = FusedEngine(objective, rule, 4, dtype, threads=1)
            vector = structure.new_vector(dtype)
            weights = Weights(vector, rule.optimizer.init(vector), None)
            rows = Rows(np.zeros((4, 4), kind), np.zeros((4, 2), dtype))
            engine.train_epoch(weights, rows, None, np.zeros(1), np.random.default_rng(0), lambda o, y: o[:, 0])
            yield f"{dtype} networks on {'bytes' if kind == 'uint8' else kind}", time.perf_counter() - began
