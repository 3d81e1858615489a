"""The callback that writes checkpoints and resumes from them."""

from __future__ import annotations

import math
import signal
import time
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.constraints import POSITIVE, POSITIVE_INT, Constraint, check_value, optional
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.training import CallbackWarning, Run
from glassnet.training.callbacks.fit_folder import PathCallback, fit_folders, new_fit_folder
from glassnet.training.checkpoints.compatibility import describe, differences, epochs_difference
from glassnet.training.checkpoints.folder import (
    CheckpointPosition,
    check_unused,
    read_newest,
    remove_temporary_files,
    write,
)
from glassnet.training.checkpoints.lock import FolderLock
from glassnet.training.checkpoints.signals import DeferredSignals
from glassnet.training.checkpoints.validate import validate_state_dict
from glassnet.training.run import INTERRUPTIONS
from glassnet.training.state_dict import StateDict

#: The maximum size of a file is sixteen times the bytes of the training's arrays, plus this.
_EXTRA_BYTES = 2**28
#: Reasons to stop after which the run's state is not written at the end.
_NOT_RESUMABLE = (*INTERRUPTIONS, "diverged", "failed")
#: The reason to stop after which a training continues if it is given more epochs.
_ALL_DONE = "all epochs done"


class Checkpoint(PathCallback):
    """Write checkpoints of a training, and resume from the last one with the same bits as without interruption.

    The last two checkpoints are kept. During the training, the first Ctrl-C or SIGTERM stops it after the current batch
    and writes a checkpoint; SIGTERM then has its usual effect, by default to end the process. A second signal takes
    effect at once. See ``docs/checkpoints.md``.

    Parameters
    ----------
    folder : str or Path
        Where checkpoints are written; created if it does not exist. Each training needs its own folder; clones of an
        estimator, as in cross-validation, get ``fit-1``, ``fit-2``, … in it. With ``resume``, each takes the one with
        the checkpoints of the same training.
    every_epochs : int, optional
        Write after this number of epochs; 1 if neither this nor ``every_minutes`` is given.
    every_minutes : float, optional
        Write after this time, in the middle of an epoch too.
    resume : bool
        Whether to resume from the last checkpoint in the folder. Without one, the training begins; a finished training
        returns its result, and continues if it is given more epochs.

    Raises
    ------
    InputError
        If an argument is invalid. Before the first epoch: if the folder can't be written to, another training writes
        there, or it holds checkpoints and ``resume`` is False; if all checkpoints are damaged; if the network, the
        settings or the data differ from those of the checkpoint (both values are named); for L-BFGS, whose state is
        inside SciPy.

    Warns
    -----
    CallbackWarning
        If a checkpoint can't be written (disk full, folder deleted): the training continues, and ``unwritten`` is the
        error message until the next one is written. If the last checkpoint is damaged: the one before is used.

    Examples
    --------
    >>> import glassnet
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50
    >>> model = glassnet.fit(x, y, hidden=(8,), callbacks=[glassnet.Checkpoint("xor", resume=True)])  # doctest: +SKIP
    """

    path_attribute = "folder"
    path_is_folder = True

    def __init__(
        self,
        folder: str | Path,
        every_epochs: int | None = None,
        every_minutes: float | None = None,
        resume: bool = False,
    ) -> None:
        check_value("every_epochs", every_epochs, optional(_EPOCHS))
        check_value("every_minutes", every_minutes, optional(_MINUTES))
        if every_epochs is None and every_minutes is None:
            every_epochs = 1
        self.folder = folder
        self.every_epochs = every_epochs
        self.every_minutes = every_minutes
        self.resume = resume
        self.unwritten = ""
        self.written: CheckpointPosition | None = None
        self._lock: FolderLock | None = None
        self._signals = DeferredSignals(self._request_pause)
        self._resources = ExitStack()  # the lock and the signal handlers, while a training runs
        self._run: Run | None = None
        self._description: dict[str, Any] = {}

    def __repr__(self) -> str:
        arguments = [repr(str(self.folder))]
        arguments += [f"{n}={v!r}" for n in ("every_epochs", "every_minutes") if (v := getattr(self, n)) is not None]
        return f"Checkpoint({', '.join(arguments)}{', resume=True' if self.resume else ''})"

    @property
    def received(self) -> signal.Signals | None:
        """The signal that stopped the training, if any."""
        return self._signals.received

    def on_train_begin(self, run: Run) -> None:
        """Lock the folder, resume from the last checkpoint, and install the signal handlers."""
        if run.settings.full_batch:
            raise InputError(
                "checkpoints do not go with optimizer 'lbfgs', whose state is inside SciPy; leave them out, or choose "
                "another optimizer"
            )
        self.unwritten = ""
        self.written = None
        self._description = describe(run)
        self.enter_fit_folder(run)
        folder = Path(self.folder)
        self._lock = self._resources.enter_context(FolderLock(folder))
        remove_temporary_files(folder)
        initial = run.state_dict()
        if not self.resume:
            check_unused(folder)
        elif found := read_newest(folder, _max_bytes(initial)):
            self.written, saved = found
            self._restore(run, saved, initial)
        self._run = run  # from here on the run's state may be written
        self._resources.enter_context(self._signals)
        self._set_clock(run)

    def choose_folder(self, run: Run, parent: Path) -> Path:
        """Return the folder with the checkpoints of the same training, to resume from; else a new one."""
        folders = fit_folders(parent) if self.resume and parent.is_dir() else []
        for folder in folders:
            if self._is_same_training(run, folder):
                return folder
        return new_fit_folder(run, parent)

    def on_pause(self, run: Run) -> None:
        """Write a checkpoint if one is due or a signal was received."""
        if self.received is not None:
            self._write(run)
            run.stop("interrupted" if self.received == signal.SIGINT else "terminated")
            return
        position = _position(run)
        ends = run.stop_reason or position.epochs >= run.settings.epochs  # written by on_train_end
        by_clock = time.monotonic() >= self._due
        by_epochs = self.every_epochs is not None and position.batches == 0 and position.epochs % self.every_epochs == 0
        if not ends and (by_clock or by_epochs):
            self._write(run)
        self._set_clock(run, restart=by_clock)

    def on_train_end(self, run: Run) -> None:
        """Write the final state, release the folder, and give a received signal its usual effect."""
        with self._resources.pop_all():
            if self._run is not None and run.stop_reason not in _NOT_RESUMABLE:
                self._write(run)
            self._lock = self._run = None
        if self.received is None:
            return
        if run.stop_reason not in INTERRUPTIONS:  # it was received after the last batch
            self._signals.forward()
        else:
            last = f"the checkpoint after {self.written}" if self.written else "no checkpoint"
            self.on_interrupted(f"{self.unwritten}{'; ' * bool(self.unwritten)}{last} is in {self.folder}")

    def on_interrupted(self, where: str) -> None:
        """Warn how to resume after a signal, and give SIGTERM its usual effect."""
        warnings.warn(f"the training was stopped: {where}; resume it with resume=True", UserWarning, stacklevel=2)
        self._signals.forward()

    def _is_same_training(self, run: Run, folder: Path) -> bool:
        """Return whether a folder that no training uses has checkpoints of this one."""
        with suppress(InputError), FolderLock(folder):
            found = read_newest(folder, _max_bytes(run.state_dict()))
            description = found[1].metadata.get("description") if found else None
            return isinstance(description, dict) and not differences(description, self._description)
        return False

    def _restore(self, run: Run, saved: StateDict, initial: StateDict) -> None:
        """Restore the state of the run from a checkpoint."""
        folder = self.folder
        description = saved.metadata.get("description")
        description = _without_arrays(description) if isinstance(description, dict) else {}
        found = differences(description, self._description)
        assert self.written is not None
        if difference := epochs_difference(description, run.settings, self.written.epochs):
            found.append(difference)
        if found:
            raise InputError(
                f"{folder}: the training there was another one: {'; '.join(found)}. Give the same arguments and "
                "data, or name another folder for a new training"
            )
        if (version := description.get("glassnet")) != __version__:
            warnings.warn(
                f"{folder}: written by glassnet {version!r:.40}, and this is {__version__}: the last bits "
                "may differ from those of an uninterrupted training",
                CallbackWarning,
                stacklevel=2,
            )
        try:
            state_dict = StateDict(saved.arrays, saved.metadata["run"])
            validate_state_dict(state_dict, initial, run)
            run.load_state_dict(state_dict)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise InputError(
                f"{folder}: the checkpoint does not fit this training: {reason}. Give the same arguments and data, "
                "or name another folder for a new training"
            ) from None
        if run.stop_reason == _ALL_DONE and len(run.history) < run.settings.epochs:
            run.stop_reason = ""

    def _write(self, run: Run) -> None:
        """Write a checkpoint, or warn if it can't be written."""
        position = _position(run)
        folder = Path(self.folder)
        try:
            assert self._lock is not None
            self._lock.acquire()  # again, if the folder was removed
            state_dict = run.state_dict()
            metadata = {"description": self._description, "run": state_dict.metadata}
            write(folder, position, StateDict(state_dict.arrays, metadata))
        except Exception as error:  # disk full, or a callback's state that can't be written
            self.unwritten = f"the checkpoint after {position} was not written: {error}"
            warnings.warn(f"{self.unwritten}; the training continues", CallbackWarning, stacklevel=2)
        else:
            self.unwritten = ""
            self.written = position

    def _set_clock(self, run: Run, restart: bool = True) -> None:
        """Schedule the pause for the next checkpoint by the clock."""
        if restart:
            self._due = math.inf if self.every_minutes is None else time.monotonic() + 60 * self.every_minutes
        run.pause_at = min(run.pause_at, self._due)

    def _request_pause(self) -> None:
        if self._run is not None:
            self._run.pause()


def _max_bytes(initial: StateDict) -> int:
    """Return the maximum size of a checkpoint's file."""
    return _EXTRA_BYTES + 16 * sum(array.nbytes for array in initial.arrays.values())


def _without_arrays(value: Any) -> Any:
    """Return a description whose arrays are lists, which can be compared: only a crafted file has any."""
    if isinstance(value, dict):
        return {name: _without_arrays(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_arrays(inner) for inner in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _position(run: Run) -> CheckpointPosition:
    return CheckpointPosition(len(run.history), run.state.accumulator.batches)


_EPOCHS = Constraint(POSITIVE_INT.accepts, "a whole number of epochs, 1 or more")
_MINUTES = Constraint(POSITIVE.accepts, "a number of minutes above 0")
