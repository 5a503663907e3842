"""The exact picture that a swap should give: B's face, and all else as it was, to the pixel."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.kernels.geometry import TEMPLATES, five_points
from swapcast.models.head_draw import draw_faces
from swapcast.models.head_swap import Face, coarse, find_borders, marked, put_on
from swapcast.models.pair_scenes import crop_of, draw_pairs, draw_views, take_of_chance
from swapcast.models.pairs import COVERED, SELF
from swapcast.models.performance import Limits

ROOMS = [np.full((80, 80, 3), 120, np.uint8)]


@pytest.fixture(scope="module")
def head():
    return made_head()


@pytest.fixture(scope="module")
def borders(head):
    return find_borders(head)


@pytest.fixture(scope="module")
def people(head, borders):
    return [marked(made_person(head, seed), borders) for seed in (1, 2, 3)]


def face_of(person, number=7):
    texture, known = person.skin.texture, person.skin.shares[..., 0]
    return Face(number, person.shape, texture, known, coarse(texture), person.skin.colours[:2])


def drawn(bodies, seed=0, turn=0.4):
    rng = np.random.default_rng(seed)
    take = take_of_chance(rng, bodies[0], ROOMS, Limits(turn, 0.2, 0.1), 288)
    crop = crop_of(bodies[0], take, "dfl_whole_face", 224, 32)
    return draw_faces(bodies, take.act, take.camera, take.light, take.background, crop=crop)


@pytest.mark.parametrize("seed", range(4))
def test_everything_but_the_face_stays(people, borders, seed):
    first, second = drawn([people[0], put_on(people[0], face_of(people[1]), borders)], seed)
    outside = np.maximum(first.put, second.put) == 0
    assert 0.3 < outside.mean() < 0.98
    np.testing.assert_array_equal(first.image[outside], second.image[outside])
    inside = (first.put > 250) & (second.put > 250)
    assert np.abs(first.image[inside].astype(int) - second.image[inside]).mean() > 3


def test_a_part_drawn_alone_is_the_part_of_the_whole(people, borders):
    worn = put_on(people[0], face_of(people[1]), borders)
    whole, part = drawn([worn, worn])
    assert np.abs(whole.image.astype(int) - part.image).max() <= 1
    assert np.abs(whole.put.astype(int) - part.put).max() <= 1
    np.testing.assert_allclose(whole.landmarks, part.landmarks, atol=1e-3)


def test_ones_own_face_changes_nothing(people, borders):
    own = put_on(people[0], face_of(people[0]), borders)
    np.testing.assert_allclose(own.shape, people[0].shape, atol=1e-4)
    first, again = drawn([people[0], own])
    assert np.abs(first.image.astype(int) - again.image).max() <= 1


def test_the_middle_is_the_others_and_the_border_the_heads(people, borders):
    worn = put_on(people[0], face_of(people[1]), borders)
    edge, middle = borders.skin == 0, (borders.skin == 1) & (np.arange(512) == 256)[:, None]
    np.testing.assert_array_equal(worn.skin.texture[edge], people[0].skin.texture[edge])
    assert middle.any()
    nose = people[0].head.landmarks[30]
    heights = [p.shape[nose, 2] - p.shape[:, 2].mean() for p in (people[0], people[1], worn)]
    assert abs(heights[2] - heights[1]) < abs(heights[2] - heights[0]) or heights[0] == heights[1]
    rim = people[0].head.landmarks[[0, 16]]
    np.testing.assert_allclose(worn.shape[rim], people[0].shape[rim], atol=1e-5)


def test_pictures_are_aligned_and_landmarks_lie_on_them(people, borders):
    (one,) = drawn([people[0]], turn=0.05)
    goal = TEMPLATES["dfl_whole_face"] * 224 + 32
    assert np.abs(five_points(one.landmarks) - goal).max() < 25
    x, y = np.rint(one.landmarks.mean(0)).astype(int)
    assert one.mask[y, x] > 200
    x, y = np.rint(one.landmarks[27:48].T).astype(int)
    assert (one.mask[y, x] > 128).mean() > 0.9


def test_pairs_are_all_orders_and_repeat(people, borders):
    bodies = [people[0], *(put_on(people[0], face_of(p), borders) for p in people[1:])]
    once, again = (draw_pairs(np.random.default_rng(5), bodies, [1, 2, 3], ROOMS) for _ in range(2))
    assert [pair.people[0].tolist() for pair in once] == [
        *([1, 1], [1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2]),
    ]
    assert [bool(pair.flags[0] & SELF) for pair in once] == [True] + [False] * 6
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a.target, b.target)
        outside = a.face[0] == 0
        np.testing.assert_array_equal(a.driver[0][outside], a.target[0][outside])
        assert a.eyes.max() > 0
        assert a.mouth.max() > 0
    np.testing.assert_array_equal(once[0].driver, once[0].target)


def test_what_covers_the_face_is_the_same_in_both(people, borders):
    bodies = [people[0], put_on(people[0], face_of(people[1]), borders)]
    seeds = (np.random.default_rng(seed) for seed in range(60))
    takes = (draw_pairs(rng, bodies, [1, 2], ROOMS)[1] for rng in seeds)
    pair = next(
        take for take in takes if take.flags[0] & COVERED and (take.cover > 250).sum() > 500
    )
    hidden = pair.cover[0] > 250
    assert pair.face[0][hidden].max() <= 5
    far = np.abs(pair.driver[0][hidden].astype(int) - pair.target[0][hidden])
    assert far.max() <= 4


def test_views_show_the_person_large(people):
    views = draw_views(np.random.default_rng(0), people[0], ROOMS)
    assert views.shape == (4, 112, 112, 3)
    assert len({view.tobytes() for view in views}) == 4
