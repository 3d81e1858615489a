"""Small trainings of every kind, and assertions that two of them have the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from glassnet import Callback, Settings, Structure, train
from glassnet.training import Run, Trained
from glassnet.training.checkpoints.file import read_checkpoint, write_checkpoint
from glassnet.training.state_dict import StateDict

ROWS, FEATURES, CLASSES = 90, 5, 3
STRUCTURE = Structure((FEATURES, 7, CLASSES), ("relu", "softmax"))
STATE_DICT = StateDict(
    {
        "parameters": np.arange(50, dtype=np.float32),
        "order": np.arange(7),
        "table": np.arange(6.0).reshape(2, 3),
        "nothing": np.empty(0),
    },
    {"words": 'naïve "quoted" \\ \n', "large": 2**100, "infinite": np.inf, "list": [1, 2.5, None, True, {"a": []}]},
)


def problem() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(ROWS, FEATURES))
    return x, np.argmax(x[:, :CLASSES] + rng.normal(scale=0.5, size=(ROWS, CLASSES)), axis=1)


def training(
    callbacks: Sequence[Callback] = (), x: Any = None, structure: Structure = STRUCTURE, **how: Any
) -> Trained:
    """Train for a few epochs of 10 batches, the last of which is smaller."""
    own, y = problem()
    settings: dict[str, Any] = {"epochs": 4, "batch_size": 8, "engine": "reference", "learning_rate": 0.02}
    validation = how.pop("validation", np.arange(0, ROWS, 6))
    return train(
        structure,
        own if x is None else x,
        y,
        Settings(**(settings | how)),
        validation=validation,
        callbacks=callbacks,
    )


def history(trained: Any) -> list[dict[str, Any]]:
    """Return the history without the seconds."""
    return [{**epoch.known(), "seconds": 0} for epoch in trained]


def assert_same(one: Trained, other: Trained) -> None:
    assert one.vector.dtype == other.vector.dtype and one.vector.tobytes() == other.vector.tobytes()
    assert history(one.history) == history(other.history)
    attributes = ("stop_reason", "best_epoch", "engine", "metric", "message")
    assert [getattr(one, name) for name in attributes] == [getattr(other, name) for name in attributes]


class StopAfter(Callback):
    """Interrupt a training after n batches, as a signal does; a callback without state."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            run.pause()

    def on_pause(self, run: Run) -> None:
        if self.left <= 0:
            run.stop("interrupted")


def damage(path: Any, at: int = -100) -> None:
    """Change a byte of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def tamper(path: Any, change: Any) -> None:
    """Change the content of a checkpoint and update its digest, as an attacker would."""
    state_dict = read_checkpoint(path, 2**30)
    change(state_dict)
    write_checkpoint(path, state_dict)
