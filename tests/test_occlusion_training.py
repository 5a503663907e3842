"""The occlusion network can be trained, goes on where it stopped, is judged, and is exported."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from swapcast.export.occlusion import Export, export
from swapcast.models.landmarks import LandmarkConfig, LandmarkModel
from swapcast.models.occlusion import (
    OcclusionModel,
    OcclusionSettings,
    read_occlusion,
    write_occlusion,
)
from swapcast.models.occlusion_covers import SHARES, decoy, lay
from swapcast.models.occlusion_data import INNER, SIDE, Faces, patches_of, sample, save, surely_bare
from swapcast.models.occlusion_evaluation import Evaluate, evaluate
from swapcast.models.occlusion_training import Train, train
from tests.drawn_face import placed

POINTS = placed(INNER / 2, 64.0, 62.0)


def drawn_faces(count=6):
    """Faces of one colour before a background, with dark hair above the brows."""
    rng, pictures = np.random.default_rng(0), []
    points = POINTS + np.float32((SIDE - INNER) / 2)
    for _ in range(count):
        picture = rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
        picture = cv2.GaussianBlur(picture, (0, 0), 8)
        outline = cv2.convexHull(points.astype(np.int32))
        top = outline - np.array([0, 50])
        cv2.fillConvexPoly(picture, cv2.convexHull(np.concatenate([outline, top])), (20, 25, 30))
        cv2.fillConvexPoly(picture, outline, (110, 140, 190))
        pictures.append(picture)
    known = np.stack([surely_bare(one, points) for one in pictures])
    names = np.array([str(k) for k in range(count - 2)] + ["pairs/1", "pairs/2"])
    covers = np.zeros((count, SIDE, SIDE), np.uint8)
    return Faces(np.stack(pictures), np.repeat(points[None], count, 0), covers, known, names)


def test_covers_are_drawn_with_exact_masks():
    rng, faces = np.random.default_rng(1), drawn_faces(2)
    patches, seen = patches_of(faces, 4), set()
    crop = faces.pictures[0][32:-32, 32:-32].copy()
    for _ in range(80):
        covered, mask, kind = lay(crop, POINTS, patches, rng)
        seen.add(kind)
        assert covered.shape == crop.shape
        assert covered.dtype == np.uint8
        assert 0 <= mask.min() <= mask.max() < 1.001
        if kind not in {"hand", "glasses"}:  # a hand throws a shade, glass has a glare
            assert np.array_equal(covered[mask == 0], crop[mask == 0])
    assert seen == set(SHARES)
    assert not np.array_equal(decoy(crop, POINTS, rng), crop)


def test_hair_above_the_brows_counts_neither_as_bare_nor_as_covered():
    faces = drawn_faces(2)
    known, points = faces.known[0], faces.points[0]
    x, brows = int(points[27, 0]), int(points[17:27, 1].min())
    assert known[brows - 12, x] == 0
    assert known[int(points[33, 1]), x] == 255
    assert 0 < known[5, 5] < 60


def test_a_sample_holds_a_crop_its_cover_and_what_counts():
    rng, faces = np.random.default_rng(2), drawn_faces(2)
    patches = patches_of(faces, 4)
    bare = sample(faces, 0, patches, 112, rng, covered=0, rough=False)
    assert bare.kind == "none"
    assert not bare.cover.any()
    for _ in range(6):
        one = sample(faces, 0, patches, 112, rng, covered=1)
        assert one.crop.shape == (3, 112, 112)
        assert 0 <= one.crop.min() <= one.crop.max() <= 1
        assert one.weight[one.cover > 0.6].min(initial=1) >= 0.4


def test_a_network_begins_with_what_a_landmark_network_sees():
    torch.manual_seed(0)
    reader, model = LandmarkModel(LandmarkConfig()).eval(), OcclusionModel(OcclusionSettings())
    model.begin_as(reader)
    x = torch.rand(1, 3, 112, 112) - 0.5
    with torch.no_grad():
        there, here = x, x
        model.train()
        for k in range(3):
            there, here = reader.stages[k](there), model.falls[k](here)
    torch.testing.assert_close(here, there)


def test_what_is_exported_computes_the_same_and_keeps_its_provenance(tmp_path):
    torch.manual_seed(0)
    model = OcclusionModel(OcclusionSettings()).eval()
    provenance = [{"role": "pictures", "what": "drawn", "people": 3}]
    write_occlusion(model, provenance, tmp_path / "occlusion.pt")
    settings = Export(network=tmp_path / "occlusion.pt", out=tmp_path / "occlusion.onnx")
    assert export(settings)["cpu"] < 0.003
    props = onnx.load(str(settings.out)).metadata_props
    assert json.loads(props[0].value)["provenance"] == provenance
    assert settings.out.stat().st_size <= 500_000
    with pytest.raises(ValueError, match="no occlusion network"):
        read_occlusion(tmp_path / "none.pt")


@pytest.mark.slow
def test_training_goes_on_where_it_stopped_and_is_judged(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    faces = drawn_faces()
    save(faces, run / "faces.npz")
    save(faces, run / "judged.npz")
    settings = Train(data=Path("none"), run=run, minutes=0.02, samples=4)
    train(settings)
    first = read_occlusion(run / "occlusion.pt")[1][-1]["steps"]
    train(Train(data=Path("none"), run=run, minutes=0.04, samples=4))
    assert read_occlusion(run / "occlusion.pt")[1][-1]["steps"] > first > 0
    told = evaluate(Evaluate(data=Path("none"), run=run, each=3, sheet=tmp_path / "sheet.png"))
    assert told["people"] == len(faces)
    assert (tmp_path / "sheet.png").stat().st_size > 1000
