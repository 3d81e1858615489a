"""Prefetching: one item in front, on a thread that ends with its reader."""

import gc
import time

import pytest

from glassnet.streaming.prefetch import Prefetcher

from .sample_files import stream_threads


def counting(numbers, made):
    def make(closed):
        try:
            for number in range(numbers):
                made.append(number)
                yield number
        finally:
            made.append("closed")

    return make


def wait_for(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


def test_items_come_in_order_and_no_more_than_two_exist_at_once():
    made = []
    prefetcher = Prefetcher(counting(6, made))
    for number in range(6):
        assert next(prefetcher) == number
        wait_for(lambda n=number: len(made) >= min(n + 2, 6))
        time.sleep(0.01)
        assert made[:6] == list(range(min(number + 2, 6)))
    with pytest.raises(StopIteration):
        next(prefetcher)
    assert made[-1] == "closed" and not stream_threads()
    with pytest.raises(StopIteration):
        next(prefetcher)


def test_items_are_made_before_the_first_is_asked_for():
    made = []
    with Prefetcher(counting(6, made)):
        wait_for(lambda: made == [0, 1])
    assert made == [0, 1, "closed"]


def test_an_error_is_raised_after_the_items_before_it():
    def make(closed):
        yield 1
        raise ZeroDivisionError("there")

    prefetcher = Prefetcher(make)
    assert next(prefetcher) == 1
    with pytest.raises(ZeroDivisionError, match="there"):
        next(prefetcher)
    with pytest.raises(StopIteration):
        next(prefetcher)
    assert not stream_threads()


def test_an_error_while_making_the_generator_is_raised_too():
    def make(closed):
        raise OSError("no file")

    with pytest.raises(OSError, match="no file"):
        next(Prefetcher(make))


def test_closing_informs_the_generator_and_waits_for_it():
    events = []

    def make(closed):
        yield 1
        events.append("second item")
        while not closed():
            time.sleep(0.001)
        events.append("closed")

    prefetcher = Prefetcher(make)
    next(prefetcher)
    wait_for(lambda: events)
    prefetcher.close()
    assert events == ["second item", "closed"] and not stream_threads()


def test_garbage_collection_ends_the_thread():
    made = []
    prefetcher = Prefetcher(counting(6, made))
    next(prefetcher)
    del prefetcher
    gc.collect()
    wait_for(lambda: made[-1] == "closed" and not stream_threads())


def test_on_close_is_called_once_and_not_before_the_last_item_is_given_back():
    calls = []
    prefetcher = Prefetcher(counting(3, []), lambda: calls.append("ended"))
    for _ in range(3):
        next(prefetcher)
    time.sleep(0.02)
    assert not calls
    assert next(prefetcher, None) is None
    prefetcher.close()
    assert calls == ["ended"]
