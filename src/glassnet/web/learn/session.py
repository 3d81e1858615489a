"""A training on its own thread, controlled from other threads: run a number of batches, pause, stop."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np

from glassnet.engines.interface import Rows
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.fitting import PreparedData
from glassnet.training import Callback, Run
from glassnet.training.loop import run_training
from glassnet.web.errors import ApiError
from glassnet.web.learn.batches import BatchSource, SessionStopped
from glassnet.web.learn.plan import TrainingPlan
from glassnet.web.learn.snapshots import SnapshotBuilder
from glassnet.web.learn.training_rows import TrainingRows
from glassnet.web.work import Reservation

#: Seconds after which a paused training without connected clients is stopped.
ABANDONED_AFTER = 60.0
#: Calls that wait for the end of a batch.
MAX_CALLS = 64
#: Minimum number of seconds between two snapshots; snapshots also take at most half of the time.
SNAPSHOT_INTERVAL = 0.08

Result = TypeVar("Result")


class TrainingSession(Callback):
    """A training.

    Parameters
    ----------
    plan, rows, ready, run
        The training, as returned by `glassnet.web.learn.plan.prepare_training`.
    lock : ExitStack
        Holds the training lock; closed when the training ends.
    closing : threading.Event
        Set when the server shuts down.
    abandoned_after : float
        See `ABANDONED_AFTER`.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        rows: TrainingRows,
        ready: PreparedData,
        run: Run,
        lock: ExitStack,
        closing: threading.Event,
        abandoned_after: float = ABANDONED_AFTER,
    ) -> None:
        assert isinstance(run.source, BatchSource)
        run.source.before_batch = self._before_batch
        self.id = secrets.token_hex(8)
        self.plan = plan
        self.rows = rows
        self.ready = ready
        self.run = run
        self.snapshots = SnapshotBuilder(ready, run, rows)
        #: "paused", "running" or "finished"; `error` is the reason of a failure.
        self.state = "paused"
        self.error = ""
        #: The latest snapshot, and the number of snapshots so far.
        self.snapshot: dict[str, Any] = {}
        self.n_snapshots = 0
        #: The next batch, if known.
        self.next_batch: Rows | None = None
        #: The part of the server's memory that it takes as long as it is kept.
        self.memory = Reservation()
        self._lock = lock
        self._closing = closing
        self._abandoned_after = abandoned_after
        self._condition = threading.Condition()
        self._done = 0  # batches so far
        self._target = 0.0  # batches after which the training pauses
        self._rate = math.inf  # batches per second
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._listeners: set[Callable[[], None]] = set()
        self._stop_reason = ""
        self._rate_origin = self._next_snapshot = self._unwatched_since = 0.0
        self._thread = threading.Thread(target=self._work, name="glassnet-training", daemon=True)

    # -------------------------------------------------------------------------------------------- from other threads

    def start(self) -> None:
        """Start the thread; the training pauses before its first batch."""
        self._unwatched_since = time.monotonic()
        self._thread.start()

    def run_batches(self, count: float, rate: float = math.inf) -> None:
        """Run a number of batches from here (infinity: to the end), at a maximum number of batches per second."""
        with self._condition:
            self._target = self._done + count
            self._rate = rate
            self._rate_origin = time.monotonic() - self._done / rate
            self._condition.notify_all()

    def run_to_epoch_end(self) -> None:
        """Run to the end of this epoch."""
        self.run_batches(self.run.n_batches - self._done % self.run.n_batches)

    def pause(self) -> None:
        """Pause before the next batch."""
        with self._condition:
            self._target = self._done
            self._condition.notify_all()

    def request_stop(self, reason: str) -> None:
        """Stop the training before its next batch; return at once."""
        with self._condition:
            self._stop_reason = self._stop_reason or reason
            self._condition.notify_all()

    def stop(self, reason: str = "stopped", seconds: float = 10.0) -> None:
        """Stop the training; return when it has stopped, or after the given seconds."""
        self.request_stop(reason)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def submit(self, function: Callable[[], Result]) -> Future[Result]:
        """Call a function on the training thread between two batches, or at once if the training has ended.

        Raises
        ------
        ApiError
            503 if too many calls wait.
        """
        future: Future[Result] = Future()
        with self._condition:
            finished = self.is_finished
            if not finished:
                self._calls = [(waiting, its) for waiting, its in self._calls if not its.cancelled()]
                if len(self._calls) >= MAX_CALLS:
                    raise ApiError(503, "overloaded", "too many requests wait for this training; try again in a moment")
                self._calls.append((function, future))
                self._condition.notify_all()
        if finished:
            _resolve(function, future)
        return future

    def call_between_batches(self, function: Callable[[], Result], seconds: float = 20.0) -> Result:
        """Call a function as `submit`, and wait for its result."""
        return self.submit(function).result(seconds)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a listener at each snapshot; return a function that unsubscribes. Without listeners it pauses."""
        with self._condition:
            self._listeners.add(listener)

        def unsubscribe() -> None:
            with self._condition:
                self._listeners.discard(listener)
                if not self._listeners:
                    self._target = self._done
                    self._unwatched_since = time.monotonic()
                    self._condition.notify_all()

        return unsubscribe

    @property
    def is_watched(self) -> bool:
        """Whether a client is connected."""
        return bool(self._listeners)

    @property
    def is_abandoned(self) -> bool:
        """Whether the training is paused and no client is connected."""
        return self.state == "paused" and not self._listeners

    @property
    def is_finished(self) -> bool:
        """Whether the training has ended."""
        return self.state == "finished"

    def model(self) -> Model:
        """Return the current model; at the end the one that `glassnet.fit` would return."""
        return self.call_between_batches(self.current_model)

    def current_model(self) -> Model:
        """Return what `model` does; between two batches."""
        run = self.run
        if self.is_finished:
            vector, best_epoch = run.result()
        else:
            vector = run.weights.eval_parameters.copy()
            best_epoch = len(run.history)
        if not np.isfinite(vector).all():
            raise InputError("the parameters are no longer finite numbers; there is no model to return")
        return self.ready.build_model(
            vector,
            run.history,
            metric=run.metric.name,
            engine=run.engine.name,
            best_epoch=best_epoch,
            stop_reason=run.stop_reason or "not finished",
            message=run.message,
        )

    # ------------------------------------------------------------------------------------------------ on the thread

    def _work(self) -> None:
        try:
            run_training(self.run, [self])
        except BaseException as error:  # SystemExit too: it ends the training, not the server; shown on the page
            self.error = f"{type(error).__name__}: {error}"
        finally:
            with self._condition:
                self.state = "finished"
                self._lock.close()
                self._publish()
                calls = self._calls
                self._calls = []
            for function, future in calls:
                _resolve(function, future)

    def on_train_begin(self, run: Run) -> None:
        """Wait: L-BFGS has no batches, so it waits here and after each iteration."""
        if run.settings.full_batch:
            self._wait_for_turn()

    def on_epoch_end(self, run: Run) -> None:
        """Record the epoch; see `on_train_begin`."""
        self.snapshots.record_epoch()
        if run.settings.full_batch and len(run.history) < run.settings.epochs:
            self._done += 1
            self._wait_for_turn()
            self.snapshots.record_batch()

    def _before_batch(self, batch: Rows) -> None:
        self._done = self.run.weights.state.step
        self.next_batch = batch
        self._wait_for_turn()
        self.next_batch = None
        self.snapshots.record_batch()

    def _wait_for_turn(self) -> None:
        """Wait until the next batch may run; meanwhile make the requested calls and publish snapshots."""
        with self._condition:
            while True:
                while self._calls:
                    _resolve(*self._calls.pop(0))
                if self._stop_reason or self._closing.is_set():
                    self.run.stop(self._stop_reason or "server shutdown")
                    raise SessionStopped
                wait = self._seconds_to_wait()
                running = self._target > self._done
                if running != (self.state == "running"):
                    self.state = "running" if running else "paused"
                    self._publish()
                elif not self.n_snapshots or (running and time.monotonic() >= self._next_snapshot):
                    self._publish()
                if wait <= 0:
                    return
                self._condition.wait(min(wait, 0.5))
                unwatched = time.monotonic() - self._unwatched_since
                if not running and not self._listeners and unwatched > self._abandoned_after:
                    self._stop_reason = "no client connected"

    def _seconds_to_wait(self) -> float:
        """Return the seconds until the next batch; infinity if the training is paused."""
        if self._target <= self._done:
            return math.inf
        return self._rate_origin + self._done / self._rate - time.monotonic() if self._rate < math.inf else 0.0

    def _publish(self) -> None:
        """Build a snapshot and notify the listeners."""
        started = time.monotonic()
        final = self.run.result()[0] if self.is_finished else None
        self.snapshot = self.snapshots.build(self.state, self.error, final)
        self.n_snapshots += 1
        self._next_snapshot = time.monotonic() + max(SNAPSHOT_INTERVAL, time.monotonic() - started)
        for listener in tuple(self._listeners):
            listener()


def _resolve(function: Callable[[], Any], future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():  # the future was cancelled
        return
    try:
        future.set_result(function())
    except BaseException as error:  # raised where the result is awaited
        future.set_exception(error)
