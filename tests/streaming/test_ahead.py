"""Reading ahead: one item in front, on a thread that ends with its reader."""

import gc
import threading
import time

import pytest

from glassnet.streaming.prefetch import Ahead


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
    ahead = Ahead(counting(6, made))
    for number in range(6):
        assert next(ahead) == number
        wait_for(lambda n=number: len(made) >= min(n + 2, 6))
        time.sleep(0.01)
        assert made[:6] == list(range(min(number + 2, 6)))
    with pytest.raises(StopIteration):
        next(ahead)
    assert made[-1] == "closed" and threading.active_count() == 1
    with pytest.raises(StopIteration):
        next(ahead)


def test_work_begins_before_anything_is_asked_for():
    made = []
    with Ahead(counting(6, made)):
        wait_for(lambda: made == [0, 1])
    assert made == [0, 1, "closed"]


def test_an_error_is_raised_after_the_items_before_it():
    def make(closed):
        yield 1
        raise ZeroDivisionError("there")

    ahead = Ahead(make)
    assert next(ahead) == 1
    with pytest.raises(ZeroDivisionError, match="there"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)
    assert threading.active_count() == 1


def test_an_error_while_getting_ready_is_raised_too():
    def make(closed):
        raise OSError("no file")

    with pytest.raises(OSError, match="no file"):
        next(Ahead(make))


def test_closing_tells_the_maker_and_waits_for_it():
    seen = []

    def make(closed):
        yield 1
        while not closed():
            time.sleep(0.001)
        seen.append("knows")

    ahead = Ahead(make)
    next(ahead)
    ahead.close()
    assert seen == ["knows"] and threading.active_count() == 1


def test_nobody_holding_it_ends_the_thread():
    made = []
    ahead = Ahead(counting(6, made))
    next(ahead)
    del ahead
    gc.collect()
    wait_for(lambda: made[-1] == "closed" and threading.active_count() == 1)


def test_the_end_is_told_once_and_not_before_the_last_item_is_given_back():
    told = []
    ahead = Ahead(counting(3, []), lambda: told.append("ended"))
    for _ in range(3):
        next(ahead)
    time.sleep(0.02)
    assert not told
    assert next(ahead, None) is None
    ahead.close()
    assert told == ["ended"]
