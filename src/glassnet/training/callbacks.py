"""Callbacks: one's own code at four moments of a training. Any of them may call ``run.stop(reason)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def on_train_end(self, run: Run) -> None:
        """At the end, however it came."""
