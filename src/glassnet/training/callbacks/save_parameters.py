"""Save parameters to a file during the training."""

from __future__ import annotations

import warnings
from pathlib import Path

from glassnet._utils.atomic_write import check_writable
from glassnet._utils.constraints import POSITIVE_INT, Constraint, check_value
from glassnet.errors import InputError
from glassnet.training.callbacks.base import CallbackWarning
from glassnet.training.callbacks.fit_folder import PathCallback
from glassnet.training.parameters_file import save_parameters
from glassnet.training.run import Run


class SaveParameters(PathCallback):
    """Write the parameters to a file after every epoch, every n epochs, or every best epoch.

    Writing is atomic: a crash leaves the previous file intact. The file holds the parameters for prediction (the moving
    average, if there is one), the structure and the epoch; read it with `glassnet.load_parameters`. It holds neither
    the state of the optimizer nor that of the random stream; see `glassnet.Checkpoint` to resume a training.

    Parameters
    ----------
    path : str or Path
        The file, by convention ``.safetensors``; its folder is created if it does not exist. ``{epoch}`` or
        ``{epoch:04d}`` in it is replaced by the number of the epoch; without it each file overwrites the last.
        Clones of an estimator, as in cross-validation, write into new folders beside it: ``fit-1``, ``fit-2``, ….
    every : int
        Write every this number of epochs.
    best : bool
        Write only if the epoch is the best so far, by the value that early stopping monitors.

    Raises
    ------
    InputError
        If ``every`` is invalid; before the first epoch, if the file can't be written.

    Warns
    -----
    CallbackWarning
        If it can't be written later (for example, disk full): training continues, and the previous file stays.
    """

    def __init__(self, path: str | Path, every: int = 1, best: bool = False) -> None:
        check_value("every", every, Constraint(POSITIVE_INT.accepts, "a whole number of epochs, 1 or more"))
        if best and every != 1:
            raise InputError(f"every is {every} and best is True; choose one: the best epoch may be any")
        self.path = path
        self.every = every
        self.best = best

    def __repr__(self) -> str:
        every = f", every={self.every}" if self.every != 1 else ""
        best = ", best=True" if self.best else ""
        return f"SaveParameters({str(self.path)!r}{every}{best})"

    def path_for(self, epoch: int) -> Path:
        """Return the path for an epoch."""
        try:
            return Path(str(self.path).format(epoch=epoch))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InputError(
                f"path is {str(self.path)!r}, in which only {{epoch}} is allowed in braces ({error!r}); write {{{{ and "
                "}} for braces"
            ) from None

    def on_train_begin(self, run: Run) -> None:
        """Check that the first file can be written."""
        self.enter_fit_folder(run)
        check_writable(self.path_for(self.every))

    def on_epoch_end(self, run: Run) -> None:
        """Write the parameters, if this epoch is due."""
        epoch = run.history[-1].epoch
        if epoch % self.every or (self.best and run.best_epoch != epoch):
            return
        try:
            save_parameters(run.structure, run.weights.eval_parameters, self.path_for(epoch), epoch)
        except InputError as error:
            warnings.warn(f"the parameters were not saved; training continues: {error}", CallbackWarning, stacklevel=2)
