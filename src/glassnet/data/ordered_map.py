"""Working ahead on threads, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More threads than this do not help: what takes the results is one.
MAX_THREADS = 4


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, while threads work on the next few.

    Items are taken from the iterable on the caller's thread; an error that it raises comes after the results of the
    items before. Closing the generator ends the threads.
    """
    threads = min(cores(), MAX_THREADS)
    waiting: deque[Future[Result]] = deque()
    failure: Exception | None = None
    coming = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="glassnet-read") as pool:
        try:
            while True:
                try:
                    waiting.append(pool.submit(function, next(coming)))
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
    if failure is not None:
        raise failure
