"""The check believes its detector only as long as that sees a face it is shown."""

import pytest

from swapcast.bench.faults import Failing, Schedule
from swapcast.export.runners import open_runner
from swapcast.realtime.check import face_check
from swapcast.realtime.errors import ModelError
from swapcast.realtime.synthetic import Synthetic


def frames(count):
    """Return frames with a face."""
    made = Synthetic(width=640, height=360, fps=30).frames()
    return [next(made) for _ in range(count)]


def test_a_working_detector_is_believed():
    check = face_check()
    assert all(check.hits(frame) for frame in frames(3))


@pytest.mark.parametrize("start", [6, 7])
def test_a_detector_that_goes_blind_is_not(start):
    """It answers twice a frame; every frame that it searched blindly is refused."""
    plan = Failing("blank", Schedule(start=start, length=5, every=1000))
    check, refused = face_check(open_detector=plan.around(open_runner)), []
    for number, frame in enumerate(frames(10)):
        try:
            seen = check.hits(frame)
        except ModelError:
            refused.append(number)
        else:
            assert seen
    assert refused == [3, 4, 5] if start == 6 else [3, 4, 5, 6]
