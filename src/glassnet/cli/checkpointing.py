"""``glassnet train --checkpoint``: the options, and what is said when a training is stopped."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from glassnet.cli.console import Screen
from glassnet.errors import InputError
from glassnet.training import CallbackWarning, DivergenceWarning, Run
from glassnet.training.checkpoints import Checkpoint
from glassnet.training.checkpoints.folder import check_unused
from glassnet.training.checkpoints.lock import FolderLock

#: Exit code of a training that went well, but a checkpoint or the model could not be written.
UNWRITTEN = 3


class Checkpointing(Checkpoint):
    """Checkpoints of a command: it ends in its own way after a signal, and says how to go on."""

    def __init__(self, screen: Screen, folder: str, every: dict[str, Any], resume: bool) -> None:
        super().__init__(folder, **every, resume=resume)
        self.screen = screen
        self.stopped = ""

    def look(self) -> None:
        """Refuse a folder that is in use, or has another training's checkpoints, before a long first pass, too."""
        folder = Path(self.folder)
        if folder.exists():
            FolderLock(folder).release()
        if not self.resume:
            check_unused(folder)

    def on_train_begin(self, run: Run) -> None:
        """Begin, or go on, and say which."""
        super().on_train_begin(run)
        if self.written is not None:
            self.screen.say(f"{self.folder}: going on after {self.written}")
        elif self.resume:
            self.screen.say(f"{self.folder}: no checkpoint is there yet; the training begins")

    def on_interrupted(self, where: str) -> None:
        """Keep it for the last line."""
        self.stopped = where


def checkpointing(screen: Screen, folder: str | None, every: str | None, resume: bool) -> Checkpointing | None:
    """Return the checkpoints that are asked for, if they are.

    Raises
    ------
    InputError
        If an option lacks ``--checkpoint``, or ``--checkpoint-every`` can't be read.
    """
    if folder is None:
        for option, given in (("--checkpoint-every", every is not None), ("--resume", resume)):
            if given:
                raise InputError(f"{option} goes with --checkpoint DIR, the folder of the checkpoints; name it too")
        return None
    return Checkpointing(screen, folder, {} if every is None else _every(every), resume)


def tell_warnings(screen: Screen) -> None:
    """Have warnings printed as lines of the command, within `warnings.catch_warnings`."""
    warnings.simplefilter("ignore", DivergenceWarning)  # its message is in the facts, and told at the end
    warnings.simplefilter("always", CallbackWarning)

    def show(message: Warning | str, *_: object, **__: object) -> None:
        screen.warn(str(message))

    warnings.showwarning = show


@contextlib.contextmanager
def before_the_training(screen: Screen) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a long look at the files so that nothing half done stays behind, and say so."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    in_main = threading.current_thread() is threading.main_thread()
    would_die = in_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if would_die:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        screen.warn("stopped while it looked through the files: nothing was learned yet; the same command begins anew")
        raise
    finally:
        if would_die:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def exit_code(checkpoint: Checkpointing | None, stop_reason: str, unwritten: bool) -> int:
    """Return the exit code of a training that did not diverge: a signal's, `UNWRITTEN`, or 0."""
    ended_by = {"interrupted": signal.SIGINT, "terminated": signal.SIGTERM}.get(stop_reason)
    if ended_by is not None:
        return 128 + ended_by
    return UNWRITTEN if unwritten or (checkpoint is not None and checkpoint.unwritten) else 0


def how_to_go_on(typed: Sequence[str]) -> str:
    """Return the command that goes on with a training that was begun by these arguments."""
    return shlex.join(["glassnet", *typed, *([] if "--resume" in typed else ["--resume"])])


def _every(text: str) -> dict[str, Any]:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(epoch|minute)s?\s*", text)
    if match and (match[2] == "minute" or match[1].isdigit()) and float(match[1]) > 0:
        return {"every_minutes": float(match[1])} if match[2] == "minute" else {"every_epochs": int(match[1])}
    raise InputError(f"--checkpoint-every is {text!r}; write it like '5 epochs' or '10 minutes'")
