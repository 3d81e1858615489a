"""State shared by all endpoints of one server: model, rows, locks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from glassnet._utils.arrays import Array
from glassnet.data import ArrowTable, Table, target_values
from glassnet.datasets import DIGITS, load_digits
from glassnet.models import Model
from glassnet.models.table_rows import as_entries, raw_rows
from glassnet.streaming.memory_estimate import available_memory
from glassnet.web.errors import ApiError

Singleton = TypeVar("Singleton")

#: Bounds of the default of `Limits.memory`.
MIN_BUDGET = 2**27
MAX_BUDGET = 2**32


def default_memory() -> int:
    """Return a quarter of the available memory, within bounds."""
    return max(MIN_BUDGET, min((available_memory() or 0) // 4, MAX_BUDGET))


@dataclass(frozen=True)
class Limits:
    """Limits of one request.

    Parameters
    ----------
    body : int
        Bytes of a request body.
    bodies : int
        Total bytes of all bodies that are being received.
    rows : int
        Rows per request.
    seconds : float
        Timeout for receiving a body, and separately for computing the response.
    memory : int
        Bytes that all work of requests may take at the same time, trainings on the page included. Default: a quarter
        of the available memory, from 128 MiB to 4 GiB.
    threads : int
        Requests that are worked at at the same time, beside short predictions. Default: the number of cores.
    jobs, jobs_per_client : int
        Requests that are worked at or wait for a thread: of all clients, and of one address.
    """

    body: int = 8 * 2**20
    bodies: int = 64 * 2**20
    rows: int = 10_000
    seconds: float = 10.0
    memory: int = field(default_factory=default_memory)
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    jobs: int = 64
    jobs_per_client: int = 32


@dataclass(frozen=True)
class Examples:
    """Rows in memory.

    Parameters
    ----------
    table : ArrowTable
        All columns of the file, including those that the model does not use.
    x : array (samples, features), uint8, float64 or object
        Raw features in the model's order: numbers, or the entries of a table that the model preprocesses.
    y : array (samples,) or None
        Raw targets, if the table has them.
    held_out : bool
        Whether the rows are known not to be part of the training data.
    """

    table: ArrowTable
    x: Array
    y: Array | None
    held_out: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def locate(self, rows: Array) -> list[dict[str, Any]]:
        """Return ``row`` (from 0), ``number`` (in the file) and ``file`` of each of the rows (rows,) of int.

        ``file`` is None if all rows come from one file.
        """
        several = len({span.source for span in self.table.spans}) > 1
        located = zip(rows.tolist(), *self.table.locate_many(rows), strict=True)
        return [{"row": row, "number": n, "file": file_name(file) if several else None} for row, file, n in located]


@dataclass(frozen=True)
class ModelSnapshot:
    """A consistent copy of the fields of `AppState` that change together."""

    version: int
    model: Model
    name: str
    examples: Examples | None
    training: Examples | None


@dataclass
class AppState:
    """The state of a running server; there is one per server.

    Parameters
    ----------
    model : Model
        The model that answers requests. Read it once per request: it can be replaced at any time.
    name : str
        The name of the model, such as its file name; never a path.
    examples : Examples, optional
        Rows to show and to evaluate the model on.
    training : Examples, optional
        Rows to train on.
    read_only : bool
        Whether changes are forbidden: no training, no other model.
    limits : Limits
        Limits of each request.
    """

    model: Model
    name: str = "model"
    examples: Examples | None = None
    training: Examples | None = None
    read_only: bool = False
    limits: Limits = field(default_factory=Limits)
    #: Incremented by each change of the model, so that a page can detect that its data are outdated.
    version: int = 1
    #: Set when the server shuts down; long-running work checks it.
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _training_lock: threading.Lock = field(default_factory=threading.Lock)

    def set_model(
        self, model: Model, name: str, examples: Examples | None = None, training: Examples | None = None
    ) -> None:
        """Replace the model together with its example rows and training rows."""
        with self._lock:
            self.model = model
            self.name = name
            self.version += 1
            self.examples = examples
            self.training = training

    def snapshot(self) -> ModelSnapshot:
        """Return model and rows that belong together; fields read one by one could belong to two models."""
        with self._lock:
            return ModelSnapshot(self.version, self.model, self.name, self.examples, self.training)

    @contextmanager
    def training_lock(self) -> Iterator[None]:
        """Hold the lock that allows one training at a time.

        Raises
        ------
        ApiError
            409 if the lock is held, 403 if the server is read-only.
        """
        self.check_writable()
        if not self._training_lock.acquire(blocking=False):
            raise ApiError(409, "busy", "a training is already running; wait until it ends, or stop it")
        try:
            yield
        finally:
            self._training_lock.release()

    def check_writable(self) -> None:
        """Raise ApiError (403) if the server is read-only."""
        if self.read_only:
            raise ApiError(403, "read_only", "this server was started with --read-only; nothing can be changed on it")


def make_examples(table: Table, model: Model, held_out: bool = False) -> Examples:
    """Select the columns of a table that a model needs; the target may be missing."""
    y = target_values(table, model.target_name) if model.target_name in table.names else None
    if y is not None:
        model.encode(y)  # report an unknown class now, not during a request
    x = as_entries(raw_rows(model, table, "" if y is None else model.target_name))
    return Examples(table.to_arrow(), x, y, held_out)


def digits_examples(model: Model) -> tuple[Examples, Examples] | None:
    """Return training rows and held-out rows of the digits for a model trained on them; None for other models."""
    if model.metadata.get("source") != DIGITS:
        return None
    training, test = load_digits()
    return make_examples(training, model), make_examples(test, model, held_out=True)


def file_name(source: str) -> str:
    """Return the name of a file without its folders, which responses must not reveal."""
    return source.replace("\\", "/").rpartition("/")[2]


def get_state(connection: HTTPConnection) -> AppState:
    """Return the state of the server that received a request."""
    state: AppState = connection.app.state.app_state
    return state


def app_singleton(connection: HTTPConnection, factory: Callable[[AppState], Singleton]) -> Singleton:
    """Return the object that a factory makes once per server, on first use."""
    singletons: dict[Any, Any] = connection.app.state.singletons
    with _SINGLETON_LOCK:
        if factory not in singletons:
            singletons[factory] = factory(get_state(connection))
        found: Singleton = singletons[factory]
        return found


_SINGLETON_LOCK = threading.Lock()
#: Dependency of an endpoint: ``def endpoint(state: AppStateDep)``.
AppStateDep = Annotated[AppState, Depends(get_state)]
