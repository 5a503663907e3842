"""The check of a frame may begin early; it is for this frame, and nothing gets round it."""

import threading

import numpy as np
import pytest

from swapcast.realtime.check import Begins
from swapcast.realtime.check_ahead import CheckAhead
from swapcast.realtime.detector import Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.synthetic import Synthetic

FRAMES = list(Synthetic(width=64, height=64, seconds=0.2).frames())


def found(number):
    return (Detection(np.full(4, number, np.float32), 0.9, np.zeros((5, 2), np.float32)),)


class Searching:
    """Finds something that tells the frame's number, on whatever thread."""

    def __init__(self, error=None):
        self.error, self.threads, self.frames = error, set(), []
        self.go = threading.Event()
        self.go.set()

    def hits(self, frame):
        self.go.wait(5)
        self.threads.add(threading.current_thread().name)
        self.frames.append(frame.number)
        if self.error is not None:
            raise self.error
        return found(frame.number)

    def look(self, frame, hit):
        return frame.number, hit


def number(hits):
    return int(hits[0].box[0])


def test_the_search_runs_beside_and_answers_for_its_frame():
    search = Searching()
    with CheckAhead(search) as check:
        assert isinstance(check, Begins)
        for frame in FRAMES:
            check.begin(frame)
            assert number(check.hits(frame)) == frame.number
        assert check.look(FRAMES[0], "hit") == (0, "hit")
    assert search.threads == {"check"}
    assert search.frames == [frame.number for frame in FRAMES]


def test_the_answer_is_waited_for():
    search = Searching()
    search.go.clear()
    with CheckAhead(search) as check:
        check.begin(FRAMES[0])
        threading.Timer(0.2, search.go.set).start()
        assert number(check.hits(FRAMES[0])) == 0


def test_an_older_answer_never_stands_for_a_newer_frame():
    search = Searching()
    with CheckAhead(search) as check:
        check.begin(FRAMES[0])  # the swap of this one crashed, nobody asked
        check.begin(FRAMES[1])
        assert number(check.hits(FRAMES[1])) == 1
        assert number(check.hits(FRAMES[2])) == 2  # without a beginning
        assert number(check.hits(FRAMES[3])) == 3


def test_a_frame_that_could_not_be_checked_is_said_and_the_next_one_is_checked():
    search = Searching(ModelError("broken"))
    with CheckAhead(search) as check:
        for frame in FRAMES[:2]:
            check.begin(frame)
            with pytest.raises(ModelError, match="broken"):
                check.hits(frame)
        search.error = None
        check.begin(FRAMES[2])
        assert number(check.hits(FRAMES[2])) == 2


def test_a_search_that_crashes_crashes_the_stage_and_begins_anew():
    search = Searching(ZeroDivisionError("bug"))
    with CheckAhead(search) as check:
        for frame in FRAMES[:2]:
            check.begin(frame)
            with pytest.raises(ZeroDivisionError):
                check.hits(frame)
        search.error = None
        check.begin(FRAMES[2])
        assert number(check.hits(FRAMES[2])) == 2
