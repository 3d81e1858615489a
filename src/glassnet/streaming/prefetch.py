"""Prefetching: an iterator whose items are made on a background thread while the last one is used."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")

#: Seconds of a wait until it is renewed: on Windows, Ctrl-C does not interrupt a wait without a timeout.
_WAIT = 1.0
#: Number of items that exist at once: one in use, one being made.
SLOTS = 2


class Prefetcher(Iterator[Item]):
    """Iterate over the items of a generator that runs on a background thread, up to `SLOTS` items ahead.

    At most `SLOTS` items exist at once: the generator may reuse the memory of an item as soon as the next one is asked
    for. Its errors are raised here, after the items before. `close`, the end, an error and garbage collection end the
    thread.

    Parameters
    ----------
    make : callable
        ``make(closed) -> generator``; ``closed()`` is True as soon as no more items are needed.
    on_close : callable
        Called once when the thread has ended and the last item is no longer used.
    """

    def __init__(
        self, make: Callable[[Callable[[], bool]], Iterator[Item]], on_close: Callable[[], object] = lambda: None
    ) -> None:
        closed = threading.Event()
        self._on_close = [on_close]
        self._items: Iterator[Item] = _generate(make, closed.is_set)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="glassnet-stream")
        self._set_closed = weakref.finalize(self, closed.set)
        self._pending: deque[Future[Item]] = deque(self._submit() for _ in range(SLOTS))
        self._in_use = False

    def _submit(self) -> Future[Item]:
        return self._pool.submit(next, self._items)

    def __next__(self) -> Item:
        if not self._set_closed.alive:
            raise StopIteration
        if self._in_use:  # the item before is no longer used
            self._pending.append(self._submit())
        future = self._pending.popleft()
        try:
            while not future.done():
                wait([future], _WAIT)
            item = future.result()
        except BaseException:
            self.close()
            raise
        self._in_use = True
        return item

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        self._set_closed()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
        with contextlib.suppress(Exception):  # an error after the last item that was needed
            getattr(self._items, "close", lambda: None)()
        while self._on_close:
            self._on_close.pop()()

    def __enter__(self) -> Prefetcher[Item]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _generate(make: Callable[[Callable[[], bool]], Iterator[Item]], closed: Callable[[], bool]) -> Iterator[Item]:
    """Make the generator on the background thread too."""
    yield from make(closed)
