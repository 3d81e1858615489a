"""``glassnet train --checkpoint``: the options, warnings, signals and exit codes."""

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

from glassnet.cli.console import Output
from glassnet.errors import InputError
from glassnet.training import CallbackWarning, DivergenceWarning, Run
from glassnet.training.checkpoints import Checkpoint
from glassnet.training.checkpoints.folder import check_unused
from glassnet.training.checkpoints.lock import FolderLock

#: Exit code of a successful training of which a checkpoint, the model or another file could not be written.
WRITE_FAILED = 3


class CommandCheckpoint(Checkpoint):
    """Checkpoints of the command, which prints how to resume after a signal."""

    def __init__(self, output: Output, folder: str, every: dict[str, Any], resume: bool) -> None:
        super().__init__(folder, **every, resume=resume)
        self.output = output
        self.stopped_at = ""

    def check_folder(self) -> None:
        """Raise InputError if the folder is in use or has another training's checkpoints, before a long scan."""
        folder = Path(self.folder)
        if folder.exists():
            FolderLock(folder).release()
        if not self.resume:
            check_unused(folder)

    def on_train_begin(self, run: Run) -> None:
        """Start or resume, and print which."""
        super().on_train_begin(run)
        if self.written is not None:
            self.output.echo(f"{self.folder}: resuming after {self.written}")
        elif self.resume:
            self.output.echo(f"{self.folder}: no checkpoint found; training starts from the beginning")

    def on_interrupted(self, where: str) -> None:
        """Store where the training stopped, for the last line of the output."""
        self.stopped_at = where


def make_checkpoint(output: Output, folder: str | None, every: str | None, resume: bool) -> CommandCheckpoint | None:
    """Return the checkpoint callback, or None without ``--checkpoint``.

    Raises
    ------
    InputError
        If an option requires ``--checkpoint``, or ``--checkpoint-every`` is not an interval.
    """
    if folder is None:
        for option, given in (("--checkpoint-every", every is not None), ("--resume", resume)):
            if given:
                raise InputError(f"{option} requires --checkpoint DIR, the folder of the checkpoints")
        return None
    return CommandCheckpoint(output, folder, {} if every is None else _parse_interval(every), resume)


def print_warnings(output: Output) -> None:
    """Print warnings as lines of the command, within `warnings.catch_warnings`."""
    warnings.simplefilter("ignore", DivergenceWarning)  # its message is printed at the end
    warnings.simplefilter("always", CallbackWarning)

    def show(message: Warning | str, *_: object, **__: object) -> None:
        output.warn(str(message))

    warnings.showwarning = show


@contextlib.contextmanager
def scan_interrupts(output: Output) -> Iterator[None]:
    """Turn SIGTERM into `SystemExit` during a long scan, so that partial files are removed; print that it stopped."""

    def exit_on_signal(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    in_main = threading.current_thread() is threading.main_thread()
    has_default_handler = in_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if has_default_handler:
        signal.signal(signal.SIGTERM, exit_on_signal)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        output.warn("interrupted while scanning the input files; no training was done; run the same command to restart")
        raise
    finally:
        if has_default_handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def exit_code(checkpoint: CommandCheckpoint | None, stop_reason: str, write_failed: bool) -> int:
    """Return the exit code of a training that did not diverge: that of a signal, `WRITE_FAILED`, or 0."""
    ended_by = {"interrupted": signal.SIGINT, "terminated": signal.SIGTERM}.get(stop_reason)
    if ended_by is not None:
        return 128 + ended_by
    return WRITE_FAILED if write_failed or (checkpoint is not None and checkpoint.unwritten) else 0


def resume_command(arguments: Sequence[str]) -> str:
    """Return the command that resumes a training that was started with these arguments."""
    return shlex.join(["glassnet", *arguments, *([] if "--resume" in arguments else ["--resume"])])


def _parse_interval(text: str) -> dict[str, Any]:
    """Return the interval as an argument of `Checkpoint`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(epoch|minute)s?\s*", text)
    if match and float(match[1]) > 0:
        if match[2] == "minute":
            return {"every_minutes": float(match[1])}
        if match[1].isdigit():
            return {"every_epochs": int(match[1])}
    raise InputError(f"--checkpoint-every is {text!r}; write it like '5 epochs' or '10 minutes'")
