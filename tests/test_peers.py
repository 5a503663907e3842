"""The twins of other programs do what those programs are described to do."""

import cv2
import numpy as np
import pytest

from swapcast.bench.peers import LOOKS, RoiFloat64, RoiUint8, WholeFloat32, rows, soft_mask
from swapcast.bench.places import Place

SIZE = 64


@pytest.fixture
def place():
    turn = np.radians(10)
    a, b = 1.6 * np.cos(turn), 1.6 * np.sin(turn)
    return Place(np.array([[a, -b, 90], [b, a, 60]], np.float32), 320, 240, SIZE)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    frame = rng.integers(60, 256, (240, 320, 3), dtype=np.uint8)
    face = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (SIZE, SIZE))
    return frame, face


def blended(frame, face, mask, place):
    """Blend in float64, the plain way, over the whole frame."""
    size = place.width, place.height
    share = cv2.warpAffine(mask.astype(np.float64), place.affine, size)[..., None]
    warped = cv2.warpAffine(face.astype(np.float64), place.affine, size)
    return frame * (1 - share) + warped * share


@pytest.mark.parametrize("kind", [lambda p: RoiUint8(p, 0), lambda p: RoiUint8(p, 2), RoiFloat64])
def test_blends_within_a_box_are_the_plain_blend(place, pictures, kind):
    frame, face = pictures
    wanted = blended(frame, face, soft_mask(SIZE), place)
    made = kind(place)(frame.copy(), face)
    left, top, right, bottom = place.box
    far = np.abs(made - wanted)
    assert far[top:bottom, left:right].max() <= 3
    made[top:bottom, left:right] = frame[top:bottom, left:right]
    np.testing.assert_array_equal(made, frame)


def test_the_copying_twin_leaves_its_input_alone_and_the_other_does_not(place, pictures):
    frame, face = pictures
    before = frame.copy()
    assert RoiFloat64(place)(frame, face) is not frame
    np.testing.assert_array_equal(frame, before)
    assert RoiUint8(place, 1)(frame, face) is frame
    assert (frame != before).any()


def test_the_whole_frame_blend_shows_the_face_inside_and_the_frame_outside(place, pictures):
    frame, face = pictures
    made = WholeFloat32(place)(frame, face)
    inner = np.zeros((SIZE, SIZE), np.float32)
    inner[28:36, 28:36] = 1
    inside = cv2.warpAffine(inner, place.affine, (320, 240)) == 1
    warped = cv2.warpAffine(face, place.affine, (320, 240))
    assert np.abs(made[inside].astype(int) - warped[inside]).max() <= 1
    left, top, right, bottom = place.box
    outside = np.ones((240, 320), bool)
    outside[top - 8 : bottom + 8, left - 8 : right + 8] = False  # the blur reaches over the edge
    assert np.abs(made[outside].astype(int) - frame[outside]).max() <= 1


def test_ours_is_held_against_each_with_one_and_two_threads_and_the_setting_comes_back():
    before = cv2.getNumThreads()
    results = rows(640, 360, 128, SIZE, repeats=2)
    assert cv2.getNumThreads() == before
    names = {result.name for result in results}
    ours = [result for result in results if result.name.startswith(tuple(LOOKS))]
    assert len(ours) == len(LOOKS) * 4 * 2 * 2
    assert len(names) == len(results)
    assert {result.against for result in ours} <= names
    assert all(result.ratio > 0 for result in ours)
