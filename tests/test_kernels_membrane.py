"""The membrane is what a direct solver finds, for any outline, border and right-hand side."""

import cv2
import numpy as np
import pytest

from swapcast.kernels.mask import MOST_EDGES, hull
from swapcast.kernels.membrane import outline, room, solve
from tests import naive_membrane as naive


def outlined(size, points, feather=3.0):
    mask, edges = np.zeros((size, size), np.float32), np.zeros((5, MOST_EDGES), np.float32)
    hull((points * size).astype(np.float32), feather, edges, mask)
    spans = np.zeros((4, size), np.int32)
    outline(mask, 0.0, spans)
    return mask, spans


def solved(sheet, wanted, spans, *, warm=False, cycles=3, screen=0.0):
    floats, whole = room(sheet.shape[0])
    out = sheet.copy()
    # What lies in the scratch from before must not matter.
    work, places = np.full(floats, 1e9, np.float32), np.full(whole, 9, np.int32)
    solve(out, wanted, screen, spans, warm, cycles, work, places)
    return out


def border(rng, size, blur):
    levels = rng.normal(0, 1, (size, size)).astype(np.float32)
    levels = cv2.GaussianBlur(levels, (0, 0), blur)
    return (levels * (30 / levels.std()) + 20 * rng.normal()).astype(np.float32)


@pytest.mark.parametrize("size", [256, 255, 192, 128, 64, 48])
@pytest.mark.parametrize("blur", [0.8, 8.0])
def test_the_membrane_is_that_of_a_direct_solver(size, blur):
    rng = np.random.default_rng(size)
    for _ in range(3):
        points = rng.normal(0.5, 1, (30, 2)) * [0.14, 0.18] + [0.43, 0.41]
        _, spans = outlined(size, points)
        sheet, inside = border(rng, size, blur), naive.inside(spans)
        sheet[inside] = np.nan  # nobody reads it
        expected = naive.solve(sheet, np.zeros_like(sheet), inside)
        found = solved(sheet, np.zeros_like(sheet), spans)
        assert np.abs(found - expected)[inside].max() < 0.3
        np.testing.assert_array_equal(found[~inside], sheet[~inside])


def test_a_crop_that_is_filled_to_its_edge_is_solved():
    size, rng = 128, np.random.default_rng(0)
    _, spans = outlined(size, np.array([[-1, -1], [2, -1], [2, 2], [-1, 2.0]]))
    assert naive.inside(spans).sum() == (size - 2) ** 2
    sheet = border(rng, size, 4.0)
    expected = naive.solve(sheet, np.zeros_like(sheet), naive.inside(spans))
    assert np.abs(solved(sheet, np.zeros_like(sheet), spans) - expected).max() < 0.3


@pytest.mark.parametrize("reach", [4.0, 30.0])
def test_a_screened_membrane_stays_near_the_border(reach):
    size, rng = 128, np.random.default_rng(3)
    _, spans = outlined(size, rng.normal(0.5, 0.15, (30, 2)))
    sheet, inside = border(rng, size, 6.0) + 50, naive.inside(spans)
    screen, zero = 1 / reach**2, np.zeros_like(sheet)
    expected = naive.solve(sheet, zero, inside, screen)
    assert np.abs(solved(sheet, zero, spans, screen=screen) - expected)[inside].max() < 0.3


def test_given_gradients_are_followed():
    size, rng = 128, np.random.default_rng(1)
    _, spans = outlined(size, rng.random((12, 2)))
    picture, inside = border(rng, size, 2.0), naive.inside(spans)
    wanted = np.zeros_like(picture)
    wanted[1:-1, 1:-1] = -4 * picture[1:-1, 1:-1]
    wanted[1:-1, 1:-1] += picture[2:, 1:-1] + picture[:-2, 1:-1]
    wanted[1:-1, 1:-1] += picture[1:-1, 2:] + picture[1:-1, :-2]
    found = solved(np.where(inside, 0, picture).astype(np.float32), wanted, spans, cycles=4)
    assert np.abs(found - picture).max() < 0.5


def test_the_last_frames_membrane_is_a_good_guess():
    size, rng = 128, np.random.default_rng(2)
    _, spans = outlined(size, rng.normal(0.5, 0.15, (30, 2)))
    sheet, zero = border(rng, size, 6.0), np.zeros((size, size), np.float32)
    inside = naive.inside(spans)
    before = solved(sheet, zero, spans)
    after = before + np.where(inside, 0, rng.normal(0, 1, sheet.shape)).astype(np.float32)
    expected = naive.solve(after, zero, inside)
    assert np.abs(solved(after, zero, spans, warm=True, cycles=1) - expected)[inside].max() < 0.3


def test_an_empty_outline_changes_nothing():
    sheet = np.ones((64, 64), np.float32)
    spans = np.zeros((4, 64), np.int32)
    outline(np.zeros((64, 64), np.float32), 0.0, spans)
    np.testing.assert_array_equal(solved(sheet, np.zeros_like(sheet), spans), sheet)
