"""The history of a training: one record an epoch, and what came of it all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.network.structure import Structure
from glassnet.training.settings import Settings


@dataclass(frozen=True)
class Epoch:
    """What is known of one epoch; figures of rows that were not given are None.

    Parameters
    ----------
    epoch : int
        Its number, from 1.
    loss, metric : float
        Over the training rows as they were met, with dropout and with parameters that changed meanwhile. The metric is
        None where none was wanted.
    validation_loss, validation_metric, test_loss, test_metric : float or None
        Over those rows, after the epoch.
    learning_rate : float
        Of its last batch.
    gradient_norm : float
        Mean over its batches.
    seconds : float
        What it took, judging included.
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
        """Return the figures that are there, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


class History(list[Epoch]):
    """Epochs in their order, as a list, or as a data frame."""

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row for each epoch and a column for each figure that is there.

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
    """What came of a training.

    Parameters
    ----------
    structure : Structure
        The network's layers.
    vector : array (n_parameters,)
        Its parameters: the best ones where they were judged, else the last.
    history : tuple of Epoch
        Every epoch.
    settings : Settings
        What was asked for.
    metric, engine : str
        Which metric the history holds, and which engine ran.
    best_epoch : int
        The epoch that the parameters come from; 0 if none was finished.
    stop_reason : str
        ``"all epochs done"``, ``"no better for N epochs"``, ``"interrupted"``, ``"diverged"``, or a callback's words.
    message : str
        For ``"diverged"``: which epoch, batch and learning rate, and what to try.
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
        """The parameters by name: ``W1`` (inputs, units), ``b1`` (units,), …, views of `vector`."""
        return self.structure.views(self.vector)
