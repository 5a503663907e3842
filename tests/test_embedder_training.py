"""Learning who is who: people made from few pictures, poor cameras, two kinds of training."""

import json

import numpy as np
import pytest
import torch

from swapcast.kernels.geometry import TEMPLATES
from swapcast.models.embedder import EmbedderSettings, read_embedder, recrop
from swapcast.models.embedder_augment import Clean, Crowd, cut, rgb, taken
from swapcast.models.embedder_data import INNER, RIM, SIDE, TURNS, People, is_held_out
from swapcast.models.embedder_evaluation import equal_error
from swapcast.models.embedder_training import Margin, margin

ANCHORS = TEMPLATES["arcface_112_v2"] * INNER + RIM


def made_people(count=6):
    """People of coloured stripes, each in every view."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (count, 6, 6, 3), np.uint8)
    pictures = pictures.repeat(SIDE // 6, 1).repeat(SIDE // 6, 2)
    return People(
        np.repeat(pictures, len(TURNS), 0),
        np.repeat(ANCHORS[None], count * len(TURNS), 0).astype(np.float32),
        np.repeat(np.arange(count, dtype=np.int32), len(TURNS)),
        np.tile(np.arange(len(TURNS), dtype=np.int32), count),
        tuple(f"{k:04}" for k in range(1, count + 1)),
    )


@pytest.fixture
def stored(tmp_path):
    people = made_people()
    path = tmp_path / "people.npz"
    np.savez(
        path,
        pictures=people.pictures,
        points=people.points,
        person=people.person,
        view=people.view,
        names=np.array(people.names),
    )
    return path


def test_every_tenth_tile_is_kept_out_and_talkers_are_not_tiles():
    assert [name for name in ("0010", "0011", "lwbsza") if is_held_out(name)] == ["0010"]


def test_some_people_can_be_picked_out():
    people = made_people().of(("0002", "0005"))
    assert people.names == ("0002", "0005")
    assert people.person.tolist() == [0] * len(TURNS) + [1] * len(TURNS)


def test_a_mixed_person_looks_the_same_at_every_call_and_unlike_the_others():
    crowd = Crowd(made_people(), mixtures=2)
    assert len(crowd) == 8

    def looks(number):
        """The unmirrored view 0 of a person."""
        for seed in range(200):
            rng = np.random.default_rng(seed)
            if int(rng.integers(len(TURNS))) == 0 and rng.random() < 0.5:
                return crowd.one(number, np.random.default_rng(seed)).picture.astype(int)
        raise AssertionError

    assert np.array_equal(looks(6), looks(6))
    assert np.abs(looks(6) - looks(7)).mean() > 10
    for own in range(6):
        assert np.abs(looks(6) - looks(own)).mean() > 5


def test_the_plain_crop_shows_the_points_where_the_template_wants_them():
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    x, y = ANCHORS[0].round().astype(int)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = cut(Clean(picture, ANCHORS.astype(np.float32)), 112)
    rows, columns = np.nonzero(crop[..., 0] > 100)
    assert abs(columns.mean() - 38.3) < 1.2
    assert abs(rows.mean() - 51.7) < 1.2


def test_pictures_of_poor_cameras_stay_in_range_and_differ():
    crowd, rng = Crowd(made_people()), np.random.default_rng(0)
    face = crowd.one(0, rng)
    shots = [taken(face, 64, crowd.patches, rng) for _ in range(12)]
    assert all(shot.shape == (3, 64, 64) and shot.dtype == np.float32 for shot in shots)
    assert min(shot.min() for shot in shots) >= 0
    assert max(shot.max() for shot in shots) <= 1
    assert not np.allclose(shots[0], shots[1])


def test_red_comes_first():
    blue = np.zeros((4, 4, 3), np.uint8)
    blue[..., 0] = 255
    assert rgb(blue)[2].min() == 1
    assert rgb(blue)[:2].max() == 0


def test_crops_of_another_template_show_the_same_face():
    crops = torch.zeros(1, 3, 224, 224, requires_grad=True)
    with torch.no_grad():
        for x, y in (TEMPLATES["dfl_whole_face"] * 224).round().astype(int):
            crops[:, :, y - 3 : y + 4, x - 3 : x + 4] = 1
    made = recrop(crops, "dfl_whole_face", EmbedderSettings())
    assert made.shape == (1, 3, 112, 112)
    for x, y in (TEMPLATES["arcface_112_v2"] * 112).round().astype(int):
        assert made[0, 0, y - 1 : y + 2, x - 1 : x + 2].mean() > 0.5
    made.sum().backward()
    assert crops.grad is not None
    assert crops.grad.abs().sum() > 0


def test_the_equal_error_rate_is_that_of_the_pairs():
    angles = np.radians([0, 10, 80, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert equal_error(vectors, np.array([0, 0, 1, 1]))[0] == 0
    assert equal_error(vectors, np.array([0, 1, 0, 1]))[0] >= 0.5


def test_training_learns_writes_and_goes_on_where_it_stopped(stored, tmp_path):
    out = tmp_path / "e.safetensors"
    settings = {"data": tmp_path, "people": stored, "out": out, "samples": 8, "mixtures": 2}
    margin(Margin(**settings, minutes=1e-4))
    embedder, provenance = read_embedder(out)
    steps = provenance[-1]["steps"]
    assert steps == 1
    assert "nobody real" in provenance[0]["what"]
    assert json.loads(out.with_suffix(".json").read_text()) == provenance
    assert embedder.settings.template == "arcface_112_v2"
    spent = torch.load(out.with_suffix(".checkpoint.pt"), weights_only=True)["spent"]
    margin(Margin(**settings, minutes=spent / 60 + 1e-4))
    assert read_embedder(out)[1][-1]["steps"] == steps + 1
