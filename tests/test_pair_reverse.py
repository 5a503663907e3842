"""Photographs with a face drawn on them: the target is the photograph, and nothing else differs."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.models.head_draw import Act, draw
from swapcast.models.head_fit import Camera
from swapcast.models.pair_reverse import Photographs, gaze_of
from swapcast.models.pairs import REVERSE, SELF, Pairs
from swapcast.models.people import Common, keep
from swapcast.models.people_mix import MIXED, People


def photograph(person, gaze=(0.0, 0.0), side=256):
    room = np.full((side, side, 3), 150, np.uint8)
    act = Act(person.fit.pose, person.fit.strengths, gaze)
    return draw(person, act, person.fit.camera, person.skin.light, room).image


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "faces_ai" / "tiles").mkdir(parents=True)
    common = Common(made_head(), np.zeros((512, 512), np.float32))
    names = [f"{number:04d}" for number in range(1, 5)]
    for number, name in enumerate(names, 1):
        person = made_person(common.head, number)
        keep(person, folder / f"{name}.npz")
        picture = photograph(person)[..., ::-1]
        cv2.imwrite(str(folder / "faces_ai" / "tiles" / f"{name}.jpg"), picture)
    return Photographs(People(common, folder, names, 5), folder, 0)


@pytest.mark.parametrize("across", [-0.35, 0.0, 0.35])
def test_the_gaze_is_found_in_a_picture(across):
    person = made_person(made_head(), 2)
    colours = np.float32([[0.03, 0.02, 0.02], [0.6, 0.55, 0.5], [0.1, 0.1, 0.1]])
    near = replace(person.fit, camera=Camera(1200.0, (256.0, 256.0)))
    person = replace(person, fit=near, skin=replace(person.skin, colours=colours))
    found = gaze_of(person, photograph(person, (across, 0.0), 512))
    assert found[0] == pytest.approx(across, abs=0.15)
    assert abs(found[1]) < 0.2


def test_only_the_face_is_drawn_over(photographs):
    rng = np.random.default_rng(1)
    for _ in range(6):
        pair = photographs.pair(rng)
        outside = pair.face[0] == 0
        assert 0.2 < outside.mean() < 0.99
        np.testing.assert_array_equal(pair.driver[0][outside], pair.target[0][outside])
        first, second = pair.people[0].tolist()
        assert second in range(1, 5)
        assert first >= MIXED or (first == second and pair.flags[0] & SELF)
        assert pair.flags[0] & REVERSE


def test_targets_are_the_pictures_themselves(photographs):
    rng = np.random.default_rng(2)
    targets = [photographs.pair(rng) for _ in range(8)]
    seen = {}
    for pair in targets:
        number = int(pair.people[0, 1])
        known = seen.setdefault(number, pair.target)
        np.testing.assert_array_equal(known, pair.target)
    assert len(seen) > 1


def test_a_shard_repeats(photographs, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        photographs.write(7, 3, 4, tmp_path / name)
    one, two = Pairs(tmp_path / "one"), Pairs(tmp_path / "two")
    np.testing.assert_array_equal(one.read(range(4)).driver, two.read(range(4)).driver)
    number = int(one.read([0]).people[0, 1])
    np.testing.assert_array_equal(one.views(number), two.views(number))
