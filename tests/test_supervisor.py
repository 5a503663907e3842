"""A stage that crashes comes back; one that hangs for ever is named."""

import threading
import time
from itertools import pairwise

import pytest

from swapcast.realtime.errors import ModelError, SettingError, SwapcastError
from swapcast.realtime.meter import Meter
from swapcast.realtime.supervisor import Pulse, Supervised


class Fragile:
    """A stage that crashes at some calls and counts its new starts."""

    def __init__(self, *crashes, error=RuntimeError) -> None:
        self.crashes, self.calls, self.starts, self.error = crashes, 0, 0, error

    def __call__(self, number):
        self.calls += 1
        if self.calls in self.crashes:
            raise self.error("it broke")
        return number

    def restart(self):
        self.starts += 1


def until_it_answers(stage, limit=2.0):
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        answer = stage(7)
        if answer is not None:
            return answer
        time.sleep(0.01)
    return None


@pytest.mark.parametrize("error", [RuntimeError, ValueError, MemoryError, ModelError])
def test_a_crash_is_told_and_the_stage_starts_anew(error):
    said, fragile = [], Fragile(2, error=error)
    stage = Supervised("the swap", fragile, Meter(say=said.append))
    assert stage(1) == 1
    assert stage(2) is None
    assert until_it_answers(stage) == 7
    assert fragile.starts == 1
    assert len(said) == 1
    assert "the swap crashed and starts anew" in said[0]
    assert "it broke" in said[0]


def test_between_two_tries_it_pauses_longer_each_time():
    fragile = Fragile(1, 2, 3)
    stage = Supervised("the swap", fragile, Meter())
    began, tries = time.monotonic(), []
    while not tries or fragile.calls < 4:
        before = fragile.calls
        stage(0)
        if fragile.calls > before:
            tries.append(time.monotonic() - began)
        time.sleep(0.002)
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[0] > 0.15


@pytest.mark.slow
def test_a_stage_that_never_works_again_ends_with_one_line():
    stage = Supervised("the analyser", Fragile(*range(1, 100)), Meter(), 1.0)
    with pytest.raises(SwapcastError, match="the analyser has crashed for 1 s"):
        until_it_answers(stage, 10)


def test_what_the_user_must_mend_is_not_tried_again():
    fragile = Fragile(1, error=SettingError)
    with pytest.raises(SettingError):
        Supervised("the swap", fragile, Meter())(1)
    assert fragile.calls == 1


def test_a_stage_that_hangs_is_named():
    pulse, go_on = Pulse("the swap", limit=0.05), threading.Event()

    def work():
        with pulse.busy():
            go_on.wait(5)

    thread = threading.Thread(target=work, name="test hang")
    pulse.check()
    thread.start()
    time.sleep(0.15)
    with pytest.raises(SwapcastError, match="the swap has hung in one frame"):
        pulse.check()
    go_on.set()
    thread.join()
    pulse.check()
