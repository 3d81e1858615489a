"""Ctrl-C and SIGTERM are deferred once, in the main thread, during a training."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from glassnet.training.checkpoints.signals import DeferredSignals


class Ended(Exception):
    """What the handler of SIGTERM in these tests raises."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    def end(number: int, frame: Any) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Ended)])
def test_the_first_signal_is_deferred_and_the_second_acts_at_once(
    number: signal.Signals, error: type[BaseException]
) -> None:
    noted: list[int] = []
    signals = DeferredSignals(lambda: noted.append(1))
    signals.__enter__()
    signal.raise_signal(number)
    assert noted == [1] and signals.received == number
    with pytest.raises(error):
        signal.raise_signal(number)
    assert noted == [1]


def test_the_previous_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    signals = DeferredSignals(lambda: None)
    signals.__enter__()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
    signals.restore()
    signals.restore()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_deferred_signal_is_forwarded_to_the_previous_handler() -> None:
    signals = DeferredSignals(lambda: None)
    signals.__enter__()
    signal.raise_signal(signal.SIGTERM)
    signals.restore()
    with pytest.raises(Ended):
        signals.forward()


def test_ctrl_c_is_not_forwarded() -> None:
    signals = DeferredSignals(lambda: None)
    signals.__enter__()
    signal.raise_signal(signal.SIGINT)
    signals.restore()
    signals.forward()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        signals = DeferredSignals(lambda: pytest.fail("it was to be ignored"))
        signals.__enter__()
        signal.raise_signal(signal.SIGINT)
        signals.restore()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_no_handler_is_installed() -> None:
    before = signal.getsignal(signal.SIGINT)
    found = []

    def run() -> None:
        signals = DeferredSignals(lambda: None)
        signals.__enter__()
        found.append(signal.getsignal(signal.SIGINT))
        signals.restore()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]
