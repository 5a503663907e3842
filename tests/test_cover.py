"""Covering whole pictures at the last step."""

import numpy as np
import pytest

from swapcast.realtime.cover import SILENCE, Cover, Veil
from swapcast.realtime.frame import Colour, Picture


def noise(width=64, height=48, number=0):
    data = np.random.default_rng(number).integers(0, 255, width * height * 3 // 2, np.uint8)
    return Picture(data, width, height, Colour("bt601"), number, 0.0)


def test_a_blurred_picture_has_at_most_eight_cells_across():
    picture = noise()
    before = picture.data.copy()
    y, u, v = Veil()(picture, "blur").planes
    assert max(len(np.unique(y)), len(np.unique(u)), len(np.unique(v))) <= 64
    for plane in (y, u, v):
        assert (np.count_nonzero(np.diff(plane.astype(int), axis=1), axis=1) <= 7).all()
        assert (np.count_nonzero(np.diff(plane.astype(int), axis=0), axis=0) <= 7).all()
    assert np.array_equal(picture.data, before)


def test_a_slate_shows_nothing_of_the_picture():
    y, u, v = Veil()(noise(), "slate").planes
    assert all(np.ptp(plane) == 0 for plane in (y, u, v))


def test_the_invisible_mark_stays():
    mark = np.tile(np.int8([[1, -1]]), (1, 32))
    plain = noise()
    picture = Picture(plain.data, 64, 48, plain.colour, 0, 0.0, mark=mark)
    y = Veil()(picture, "slate").planes[0].astype(int)
    assert np.array_equal(np.unique(y[:, ::2] - y[:, 1::2]), [2])


def test_pictures_of_changing_size_are_covered():
    veil = Veil()
    for size in ((64, 48), (320, 240), (64, 48)):
        covered = veil(noise(*size), "blur")
        assert (covered.width, covered.height) == size
        assert covered.data.size == size[0] * size[1] * 3 // 2


@pytest.mark.parametrize(
    ("mode", "shown"), [("blur", "blur"), ("slate", "slate"), ("freeze", None), ("pass", None)]
)
def test_a_picture_that_stands_is_covered_as_the_guard_covers(mode, shown):
    cover = Cover(mode)
    assert cover.wanted(SILENCE / 2) is None
    assert cover.wanted(SILENCE * 2) == shown
    assert cover.wanted(SILENCE * 2, usual=1.0) is None, "a slow source has not stopped"
    assert cover.wanted(3.0, usual=1.0) == shown


def test_the_user_goes_before_everything():
    cover = Cover("pass")
    for key, shown in (("s", "slate"), ("b", "blur"), ("x", "blur"), ("r", None)):
        cover.key(key)
        assert cover.wanted(0.0) == shown
