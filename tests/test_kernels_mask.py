"""Masks cover the face, fade at its outline and end before the crop does."""

import naive_planes as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcast.kernels.mask import MOST_EDGES, ellipse, hull

EDGES = np.zeros((5, MOST_EDGES), np.float32)
places = st.tuples(st.integers(-8, 40), st.integers(-8, 40))


@settings(max_examples=80, deadline=None)
@given(points=st.lists(places, min_size=1, max_size=30), feather=st.floats(0.5, 9))
def test_the_hull_of_any_points_agrees_with_its_slow_twin(points, feather):
    corners = np.array(points, np.float32)
    out = np.full((32, 32), np.nan, np.float32)
    hull(corners, feather, EDGES, out)
    np.testing.assert_allclose(out, naive.hull(corners, feather, 32), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    middle=st.tuples(st.floats(0, 31), st.floats(0, 31)),
    axes=st.tuples(st.floats(1, 30), st.floats(1, 30)),
    feather=st.floats(0.5, 9),
)
def test_the_ellipse_agrees_with_its_slow_twin(middle, axes, feather):
    out = np.full((32, 32), np.nan, np.float32)
    ellipse(*middle, *axes, feather, out)
    np.testing.assert_allclose(out, naive.ellipse(middle, axes, feather, 32), atol=1e-3)


def test_a_mask_reaches_1_inside_and_0_at_the_border_of_the_crop():
    everything = np.array([[-99, -99], [199, -99], [199, 199], [-99, 199]], np.float32)
    out = np.empty((64, 64), np.float32)
    hull(everything, 6.0, EDGES, out)
    assert (out[8:-8, 8:-8] == 1).all()
    assert not out[[0, -1]].any()
    assert not out[:, [0, -1]].any()
    assert np.abs(np.diff(out)).max() < 0.3  # no seam


@pytest.mark.parametrize(
    "points", [[[5, 5]], [[5, 5]] * 4, [[0, 0], [9, 9]], [[0, 0], [4, 4], [9, 9]]]
)
def test_points_without_an_area_cover_nothing(points):
    out = np.full((16, 16), np.nan, np.float32)
    hull(np.array(points, np.float32), 2.0, EDGES, out)
    assert not out.any()


def test_points_beyond_all_measure_do_no_harm():
    out = np.full((16, 16), np.nan, np.float32)
    for far in (1e10, 1e20, 3e38):
        points = np.array([[-far, -far], [far, -1], [1, far]], np.float32)
        hull(points, 2.0, EDGES, out)
        assert np.isfinite(out).all()
