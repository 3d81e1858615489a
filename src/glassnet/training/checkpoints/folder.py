"""The checkpoints of one training: a folder with the last two, each named after the moment that it holds."""

from __future__ import annotations

import contextlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from glassnet.errors import InputError
from glassnet.training import CallbackWarning
from glassnet.training.checkpoints.file import read_checkpoint, write_checkpoint
from glassnet.training.state_dict import StateDict

#: How many are kept: the last, and the one before in case that it is damaged.
KEPT = 2
_NAME = re.compile(r"epoch-(\d{1,12})(?:-batch-(\d{1,12}))?\.checkpoint")


@dataclass(frozen=True, order=True)
class CheckpointPosition:
    """A moment of a training: so many whole epochs, and so many batches of the next one."""

    epochs: int
    batches: int = 0

    def __str__(self) -> str:
        more = f" and {self.batches} batch{'es' if self.batches > 1 else ''}" if self.batches else ""
        return f"{self.epochs} epoch{'s' if self.epochs != 1 else ''}{more}"

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"epoch-{self.epochs:04d}{f'-batch-{self.batches:06d}' if self.batches else ''}.checkpoint"


def moments(folder: Path) -> dict[CheckpointPosition, Path]:
    """Return the checkpoints that there are, in their order."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match:
            found[CheckpointPosition(int(match[1]), int(match[2] or 0))] = path
    return dict(sorted(found.items()))


def refuse_used(folder: Path) -> None:
    """Refuse a folder that has checkpoints: they would be written over.

    Raises
    ------
    InputError
        Telling the last one's moment.
    """
    if there := moments(folder):
        raise InputError(
            f"{folder}: a training's checkpoints are there, the last after {max(there)}; go on with resume=True "
            "(--resume), or name another folder, or empty this one"
        )


def newest(folder: Path, most: int) -> tuple[CheckpointPosition, StateDict] | None:
    """Return the last checkpoint that is whole, None if there is not one.

    Parameters
    ----------
    folder : Path
        Where to look.
    most : int
        Bytes that a checkpoint may have at most.

    Raises
    ------
    InputError
        If there are some and all are damaged.

    Warns
    -----
    CallbackWarning
        If the last one is damaged and the one before it is used.
    """
    found = moments(folder)
    reasons = []
    for moment, path in reversed(found.items()):
        try:
            memory = read_checkpoint(path, most)
        except InputError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            warnings.warn(f"{reason}; the one before it is used, after {moment}", CallbackWarning, stacklevel=2)
        return moment, memory
    if reasons:
        raise InputError(
            f"no checkpoint in {folder} can be used: {'; '.join(reasons)}. Bring them back from a copy, or empty the "
            "folder, or name another one, and the training begins anew"
        )
    return None


def write(folder: Path, moment: CheckpointPosition, memory: StateDict) -> int:
    """Write a checkpoint, and let go of all but it and the one before it; return its bytes.

    Raises
    ------
    InputError
        If it can't be written; those before stay.
    """
    size = write_checkpoint(folder / moment.name, memory)
    found = moments(folder)
    # what claims to be later was no use, or this training would not stand here
    earlier = [other for other in found if other < moment]
    for other in set(found) - {moment, *earlier[-(KEPT - 1) :]}:
        with contextlib.suppress(OSError):
            found[other].unlink()
    return size


def tidy(folder: Path) -> None:
    """Remove what was being written when a training was killed. Only for who holds the folder's lock."""
    for path in folder.glob(".epoch-*.checkpoint.*"):
        with contextlib.suppress(OSError):
            path.unlink()
