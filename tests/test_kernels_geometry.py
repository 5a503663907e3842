"""Crops sit where their templates say, whatever way the face is turned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcast.kernels import geometry


def some_similarity(zoom, angle, x, y):
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]], np.float32)


@given(
    zoom=st.floats(0.1, 10),
    angle=st.floats(-3.1, 3.1),
    x=st.floats(-2000, 2000),
    y=st.floats(-2000, 2000),
    name=st.sampled_from(list(geometry.TEMPLATES)),
)
def test_a_face_exactly_like_the_template_gives_back_the_way_it_was_placed(zoom, angle, x, y, name):
    placed = some_similarity(zoom, angle, x, y)
    points = geometry.transform(placed, geometry.TEMPLATES[name] * 128)
    found = geometry.crop_affine(points, name, 128)
    np.testing.assert_allclose(found, placed, rtol=1e-3, atol=2e-2)
    back = geometry.transform(geometry.invert(found), points)
    np.testing.assert_allclose(back, geometry.TEMPLATES[name] * 128, atol=1e-2)


def test_similarity_is_the_least_squares_solution_of_umeyama():
    rng = np.random.default_rng(5)
    src, dst = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    a, b = src - src.mean(0), dst - dst.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a / 5)
    sign = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / a.var(0).sum()
    expected = np.column_stack([scale * turn, dst.mean(0) - scale * turn @ src.mean(0)])
    np.testing.assert_allclose(geometry.similarity(src, dst), expected, rtol=1e-5)


def test_five_points_are_eyes_nose_and_mouth():
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42] = [[7, 20], [9, 19], [11, 19], [13, 20], [11, 21], [9, 21]]
    landmarks[42:48], landmarks[30] = (30, 20), (20, 30)
    landmarks[48], landmarks[54] = (13, 40), (27, 40)
    expected = [[10, 20], [30, 20], [20, 30], [13, 40], [27, 40]]
    np.testing.assert_allclose(geometry.five_points(landmarks), expected)


@pytest.mark.parametrize(
    ("points", "template", "reason"),
    [
        (np.ones((5, 2)), "arcface_128", "one place"),
        (np.full((5, 2), np.nan), "arcface_128", "finite"),
        (np.ones((4, 2)), "arcface_128", r"\(4, 2\)"),
        (np.ones((5, 2)), "arcface_129", "no template 'arcface_129'"),
    ],
)
def test_what_gives_no_crop_is_refused_with_a_reason(points, template, reason):
    with pytest.raises(ValueError, match=reason):
        geometry.crop_affine(points.astype(np.float32), template, 128)
