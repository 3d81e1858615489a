"""The history of a training, one record an epoch, and its result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.structure import Structure
from glassnet.training.settings import Settings


@dataclass(frozen=True)
class Epoch:
    """The record of one epoch; values for rows that were not given are None.

    Parameters
    ----------
    epoch : int
        Its number, from 1.
    loss : float
        The mean objective over the training batches, each before its update, with dropout.
    metric : float or None
        The metric over the training rows, likewise; None without a metric.
    validation_loss, validation_metric, test_loss, test_metric : float or None
        Over those rows, after the epoch.
    learning_rate : float
        Of the last batch.
    gradient_norm : float
        The mean over the batches, before clipping by norm.
    seconds : float
        Duration, with the evaluation.
    """

    epoch: int
    loss: float
    metric: float | None
    learning_rate: float
    gradient_norm: float
    seconds: float
    validation_loss: float | None = None
    validation_metric: float | None = None
    test_loss: float | None = None
    test_metric: float | None = None

    def known(self) -> dict[str, Any]:
        """Return the values that are not None, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


class History(list[Epoch]):
    """The records of a training in order: a list that converts to a data frame."""

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row for each epoch and a column for each value that is not None.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise InputError("a data frame of the history needs pandas: pip install pandas") from None
        return pandas.DataFrame([epoch.known() for epoch in self])


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Parameters
    ----------
    structure : Structure
        The network's layers.
    vector : array (n_parameters,)
        The parameters: of the best epoch if there are validation rows or patience, else of the last.
    history : tuple of Epoch
        Every epoch.
    settings : Settings
        As given.
    metric, engine : str
        The metric in the history, and the engine that ran.
    best_epoch : int
        The epoch of the parameters; 0 if no epoch was completed.
    stop_reason : str
        ``"all epochs done"``, ``"no better for N epochs"``, ``"interrupted"``, ``"diverged"``, or a callback's reason.
    message : str
        For ``"diverged"``: epoch, batch and learning rate, and what to try.
    """

    structure: Structure
    vector: Array
    history: tuple[Epoch, ...]
    settings: Settings
    metric: str
    engine: str
    best_epoch: int
    stop_reason: str
    message: str = ""

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, views of `vector`: ``W1`` (inputs, units), and so on."""
        return self.structure.views(self.vector)
