"""Attacks by settings and callbacks."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np

import glassnet
from tests.attack.registry import attack
from tests.attack.targets import refused, refuses

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 2


class Raises(glassnet.Callback):
    """Raise an exception at the end of the first epoch."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def on_epoch_end(self, run: Any) -> None:
        raise self.kind


@attack("training: a callback raises SystemExit or GeneratorExit")
def exits(folder: Path) -> None:
    for kind in (SystemExit, GeneratorExit, KeyboardInterrupt, MemoryError):
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for _ in range(2):  # a lock that is left behind would stop the second
            callbacks = [Raises(kind), glassnet.Checkpoint(folder / kind.__name__)]
            with contextlib.suppress(kind):
                glassnet.fit(X, Y, hidden=(2,), callbacks=callbacks)
            assert before == {number: signal.getsignal(number) for number in before}, kind
    assert threading.active_count() < 20


@attack("training: numbers of any size")
def numbers(folder: Path) -> None:
    for setting in (
        {"batch_size": 0},
        {"batch_size": -1},
        {"epochs": -1},
        {"epochs": 0},
        {"learning_rate": float("nan")},
        {"learning_rate": -1.0},
        {"dropout": 1.5},
        {"threads": 10**9},
        {"threads": -1},
        {"random_state": -1},
        {"schedule": "step", "schedule_settings": {"step_size": 0}},
    ):
        refuses(lambda setting=setting: glassnet.fit(X, Y, hidden=(2,), settings=glassnet.Settings(**setting)))


@attack("training: a batch of 2⁶² rows")
def large_batch(folder: Path) -> None:
    with contextlib.suppress(glassnet.InputError):
        settings = glassnet.Settings(batch_size=2**62, epochs=2, engine="reference")
        glassnet.fit(X, Y, hidden=(2,), settings=settings)


@attack("training: 5,000 brackets, and other odd text in --set")
def brackets(folder: Path) -> None:
    for text in (
        "dropout=" + "[" * 5000,
        "dropout=" + "(" * 5000,
        "dropout=__import__('os')",
        "x",
        "=",
        "dropout=9" + "9" * 5000,
    ):
        refused("train", "--set", text, "--out", folder / "m.glassnet")


@attack("training: networks of any size")
def sizes(folder: Path) -> None:
    refused("train", "--hidden", "0", "--out", folder / "m.glassnet")
    refused("train", "--hidden", "-5", "--out", folder / "m.glassnet")
    refused("train", "--hidden", str(10**12), "--out", folder / "m.glassnet")


@attack("training: other preprocessing between fit and partial_fit")
def changed_preprocessing(folder: Path) -> None:
    model = glassnet.MLPClassifier(hidden_layer_sizes=(4,), max_iter=2, solver="adam")
    model.fit(X, Y)
    model.set_params(preprocess="auto")
    with contextlib.suppress(ValueError):
        model.partial_fit(X, Y)
