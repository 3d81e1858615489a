"""A training on a thread of its own, steered from elsewhere: go on for so many batches, wait, end."""

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
from glassnet.web.learn.batches import Batches, Halt
from glassnet.web.learn.frames import Looks
from glassnet.web.learn.plan import Plan
from glassnet.web.learn.rows import RowsToLearn

#: Seconds after which a training that waits, and that nobody looks at, ends.
LEFT_ALONE = 60.0
#: Seconds between two looks at how things stand, at least; and looking takes no more than half of the time.
BETWEEN_FRAMES = 0.08

Result = TypeVar("Result")


class Session(Callback):
    """One training.

    Parameters
    ----------
    plan, rows, ready, run
        What is trained, as `glassnet.web.learn.plan.made` returns it.
    place : ExitStack
        Holds the one place for a training; closed at the end.
    closing : threading.Event
        Set when the server ends.
    left_alone : float
        See `LEFT_ALONE`.
    """

    def __init__(
        self,
        plan: Plan,
        rows: RowsToLearn,
        ready: PreparedData,
        run: Run,
        place: ExitStack,
        closing: threading.Event,
        left_alone: float = LEFT_ALONE,
    ) -> None:
        assert isinstance(run.source, Batches)
        run.source.before = self._before_batch
        self.id = secrets.token_hex(8)
        self.plan, self.rows, self.ready, self.run = plan, rows, ready, run
        self.looks = Looks(ready, run, rows)
        #: "waiting", "going" or "over"; and for the last, in words, why.
        self.state, self.fault = "waiting", ""
        #: The latest look at how things stand, and how many there were.
        self.frame: dict[str, Any] = {}
        self.frames = 0
        #: The batch that comes next, where it is known.
        self.next: Rows | None = None
        self._place, self._closing, self._left_alone = place, closing, left_alone
        self._turn = threading.Condition()
        self._done, self._goal, self._pace = 0, 0.0, math.inf
        self._asked: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._listeners: set[Callable[[], None]] = set()
        self._stopping = ""
        self._began = self._next_look = self._unwatched_since = 0.0
        self._thread = threading.Thread(target=self._work, name="glassnet-training", daemon=True)

    # ---------------------------------------------------------------------------------------------- from elsewhere

    def start(self) -> None:
        """Begin, and wait before the first batch."""
        self._unwatched_since = time.monotonic()
        self._thread.start()

    def go(self, batches: float, pace: float = math.inf) -> None:
        """Go on for so many batches from here (infinity: to the end), so many batches a second at most."""
        with self._turn:
            self._goal = self._done + batches
            self._pace, self._began = pace, time.monotonic() - self._done / pace
            self._turn.notify_all()

    def go_to_epoch_end(self) -> None:
        """Go on to the end of this epoch."""
        self.go(self.run.n_batches - self._done % self.run.n_batches)

    def wait(self) -> None:
        """Wait before the next batch."""
        with self._turn:
            self._goal = self._done
            self._turn.notify_all()

    def end(self, why: str = "stopped", seconds: float = 10.0) -> None:
        """End, and return when that is done, or so many seconds later."""
        with self._turn:
            self._stopping = self._stopping or why
            self._turn.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def at_rest(self, function: Callable[[], Result], seconds: float = 20.0) -> Result:
        """Call a function between two batches, when nothing moves, and return its result."""
        future: Future[Result] = Future()
        with self._turn:
            if self.state != "over":
                self._asked.append((function, future))
                self._turn.notify_all()
                waits = True
            else:
                waits = False
        return future.result(seconds) if waits else function()

    def watch(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called at each new frame; return what ends that. When nobody watches, the training waits."""
        with self._turn:
            self._listeners.add(listener)

        def leave() -> None:
            with self._turn:
                self._listeners.discard(listener)
                if not self._listeners:
                    self._goal, self._unwatched_since = self._done, time.monotonic()
                    self._turn.notify_all()

        return leave

    @property
    def is_left(self) -> bool:
        """Whether it waits, and nobody looks: the page that began it is closed."""
        return self.state == "waiting" and not self._listeners

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state == "over"

    def model(self) -> Model:
        """Return the model as it stands; at the end the one that `glassnet.fit` would return."""
        return self.at_rest(self._model)

    def _model(self) -> Model:
        run = self.run
        vector, best_epoch = run.result() if self.is_over else (run.weights.eval_parameters.copy(), len(run.history))
        if not np.isfinite(vector).all():
            raise InputError("the parameters are no longer finite numbers; there is nothing to keep")
        return self.ready.build_model(
            vector,
            run.history,
            metric=run.metric.name,
            engine=run.engine.name,
            best_epoch=best_epoch,
            stop_reason=run.stop_reason or "not over yet",
            message=run.message,
        )

    # ------------------------------------------------------------------------------------------------ on the thread

    def _work(self) -> None:
        try:
            run_training(self.run, [self])
        except Exception as error:  # told on the page, as everything that ends a training is
            self.fault = f"{type(error).__name__}: {error}"
        finally:
            with self._turn:
                self.state = "over"
                self._place.close()
                self._look()
                asked, self._asked = self._asked, []
            for function, future in asked:
                _answer(function, future)

    def on_train_begin(self, run: Run) -> None:
        """L-BFGS is no matter of batches: it waits here, and after each of its iterations."""
        if run.settings.full_batch:
            self._gate()

    def on_epoch_end(self, run: Run) -> None:
        """See `on_train_begin`."""
        self.looks.note_epoch()
        if run.settings.full_batch and len(run.history) < run.settings.epochs:
            self._done += 1
            self._gate()
            self.looks.note_batch()

    def _before_batch(self, batch: Rows) -> None:
        self._done = self.run.weights.state.step
        self.next = batch
        self._gate()
        self.next = None
        self.looks.note_batch()

    def _gate(self) -> None:
        """Wait until the next batch may be trained on."""
        with self._turn:
            while True:
                while self._asked:
                    _answer(*self._asked.pop(0))
                if self._stopping or self._closing.is_set():
                    self.run.stop(self._stopping or "the server ended")
                    raise Halt
                wait = self._time_to_wait()
                going = self._goal > self._done
                if going != (self.state == "going"):
                    self.state = "going" if going else "waiting"
                    self._look()
                elif not self.frames or (going and time.monotonic() >= self._next_look):
                    self._look()
                if wait <= 0:
                    return
                self._turn.wait(min(wait, 0.5))
                if not going and not self._listeners and time.monotonic() - self._unwatched_since > self._left_alone:
                    self._stopping = "left alone"

    def _time_to_wait(self) -> float:
        """Seconds until the next batch; infinity where somebody has to say so first."""
        if self._goal <= self._done:
            return math.inf
        return self._began + self._done / self._pace - time.monotonic() if self._pace < math.inf else 0.0

    def _look(self) -> None:
        began = time.monotonic()
        kept = self.run.result()[0] if self.state == "over" else None
        self.frame = self.looks.frame(self.state, self.fault, kept)
        self.frames += 1
        self._next_look = time.monotonic() + max(BETWEEN_FRAMES, time.monotonic() - began)
        for listener in tuple(self._listeners):
            listener()


def _answer(function: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
