"""One BLAS thread for the reference engine: the same bits on any number of cores."""

from __future__ import annotations

import sys
import threading
from typing import Any


class _SingleThreadedBLAS:
    """A context in which every BLAS of the process uses one thread.

    With several threads a BLAS divides a matrix product differently, so that its last bits change. Its threads also
    keep spinning after each product, on cores that others need: NumPy's and SciPy's wheels each bundle a BLAS, whose
    threads disturb each other in L-BFGS, and beside another busy program a training took ten times as long. The limit
    is for the whole process; the last thread to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._libraries: list[Any] = []
        self._with_scipy: bool | None = None
        self._threads_before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._entered == 0:
                self._find_libraries()
                self._threads_before = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    _set_threads(library, 1)
            self._entered += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._entered -= 1
            if self._entered == 0:
                for library, threads in zip(self._libraries, self._threads_before, strict=True):
                    _set_threads(library, threads)

    def _find_libraries(self) -> None:
        """Find the loaded libraries: once, since this takes milliseconds, and again when SciPy has been imported."""
        with_scipy = "scipy.linalg" in sys.modules
        if self._with_scipy is not with_scipy:
            from threadpoolctl import ThreadpoolController

            self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            self._with_scipy = with_scipy


def _set_threads(library: Any, threads: int) -> None:
    """Set the number of threads of a BLAS from any thread; threadpoolctl 3.7 ignores all but the first that sets it."""
    take_control = getattr(library, "clear_controlling_thread", lambda force: None)
    take_control(force=True)
    library.set_num_threads(threads)
    take_control(force=True)


SINGLE_THREADED_BLAS = _SingleThreadedBLAS()
