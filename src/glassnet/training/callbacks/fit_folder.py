"""Callbacks with a path in clones of an estimator: each fit writes into a folder of its own.

scikit-learn clones an estimator for each fit of a cross-validation, a search or an ensemble, and its callbacks with it.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from glassnet.errors import InputError
from glassnet.training.callbacks.base import Callback

if TYPE_CHECKING:
    from glassnet.training.run import Run

_NAME = re.compile(r"fit-([1-9]\d{0,8})", re.ASCII)


class PathCallback(Callback):
    """A callback that writes to a path; that of a clone changes to one in a new folder when its first fit begins."""

    #: The attribute that holds the path, and whether that is a folder, which then has a folder for each fit in it.
    path_attribute: ClassVar[str] = "path"
    path_is_folder: ClassVar[bool] = False
    _given_path: Path | None = None  # of the estimator that was cloned
    _needs_folder = False

    def __sklearn_clone__(self) -> PathCallback:
        """Return the copy for a clone of an estimator."""
        twin = copy.deepcopy(self)
        path = getattr(self, self.path_attribute)
        if path is not None:
            twin._given_path = self._given_path or Path(path)
            twin._needs_folder = True
            setattr(twin, self.path_attribute, twin._given_path)
        return twin

    def enter_fit_folder(self, run: Run) -> None:
        """Change the path of a clone to one in the folder of this fit; call it first in ``on_train_begin``.

        Raises
        ------
        InputError
            If no folder can be created there.
        """
        if not self._needs_folder:
            return
        assert self._given_path is not None
        if self.path_is_folder:
            path = self.choose_folder(run, self._given_path)
        else:
            path = new_fit_folder(run, self._given_path.parent) / self._given_path.name
        setattr(self, self.path_attribute, path)
        self._needs_folder = False

    def choose_folder(self, run: Run, parent: Path) -> Path:
        """Return the folder of this fit, where the path is a folder."""
        return new_fit_folder(run, parent)


def for_another_fit(callback: Callback) -> Callback:
    """Return a callback for one of several fits: a copy that writes into a folder of its own, or itself."""
    return callback.__sklearn_clone__() if isinstance(callback, PathCallback) else callback


def fit_folders(parent: Path) -> list[Path]:
    """Return the folders of earlier fits, in order of their numbers."""
    found = [(int(match[1]), path) for path in parent.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def new_fit_folder(run: Run, parent: Path) -> Path:
    """Create and return the next numbered folder; the same one for all callbacks of a run.

    Raises
    ------
    InputError
        If it can't be created.
    """
    if parent not in run.fit_folders:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            number = int(fit_folders(parent)[-1].name[4:]) + 1 if fit_folders(parent) else 1
            while not _is_created(parent / f"fit-{number}"):
                number += 1
        except OSError as error:
            raise InputError(f"{parent}: can't be written: {error.strerror or error}; choose another path") from None
        run.fit_folders[parent] = parent / f"fit-{number}"
    return run.fit_folders[parent]


def _is_created(folder: Path) -> bool:
    """Create a folder; return False if another process did."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
