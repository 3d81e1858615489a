"""Callbacks: one's own code at five moments of a training. Any of them may call ``run.stop(reason)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassnet.training.state_dict import StateDict

if TYPE_CHECKING:
    from glassnet.training.run import Run


class CallbackWarning(UserWarning):
    """A callback could not do its work, a full disk for one; the training went on without it."""


class Callback:
    """Does nothing at any moment; inherit and fill in what you need.

    ``run`` (`glassnet.training.run.Run`) gives ``structure``, ``settings``, ``parameters`` by name, ``history`` so far,
    and ``stop(reason)``.
    """

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_batch_end(self, run: Run, batch: int, loss: float) -> None:
        """After each batch, from 0, with the objective that it had before its update."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, when ``run.history[-1]`` tells of it."""

    def on_pause(self, run: Run) -> None:
        """Between two batches, with everything in its place: after each epoch, and where ``run.pause()`` asks for it.

        What ``run.state_dict()`` returns here is all that it takes to go on.
        """

    def on_train_end(self, run: Run) -> None:
        """At the end, however it came."""

    def state_dict(self) -> StateDict:
        """Return what this callback has to know to go on in another process; nothing if not overridden."""
        return StateDict()

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over what `memory` returned in an earlier process."""
