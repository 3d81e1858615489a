"""Parameters kept on the way, in a file."""

from __future__ import annotations

import warnings
from numbers import Integral
from pathlib import Path

from glassnet._utils.atomic_write import check_writable
from glassnet.errors import InputError
from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.parameters_file import save_parameters
from glassnet.training.run import Run


class SaveParameters(Callback):
    """Write the parameters after an epoch: every one, every so many, or each that is the best so far.

    The file is whole at any moment: a crash in the middle of writing leaves the one before. It holds the parameters
    that predict (the running average, if there is one), the structure and the epoch; `glassnet.load_parameters` reads
    it. The optimizer's memory and the random stream are not in it: a training that starts from it begins anew there.

    Parameters
    ----------
    path : str or Path
        The file, ``.safetensors`` by custom; its folder is made if need be. ``{epoch}`` or ``{epoch:04d}`` in it stands
        for the number of the epoch, so that each has a file of its own; without it the last is kept.
    every : int
        Write after each epoch whose number this divides.
    best : bool
        Write only after an epoch that is better than all before, by what early stopping watches (``monitor``): of the
        validation rows, or of the training rows if there are none.

    Raises
    ------
    InputError
        If ``every`` can't be used; before the first epoch, if the file can't be written.

    Warns
    -----
    CallbackWarning
        If it can't be written later (a full disk): the training goes on, and the file before stays.
    """

    def __init__(self, path: str | Path, every: int = 1, best: bool = False) -> None:
        given: object = every
        if isinstance(given, bool) or not isinstance(given, Integral) or every < 1:
            raise InputError(f"every is {every!r}; it must be a whole number of epochs, 1 or more")
        if best and every != 1:
            raise InputError(f"every is {every} and best is True; choose one: the best epoch may be any")
        self.path = path
        self.every = every
        self.best = best

    def __repr__(self) -> str:
        how = ", best=True" if self.best else f", every={self.every}" if self.every != 1 else ""
        return f"SaveParameters({str(self.path)!r}{how})"

    def file_of(self, epoch: int) -> Path:
        """Return the file for an epoch."""
        try:
            return Path(str(self.path).format(epoch=epoch))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InputError(
                f"path is {str(self.path)!r}, in which only {{epoch}} may stand in braces ({error!r}); write {{{{ and "
                "}} for braces"
            ) from None

    def on_train_begin(self, run: Run) -> None:
        """Find out whether the first file can be written."""
        check_writable(self.file_of(self.every))

    def on_epoch_end(self, run: Run) -> None:
        """Write it, if it is its turn."""
        epoch = run.history[-1].epoch
        if epoch % self.every or (self.best and run.best_epoch != epoch):
            return
        try:
            save_parameters(run.structure, run.weights.eval_parameters, self.file_of(epoch), epoch)
        except InputError as error:
            warnings.warn(
                f"the parameters were not saved, and the training goes on: {error}", CallbackWarning, stacklevel=2
            )
