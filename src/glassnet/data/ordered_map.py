"""Map a function over items on threads, with the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Maximum number of threads: the results are consumed on one thread, so that more do not help.
MAX_THREADS = 4


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, while threads work on the next few.

    Unlike `concurrent.futures.Executor.map` it takes items lazily, on the caller's thread, a few ahead. An error that
    the iterable raises comes after the results of the items before. Closing the generator ends the threads.
    """
    threads = min(available_cores(), MAX_THREADS)
    pending: deque[Future[Result]] = deque()
    failure: Exception | None = None
    remaining = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="glassnet-read") as pool:
        try:
            while True:
                try:
                    pending.append(pool.submit(function, next(remaining)))
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if failure is not None:
        raise failure
