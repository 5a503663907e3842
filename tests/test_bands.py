"""Relighting and multi-band blending agree with their slow twins, and do what they should."""

import naive_bands as naive
import numpy as np
import pytest

from swapcast.kernels.pyramid import add_doubled, halve, weigh_inside
from swapcast.kernels.relight import gains_of, relight, sum_cells
from swapcast.realtime.bands import Bands
from swapcast.realtime.relight import CELLS, Relight


def planes(count, size, seed=0):
    return np.random.default_rng(seed).random((count, size, size)).astype(np.float32)


@pytest.mark.parametrize("size", [8, 20, 21])
def test_light_is_compared_cell_by_cell(size):
    true, made, trust = planes(3, size)
    out, cells = np.full((3, 8, 8), np.nan, np.float32), 8
    sum_cells(255 * true, 255 * made, trust, out)
    wanted = naive.sum_cells(255 * true, 255 * made, trust, cells)
    np.testing.assert_allclose(out, wanted, rtol=1e-4, atol=1e-2)
    near, gains = planes(1, cells, 1)[0], np.empty((cells, cells), np.float32)
    gains_of(out, near, 0.5, 0.8, 1.25, gains)
    np.testing.assert_allclose(gains, naive.gains_of(wanted, near, 0.5, 0.8, 1.25), rtol=1e-4)


@pytest.mark.parametrize("size", [20, 33])
def test_a_field_of_gains_is_laid_over_a_crop(size):
    gains, face = 0.7 + 0.6 * planes(1, 8)[0], planes(3, size, 1)
    wanted = np.clip(face * naive.enlarged(gains, size), 0, 1)
    relight(gains, face)
    np.testing.assert_allclose(face, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [8, 9, 16, 31, 32])
def test_planes_are_halved_and_doubled(size):
    large, small = planes(2, size), np.empty((2, (size + 1) // 2, (size + 1) // 2), np.float32)
    halve(large, np.empty(size, np.float32), small)
    for channel in range(2):
        np.testing.assert_allclose(small[channel], naive.halve(large[channel]), atol=1e-6)
    wanted = large - np.stack([naive.doubled(one, size) for one in small])
    add_doubled(small, -1.0, np.empty(size, np.float32), large)
    np.testing.assert_allclose(large, wanted, atol=1e-6)


def test_a_band_passes_inside_a_mask_only():
    band, mask = planes(3, 12), planes(1, 12, 1)
    wanted = band * np.clip(2 * mask - 1, 0, 1)
    weigh_inside(mask, band)
    np.testing.assert_allclose(band, wanted, atol=1e-6)


@pytest.mark.parametrize("size", [64, 50])
def test_bands_are_blended_as_their_twin_does(size):
    true, face, mask = planes(3, size), planes(3, size, 1), planes(1, size, 2)[0]
    wanted = np.stack([naive.blend(true[c], mask, face[c], 3) for c in range(3)])
    Bands(size).apply(true, mask, face)
    np.testing.assert_allclose(face, wanted, atol=1e-5)


def disc(size, feather):
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    depth = (0.35 * size - np.hypot(rows, columns)) / feather
    return np.clip(depth, 0, 1).astype(np.float32)


def test_a_step_of_shade_is_spread_wider_than_fine_structure_and_the_middle_stays():
    size = 128
    true = np.full((3, size, size), 0.6, np.float32)
    stripes = np.where(np.arange(size) % 2, 0.04, -0.04).astype(np.float32)
    face = np.full_like(true, 0.4) + stripes
    mask, before = disc(size, 4), face.copy()
    Bands(size).apply(true, mask, face)
    middle = np.s_[:, 60:68, 60:68]
    np.testing.assert_allclose(face[middle], before[middle], atol=0.01)
    row = true[0, 64] + mask[64] * (face[0, 64] - true[0, 64])
    plain = true[0, 64] + mask[64] * (before[0, 64] - true[0, 64])
    even = np.ones(4) / 4
    steps = [np.abs(np.diff(np.convolve(one, even, "valid"))).max() for one in (row, plain)]
    assert steps[0] < 0.5 * steps[1]  # no edge of shade
    inside = np.s_[24:30]  # fine structure is there already, where the shade is not yet
    assert np.std(row[inside] - np.convolve(row, even, "same")[inside]) > 0.03
    assert row[inside].mean() > 0.45


def lit(size, left, right, seed=0):
    shade = np.linspace(left, right, size, dtype=np.float32)
    grain = np.random.default_rng(seed).normal(0, 1, (size, size)).astype(np.float32)
    levels = np.zeros((3, size, size), np.float32)
    levels[0] = 120 * shade + grain
    return levels


def relit(light, true, made, face, trust, amount=1.0):
    light(amount, (true, made), trust, 0.08, face)
    return face


def test_a_lamp_from_one_side_lights_the_swap_from_that_side():
    size, light, trust = 64, Relight(), np.zeros((64, 64), np.float32)
    trust[14:54, 14:50] = 1
    face = np.full((3, 128, 128), 0.5, np.float32)
    relit(light, lit(size, 0.8, 1.2), lit(size, 1, 1, 1), face, trust)
    assert face[0, 64, 34] < 0.47
    assert face[0, 64, 94] > 0.53
    assert face.min() >= 0.7 * 0.5 - 1e-6
    assert face.max() <= 1.4 * 0.5 + 1e-6
    untouched = np.full((3, 128, 128), 0.5, np.float32)
    relit(Relight(), lit(size, 0.8, 1.2), lit(size, 1, 1, 1), untouched, np.zeros_like(trust))
    np.testing.assert_allclose(untouched, 0.5, atol=1e-6)  # no sure skin: no change


def test_features_and_grain_do_not_change_the_light_and_it_does_not_tremble():
    size, light, trust = 64, Relight(), np.ones((64, 64), np.float32)
    seen = []
    for number in range(20):
        true = lit(size, 1, 1, number)
        true[0, 30:32, 20:26] = 20  # the wearer's own wrinkle
        face = np.full((3, 128, 128), 0.5, np.float32)
        seen.append(relit(light, true, lit(size, 1, 1, 99 + number), face, trust).mean(0))
    assert np.abs(np.diff(seen[2:], axis=0)).max() < 0.5 / 255
    assert np.abs(seen[-1] - 0.5).max() < 0.03
    assert CELLS <= 8
