"""Ctrl-C and SIGTERM during a training: the first one is deferred until the training can stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

#: The signals that are deferred.
DEFERRED = (signal.SIGINT, signal.SIGTERM)


class DeferredSignals:
    """Signal handlers during a training, as a context manager in the main thread; in other threads it does nothing.

    The first signal calls ``on_first``; the second one takes its usual effect at once. Ignored signals stay ignored.

    Parameters
    ----------
    on_first : callable
        Called in the signal handler; it may only set a flag.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self.on_first = on_first
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> DeferredSignals:
        """Install the handlers."""
        self.received = None
        if threading.current_thread() is not threading.main_thread():
            return self
        try:
            for number in DEFERRED:
                before = signal.getsignal(number)
                # None: a handler that was not installed from Python and could not be restored
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._handle)
        except BaseException:  # raised by a handler of the user
            self.restore()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Restore the previous handlers."""
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, before)

    def forward(self) -> None:
        """Give SIGTERM its usual effect; that of Ctrl-C is to stop the training.

        By default SIGTERM ends the process at once; here SystemExit is raised, with the same exit code, so that cleanup
        code runs.
        """
        if self.received == signal.SIGTERM:
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                raise SystemExit(128 + signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            self.restore()
            signal.raise_signal(number)
            return
        self.received = signal.Signals(number)
        self.on_first()
