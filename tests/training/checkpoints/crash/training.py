"""A training to be run as a process and killed at any time: ``python training.py KIND FOLDER RESULT``.

Without a folder (``-``) no checkpoints are written. It prints ``training`` when training begins.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from glassnet import Callback, Checkpoint, MLPClassifier, Settings, Structure, train
from glassnet.training import Run

ROWS, FEATURES, CLASSES = 3000, 12, 4
#: All settings with a state, together.
MOVING: dict[str, Any] = {
    "optimizer": "adam", "learning_rate": 0.003, "schedule": "one_cycle", "dropout": (0.05, 0.2, 0.2),
    "ema_decay": 0.99, "patience": 12, "reduce_on_plateau": {"patience": 3}, "batch_size": 16,
}  # fmt: skip
#: Minutes between checkpoints: a fortieth of a second.
EVERY = 1 / 60 / 40


class PrintStart(Callback):
    """Print that training begins, so that the parent process may kill it."""

    def on_train_begin(self, run: Run) -> None:
        print("training", len(run.history), run.state.accumulator.batches, flush=True)


def problem() -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(ROWS, FEATURES))
    return x, np.argmax(x[:, :CLASSES] * x[:, CLASSES : 2 * CLASSES] + rng.normal(size=(ROWS, CLASSES)), axis=1)


def fit_kind(kind: str, callbacks: list[Callback]) -> tuple[Any, Any]:
    """Return the final parameters and the history of a training of a kind."""
    x, y = problem()
    if kind == "estimator":
        network = MLPClassifier(
            (48, 24), batch_size=16, early_stopping=True, n_iter_no_change=6, dropout=0.1, random_state=1, max_iter=25,
            callbacks=callbacks, engine="reference",
        )  # fmt: skip
        network.fit(x, y)
        return network.model_.vector, [*network.history_]
    engine, dtype = kind.split("-")
    epochs = 16 if engine == "reference" else 60
    settings = Settings(**MOVING, epochs=epochs, engine=engine, dtype=dtype)
    structure = Structure((FEATURES, 48, 24, CLASSES), ("relu", "tanh", "softmax"))
    trained = train(structure, x, y, settings, validation=np.arange(0, ROWS, 5), callbacks=callbacks)
    return trained.vector, [*trained.history, trained.stop_reason, trained.best_epoch]


def main() -> None:
    """Train and write the result."""
    kind, folder, result = sys.argv[1:]
    warnings.simplefilter("ignore")  # ConvergenceWarning
    callbacks: list[Callback] = [] if folder == "-" else [Checkpoint(folder, every_minutes=EVERY, resume=True)]
    vector, history = fit_kind(kind, [*callbacks, PrintStart()])
    records = [{**epoch.known(), "seconds": 0} if hasattr(epoch, "known") else epoch for epoch in history]
    Path(f"{result}.new").write_text(json.dumps({"vector": vector.tobytes().hex(), "history": records}))
    os.replace(f"{result}.new", result)


if __name__ == "__main__":
    main()
