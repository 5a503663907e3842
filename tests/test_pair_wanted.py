"""Pairs of a few wanted people: over drawn drivers, and over pictures that stay as they are."""

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.models.pair_sets import Village
from swapcast.models.pair_wanted import WantedVillage, photographs, write_dressed
from swapcast.models.pairs import Pairs
from swapcast.models.people import Common, keep
from swapcast.models.people_mix import People
from tests.test_pair_reverse import photograph

WANTED = (1,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def people(folder):
    (folder / "faces_ai" / "tiles").mkdir(parents=True)
    common = Common(made_head(), np.zeros((512, 512), np.float32))
    names = [f"{number:04d}" for number in range(1, 6)]
    for number, name in enumerate(names, 1):
        person = made_person(common.head, number)
        keep(person, folder / f"{name}.npz")
        cv2.imwrite(
            str(folder / "faces_ai" / "tiles" / f"{name}.jpg"), photograph(person)[..., ::-1]
        )
    return People(common, folder, names[1:], 5)


def test_drawn_drivers_wear_the_wanted_face_only(people, folder, tmp_path):
    village = WantedVillage(Village(people, folder, 0), WANTED)
    village.write(3, 0, 6, tmp_path)
    batch = Pairs(tmp_path).read(range(6))
    assert set(batch.people[:, 1].tolist()) == set(WANTED)
    assert (batch.people[:, 0] < 0).all()
    assert Pairs(tmp_path).views(1).shape == (4, 112, 112, 3)


def test_pictures_drive_untouched_and_covered(people, folder, tmp_path):
    shots = list(photographs(people, folder, WANTED))
    assert shots
    write_dressed(iter(shots), people, WANTED, folder, 3, tmp_path)
    pairs = Pairs(tmp_path)
    each = len(pairs) // len(shots)
    assert each > 1
    for k, shot in enumerate(shots):
        rows = pairs.read(range(each * k, each * (k + 1)))
        untouched = shot.take.background
        assert np.abs(rows.driver[0].astype(int) - untouched).mean() < 2, "as the camera took it"
        face = rows.face[0] > 0
        for target in rows.target[2:]:
            np.testing.assert_array_equal(target[face], rows.target[1][face])
        # A photographed mouth keeps its teeth, and nothing but the mouth.
        kept = np.abs(rows.target[0].astype(int) - rows.target[1]).max(2) > 24
        assert (rows.mouth[0][kept & face] > 0).all()
        outside = rows.face == 0
        np.testing.assert_array_equal(rows.driver[outside], rows.target[outside])


def test_without_a_picture_there_is_nothing_to_learn(people, folder, tmp_path):
    with pytest.raises(ValueError, match="nobody was found"):
        write_dressed(iter(()), people, WANTED, folder, 3, tmp_path)
