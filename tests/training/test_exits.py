"""However a training ends, its signal handlers, its lock, its threads and its open files end with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable as Function
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glassnet import Callback, Checkpoint, MLPClassifier, MLPRegressor, Settings, Structure, fit, train
from glassnet.models.fitting_files import fit_files
from glassnet.training import Run
from glassnet.training.checkpoints.lock import FolderLock

SETTINGS = Settings(epochs=3, batch_size=8, engine="reference")
FUSED = Settings(epochs=3, batch_size=8, engine="fused", threads=2)
LBFGS = Settings(epochs=3, optimizer="lbfgs", engine="reference")


class OwnExit(BaseException):
    """An exit that no library knows."""


EXITS = (RuntimeError, StopIteration, SystemExit, GeneratorExit, KeyboardInterrupt, asyncio.CancelledError, OwnExit)
MOMENTS = ("on_train_begin", "on_batch_end", "on_epoch_end", "on_pause", "on_train_end", "state_dict")


class Raising(Callback):
    """Raises an error at one of the moments, the second time if there is one."""

    def __init__(self, moment: str, error: type[BaseException]) -> None:
        self.moment, self.error = moment, error
        self.ended = 0
        self.calls = 0
        self.raised = False

    def _at(self, moment: str) -> None:
        if moment == self.moment:
            self.calls += 1
            if self.calls == 2 or moment in ("on_train_begin", "on_train_end"):
                self.raised = True
                raise self.error("planted")

    def on_train_begin(self, run: Run) -> None:
        self._at("on_train_begin")

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        self._at("on_batch_end")

    def on_epoch_end(self, run: Run) -> None:
        self._at("on_epoch_end")

    def on_pause(self, run: Run) -> None:
        run.state_dict()
        self._at("on_pause")

    def on_train_end(self, run: Run) -> None:
        self.ended += 1
        self._at("on_train_end")

    def state_dict(self) -> Any:
        self._at("state_dict")
        return super().state_dict()


class Counting(Callback):
    """Counts how often it was started and ended."""

    def __init__(self) -> None:
        self.open = 0

    def on_train_begin(self, run: Run) -> None:
        self.open += 1

    def on_train_end(self, run: Run) -> None:
        self.open -= 1


def problem() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 3)), np.arange(40) % 2


def trains(callbacks: list[Callback], folder: Path, settings: Settings = SETTINGS) -> None:
    train(Structure((3, 4, 2), ("tanh", "softmax")), *problem(), settings, callbacks=callbacks)


def trains_fused(callbacks: list[Callback], folder: Path) -> None:
    pytest.importorskip("numba")
    trains(callbacks, folder, FUSED)


def trains_by_lbfgs(callbacks: list[Callback], folder: Path) -> None:
    trains([c for c in callbacks if not isinstance(c, Checkpoint)], folder, LBFGS)


def fits(callbacks: list[Callback], folder: Path) -> None:
    fit(*problem(), hidden=(4,), settings=SETTINGS, validation_fraction=0.2, callbacks=callbacks)


def fits_an_estimator(callbacks: list[Callback], folder: Path) -> None:
    MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, batch_size=8, engine="reference", callbacks=callbacks).fit(
        *problem()
    )


def fits_partially(callbacks: list[Callback], folder: Path) -> None:
    """Call partial_fit twice, each time for one epoch, the second time with the callbacks."""
    regressor = MLPRegressor(hidden_layer_sizes=(4,), batch_size=8, engine="reference").partial_fit(*problem())
    for callback in callbacks:
        if isinstance(callback, Raising):
            callback.calls = 1
    regressor.set_params(callbacks=callbacks).partial_fit(*problem())


def fits_an_estimator_by_lbfgs(callbacks: list[Callback], folder: Path) -> None:
    callbacks = [c for c in callbacks if not isinstance(c, Checkpoint)]
    MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, solver="lbfgs", engine="reference", callbacks=callbacks).fit(
        *problem()
    )


def streams(callbacks: list[Callback], folder: Path, cache: bool = True) -> None:
    x, y = problem()
    lines = [",".join(map(str, row)) for row in np.column_stack([x, y]).tolist()]
    (folder / "t.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    fit_files(
        folder / "t.csv",
        "y",
        validation_fraction=0.3,
        hidden=(4,),
        settings=SETTINGS,
        callbacks=callbacks,
        cache=cache,
        buffer_bytes=1,
    )


def streams_without_a_cache(callbacks: list[Callback], folder: Path) -> None:
    streams(callbacks, folder, cache=False)


ENTRIES = (
    trains, trains_by_lbfgs, fits, fits_an_estimator, fits_partially, fits_an_estimator_by_lbfgs, streams,
    streams_without_a_cache,
)  # fmt: skip


def open_files() -> set[str]:
    """Return what this process has open, except for pipes and what belongs to the interpreter."""
    if not os.path.isdir("/proc/self/fd"):
        return set()
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the folder itself
            continue
    return found


def ends_clean(entry: Function[[list[Callback], Path], None], raising: Raising, folder: Path) -> BaseException | None:
    """Run an entry point, check that everything is as before, and return the error, which is held meanwhile."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hooks = (threading.excepthook, sys.excepthook, warnings.showwarning)
    threads = set(threading.enumerate())
    counting = Counting()
    late = Counting()
    error: BaseException | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entry([counting, Checkpoint(folder / "kept"), raising, late], folder)
    except BaseException as raised:  # held on purpose: its traceback keeps all frames alive
        error = raised
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert hooks == (threading.excepthook, sys.excepthook, warnings.showwarning)
    assert set(threading.enumerate()) == threads
    assert counting.open == late.open == 0
    assert not [path for path in open_files() if path.startswith(str(folder / "kept"))]
    FolderLock(folder / "kept").release()
    return error


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_is_left_behind(
    entry: Function[[list[Callback], Path], None], error: type[BaseException], moment: str, tmp_path: Path
) -> None:
    raising = Raising(moment, error)
    found = ends_clean(entry, raising, tmp_path)
    if not raising.raised:
        assert found is None
    elif error is StopIteration and "lbfgs" in entry.__name__:
        assert found is None or isinstance(found, StopIteration)  # SciPy ends the training by this exception
    elif issubclass(error, Exception) and moment == "state_dict" and entry is not fits_partially:
        assert found is None  # the checkpoint was not written, which is a warning
    elif error is KeyboardInterrupt and moment != "on_train_end":
        assert found is None
    else:
        assert isinstance(found, error)


@pytest.mark.slow
@pytest.mark.parametrize("error", EXITS)
@pytest.mark.parametrize("moment", ["on_batch_end", "on_epoch_end"])
def test_nothing_of_the_fused_engine_is_left_behind(error: type[BaseException], moment: str, tmp_path: Path) -> None:
    ends_clean(trains_fused, Raising(moment, error), tmp_path)
