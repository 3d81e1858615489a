"""Ctrl-C and SIGTERM while a training goes on: the first one is kept back until the training is ready for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

#: Those that end a process and let it say a last word.
KEPT_BACK = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Handlers for the time of a training, in the main thread; anywhere else it does nothing.

    The first signal calls ``on_first``; the second one is what it always was, at once. What is ignored stays ignored.

    Parameters
    ----------
    on_first : callable
        Called within the handler: it may only leave a note.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self.on_first = on_first
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def begin(self) -> None:
        """Set the handlers."""
        self.received = None
        if threading.current_thread() is not threading.main_thread():
            return
        for number in KEPT_BACK:
            before = signal.getsignal(number)
            if before not in (
                signal.SIG_IGN,
                None,
            ):  # None: whoever set it was not Python, and it could not be restored
                self._before[number] = before
                signal.signal(number, self._handle)

    def end(self) -> None:
        """Bring back those from before."""
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, before)

    def pass_on(self) -> None:
        """Let SIGTERM do what it does without a training; Ctrl-C has done its work by ending that.

        Where it would end the process without a word, the process exits: others are told, and the code is the same.
        """
        if self.received == signal.SIGTERM:
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                raise SystemExit(128 + signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            self.end()
            signal.raise_signal(number)
            return
        self.received = signal.Signals(number)
        self.on_first()
