"""The kernels that compare, colour and blend crops agree with their slow twins."""

import cv2
import naive_faces as naive
import numpy as np
import pytest

from swapcast.kernels import detail, match, seam, skin, steady
from swapcast.kernels.colour import rgb_from_yuv, yuv_from_rgb
from swapcast.kernels.membrane import outline
from tests import naive_membrane

THERE, BACK = yuv_from_rgb("bt601", True), rgb_from_yuv("bt601", True)


def crop(size, seed=0, blur=1.0):
    noise = np.random.default_rng(seed).random((size, size, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.ascontiguousarray(soft.transpose(2, 0, 1))


def plane(size, seed=0):
    return np.random.default_rng(seed).random((size, size)).astype(np.float32)


def levels_of(size, seed=0):
    """Colours of every kind, also those of skin."""
    rng = np.random.default_rng(seed)
    out = rng.uniform(0, 255, (3, size, size)).astype(np.float32)
    half = size // 2
    out[0, :half] = rng.uniform(40, 250, (half, size))
    out[1, :half] = rng.uniform(85, 130, (half, size))
    out[2, :half] = rng.uniform(125, 170, (half, size))
    return out


@pytest.mark.parametrize(("size", "block"), [(24, 2), (25, 2), (24, 1), (26, 4)])
def test_levels_are_means_of_blocks(size, block):
    out = np.empty((3, size // block, size // block), np.float32)
    picture = crop(size)
    match.reduce(picture, THERE, block, out)
    np.testing.assert_allclose(out, naive.reduce(picture, THERE, block), atol=1e-3)


def test_moments_are_those_of_numpy():
    levels, weight, out = levels_of(20), plane(20), np.empty(9)
    assert match.moments(levels, weight, out) == pytest.approx(weight.sum(), rel=1e-5)
    np.testing.assert_allclose(out, naive.moments(levels, weight), rtol=1e-4, atol=1e-2)
    assert match.moments(levels, np.zeros_like(weight), out) == 0
    assert not out.any()


def test_colours_are_led_through_matrix_curves_and_cube():
    picture, out = crop(20), np.empty((3, 20, 20), np.float32)
    matrix = np.array([[1.1, 0.1, -0.1, 0.05], [0, 0.9, 0, 0], [0.2, 0, 0.8, -0.1]], np.float32)
    match.recolour(picture, matrix, out)
    wanted = np.einsum("ck,kij->cij", matrix[:, :3], picture) + matrix[:, 3, None, None]
    np.testing.assert_allclose(out, np.clip(wanted, 0, 1), atol=1e-6)
    steps = np.linspace(0, 1, 33, dtype=np.float32)
    curves = np.stack([steps**2, np.sqrt(steps), 1 - steps])
    match.through_curves(picture, curves, out)
    wanted = [np.interp(a, steps, c) for a, c in zip(picture, curves, strict=True)]
    np.testing.assert_allclose(out, wanted, atol=1e-5)
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    turned = np.ascontiguousarray(grid @ matrix[:, :3].T.astype(np.float32))
    match.through_cube(picture, turned, out)  # trilinear: exact for what is linear
    wanted = np.einsum("ck,kij->cij", matrix[:, :3], picture)
    np.testing.assert_allclose(out, wanted, atol=1e-5)


@pytest.mark.parametrize("rule", ["rgb_rule", "hsv_rule", "ycrcb_rule"])
def test_the_published_rules_need_no_rgb_picture(rule):
    levels, out = levels_of(64, seed=3), np.empty((64, 64), np.float32)
    getattr(skin, rule)(levels, out)
    wanted = getattr(naive, rule)(levels)
    assert 0.02 < wanted.mean() < 0.98
    assert (out.astype(bool) != wanted).mean() < 1e-3  # float32 on a rule's very edge


def test_likeness_is_a_distance_in_deviations():
    levels, out = levels_of(20), np.empty((20, 20), np.float32)
    root = np.array([[20, 2, 1], [0, 8, 1], [0, 0, 6]], float)
    spread, mean = root.T @ root, np.array([120, 110, 150.0])
    inverse = np.linalg.inv(spread)
    model = [*mean, *np.diag(inverse), inverse[0, 1], inverse[0, 2], inverse[1, 2]]
    skin.skin_likeness(levels, np.array(model, np.float32), 4.0, 12.0, out)
    wanted = naive.likeness(levels, mean, spread, 4.0, 12.0)
    assert 0.05 < wanted.mean() < 0.95
    np.testing.assert_allclose(out, wanted, atol=2e-3)


def test_skin_is_learnt_from_patches_and_strange_ones_are_left_out():
    rng, levels = np.random.default_rng(0), np.zeros((3, 40, 40), np.float32)
    levels[:] = rng.normal([[[120]], [[110]], [[150]]], 3.0, levels.shape)
    levels[:, 20:] = np.array([60, 128, 128])[:, None, None]  # a scarf
    person, scratch, floor = np.zeros(16), np.zeros((4, 9)), np.array([9.0, 1, 1])
    places = np.array([[8, 8], [30, 8], [20, 30.0]])
    settings = places, 4, 30.0, 0.1, floor, scratch, person
    for _ in range(2):
        assert skin.learn_skin(levels, *settings)
    seen = np.concatenate([levels[:, 4:13, j - 4 : j + 5].reshape(3, -1) for j in (8, 30)], 1)
    np.testing.assert_allclose(person[:3], seen.mean(1), atol=1e-3)
    y, u, v, yu, yv, uv = person[3:9]
    spread = np.array([[y, yu, yv], [yu, u, uv], [yv, uv, v]])
    np.testing.assert_allclose(spread, np.cov(seen, bias=True) + np.diag(floor), atol=0.5)
    y, u, v, yu, yv, uv = person[9:15]
    inverse = np.array([[y, yu, yv], [yu, u, uv], [yv, uv, v]])
    np.testing.assert_allclose(inverse @ spread, np.eye(3), atol=1e-6)
    assert not skin.learn_skin(levels, places + 100, *settings[1:])  # outside the crop


def test_band_agreement_and_expansion():
    true, made = 40 * plane(30, 1), 40 * plane(30, 2)
    made[:, :15] = true[:, :15]
    scratch, bands = np.full((4, 30, 30), np.nan, np.float32), np.empty((2, 30, 30), np.float32)
    for source, out in zip((true, made), bands, strict=True):
        detail.band(source, scratch[0], out)
        np.testing.assert_allclose(out, naive.band(source), atol=1e-4)
    trust, out = np.ones((30, 30), np.float32), np.empty((30, 30), np.float32)
    detail.agreement(bands[0], bands[1], trust, 0.1, 3, scratch, out)
    wanted = naive.agreement(*bands.astype(float), trust, 0.1, 3)
    np.testing.assert_allclose(out, wanted, atol=1e-3)
    assert out[5:25, 5:10].min() > 0.9
    assert out[5:25, 20:25].max() < 0.6
    for block in (2, 3):
        large = np.full((30 * block + 1,) * 2, 2.0, np.float32)
        wanted = naive.expand(out, block, len(large))
        detail.expand(out, block, 0.5, large, True)
        np.testing.assert_allclose(large, wanted, atol=1e-5)
        detail.expand(out, block, 0.5, large, False)
        np.testing.assert_allclose(large, 0.5 * wanted, atol=1e-5)


def test_bands_are_measured_and_taken_out_of_luma_alone():
    picture = crop(40, blur=0.7)
    small = np.empty((3, 20, 20), np.float32)
    match.reduce(picture, THERE, 2, small)
    middle, scratch = np.empty((20, 20), np.float32), np.empty((20, 20), np.float32)
    detail.band(small[0], scratch, middle)
    trust = plane(20)
    luma = naive.reduce(picture, THERE, 1)[0]
    fine = luma - naive.expand(small[0], 2, 40)
    weight = np.kron(trust, np.ones((2, 2)))
    wanted = (fine**2 * weight).sum() / weight.sum()
    assert detail.fine_energy(picture, THERE[0], small[0], trust, 2, 1) == pytest.approx(
        wanted, rel=1e-3
    )
    out = np.empty_like(picture)
    detail.coarsen(picture, THERE[0], small[0], middle, 2, 0.8, 0.5, out)
    gone = 0.8 * fine + 0.5 * naive.expand(middle, 2, 40)
    np.testing.assert_allclose(out, picture - gone / 255, atol=1e-5)


def spans_of(inside):
    spans = np.zeros((4, len(inside)), np.int32)
    outline(inside.astype(np.float32), 0.5, spans)
    return spans


def disc(size, radius):
    i, j = np.mgrid[:size, :size] - size // 2
    return i * i + j * j < radius * radius


def test_rays_bring_a_borders_difference_back_to_the_border():
    size, middle = 64, 32.0
    i, j = np.mgrid[:size, :size] - middle
    ramp = np.stack([0.5 * i + 10, 0.2 * j, i * 0 - 4]).astype(np.float32)
    spans, made = spans_of(disc(size, 24)), levels_of(size)
    out, weight = np.empty((3, seam.RAYS), np.float32), np.empty(seam.RAYS, np.float32)
    trust = np.ones((size, size), np.float32)
    seam.border_difference(made + ramp, made, trust, spans, middle, middle, out, weight)
    assert weight.min() > 0
    sheet = np.full((size, size), np.nan, np.float32)
    for channel in range(3):
        seam.hang(out[channel], spans, middle, middle, sheet)
        around = np.isfinite(sheet)
        # The band lies a little further in than the border itself.
        np.testing.assert_allclose(sheet[around], ramp[channel][around], atol=2.0)
    seam.border_difference(made + ramp, made, 0 * trust, spans, middle, middle, out, weight)
    assert not out.any()
    assert not weight.any()


def test_exact_borders_and_mixed_gradients():
    size = 40
    true, made, spans = 255 * plane(size, 1), 255 * plane(size, 2), spans_of(disc(size, 14))
    inside, sheet = naive_membrane.inside(spans), np.full((size, size), np.nan, np.float32)
    seam.hang_exactly(true, made, spans, sheet)
    around = cv2.dilate(
        inside.astype(np.uint8), np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    )
    np.testing.assert_array_equal(np.isfinite(sheet), (around > 0) & ~inside)
    np.testing.assert_array_equal(sheet[np.isfinite(sheet)], (true - made)[np.isfinite(sheet)])
    wanted = np.zeros((size, size), np.float32)
    mask = plane(2 * size, 3)
    seam.mixed_gradients(true, made, mask, 2, spans, wanted)
    expected = naive.mixed(true, made, mask[::2, ::2], inside)
    np.testing.assert_allclose(wanted, expected, atol=1e-3)


def test_sheets_are_added_where_the_outline_is():
    size = 40
    spans, face = spans_of(disc(size, 14)), np.full((3, size, size), 0.5, np.float32)
    luma, chroma = 60 * plane(size), 40 * np.stack([plane(20, 1), plane(20, 2)]) - 20
    seam.lift(luma, chroma, BACK, spans, face)
    wide = np.stack([luma, *(naive.expand(one, 2, size) for one in chroma)])
    wanted = np.clip(0.5 + np.einsum("ck,kij->cij", BACK[:, :3], wide), 0, 1)
    inside = naive_membrane.inside(spans)
    np.testing.assert_allclose(face[:, inside], wanted[:, inside], atol=1e-4)
    assert (face[:, ~inside] == 0.5).all()


def test_steadying_fading_and_what_is_sure():
    kept, new = plane(9, 1), plane(9, 2)
    wanted = kept + np.where(new > kept, 0.3, 0.6) * (new - kept)
    steady.approach(kept, new, 0.3, 0.6)
    np.testing.assert_allclose(kept, wanted, atol=1e-6)
    likeness, mask, out = plane(9, 3), plane(19, 4), np.empty((9, 9), np.float32)
    steady.sure_part(likeness, mask, 0.5, 2, out)
    np.testing.assert_array_equal(out, np.where(mask[1:19:2, 1:19:2] >= 0.5, likeness, 0))
    weighted = (kept**2 * new).sum() / new.sum()
    assert steady.mean_square(kept, new) == pytest.approx(weighted, rel=1e-4)
    assert steady.mean_square(kept, 0 * new) == 0
    picture, face = crop(21), crop(21, seed=5)
    wanted = naive.fade(picture, 8, 0.25, face)
    steady.fade(picture, 8, 0.25, face)
    np.testing.assert_allclose(face, wanted, atol=1e-5)


def test_how_far_a_face_was_changed_is_told_in_its_own_contrast():
    true, made, mask = 200 * plane(20, 1), 200 * plane(20, 2), plane(40, 3)
    box = np.s_[3:15, 2:18]
    shown = mask[1::2, 1::2][box]
    inside = shown >= 0.5
    before, change = true[box][inside], (shown * np.abs(made - true)[box])[inside]
    assert match.apart(true, made, mask, 2, 2, 3, 18, 15) == pytest.approx(
        change.mean() / before.std(), rel=1e-4
    )
    assert match.apart(true, true, mask, 2, -9, -9, 99, 99) == 0
    assert match.apart(true, made, 0 * mask, 2, 2, 3, 18, 15) == np.inf
    # An even grey is no contrast to measure by: one level is.
    grey = np.full_like(true, 90)
    assert match.apart(grey, grey + 2, mask + 1, 2, 0, 0, 20, 20) == pytest.approx(
        2 * (mask + 1)[1::2, 1::2].mean(), rel=1e-4
    )
