"""The recommended settings: what `glassnet.fit`, ``glassnet train``, the page and ``recommended()`` estimators use."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet.models.target import CLASSIFICATION
from glassnet.training.settings import LBFGS, Settings

#: The hidden layers and their activation.
HIDDEN: tuple[int, ...] = (128, 64)
ACTIVATION = "relu"
#: AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) along one cycle of its rate (Smith 2018, arXiv:1708.07120).
OPTIMIZER, SCHEDULE = "adamw", "one_cycle"
LEARNING_RATE, WEIGHT_DECAY = 0.01, 0.2
#: Minimum number of epochs, and of steps: fewer underfit even easy tables.
MIN_EPOCHS, MIN_STEPS = 15, 600
#: Number of batches per epoch, which gives the batch size, and the limits of its binary logarithm.
BATCHES_AN_EPOCH, MIN_BATCH_BITS, MAX_BATCH_BITS = 50, 3, 7


def recommended_batch_size(samples: int) -> int:
    """Return about a fiftieth of the rows, a power of 2 from 8 to 128."""
    return int(2 ** int(np.clip(np.log2(max(samples, 1) / BATCHES_AN_EPOCH), MIN_BATCH_BITS, MAX_BATCH_BITS)))


def recommended_epochs(samples: int, batch_size: int) -> int:
    """Return 15, or as many epochs as make `MIN_STEPS` steps."""
    batches = -(-samples // batch_size)
    return max(MIN_EPOCHS, -(-MIN_STEPS // batches))


def recommended_loss(task: str) -> str:
    """Return the name of the loss for a task."""
    return "categorical_crossentropy" if task == CLASSIFICATION else "half_mean_squared_error"


def recommended_settings(samples: int, task: str = CLASSIFICATION, **changes: Any) -> Settings:
    """Return settings that work well without tuning.

    Parameters
    ----------
    samples : int
        Rows to train on, which decide the batch size and the epochs.
    task : str
        ``"classification"`` or ``"regression"``, which decides the loss.
    **changes
        Settings that replace recommended ones; those that are None are left as recommended.
    """
    batch_size = recommended_batch_size(samples)
    settings: dict[str, Any] = {
        "loss": recommended_loss(task),
        "optimizer": OPTIMIZER,
        "batch_size": batch_size,
        "epochs": recommended_epochs(samples, batch_size),
    }
    if changes.get("optimizer") in (None, OPTIMIZER):
        settings |= {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}
    if changes.get("optimizer") != LBFGS:
        settings["schedule"] = SCHEDULE
    return Settings(**(settings | {name: value for name, value in changes.items() if value is not None}))
