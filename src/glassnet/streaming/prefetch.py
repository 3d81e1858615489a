"""Reading ahead: an iterator that works on a thread of its own while its last item is used."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: How long a waiting thread sleeps at a time, in seconds: Windows wakes no thread for Ctrl-C.
_NAP = 1.0
#: Items that exist at once: one is used, one is made.
SLOTS = 2


class _Shared(Generic[Item]):
    """What the two threads share; it knows nothing of the `Ahead` that it belongs to, so that this one can go."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.ready: list[Item] = []
        self.asked = 0
        self.closed = False
        self.done = False
        self.error: BaseException | None = None

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Ahead(Iterator[Item]):
    """Give what ``make`` yields, made one item ahead on another thread.

    The item before the last may be used again for a new one as soon as the next is asked for: `SLOTS` exist at once.
    What goes wrong there is raised here. `close`, the end, an error, or nobody holding this any more ends the thread.

    Parameters
    ----------
    make : callable
        ``make(closed) -> generator``; ``closed()`` says whether anybody still wants its items.
    ended : callable
        Called once when all is over and the last item is no longer used.
    """

    def __init__(
        self, make: Callable[[Callable[[], bool]], Iterator[Item]], ended: Callable[[], object] = lambda: None
    ) -> None:
        self._shared: _Shared[Item] = _Shared()
        self._ended = [ended]
        self._thread = threading.Thread(target=_work, args=(make, self._shared), name="glassnet-stream", daemon=True)
        self._let_go = weakref.finalize(self, self._shared.close)
        self._thread.start()

    def __next__(self) -> Item:
        shared = self._shared
        with shared.changed:
            shared.asked += 1
            shared.changed.notify_all()
            while not shared.ready and not shared.done:
                shared.changed.wait(_NAP)
            if shared.ready and not shared.closed:
                return shared.ready.pop(0)
        self.close()
        error, shared.error = shared.error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        self._let_go()
        if self._thread is not threading.current_thread():
            self._thread.join()
            while self._ended:
                self._ended.pop()()

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _work(make: Callable[[Callable[[], bool]], Iterator[Item]], shared: _Shared[Item]) -> None:
    items = None
    number = 0
    try:
        items = make(lambda: shared.closed)
        while True:
            with shared.changed:
                # the item that lies where this one will be must have been given back
                while number >= SLOTS and shared.asked < number and not shared.closed:
                    shared.changed.wait(_NAP)
                if shared.closed:
                    break
            try:
                item = next(items)
            except StopIteration:
                break
            with shared.changed:
                shared.ready.append(item)
                shared.changed.notify_all()
            del item
            number += 1
    except BaseException as error:  # it belongs to whoever asks for the next item
        shared.error = error
    finally:
        try:
            if items is not None:
                getattr(items, "close", lambda: None)()
        except BaseException as error:
            shared.error = shared.error or error
        with shared.changed:
            shared.done = True
            shared.changed.notify_all()
