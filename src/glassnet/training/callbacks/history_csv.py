"""Write the history to a CSV file, a row after each epoch."""

from __future__ import annotations

import csv
import io
import os
import warnings
from dataclasses import astuple, fields
from pathlib import Path
from typing import BinaryIO

from glassnet._utils.atomic_write import check_writable, write_atomically
from glassnet._utils.safe_folder import open_own_file
from glassnet.errors import InputError
from glassnet.training.callbacks.base import CallbackWarning
from glassnet.training.callbacks.fit_folder import PathCallback
from glassnet.training.history import Epoch
from glassnet.training.run import Run

HEADER = [f.name for f in fields(Epoch)]


class HistoryToCsv(PathCallback):
    """Write a row to a CSV file after each epoch.

    The columns are the fields of `glassnet.training.Epoch`; numbers have all their digits, and values for rows that
    were not given are empty. The file can be read during the training.

    Parameters
    ----------
    path : str or Path
        The file; its folder is created if it does not exist. In a clone of an estimator, as in cross-validation, it
        becomes one in a new folder beside it: ``fit-1/history.csv``.
    append : bool
        Whether to append to an existing file, which must have the same columns, instead of replacing it. The epochs
        of each training count from 1.

    Raises
    ------
    InputError
        Before the first epoch: if the file can't be written, or can't be appended to, as a link can't.

    Warns
    -----
    CallbackWarning
        If a row can't be written (for example, disk full): training continues, and the row is written with the next.
    """

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path = path
        self.append = append
        self._written, self._end = 0, 0

    def __repr__(self) -> str:
        return f"HistoryToCsv({str(self.path)!r}{', append=True' if self.append else ''})"

    def on_train_begin(self, run: Run) -> None:
        """Write the header, or find the end of the file."""
        self.enter_fit_folder(run)
        check_writable(self.path)
        path = Path(self.path)
        self._written = 0
        self._end = 0
        try:
            if self.append and os.path.lexists(path):
                with _open(path) as file:
                    self._end = _end_of_table(path, file)
            if self._end == 0:
                write_atomically(path, _lines([HEADER]))
                self._end = len(_lines([HEADER]))
        except OSError as error:
            raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another path") from None

    def on_epoch_end(self, run: Run) -> None:
        """Write the row, and earlier rows that could not be written."""
        rows = [["" if value is None else value for value in astuple(e)] for e in run.history[self._written :]]
        try:
            with _open(Path(self.path)) as file:
                # after the last complete row, overwriting one that was interrupted
                file.seek(min(self._end, file.seek(0, io.SEEK_END)))
                file.write(_lines(rows))
                end = file.tell()
        except OSError as error:
            warnings.warn(
                f"{self.path}: can't be written: {error.strerror or error}; training continues, and each epoch tries "
                "again",
                CallbackWarning,
                stacklevel=2,
            )
            return
        self._end = end
        self._written = len(run.history)

    def on_train_end(self, run: Run) -> None:
        """Write rows that are missing after Ctrl-C or a full disk."""
        if self._written < len(run.history):
            self.on_epoch_end(run)


def _lines(rows: list[list[object]] | list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _open(path: Path) -> BinaryIO:
    """Open the file for reading and writing."""
    return os.fdopen(open_own_file(path), "r+b")


def _end_of_table(path: Path, file: BinaryIO) -> int:
    """Return the size of a file to append to; raise an InputError if it has other columns or is truncated."""
    header = file.readline(10_000)
    size = file.seek(0, io.SEEK_END)
    if size == 0:
        return 0
    file.seek(size - 1)
    last = file.read(1)
    if header.rstrip(b"\r\n") != _lines([HEADER]).rstrip(b"\n"):
        raise InputError(
            f"{path}: its first line is {header[:80]!r}, not the columns of a history; name another file, or leave "
            "out append to overwrite this one"
        )
    if last != b"\n":
        raise InputError(f"{path}: its last line is truncated; complete or remove it, or name another file")
    return size
