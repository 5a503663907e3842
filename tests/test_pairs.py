"""Pairs come back from disk as they were put there, in any order, and damage is named."""

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy")

from swapcast.models.pair_sets import contact_sheet
from swapcast.models.pairs import SELF, SIDE, Batch, Pairs, Writer, mapped, write_views


def a_pair(seed, people=(1, 2), face=(100, 150)):
    rng = np.random.default_rng(seed)
    driver = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (SIDE, SIDE))
    target = driver.copy()
    area = np.s_[face[0] : face[1], face[0] : face[1]]
    target[area] = 255 - target[area]
    masks = np.zeros((4, SIDE, SIDE), np.uint8)
    masks[0][area] = 200
    masks[1, 140:145, 120:130], masks[2, 110:115], masks[3, 200:] = 255, 7, 99
    landmarks = rng.uniform(0, SIDE, (2, 68, 2)).astype(np.float32)
    return Batch(
        driver=driver[None],
        target=target[None],
        face=masks[:1],
        mouth=masks[1:2],
        eyes=masks[2:3],
        cover=masks[3:],
        landmarks=landmarks[:1],
        target_landmarks=landmarks[1:],
        people=np.array([people], np.int32),
        pose=np.array([[0.25, -0.5]], np.float32),
        flags=np.array([SELF if people[0] == people[1] else 0], np.uint8),
    )


@pytest.fixture
def folder(tmp_path):
    for shard in range(2):
        writer = Writer()
        for seed in range(3):
            writer.add(a_pair(10 * shard + seed))
        writer.write(tmp_path / f"pairs-{shard:05d}.npz")
    view = np.arange(4 * 112 * 112 * 3).reshape(4, 112, 112, 3).astype(np.uint8)
    write_views(tmp_path / "people-00000.npz", {2: view, 1: 255 - view})
    return tmp_path


def test_pairs_come_back_in_any_order(folder):
    pairs = Pairs(folder)
    assert len(pairs) == 6
    batch = pairs.read([5, 0, 3])
    for row, seed in enumerate((12, 0, 10)):
        wanted = a_pair(seed)
        assert np.abs(batch.driver[row].astype(int) - wanted.driver[0]).mean() < 3
        assert np.abs(batch.target[row].astype(int) - wanted.target[0]).mean() < 3
        for name in ("face", "mouth", "eyes", "cover", "landmarks", "target_landmarks", "pose"):
            np.testing.assert_array_equal(getattr(batch, name)[row], getattr(wanted, name)[0])
    assert batch.people.tolist() == [[1, 2]] * 3


def test_outside_the_face_both_pictures_are_one(folder):
    batch = Pairs(folder).read(range(6))
    outside = batch.face == 0
    np.testing.assert_array_equal(batch.driver[outside], batch.target[outside])


def test_pairs_of_chance_follow_the_seed(folder):
    pairs = Pairs(folder)
    once, again = (pairs.draw(np.random.default_rng(3), 4) for _ in range(2))
    np.testing.assert_array_equal(once.driver, again.driver)


def test_a_picture_in_several_pairs_is_kept_once(tmp_path):
    writer = Writer()
    for _ in range(5):
        writer.add(a_pair(1))
    writer.write(tmp_path / "pairs-00000.npz")
    assert len(mapped(tmp_path / "pairs-00000.npz", "pictures_ends")) == 2
    assert len(Pairs(tmp_path)) == 5


def test_shards_written_later_are_found(folder):
    pairs = Pairs(folder)
    writer = Writer()
    writer.add(a_pair(99, people=(4, 4)))
    writer.write(folder / "pairs-00007.npz")
    pairs.refresh()
    assert len(pairs) == 7
    assert pairs.read([6]).flags.tolist() == [SELF]


def test_views_belong_to_people(folder):
    pairs = Pairs(folder)
    assert pairs.views(2).shape == (4, 112, 112, 3)
    np.testing.assert_array_equal(pairs.views(1), 255 - pairs.views(2))
    with pytest.raises(ValueError, match="no views of person 5"):
        pairs.views(5)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_sheet_shows_the_pairs(folder, count):
    pairs = Pairs(folder)
    sheet = contact_sheet([pairs.read([k]) for k in range(count)])
    assert sheet.shape[1] == min(count, 4) * 3 * SIDE
    np.testing.assert_array_equal(sheet[:SIDE, :SIDE], pairs.read([0]).driver[0])


def test_nothing_there_is_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match="draw some with 'swapcast faces render'"):
        Pairs(tmp_path)


@pytest.mark.parametrize("keep", [0, 30, 2000])
def test_a_damaged_shard_is_named(folder, keep):
    path = folder / "pairs-00001.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"pairs-00001\.npz is not a shard of pairs"):
        Pairs(folder)


@pytest.mark.parametrize("number", [-1, 6])
def test_a_number_out_of_range_is_named(folder, number):
    with pytest.raises(ValueError, match=f"no pair {number}; there are 6"):
        Pairs(folder).read([number])
