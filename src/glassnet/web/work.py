"""Work that requests cause: on threads, within one budget of memory, threads and number, and ended with its client.

Work that does not fit is refused at once with 503, or with 429 if one client causes too much of it. Work whose client
has left, or whose time is up, ends at its next `checkpoint`; its thread and memory are given back when it has ended.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection, Request

from glassnet.web.app_state import Limits
from glassnet.web.errors import ApiError

Result = TypeVar("Result")

#: Bytes that any work is expected to take at least.
MIN_MEMORY = 2**22
WAITING_THREADS = 16
_CURRENT = threading.local()


class Reservation:
    """A part of a budget's memory.

    Parameters
    ----------
    budget : WorkBudget, optional
        Without one, any amount is granted.
    """

    def __init__(self, budget: WorkBudget | None = None) -> None:
        self.size = 0
        self._budget = budget

    def grow(self, size: int) -> None:
        """Reserve further bytes.

        Raises
        ------
        ApiError
            503 if they do not fit now, 413 if they never will.
        """
        if self._budget is not None:
            self._budget.take(size, self.size)
        self.size += size

    def release(self) -> None:
        """Give all of it back."""
        if self._budget is not None:
            self._budget.give_back(self.size)
        self.size = 0


class WorkBudget:
    """What all work of a server may take at the same time.

    Parameters
    ----------
    limits : Limits
        ``memory``, ``threads``, ``jobs`` and ``jobs_per_client``.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.used = 0
        self.clients: Counter[str] = Counter()
        self.threads = CapacityLimiter(limits.threads)
        #: Threads for calls that may wait for a lock.
        self.waiting_threads = CapacityLimiter(WAITING_THREADS)
        self._lock = threading.Lock()

    def take(self, size: int, taken: int = 0) -> None:
        """Reserve bytes in addition to those that are taken; see `Reservation.grow`."""
        memory = self.limits.memory
        if taken + size > memory:
            needed = (
                f"this needs about {_megabytes(taken + size)} of memory; this server uses {_megabytes(memory)} in all"
            )
            raise ApiError(413, "too_much_memory", f"{needed}; choose fewer rows or a smaller network")
        with self._lock:
            if self.used + size > memory:
                raise ApiError(503, "overloaded", "other requests use the memory of this server; try again in a moment")
            self.used += size

    def give_back(self, size: int) -> None:
        """Give reserved bytes back."""
        with self._lock:
            self.used -= size

    def admit(self, client: str) -> Job:
        """Return a new job, which must be closed; on the event loop.

        Raises
        ------
        ApiError
            503 if there are too many, 429 if there are too many of this client.
        """
        if self.clients.total() >= self.limits.jobs:
            raise ApiError(503, "overloaded", "too many requests at once; try again in a moment")
        if self.clients[client] >= self.limits.jobs_per_client:
            raise ApiError(
                429, "overloaded", "too many requests at once; wait for the response before you send the next"
            )
        return Job(self, client)


class Job:
    """A piece of work.

    Parameters
    ----------
    budget : WorkBudget
        What it is part of.
    client : str
        The address of the client.
    """

    def __init__(self, budget: WorkBudget, client: str) -> None:
        self.budget = budget
        self.client = client
        self.memory = Reservation(budget)
        self.deadline = time.monotonic() + budget.limits.seconds
        self.cancelled = threading.Event()
        budget.clients[client] += 1

    def close(self) -> None:
        """Give everything back; on the event loop."""
        self.memory.release()
        self.budget.clients[self.client] -= 1
        if not self.budget.clients[self.client]:
            del self.budget.clients[self.client]

    async def run(self, work: Callable[[], Result]) -> Result:
        """Wait for a thread, and run a function on it; close the job when the function has ended, not before."""
        loop = asyncio.get_running_loop()
        future: Future[Result] = Future()
        try:
            await self.budget.threads.acquire_on_behalf_of(self)
        except BaseException:
            self.close()
            raise

        def end() -> None:
            self.budget.threads.release_on_behalf_of(self)
            self.close()

        def call() -> None:
            _CURRENT.job = self
            try:
                checkpoint()
                result = work()
            except MemoryError:
                error = ApiError(503, "overloaded", "this server has no memory for this; try again in a moment")
                future.set_exception(error)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                _CURRENT.job = None
                if not loop.is_closed():
                    loop.call_soon_threadsafe(end)

        try:
            threading.Thread(target=call, name="glassnet-work", daemon=True).start()
        except RuntimeError:  # the system has no further thread
            end()
            raise ApiError(503, "overloaded", "this server has no thread for this; try again in a moment") from None
        result = asyncio.wrap_future(future)
        result.add_done_callback(lambda done: done.cancelled() or done.exception())  # no request may wait for it
        return await asyncio.shield(result)


