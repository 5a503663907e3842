"""The picture that leaves has the frame's colours, whatever form the frame came in."""

import itertools

import naive_planes as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcast.kernels.colour import rgb_from_yuv, yuv_from_rgb, yuv_from_yuv
from swapcast.kernels.output import pixelate, render

COLOURS = list(itertools.product(("bt601", "bt709"), (True, False)))
BARS = np.array(list(itertools.product((0.0, 0.75, 1.0), repeat=3)))  # RGB, all corners and more


NOTHING = np.zeros((2, 128), np.int8)  # a mark of no strength


def marks(seed, side=5, columns=80):
    return np.random.default_rng(seed).integers(-1, 2, (side, columns), dtype=np.int8)


def targets(width, height):
    width, height = width + width % 2, height + height % 2
    shapes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
    return tuple(np.full(shape, 77, np.uint8) for shape in shapes)


@settings(max_examples=80, deadline=None)
@given(
    width=st.integers(1, 41),
    height=st.integers(1, 9),
    subsampled_rows=st.booleans(),
    padding=st.integers(0, 5),
    before=st.sampled_from(COLOURS),
    after=st.sampled_from(COLOURS),
    seed=st.integers(0, 99),
)
def test_render_agrees_with_its_slow_twin(
    width, height, subsampled_rows, padding, before, after, seed
):
    rng = np.random.default_rng(seed)
    rows = (height + 1) // 2 if subsampled_rows else height
    shapes = [(height, width + padding)] + [(rows, (width + 1) // 2 + padding)] * 2
    planes = tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)
    coefficients = yuv_from_yuv(*before, *after)
    out = targets(width, height)
    mark = marks(seed)
    render(*planes, width, height, coefficients, mark, *out)
    twins = naive.render(planes, width, height, coefficients, mark)
    for plane, twin in zip(out, twins, strict=True):
        assert plane.shape == twin.shape
        np.testing.assert_allclose(plane, twin, atol=0 if before == after else 0.501)


@pytest.mark.parametrize("before", COLOURS)
@pytest.mark.parametrize("after", COLOURS)
def test_colour_bars_keep_their_colours(before, after):
    bars = np.repeat(BARS, 2, axis=0)  # two pixels wide, so that chroma has a bar for itself

    def levels(colour):
        return yuv_from_rgb(*colour)[:, :3] @ bars.T + yuv_from_rgb(*colour)[:, 3:]

    rows = [np.rint(channel).clip(0, 255).astype(np.uint8)[None] for channel in levels(before)]
    y, u, v = rows[0].repeat(2, 0), rows[1][:, ::2].copy(), rows[2][:, ::2].copy()
    out = targets(y.shape[1], 2)
    render(y, u, v, y.shape[1], 2, yuv_from_yuv(*before, *after), NOTHING, *out)
    expected = levels(after).clip(0, 255)
    np.testing.assert_allclose(out[0][0], expected[0], atol=2)
    np.testing.assert_allclose(out[1][0], expected[1][::2], atol=2)
    np.testing.assert_allclose(out[2][0], expected[2][::2], atol=2)
    seen = rgb_from_yuv(*after) @ np.stack(
        [out[0][0], out[1][0].repeat(2), out[2][0].repeat(2), np.ones(len(bars))]
    )
    np.testing.assert_allclose(seen.T, bars, atol=0.013)  # what the viewer sees


def test_the_known_levels_of_red():
    # BT.709, full range: luma 0.2126 · 255; limited: 16 + 219 · 0.2126.
    np.testing.assert_allclose(
        yuv_from_rgb("bt709", True) @ (1, 0, 0, 1), (54.2, 98.8, 255.5), atol=0.1
    )
    np.testing.assert_allclose(
        yuv_from_rgb("bt709", False) @ (1, 0, 0, 1), (62.6, 102.3, 240), atol=0.1
    )
    np.testing.assert_allclose(
        yuv_from_rgb("bt601", False) @ (1, 0, 0, 1), (81.5, 90.2, 240), atol=0.1
    )


def test_an_unknown_matrix_is_refused_by_name():
    with pytest.raises(ValueError, match="bt2020"):
        rgb_from_yuv("bt2020", True)


quarters = st.integers(-240, 360).map(lambda number: number / 4)


@settings(max_examples=60, deadline=None)
@given(left=quarters, top=quarters, wide=quarters, high=quarters, seed=st.integers(0, 9))
def test_covered_faces_have_at_most_eight_cells_and_the_rest_is_untouched(
    left, top, wide, high, seed
):
    rng = np.random.default_rng(seed)
    shapes = (48, 64), (24, 32), (24, 32)
    planes = tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)
    before = [plane.copy() for plane in planes]
    mark = marks(seed)
    pixelate(mark, *planes, left, top, left + wide, top + high)
    cell, columns, rows = naive.cells(left, top, left + wide, top + high)
    assert len(columns) <= 8
    assert len(rows) <= 8
    for plane, old, scale in zip(planes, before, (2, 1, 1), strict=True):
        places = [scale * x for x in columns], [scale * y for y in rows]
        twin = naive.mosaic(old, scale * cell, *places)
        if scale == 2:
            inside = naive.mosaic(np.zeros(old.shape), scale * cell, *places, fill=1.0)
            twin += inside * naive.spread(mark, *old.shape)
        np.testing.assert_allclose(plane, twin, atol=0.5)


def test_a_box_that_is_no_number_is_refused():
    planes = targets(16, 16)
    with pytest.raises(ValueError, match="not finite"):
        pixelate(NOTHING, *planes, np.nan, 0.0, 8.0, 8.0)
