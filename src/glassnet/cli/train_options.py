"""What ``glassnet train`` passes to its two ways of training: the options, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Unpack

from glassnet.data import Files, ReadOptions, open_files
from glassnet.errors import InputError
from glassnet.models import Model, recommended
from glassnet.models.target import CLASSIFICATION, REGRESSION
from glassnet.preprocessing.column_choice import ColumnOptions
from glassnet.training import Settings

#: Default share of the rows held out for validation where there is no test file.
VALIDATION_FRACTION = 0.1


@dataclass(frozen=True)
class TrainOptions:
    """The options of ``glassnet train`` that concern data and network.

    Parameters
    ----------
    target, task, loss : str, optional
        The target column, the task and the loss; None chooses by the data.
    hidden : tuple of int
        Units of the hidden layers.
    activation : str or tuple of str
        One name for all hidden layers, or one for each layer.
    settings : dict
        Fields of `Settings`; None means the recommended value.
    validation_fraction : float, optional
        Share of the rows held out for validation; None for the default.
    test : str, optional
        Files whose rows are reported after every epoch.
    group : str
        Column whose equal values are held out together, or an empty string.
    stream : bool, optional
        Whether to stream; None streams what does not fit into memory.
    cache : bool
        Whether a stream writes a binary cache.
    reading : ReadOptions
        How files are read: see `glassnet.data.open_files`.
    warm_start : Model, optional
        The model to start from, whose layers, preprocessing, classes and task are kept.
    columns : ColumnOptions
        Columns to leave out, what others hold, and how numbers are scaled.
    """

    target: str | None
    task: str | None
    loss: str | None
    hidden: tuple[int, ...]
    activation: str | tuple[str, ...]
    settings: dict[str, Any]
    validation_fraction: float | None
    test: str | None
    group: str
    stream: bool | None
    cache: bool
    reading: ReadOptions
    warm_start: Model | None = None
    columns: ColumnOptions = field(default_factory=ColumnOptions)

    def validate(self, data: str | None) -> None:
        """Raise InputError if options contradict one another, or lack the file to train on."""
        if self.task not in (None, CLASSIFICATION, REGRESSION):
            raise InputError(f"--task {self.task} is not known; choose {CLASSIFICATION} or {REGRESSION}")
        if data is None and self.group:
            raise InputError("--group needs the file that has the column: glassnet train DATA --group COLUMN")
        if data is None and self.test is not None:
            raise InputError("--test needs the file to train on too: glassnet train DATA --test FILE")
        if self.stream is False and self.group:
            raise InputError("--group streams the rows; leave --no-stream out")
        if self.warm_start is not None and (self.stream or self.group):
            raise InputError("--warm-start trains in memory; leave --stream and --group out")

    def open(self, data: str, **more: Unpack[ReadOptions]) -> Files:
        """Open files as the options say; `more` options take precedence."""
        files = open_files(data, **(self.reading | more))
        for option, names in self.columns.named().items():
            files.check_columns(f"--{option}", names)
        return files

    @property
    def on_bad_row(self) -> str:
        """``"error"`` or ``"skip"``."""
        return self.reading.get("on_bad_row", "error")

    def recommended_settings(self, n_rows: int, task: str) -> Settings:
        """Return the settings: those given, and the recommended ones for the rest."""
        return recommended.recommended_settings(n_rows, task, **self.settings)


class TrainResult(NamedTuple):
    """A model, the invalid rows that were skipped (the first of them, and their number), and whether a cache failed."""

    model: Model
    bad_rows: list[Any]
    n_bad_rows: int
    cache_failed: bool = False