async def run_work(connection: HTTPConnection, work: Callable[[], Result], memory: int = MIN_MEMORY) -> Result:
    """Run a function on a thread, within the budget of the server.

    Parameters
    ----------
    connection : HTTPConnection
        The request, or WebSocket, that causes the work.
    work : callable
        What to do. It calls `checkpoint` from time to time, and `require_memory` before it needs much.
    memory : int
        Bytes that it takes in any case.

    Raises
    ------
    ApiError
        503 or 429 if it does not fit or takes too long; 499 if the client has left.
    """
    budget: WorkBudget = connection.app.state.budget
    job = budget.admit(connection.client.host if connection.client else "")
    try:
        job.memory.grow(max(memory, MIN_MEMORY))
    except ApiError:
        job.close()
        raise
    running = asyncio.ensure_future(job.run(work))
    left = asyncio.ensure_future(_wait_until_left(connection))
    try:
        await asyncio.wait({running, left}, timeout=budget.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        if left.done():
            raise ApiError(499, "client_closed", "the client has left")
        raise timeout_error()
    finally:
        job.cancelled.set()
        left.cancel()
        running.cancel()


async def _wait_until_left(connection: HTTPConnection) -> None:
    """Return when the client of a request has left; its body must have been read."""
    if not isinstance(connection, Request):
        await asyncio.Event().wait()  # its endpoint receives the disconnect
        return
    while (await connection.receive())["type"] != "http.disconnect":
        pass


async def wait_on_thread(connection: HTTPConnection, function: Callable[[], Result]) -> Result:
    """Call a function that may have to wait for a lock, but computes little."""
    return await to_thread.run_sync(function, limiter=connection.app.state.budget.waiting_threads)


def checkpoint() -> None:
    """End the current work if its client has left or its time is up; do nothing outside of `run_work`.

    Raises
    ------
    ApiError
        Nobody receives it.
    """
    job = _current_job()
    if job is not None and (job.cancelled.is_set() or time.monotonic() > job.deadline):
        raise timeout_error()


def require_memory(size: int) -> None:
    """Reserve bytes for the current work before they are allocated; see `Reservation.grow`."""
    job = _current_job()
    if job is not None:
        job.memory.grow(size)


def keep_memory() -> Reservation:
    """Return what the current work has reserved, for an object that outlives it and must release it."""
    job = _current_job()
    if job is None:
        return Reservation()
    kept = job.memory
    job.memory = Reservation(job.budget)
    return kept


@contextmanager
def acquire(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock that other work may hold for long; the wait ends with the client."""
    while not lock.acquire(timeout=0.1):
        checkpoint()
    try:
        yield
    finally:
        lock.release()


def timeout_error() -> ApiError:
    """Return the error for a response that takes too long."""
    return ApiError(503, "timeout", "the response takes too long; send fewer rows at once, or try again later")


def _current_job() -> Job | None:
    job: Any = getattr(_CURRENT, "job", None)
    return job if isinstance(job, Job) else None


def _megabytes(size: int) -> str:
    return f"{max(1, round(size / 2**20)):,} MiB"
