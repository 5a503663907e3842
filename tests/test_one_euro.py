import numpy as np
import pytest

from swapcast.realtime.one_euro import OneEuro

STEP = 1 / 30


def test_a_resting_point_trembles_less():
    rng = np.random.default_rng(0)
    raw = rng.normal(100, 0.5, (120, 68, 2)).astype(np.float32)
    smooth = OneEuro(rest=1.0, gain=0.1)
    calm = np.stack([smooth(points, k * STEP) for k, points in enumerate(raw)])
    assert raw[30:].std(0).mean() > 2 * calm[30:].std(0).mean()


@pytest.mark.parametrize("speed", [30.0, 300.0, 3000.0])
def test_a_moving_point_trails_by_a_bound_that_speed_does_not_change(speed):
    gain = 0.5
    smooth = OneEuro(rest=1.0, gain=gain)
    for k in range(90):
        true = np.full((1, 2), [speed * k * STEP, 0], np.float32)
        shown = smooth(true, k * STEP)
    assert 0 <= true[0, 0] - shown[0, 0] <= 1.01 / (2 * np.pi * gain)


def test_uneven_steps_give_the_same_as_even_ones():
    even, uneven = OneEuro(rest=1.0, gain=0.2), OneEuro(rest=1.0, gain=0.2)
    rng = np.random.default_rng(1)
    path = lambda at: np.array([[120 * at, 40 * np.sin(2 * at)]], np.float32)  # noqa: E731
    for k in range(91):
        last = even(path(k * STEP), k * STEP)
    at = 0.0
    while at < 90 * STEP - 0.06:
        uneven(path(at), at)
        at += float(rng.uniform(0.01, 0.06))
    np.testing.assert_allclose(uneven(path(90 * STEP), 90 * STEP), last, atol=0.5)


def test_a_clock_that_stands_still_or_goes_back_starts_anew():
    smooth = OneEuro(rest=1.0, gain=0.0)
    zero, far = np.zeros((3, 2), np.float32), np.full((3, 2), 50, np.float32)
    smooth(zero, 5.0)
    np.testing.assert_array_equal(smooth(far, 5.0), far)
    np.testing.assert_array_equal(smooth(zero, 1.0), zero)


def test_reset_forgets():
    smooth = OneEuro(rest=1.0, gain=0.0)
    smooth(np.zeros((1, 2), np.float32), 0.0)
    smooth.reset()
    far = np.full((1, 2), 9, np.float32)
    np.testing.assert_array_equal(smooth(far, 0.1), far)


def test_what_it_returns_is_the_callers():
    smooth = OneEuro(rest=1.0, gain=0.0)
    values = np.zeros((1, 2), np.float32)
    smooth(values, 0.0)[:] = 99
    values[:] = 77
    assert smooth(np.zeros((1, 2), np.float32), 0.1)[0, 0] == 0
