"""The folder of a training's checkpoints: the last two files, named after the position that they hold."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from glassnet._utils.safe_folder import OpenFolder
from glassnet.errors import InputError
from glassnet.training import CallbackWarning
from glassnet.training.checkpoints.file import START, read_checkpoint, write_checkpoint
from glassnet.training.state_dict import StateDict

#: How many checkpoints are kept: the last one, and the one before in case that the last is damaged.
MAX_KEPT = 2
_NAME = re.compile(r"epoch-(\d{1,12})(?:-batch-(\d{1,12}))?\.checkpoint", re.ASCII)
#: The names of temporary files: see `glassnet._utils.atomic_write.write_atomically`.
_TEMPORARY_NAME = re.compile(rf"\.{_NAME.pattern}\.[0-9a-f]{{16}}", re.ASCII)


@dataclass(frozen=True, order=True)
class CheckpointPosition:
    """A position in a training: the number of complete epochs, and of batches of the next one."""

    epochs: int
    batches: int = 0

    def __str__(self) -> str:
        batches = f" and {self.batches} batch{'es' if self.batches > 1 else ''}" if self.batches else ""
        return f"{self.epochs} epoch{'s' if self.epochs != 1 else ''}{batches}"

    @property
    def file_name(self) -> str:
        """The name of the checkpoint's file."""
        return f"epoch-{self.epochs:04d}{f'-batch-{self.batches:06d}' if self.batches else ''}.checkpoint"


def list_checkpoints(folder: Path) -> dict[CheckpointPosition, Path]:
    """Return the checkpoints in a folder, in order of their positions."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match:
            found[CheckpointPosition(int(match[1]), int(match[2] or 0))] = path
    return dict(sorted(found.items()))


def check_unused(folder: Path) -> None:
    """Check that a folder has no checkpoints, which would be overwritten.

    Raises
    ------
    InputError
        With the position of the last one.
    """
    if found := list_checkpoints(folder):
        raise InputError(
            f"{folder}: a training's checkpoints are there, the last after {max(found)}; resume it with resume=True "
            "(--resume), or name another folder, or empty this one"
        )


def read_newest(folder: Path, max_bytes: int) -> tuple[CheckpointPosition, StateDict] | None:
    """Return the last intact checkpoint, or None if there are no checkpoints.

    Parameters
    ----------
    folder : Path
        Of the checkpoints.
    max_bytes : int
        The maximum size of a file.

    Raises
    ------
    InputError
        If all checkpoints are damaged.

    Warns
    -----
    CallbackWarning
        If the last one is damaged and the one before is used.
    """
    reasons = []
    for position, path in reversed(list_checkpoints(folder).items()):
        try:
            state_dict = read_checkpoint(path, max_bytes)
        except InputError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            warnings.warn(f"{reason}; the one before it is used, after {position}", CallbackWarning, stacklevel=2)
        return position, state_dict
    if reasons:
        raise InputError(
            f"no checkpoint in {folder} can be used: {'; '.join(reasons)}. Restore them from a backup, or start again "
            "with an empty folder or another one"
        )
    return None


def write(folder: Path, position: CheckpointPosition, state_dict: StateDict) -> int:
    """Write a checkpoint, delete all but it and the one before, and return its size in bytes.

    What glassnet did not write is not deleted, whatever its name: links, folders, files with other content.

    Raises
    ------
    InputError
        If it can't be written; earlier checkpoints stay.
    """
    size = write_checkpoint(folder / position.file_name, state_dict)
    found = list_checkpoints(folder)
    # later positions are from damaged files, or this training would have resumed from them
    earlier = [other for other in found if other < position]
    with contextlib.suppress(OSError), OpenFolder(folder) as opened:
        for other in set(found) - {position, *earlier[-(MAX_KEPT - 1) :]}:
            _remove_own(opened, found[other].name)
    return size


def remove_temporary_files(folder: Path) -> None:
    """Remove the incomplete files of a killed training. The caller must hold the folder's lock."""
    with contextlib.suppress(OSError), OpenFolder(folder) as opened:
        for name in opened.names():
            if _TEMPORARY_NAME.fullmatch(name):
                _remove_own(opened, name)


def _remove_own(folder: OpenFolder, name: str) -> None:
    """Remove a complete or incomplete checkpoint; leave anything else, and what can't be removed."""
    with contextlib.suppress(OSError):
        handle = folder.open(name, os.O_RDONLY)
        try:
            status = os.fstat(handle)
            start = os.read(handle, 8 + len(START))[8:]
        finally:
            os.close(handle)
        if start == START[: len(start)]:
            folder.remove(name, status)
