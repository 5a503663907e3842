"""A pasted face lies exactly where its crop came from, and nothing else changes."""

import naive_planes as naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from swapcast.kernels.colour import rgb_from_yuv, yuv_from_rgb
from swapcast.kernels.paste import PLANES, paste
from swapcast.kernels.warp import sample

NOTHING = np.zeros((2, 160), np.int8)  # a mark of no strength
PLAIN = np.zeros((3, 0, 0), np.float32), np.zeros((0, 0), np.float32)  # no detail


def turned(zoom, angle, x, y):
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]], np.float32)


def noise(width, height, seed):
    rng = np.random.default_rng(seed)
    shapes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)


def smooth(width, height):
    i, j = np.mgrid[:height, :width]
    y = 120 + 60 * np.sin(i / 19) * np.cos(j / 23)
    u = (128 + 30 * np.sin(j / 31))[::2, ::2]
    v = (128 + 30 * np.cos(i / 37))[::2, ::2]
    return tuple(np.ascontiguousarray(np.rint(plane)).astype(np.uint8) for plane in (y, u, v))


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(4, 24),
    zoom=st.floats(0.12, 3.0),
    angle=st.floats(-3.2, 3.2),
    place=st.tuples(st.floats(-20, 50), st.floats(-20, 40)),
    full_range=st.booleans(),
    detailed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_paste_agrees_with_its_slow_twin(size, zoom, angle, place, full_range, detailed, seed):
    jumps = [2 ** (k - 3.5) for k in range(5)] + [0.3**-0.5]  # where the way to sample changes
    assume(min(abs(zoom - jump) for jump in jumps) > 1e-4)
    rng = np.random.default_rng(seed)
    face = rng.random((3, size, size)).astype(np.float32)
    mask = np.zeros((size, size), np.float32)
    edge = (size + 2) // 3  # at the crop's very edge, which is in and which out is a rounding error
    inner = (size - 2 * edge, size - 2 * edge)
    mask[edge:-edge, edge:-edge] = rng.random(inner) * (rng.random(inner) > 0.4)
    planes, detail = noise(34, 26, seed), PLAIN
    if detailed:
        detail = rng.random((3, size, size), np.float32), 0.9 * rng.random((size,) * 2, np.float32)
    way = turned(zoom, angle, *place), yuv_from_rgb("bt709", full_range)
    marks = rng.integers(-1, 2, (5, 40), dtype=np.int8)
    expected = naive.paste(face, mask, *way, marks, planes, *(detail if detailed else ()))
    scratch = np.full((PLANES, size, size), np.nan, np.float32)
    paste(face, mask, *detail, *way, scratch, marks, *planes)
    for plane, twin in zip(planes, expected, strict=True):
        # Half a level of rounding; 2⁻¹⁶ of a crop's pixel in place where neighbours differ wildly.
        np.testing.assert_allclose(plane, twin, atol=0.75)


@pytest.mark.parametrize("angle", [0.0, 0.3, -2.0])
def test_a_crop_pasted_where_it_came_from_changes_next_to_nothing(angle):
    planes = smooth(160, 120)
    before = [plane.copy() for plane in planes]
    affine = turned(1.0, angle, 70.3, 40.6)
    crop, scratch = np.empty((3, 64, 64), np.float32), np.empty((PLANES, 64, 64), np.float32)
    sample(*planes, 160, 120, rgb_from_yuv("bt601", True), affine, 1.0, 0.0, crop)
    mask = np.ones((64, 64), np.float32)
    paste(crop, mask, *PLAIN, affine, yuv_from_rgb("bt601", True), scratch, NOTHING, *planes)
    for plane, old in zip(planes, before, strict=True):
        assert np.abs(plane.astype(int) - old).max() <= 2


def test_a_mask_of_nothing_leaves_every_pixel_as_it_was():
    planes = noise(64, 48, 3)
    before = [plane.copy() for plane in planes]
    face, scratch = np.ones((3, 32, 32), np.float32), np.empty((PLANES, 32, 32), np.float32)
    empty = np.zeros((32, 32), np.float32)
    paste(
        face,
        empty,
        *PLAIN,
        turned(1.3, 0.2, 9, 9),
        yuv_from_rgb("bt709", False),
        scratch,
        NOTHING,
        *planes,
    )
    for plane, old in zip(planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)


def test_a_whole_mask_replaces_the_face_and_only_the_face():
    planes = noise(64, 48, 4)
    before = [plane.copy() for plane in planes]
    face, scratch = np.ones((3, 16, 16), np.float32), np.empty((PLANES, 16, 16), np.float32)
    mask = np.ones((16, 16), np.float32)
    paste(
        face,
        mask,
        *PLAIN,
        turned(1.0, 0.0, 20, 10),
        yuv_from_rgb("bt709", False),
        scratch,
        NOTHING,
        *planes,
    )
    y, u, v = planes
    assert (y[10:25, 20:35] == 235).all()
    assert (u[6:12, 11:17] == 128).all()
    assert (v[6:12, 11:17] == 128).all()
    y[10:26, 20:36] = before[0][10:26, 20:36]
    np.testing.assert_array_equal(y, before[0])


@pytest.mark.parametrize("place", [(-500, 10), (500, 10), (10, -500), (10, 500)])
def test_a_face_outside_the_picture_changes_nothing(place):
    planes = noise(64, 48, 5)
    before = [plane.copy() for plane in planes]
    face, scratch = np.ones((3, 16, 16), np.float32), np.empty((PLANES, 16, 16), np.float32)
    mask = np.ones((16, 16), np.float32)
    paste(
        face,
        mask,
        *PLAIN,
        turned(1.5, 0.4, *place),
        yuv_from_rgb("bt709", False),
        scratch,
        NOTHING,
        *planes,
    )
    for plane, old in zip(planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize("number", [0.0, np.nan, np.inf])
def test_an_affine_that_places_nothing_is_refused(number):
    face, scratch = np.ones((3, 16, 16), np.float32), np.empty((PLANES, 16, 16), np.float32)
    mask, planes = np.ones((16, 16), np.float32), noise(32, 32, 6)
    affine = np.full((2, 3), number, np.float32)
    with pytest.raises(ValueError, match="not finite, or flat"):
        paste(face, mask, *PLAIN, affine, yuv_from_rgb("bt709", False), scratch, NOTHING, *planes)
