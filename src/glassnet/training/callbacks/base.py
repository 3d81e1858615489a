"""The callback interface: five moments at which a training calls user code."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from glassnet.training.state_dict import StateDict, Stateful

if TYPE_CHECKING:
    from glassnet.training.run import Run


class CallbackWarning(UserWarning):
    """A callback failed (for example, disk full); training continued without it."""


class StopTraining(Exception):
    """Ends a training between two batches, in the middle of an epoch."""


class Callback:
    """Base class of callbacks: override the moments that you need.

    Any of them may call ``run.stop(reason)``. ``run`` (`glassnet.training.run.Run`) has ``structure``, ``settings``,
    ``parameters`` by name and the ``history`` so far.
    """

    def on_train_begin(self, run: Run) -> None:
        """Called before the first epoch."""

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Called after each batch with its number, from 0, and its objective before the update."""

    def on_epoch_end(self, run: Run) -> None:
        """Called after each epoch; ``run.history[-1]`` is its record."""

    def on_pause(self, run: Run) -> None:
        """Called between two batches: after each epoch, and as soon as possible after ``run.pause()``.

        ``run.state_dict()`` is complete here: a training can be resumed from it.
        """

    def on_train_end(self, run: Run) -> None:
        """Called at the end of the training, also after an error or Ctrl-C."""

    def state_dict(self) -> StateDict:
        """Return what this callback needs to resume in another process; empty if not overridden."""
        return StateDict()

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore what `state_dict` returned in an earlier process."""


class CallbackList:
    """Calls each callback in order at each moment.

    Parameters
    ----------
    callbacks : iterable of Callback
        In the order in which they are called.
    """

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        self.callbacks = tuple(callbacks)
        #: Whether any callback needs to be called after each batch; the engines are faster if none does.
        self.handles_batches = any(_overrides(callback, "on_batch_end") for callback in self.callbacks)
        #: Whether any callback needs to be called between batches.
        self.handles_pauses = any(_overrides(callback, "on_pause") for callback in self.callbacks)
        self._started: list[Callback] = []

    @property
    def stateful(self) -> Sequence[Stateful]:
        """The callbacks that have state to save."""
        return [callback for callback in self.callbacks if _overrides(callback, "state_dict")]

    def on_train_begin(self, run: Run) -> None:
        """Call `Callback.on_train_begin`."""
        for callback in self.callbacks:
            self._started.append(callback)
            callback.on_train_begin(run)

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """Call `Callback.on_batch_end`; raise `StopTraining` if one of them stopped the run."""
        for callback in self.callbacks:
            callback.on_batch_end(run, batch, loss)
        if run.stop_reason:
            raise StopTraining

    def on_epoch_end(self, run: Run) -> None:
        """Call `Callback.on_epoch_end`."""
        for callback in self.callbacks:
            callback.on_epoch_end(run)

    def on_pause(self, run: Run) -> None:
        """Call `Callback.on_pause`; raise `StopTraining` if one of them stopped the run."""
        if not self.handles_pauses:
            return
        run.pause_at = math.inf
        for callback in self.callbacks:
            callback.on_pause(run)
        if run.stop_reason:
            raise StopTraining

    def on_train_end(self, run: Run) -> None:
        """Call `Callback.on_train_end` of all that were started, even if one of them raises."""
        with contextlib.ExitStack() as stack:
            for callback in reversed(self._started):
                stack.callback(callback.on_train_end, run)

    def on_train_error(self, run: Run) -> None:
        """Let each started callback restore its screen or close its files; ignore further errors, but not exits."""
        with contextlib.ExitStack() as stack:
            for callback in reversed(self._started):
                stack.callback(_end_quietly, callback, run)


def _end_quietly(callback: Callback, run: Run) -> None:
    with contextlib.suppress(Exception):
        callback.on_train_end(run)


def _overrides(callback: Callback, method: str) -> bool:
    return getattr(type(callback), method) is not getattr(Callback, method)
