import threading
import time

import pytest

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.worker import on_thread, patient


def test_the_newest_item_wins_and_the_others_are_counted():
    door: Latest[int] = Latest()
    for item in range(5):
        door.put(item)
    assert door.get() == 4
    assert door.dropped == 4


def test_what_lies_in_the_slot_is_delivered_before_the_end():
    door: Latest[int] = Latest()
    door.put(7)
    door.close()
    assert list(door) == [7]


def test_the_error_comes_after_the_last_item_and_every_time():
    door: Latest[int] = Latest()
    door.put(7)
    door.close(ValueError("camera gone"))
    assert door.get() == 7
    for _ in range(2):
        with pytest.raises(ValueError, match="camera gone"):
            door.get()


def test_a_writer_learns_that_the_reader_has_gone():
    door: Latest[int] = Latest()
    door.close()
    with pytest.raises(Closed):
        door.put(1)


def test_waiting_has_an_end():
    door: Latest[int] = Latest()
    began = time.monotonic()
    assert door.get(timeout=0.05) is None
    assert 0.04 < time.monotonic() - began < 2


def test_an_error_on_the_thread_is_raised_in_the_reader():
    def broken():
        yield 1
        raise ValueError("lens cap")

    got = []
    with on_thread("test broken", broken) as door, pytest.raises(ValueError, match="lens cap"):
        got.extend(door)
    assert got in ([], [1])  # a quick writer may have closed before the first item was read


def test_leaving_the_block_ends_the_thread_and_releases_the_device():
    released = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            released.set()

    with on_thread("test endless", endless) as door:
        assert door.get() == 0
    assert released.is_set()


def test_many_items_keep_their_order():
    for _ in range(50):
        with on_thread("test count", lambda: iter(range(200))) as door:
            seen = list(door)
        assert seen == sorted(set(seen))
        assert seen[-1] == 199


def slow_to_end(ended):
    """A thread that starts another one, which takes 0.6 s to end."""

    def inner():
        yield 1
        time.sleep(0.6)
        ended.set()

    with on_thread("test inner", inner) as door:
        yield door.get()


def test_who_is_patient_waits_longer_for_threads_and_for_what_they_started():
    ended = threading.Event()
    with patient(20), on_thread("test outer", lambda: slow_to_end(ended)) as door:
        assert door.get() == 1
    assert ended.is_set()


def test_a_thread_that_does_not_end_in_time_is_left_behind_with_an_error():
    ended = threading.Event()
    with patient(0.2), pytest.raises(SwapcastError, match="test inner hangs and was left behind"):
        list(slow_to_end(ended))
    assert ended.wait(5)
