"""The drawn face: always the same, where its landmarks say, in time."""

import time

import cv2
import numpy as np
import pytest

from swapcast.realtime.errors import SettingError
from swapcast.realtime.synthetic import Synthetic


def rgb(frame):
    packed = np.concatenate([plane.ravel() for plane in (frame.y, frame.u, frame.v)])
    return cv2.cvtColor(packed.reshape(-1, frame.y.shape[1]), cv2.COLOR_YUV2RGB_I420)


def test_a_performance_is_the_same_every_time():
    once, again = (list(Synthetic(width=160, height=120, seconds=0.5).frames()) for _ in range(2))
    assert [frame.number for frame in once] == list(range(15))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_array_equal(one.v, other.v)
        np.testing.assert_array_equal(one.truth["landmarks"], other.truth["landmarks"])
    assert any(np.any(one.y != once[0].y) for one in once[1:])


def test_landmarks_lie_where_the_face_is_drawn():
    for frame in Synthetic(width=1280, height=720, fps=2, seconds=10).frames():
        points, picture = frame.truth["landmarks"], rgb(frame).astype(int)
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        x, y = np.rint(points[60:68].mean(0)).astype(int)
        red, green, blue = picture[y, x]
        assert red > green + 20  # lips or the inside of the mouth
        x, y = np.rint(points[[21, 22]].mean(0) - (0, 25)).astype(int)
        red, green, blue = picture[y, x]
        assert red > green > blue  # the skin of the forehead
        wall, edge = points[8] + (0, 80), points[8] - (0, 25)  # below the chin, and the chin
        light = [picture[int(y), int(x)] for x, y in (wall, edge)]
        assert light[0][2] >= light[0][0]
        assert light[1][0] > light[1][2] + 30


@pytest.mark.parametrize(("width", "height"), [(33, 47), (64, 33), (1920, 1080), (720, 1280)])
def test_any_size(width, height):
    frame = next(Synthetic(width=width, height=height).frames())
    assert (frame.width, frame.height) == (width, height)
    assert frame.y.shape[0] == height
    assert frame.y.shape[1] >= width
    assert frame.u.shape[0] == frame.v.shape[0] == (height + 1) // 2
    assert frame.u.shape[1] >= (width + 1) // 2
    assert frame.y.flags.c_contiguous


def test_a_size_that_cannot_be_drawn_is_one_clear_line():
    with pytest.raises(SettingError, match="8×100"):
        Synthetic(width=8, height=100)


def test_live_frames_come_when_they_are_due_and_a_slow_reader_skips():
    source = Synthetic(width=64, height=64, fps=50, seconds=0.6, live=True)
    numbers, stamps = [], []
    for frame in source.frames():
        numbers.append(frame.number)
        stamps.append(frame.captured_at)
        assert 0 <= time.monotonic() - frame.captured_at < 0.5
        if frame.number == 5:
            time.sleep(0.2)
    assert numbers == sorted(set(numbers))
    assert len(numbers) < 30  # what fell into the pause was left out
    steps = np.diff(stamps) / np.diff(numbers)
    np.testing.assert_allclose(steps, 0.02, atol=1e-6)


def test_it_stops_when_told():
    frames = []
    source = Synthetic(width=64, height=64, live=True, stop=lambda: len(frames) >= 3)
    frames.extend(zip(range(3), source.frames(), strict=False))
    for frame in source.frames():
        frames.append(frame)
    assert len(frames) == 3
