"""Threads: how they are started, and what happens when one of them fails. Their barrier is in `barrier`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from glassnet._utils.arrays import Array
from glassnet.engines.fused.layout import ABORT


class _ActiveTrainings:
    """Counts the trainings of this process that run at the same time: they share its cores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def __enter__(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._count -= 1


#: Entered by each training while it computes; returns the number of running trainings.
ACTIVE_TRAININGS = _ActiveTrainings()


def run_threads(work: Callable[[int], None], threads: int, flags: Array) -> None:
    """Call work(0) … work(threads - 1) at once, work(0) here; the first error ends them all and is raised.

    Parameters
    ----------
    work : callable
        Compiled, without the GIL; it waits for the others with `barrier`.
    threads : int
        How many; one starts no thread.
    flags : array (FLAGS,) of int64
        Shared by the threads; set to 0 here.
    """
    flags[:] = 0
    if threads == 1:
        work(0)
        return
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # raised below
            flags[ABORT] = 1
            errors.append(error)

    others = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(1, threads)]
    started: list[threading.Thread] = []
    try:
        for thread in others:
            started.append(thread)
            thread.start()
        guarded(0)
    except BaseException as error:  # no thread to be had, or Ctrl-C between two lines
        flags[ABORT] = 1
        errors.append(error)
    while started:
        try:
            if _has_started(started[-1]):
                started[-1].join()
            started.pop()
        except BaseException as error:  # Ctrl-C while waiting: the other threads are stopped, and joined
            flags[ABORT] = 1
            errors.append(error)
    if errors:
        raise errors[0]


def _has_started(thread: threading.Thread) -> bool:
    """Check whether a thread runs or ran; where Ctrl-C came while it was started, it may take a moment to begin."""
    for _ in range(1000):
        if thread.ident is not None:
            return True
        time.sleep(0.001)
    return False
