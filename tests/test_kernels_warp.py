"""The crop that a network sees is the part of the picture that its affine names."""

import naive_planes as naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.warp import sample


def planes(width, height, subsampled_rows, padding, seed):
    rng = np.random.default_rng(seed)
    rows = (height + 1) // 2 if subsampled_rows else height
    shapes = [(height, width + padding)] + [(rows, (width + 1) // 2 + padding)] * 2
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 23),
    height=st.integers(1, 23),
    subsampled_rows=st.booleans(),
    padding=st.integers(0, 3),
    zoom=st.floats(0.2, 4.4),
    angle=st.floats(-3.2, 3.2),
    shift=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
    full_range=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sample_agrees_with_its_slow_twin(
    width, height, subsampled_rows, padding, zoom, angle, shift, full_range, seed
):
    picture = planes(width, height, subsampled_rows, padding, seed)
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    affine = np.array([[c, -s, shift[0]], [s, c, shift[1]]], np.float32)
    jumps = [2**0.5, 2**1.5, 4.5, 4.5 / 2**0.5]  # where the taps change
    assume(min(abs(zoom - jump) for jump in jumps) > 1e-3)
    colours = rgb_from_yuv("bt601", full_range)
    out = np.full((3, 8, 8), np.nan, np.float32)
    sample(*picture, width, height, colours, affine, 2.0, -1.0, out)
    expected = naive.sample(picture, width, height, colours, affine, 8) * 2 - 1
    np.testing.assert_allclose(out, expected, atol=2e-3)


@pytest.mark.parametrize("zoom", [0.6, 1.3, 1.7, 3.1])
@pytest.mark.parametrize("middle", [(48, 36), (-4, 30), (97, 41), (50, -6), (40, 74), (-900, 36)])
def test_a_crop_within_the_picture_and_over_each_of_its_edges_agrees_with_its_slow_twin(
    zoom, middle
):
    width, height, size = 96, 72, 12
    picture = planes(width, height, True, 5, 3)
    c, s = zoom * np.cos(0.2), zoom * np.sin(0.2)
    half = (size - 1) / 2
    shift = middle[0] - (c - s) * half, middle[1] - (s + c) * half
    affine = np.array([[c, -s, shift[0]], [s, c, shift[1]]], np.float32)
    colours = rgb_from_yuv("bt709", True)
    out = np.full((3, size, size), np.nan, np.float32)
    sample(*picture, width, height, colours, affine, 1.0, 0.0, out)
    expected = naive.sample(picture, width, height, colours, affine, size)
    np.testing.assert_allclose(out, expected, atol=1e-3)


@pytest.mark.parametrize("far", [3e4, 1e6, 1e12])
def test_a_crop_far_outside_shows_the_edge_pixel(far):
    y, u, v = planes(32, 32, True, 0, 4)
    affine = np.array([[1, 0, far], [0, 1, far]], np.float32)
    out = np.empty((3, 8, 8), np.float32)
    coefficients = np.eye(3, 4, dtype=np.float32) / 255
    sample(y, u, v, 32, 32, coefficients, affine, 1.0, 0.0, out)
    corner = np.array([y[-1, -1], u[-1, -1], v[-1, -1]]) / 255
    np.testing.assert_allclose(out, np.broadcast_to(corner[:, None, None], out.shape), atol=1e-6)


def test_grey_limits_become_black_and_white():
    levels = {True: (0, 255), False: (16, 235)}
    for full_range, ends in levels.items():
        for level, expected in zip(ends, (0.0, 1.0), strict=True):
            y = np.full((8, 8), level, np.uint8)
            grey = np.full((4, 4), 128, np.uint8)
            out = np.empty((3, 4, 4), np.float32)
            eye = np.eye(2, 3, dtype=np.float32)
            sample(y, grey, grey, 8, 8, rgb_from_yuv("bt709", full_range), eye, 1.0, 0.0, out)
            np.testing.assert_allclose(out, expected, atol=1e-5)


def test_a_coarse_crop_averages_instead_of_picking():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 256, (256, 256), dtype=np.uint8)
    grey = np.full((128, 128), 128, np.uint8)
    out = np.empty((3, 32, 32), np.float32)
    affine = np.array([[8, 0, 3.5], [0, 8, 3.5]], np.float32)
    sample(y, grey, grey, 256, 256, rgb_from_yuv("bt709", True), affine, 1.0, 0.0, out)
    block_means = y.reshape(32, 8, 32, 8).mean((1, 3)) / 255
    np.testing.assert_allclose(out[0, 1:-1, 1:-1], block_means[1:-1, 1:-1], atol=0.05)
    assert out[0].std() < 0.06  # noise of 0.29, averaged over 64 pixels and more


def test_other_array_forms_are_refused():
    y, u, v = planes(16, 16, True, 0, 1)
    out = np.empty((3, 4, 4), np.float32)
    eye = np.eye(2, 3, dtype=np.float32)
    colours = rgb_from_yuv("bt709", True)
    with pytest.raises(TypeError):
        sample(y[:, ::2], u, v, 8, 16, colours, eye, 1.0, 0.0, out)
    with pytest.raises(TypeError):
        sample(y, u, v, 16, 16, colours, eye.astype(np.float64), 1.0, 0.0, out)


def test_an_affine_that_is_no_number_is_refused():
    y, u, v = planes(16, 16, True, 0, 1)
    out = np.empty((3, 4, 4), np.float32)
    lost = np.full((2, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="not finite"):
        sample(y, u, v, 16, 16, rgb_from_yuv("bt709", True), lost, 1.0, 0.0, out)
