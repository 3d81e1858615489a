"""The callback that writes checkpoints, and goes on from them."""

from __future__ import annotations

import math
import signal
import time
import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.training import Callback, CallbackWarning, Run
from glassnet.training.checkpoints.compatibility import describe, differences, epochs_differ
from glassnet.training.checkpoints.folder import CheckpointPosition, newest, refuse_used, tidy, write
from glassnet.training.checkpoints.lock import FolderLock
from glassnet.training.checkpoints.signals import Signals
from glassnet.training.checkpoints.validate import check_memory
from glassnet.training.run import INTERRUPTIONS
from glassnet.training.state_dict import StateDict

#: Bytes that a file may have beside those of sixteen times what a training holds.
_ROOM = 2**28
#: Reasons to stop after which what the run holds is no place to go on from.
_NO_PLACE = (*INTERRUPTIONS, "diverged", "failed")
#: The end of a training that is no end if it is to have more epochs.
_ALL_DONE = "all epochs done"


class Checkpoint(Callback):
    """Write down, now and then, all that it takes to go on, and go on from it: bit for bit as if nothing had happened.

    The last two checkpoints are kept. While the training goes on, the first Ctrl-C or SIGTERM ends it after the batch
    that runs, with a checkpoint; SIGTERM then does what it does without a training, which for most programs is to end.
    A second one acts at once. `docs/checkpoints.md` tells more.

    Parameters
    ----------
    folder : str or Path
        Where they are written; made if need be. One training at a time writes there, each has a folder of its own.
    every_epochs : int, optional
        How often; 1 if neither this nor ``every_minutes`` is given. With both, each of them asks for one.
    every_minutes : float, optional
        How often by the clock, in the middle of an epoch too.
    resume : bool
        Whether to go on from the last checkpoint in the folder. Where there is none yet, the training begins; where it
        had come to its end, its result is there at once, and with more epochs it goes on.

    Raises
    ------
    InputError
        If a number can't be used. Before the first epoch: if the folder can't be written to, another training writes
        there, or it holds checkpoints and ``resume`` is False; if no checkpoint there is whole; if the network, the
        settings or the data are not those of the checkpoint: what differs is named, with both values; for L-BFGS, which
        keeps its memory inside SciPy.

    Warns
    -----
    CallbackWarning
        If a checkpoint can't be written (a full disk, a folder that is gone): the training goes on, and the next one is
        tried; ``unwritten`` tells why the last one was not. If the last checkpoint is damaged: the one before is used.

    Examples
    --------
    >>> import glassnet
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50
    >>> model = glassnet.fit(x, y, hidden=(8,), callbacks=[glassnet.Checkpoint("xor", resume=True)])  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: str | Path,
        every_epochs: int | None = None,
        every_minutes: float | None = None,
        resume: bool = False,
    ) -> None:
        _check("every_epochs", every_epochs, Integral, "a whole number of epochs, 1 or more")
        _check("every_minutes", every_minutes, Real, "a number of minutes above 0")
        if every_epochs is None and every_minutes is None:
            every_epochs = 1
        self.folder = folder
        self.every_epochs = every_epochs
        self.every_minutes = every_minutes
        self.resume = resume
        self.unwritten = ""
        self.written: CheckpointPosition | None = None
        self._lock: FolderLock | None = None
        self._signals = Signals(self._stop_soon)
        self._run: Run | None = None
        self._about: dict[str, Any] = {}

    def __repr__(self) -> str:
        told = [repr(str(self.folder))]
        told += [f"{n}={v!r}" for n in ("every_epochs", "every_minutes") if (v := getattr(self, n)) is not None]
        return f"Checkpoint({', '.join(told)}{', resume=True' if self.resume else ''})"

    @property
    def received(self) -> signal.Signals | None:
        """The signal that ended the training, if one did."""
        return self._signals.received

    def on_train_begin(self, run: Run) -> None:
        """Take the folder, go on from what is there, and keep signals back from now on."""
        if run.settings.full_batch:
            raise InputError(
                "checkpoints do not go with optimizer 'lbfgs', which keeps its memory inside SciPy; leave them out, or "
                "take another optimizer"
            )
        self._run = run
        self.unwritten = ""
        self.written = None
        self._about = describe(run)
        folder = Path(self.folder)
        self._lock = FolderLock(folder)
        tidy(folder)
        fresh = run.state_dict()
        if not self.resume:
            refuse_used(folder)
        elif found := newest(folder, _ROOM + 16 * sum(array.nbytes for array in fresh.arrays.values())):
            self.written, memory = found
            self._go_on(run, memory, fresh)
        self._signals.begin()
        self._set_clock(run)

    def on_pause(self, run: Run) -> None:
        """Write a checkpoint where one is due, or where a signal is waiting."""
        if self.received is not None:
            self._write(run)
            run.stop("interrupted" if self.received == signal.SIGINT else "terminated")
            return
        moment = _moment(run)
        ends = run.stop_reason or moment.epochs >= run.settings.epochs  # then the end is written, once
        by_clock = time.monotonic() >= self._due
        by_epochs = self.every_epochs is not None and moment.batches == 0 and moment.epochs % self.every_epochs == 0
        if not ends and (by_clock or by_epochs):
            self._write(run)
        self._set_clock(run, again=by_clock)

    def on_train_end(self, run: Run) -> None:
        """Write how it ended, give the folder back, and let a signal that was kept back do its work."""
        try:
            if self._lock is not None and run.stop_reason not in _NO_PLACE:
                self._write(run)
        finally:
            if self._lock is not None:
                self._lock.release()
            self._lock = self._run = None
            self._signals.end()
        if self.received is None:
            return
        if run.stop_reason not in INTERRUPTIONS:  # it came when all was done
            self._signals.pass_on()
        else:
            found = f"the checkpoint after {self.written}" if self.written else "no checkpoint"
            self.on_interrupted(f"{self.unwritten}{'; ' * bool(self.unwritten)}{found} is in {self.folder}")

    def on_interrupted(self, where: str) -> None:
        """Say how to go on after a signal, and let SIGTERM do what it does without a training."""
        warnings.warn(f"the training was stopped: {where}; go on with resume=True", UserWarning, stacklevel=2)
        self._signals.pass_on()

    def _go_on(self, run: Run, memory: StateDict, fresh: StateDict) -> None:
        """Bring the run to where the checkpoint was written."""
        folder = self.folder
        about = memory.metadata.get("description")
        about = about if isinstance(about, dict) else {}
        found = differences(about, self._about)
        assert self.written is not None
        found += [words] if (words := epochs_differ(about, run.settings, self.written.epochs)) else []
        if found:
            raise InputError(
                f"{folder}: the training there was another one: {'; '.join(found)}. Give it what it had, or name "
                "another folder for a new training"
            )
        if (version := about.get("glassnet")) != __version__:
            warnings.warn(
                f"{folder}: written by glassnet {version!r:.40}, and this is {__version__}: the last bits "
                "may differ from those of a training that never stopped",
                CallbackWarning,
                stacklevel=2,
            )
        try:
            known = StateDict(memory.arrays, memory.metadata["run"])
            check_memory(known, fresh, run)
            run.load_state_dict(known)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise InputError(
                f"{folder}: the checkpoint and this training do not fit together: {reason}. Give it what it had, or "
                "name another folder for a new training"
            ) from None
        if run.stop_reason == _ALL_DONE and len(run.history) < run.settings.epochs:
            run.stop_reason = ""

    def _write(self, run: Run) -> None:
        """Write a checkpoint; a warning if that can't be done."""
        moment = _moment(run)
        folder = Path(self.folder)
        try:
            assert self._lock is not None
            self._lock.take()  # anew if the folder was removed
            known = run.state_dict()
            write(folder, moment, StateDict(known.arrays, {"description": self._about, "run": known.metadata}))
        except Exception as error:  # a full disk, or a callback's memory that no file can hold: no reason to end
            self.unwritten = f"the checkpoint after {moment} was not written: {error}"
            warnings.warn(f"{self.unwritten}; the training goes on", CallbackWarning, stacklevel=2)
        else:
            self.unwritten = ""
            self.written = moment

    def _set_clock(self, run: Run, again: bool = True) -> None:
        """Ask for the pause in which the next checkpoint by the clock is written."""
        if again:
            self._due = math.inf if self.every_minutes is None else time.monotonic() + 60 * self.every_minutes
        run.pause_at = min(run.pause_at, self._due)

    def _stop_soon(self) -> None:
        if self._run is not None:
            self._run.pause()


def _check(name: str, given: Any, kind: type, expected: str) -> None:
    right = isinstance(given, kind) and not isinstance(given, bool)
    if given is not None and not (right and 0 < given < math.inf):
        raise InputError(f"{name} is {given!r}; it must be {expected}")


def _moment(run: Run) -> CheckpointPosition:
    return CheckpointPosition(len(run.history), run.state.accumulator.batches)
