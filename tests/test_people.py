"""People are kept, found again, mixed the same way each time, and bad pictures are refused."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.models.faces_command import faces_command
from swapcast.models.head import FACE
from swapcast.models.head_lids import paint_lids
from swapcast.models.head_render import open_maker
from swapcast.models.pair_sets import Catalogue, agree
from swapcast.models.people import (
    CHOSEN,
    HELD_OUT,
    Common,
    find_person,
    held_out,
    keep,
    open_person,
    tiles,
)
from swapcast.models.people_mix import MIXED, POOL, VILLAGE, People, find_regions
from swapcast.models.render_sets import read_tile


@pytest.fixture(scope="module")
def common():
    return Common(made_head(), np.zeros((512, 512), np.float32))


@pytest.fixture(scope="module")
def folder(common, tmp_path_factory):
    path = tmp_path_factory.mktemp("people")
    for number in range(1, 7):
        keep(made_person(common.head, number), path / f"{number:04d}.npz")
    return path


@pytest.fixture(scope="module")
def people(common, folder):
    return People(common, folder, [f"{number:04d}" for number in range(1, 7)], 5)


def test_kept_people_come_back(common, folder):
    wanted, found = made_person(common.head, 3), open_person(common, folder / "0003.npz")
    np.testing.assert_allclose(found.shape, wanted.shape, atol=1e-5)
    np.testing.assert_allclose(found.skin.texture, wanted.skin.texture, atol=0.01)
    np.testing.assert_array_equal(found.surround.picture, wanted.surround.picture)
    assert found.fit.pose == wanted.fit.pose


@pytest.mark.parametrize("kept", [0, 5000])
def test_a_damaged_person_is_named(common, folder, tmp_path, kept):
    path = tmp_path / "0001.npz"
    path.write_bytes((folder / "0001.npz").read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"0001.npz is not a kept person.*delete it"):
        open_person(common, path)


def test_mixed_people_repeat_and_differ(common, folder, people):
    again = People(common, folder, people.numbers, 5)
    faces = [people.face(MIXED + k) for k in range(4)]
    np.testing.assert_array_equal(faces[2].texture, again.face(MIXED + 2).texture)
    np.testing.assert_array_equal(faces[2].shape, again.face(MIXED + 2).shape)
    assert len({face.texture.tobytes() for face in faces}) == 4
    assert all(face.texture.min() > 0 and face.texture.max() < 1 for face in faces)


def test_people_of_a_village_have_parents_in_its_pool(people):
    for number in (MIXED, MIXED + VILLAGE - 1, MIXED + 3 * VILLAGE):
        pool = people.pool((number - MIXED) // VILLAGE)
        assert len(pool) == min(POOL, 6)
        assert set(people.parents(number)) <= set(pool)
    assert people.parents(4) == ("0004",)


def test_two_people_are_too_few(common, folder):
    with pytest.raises(ValueError, match="only 2 people"):
        People(common, folder, ["0001", "0002"], 5)


def test_regions_are_the_parts_of_the_face(common):
    regions = find_regions(common.head)
    whole = np.zeros((512, 512), np.float32)
    for (share, box), mark in zip(regions, (37, 33, 57), strict=True):
        x, y = np.rint(common.head.uv[common.head.landmarks[mark]] * [511, -511] + [0, 511])
        assert box[0].start < y < box[0].stop
        assert box[1].start < x < box[1].stop
        assert share[int(y) - box[0].start, int(x) - box[1].start] > 0.4
        whole[box] += share
    assert whole.min() >= 0
    assert whole.max() <= 1 + 1e-5


def test_lids_take_the_skin_around_them():
    head = made_head()
    brow, eye = head.landmarks[19], head.landmarks[37]
    near = np.abs(head.mean[:, 0] - head.mean[eye, 0]) < 1.2
    upper = near & (head.mean[:, 1] > head.mean[eye, 1]) & (head.mean[:, 2] > 0)
    upper &= head.mean[:, 1] < head.mean[brow, 1] - 0.3
    upper &= np.isin(np.arange(len(upper)), head.vertices_of(FACE))
    head.movements[head.names.index("eyeBlink_L"), upper, 1] = -0.6
    texture = np.full((512, 512, 3), 0.4, np.float32)
    rows, columns = np.rint((head.uv[upper] * [511, -511] + [0, 511])[:, ::-1]).astype(int).T
    texture[rows, columns] = 0.01
    paint_lids(head, texture)
    assert np.median(texture[rows, columns]) > 0.2
    x, y = np.rint(head.uv[brow] * [511, -511] + [0, 511]).astype(int)
    np.testing.assert_allclose(texture[y - 30, x], 0.4, atol=0.01)


def test_held_out_people_depend_on_their_numbers_only():
    numbers = [f"{k:04d}" for k in range(861)]
    spared = held_out(numbers)
    assert len(spared) == HELD_OUT
    assert spared == held_out(numbers[::-1])
    assert 20 < len(spared & CHOSEN) < 80


def test_a_set_is_continued_with_its_own_people(tmp_path):
    begun = agree(tmp_path, Catalogue(3, ("0001", "0002")))
    assert agree(tmp_path, Catalogue(3, ("0001", "0002", "0009"))) == begun
    with pytest.raises(ValueError, match="begun with seed 3"):
        agree(tmp_path, Catalogue(4, ("0001",)))


def test_a_missing_data_folder_is_one_clear_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        faces_command(["render", str(tmp_path / "out"), "--data", str(tmp_path)])
    assert "no head model at" in str(end.value.code)
    with pytest.raises(SystemExit) as end:
        faces_command(["render", str(tmp_path / "out")])
    assert end.value.code == 2
    assert "--data" in capsys.readouterr().err


@pytest.mark.slow  # networks and fits: several seconds each
@pytest.mark.shared
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        pytest.param("0259", "sunglasses", id="sunglasses"),
        pytest.param("0241", "turned|no clear face|eyes only|misses", id="from the side"),
        pytest.param(None, "no clear face", id="nobody"),
    ],
)
def test_bad_pictures_are_refused_with_a_reason(shared, number, reason):
    maker = open_maker(shared / "data")
    nobody = np.full((300, 300, 3), 90, np.uint8)
    picture = nobody if number is None else read_tile(shared / "data", number)
    with pytest.raises(ValueError, match=reason):
        find_person(maker, picture)


@pytest.mark.shared
def test_the_data_folder_is_large_enough(shared):
    numbers = tiles(shared / "data")
    assert set(numbers) >= CHOSEN
