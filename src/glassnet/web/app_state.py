"""The workshop: the model, the rows and the locks that all rooms of the server share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from glassnet._utils.arrays import Array
from glassnet.data import ArrowTable, Table, features, target_values
from glassnet.datasets import DIGITS, load_digits
from glassnet.models import Model
from glassnet.web.errors import ApiError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    Parameters
    ----------
    body : int
        Bytes of a request's body.
    bodies : int
        Bytes of all bodies that are on their way at once.
    rows : int
        Rows of a request.
    seconds : float
        For a body to arrive, and again for the answer to be worked out.
    """

    body: int = 8 * 2**20
    bodies: int = 64 * 2**20
    rows: int = 10_000
    seconds: float = 10.0


@dataclass(frozen=True)
class Examples:
    """Rows in memory.

    Parameters
    ----------
    table : Table
        All columns as they were read, those too that the model does not use.
    x : array (samples, features), uint8 or float64
        Raw features in the model's order.
    y : array (samples,) or None
        Raw targets, where the table has them.
    unseen : bool
        Whether it is known that the model was not trained on them.
    """

    table: ArrowTable
    x: Array
    y: Array | None
    unseen: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def places(self, rows: Array) -> list[dict[str, Any]]:
        """Return of each row, (rows,) of int, its number from 0, its number in its file, and the file.

        The file is None where there are not several.
        """
        several = len({run.source for run in self.table.spans}) > 1
        stand = zip(rows.tolist(), *self.table.locate_many(rows), strict=True)
        return [{"row": row, "number": n, "file": last_part(file) if several else None} for row, file, n in stand]


@dataclass(frozen=True)
class TrainingState:
    """What a workshop holds at one moment, all of it belonging together; the fields are those of `AppState`."""

    version: int
    model: Model
    name: str
    examples: Examples | None
    training: Examples | None


@dataclass
class AppState:
    """What a running server holds; one for each server.

    Parameters
    ----------
    model : Model
        The model that answers. Read it once a request: another may take its place between two reads.
    name : str
        What the model is called, its file's name for one; never a path.
    examples : Examples, optional
        Rows to look at and to judge the model on.
    training : Examples, optional
        Rows to train on.
    read_only : bool
        Whether nothing may be changed: no training, no other model.
    limits : Limits
        Of each request.
    """

    model: Model
    name: str = "model"
    examples: Examples | None = None
    training: Examples | None = None
    read_only: bool = False
    limits: Limits = field(default_factory=Limits)
    #: Grows with each change of the model, so that a page knows that what it shows is old.
    version: int = 1
    #: Set when the server is about to stop: whatever runs for long looks at it.
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _one_training: threading.Lock = field(default_factory=threading.Lock)

    def use(self, model: Model, name: str, examples: Examples | None = None, training: Examples | None = None) -> None:
        """Let another model answer from now on, with rows to look at and rows to train on that are its own."""
        with self._lock:
            self.model, self.name, self.version = model, name, self.version + 1
            self.examples, self.training = examples, training

    def state(self) -> TrainingState:
        """Return model and rows as they are at this moment: read one by one they might be of two models."""
        with self._lock:
            return TrainingState(self.version, self.model, self.name, self.examples, self.training)

    @contextmanager
    def only_training(self) -> Iterator[None]:
        """Hold the one place for a training.

        Raises
        ------
        ApiError
            409 if another holds it, 403 if nothing may be changed.
        """
        self.check_writable()
        if not self._one_training.acquire(blocking=False):
            raise ApiError(409, "busy", "a training is running already; wait until it ends, or stop it")
        try:
            yield
        finally:
            self._one_training.release()

    def check_writable(self) -> None:
        """Refuse what changes something where nothing may be changed."""
        if self.read_only:
            raise ApiError(403, "read_only", "this server was started with --read-only; nothing can be changed on it")


def examples_of(table: Table, model: Model, unseen: bool = False) -> Examples:
    """Take from a table what a model needs; the target may be missing."""
    y = target_values(table, model.target_name) if model.target_name in table.names else None
    if y is not None:
        model.encode(y)  # an unknown class is told now, not in the middle of a request
    return Examples(table.to_arrow(), features(table, model.feature_names), y, unseen)


def digits_examples(model: Model) -> tuple[Examples, Examples] | None:
    """Return the digits that a model of them was trained on, and those that it was not; None for other models."""
    if model.metadata.get("source") != DIGITS:
        return None
    training, test = load_digits()
    return examples_of(training, model), examples_of(test, model, unseen=True)


def last_part(source: str) -> str:
    """Return a file's name without its folders, which are nobody's business."""
    return source.replace("\\", "/").rpartition("/")[2]


def workshop_of(connection: HTTPConnection) -> AppState:
    """Return the workshop of the server that a request came to."""
    workshop: AppState = connection.app.state.workshop
    return workshop


def made_once(connection: HTTPConnection, kind: Callable[[AppState], Made]) -> Made:
    """Return what a room keeps for the whole server: made of its workshop when first asked for, by one request."""
    made: dict[Any, Any] = connection.app.state.made
    with _MAKING:
        if kind not in made:
            made[kind] = kind(workshop_of(connection))
        found: Made = made[kind]
        return found


_MAKING = threading.Lock()
#: How an endpoint asks for it: ``def endpoint(workshop: AppStateDep)``.
AppStateDep = Annotated[AppState, Depends(workshop_of)]
