"""Face sets on disk, and what is done to faces before a network learns from them."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from swapcast.models.augmentation import Augmentation, coarsen, relight, warp_grids
from swapcast.models.faces import Faces, FaceSet, FaceSetError, face_mask, load_faces

STILL = Augmentation(turn=0, zoom=0, shift=0, mirror=0, warp=0)
CONSENT = {"kind": "fictional", "subject": "nobody", "statement": "drawn", "signature": "ab12"}


def landmarks(side: int) -> np.ndarray:
    """68 points on an oval, brows above, nose tip in the middle."""
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = np.stack([0.5 + 0.25 * np.cos(angle), 0.5 + 0.3 * np.sin(angle)], 1)
    points[17:27] = np.stack([np.linspace(0.3, 0.7, 10), np.full(10, 0.35)], 1)
    points[30] = 0.5, 0.5
    return (points * side).astype(np.float32)


def write_set(folder: Path, count: int = 3, **changes: Any) -> Path:
    """Write a face set of pictures with a bright square each."""
    folder.mkdir()
    crops = {}
    for k in range(count):
        picture = np.full((64, 64, 3), 40, np.uint8)
        picture[20 + k : 40 + k, 20:40] = 200, 120, 60
        cv2.imwrite(str(folder / f"{k}.png"), picture)
        crops[f"{k}.png"] = {"landmarks": landmarks(64).tolist()}
    manifest = {
        "subject": "nobody",
        "template": "dfl_whole_face",
        "sources": ["drawn"],
        "licence": "MIT",
        "consent": CONSENT,
        "crops": crops,
    }
    (folder / "faceset.json").write_text(json.dumps({**manifest, **changes}))
    return folder


def test_pictures_and_shards_come_together_in_rgb(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "a")
    rgb = np.full((2, 32, 32, 3), (10, 20, 30), np.uint8)
    np.savez(folder / "more.npz", images=rgb, landmarks=np.stack([landmarks(32)] * 2))
    faces = load_faces("a", [folder], side=64)
    assert faces.images.shape == (5, 64, 64, 3)
    assert faces.images[0, 30, 30].tolist() == [60, 120, 200]
    assert faces.images[4, 5, 5].tolist() == [10, 20, 30]
    np.testing.assert_allclose(faces.landmarks[4], landmarks(64), atol=1e-4)
    assert faces.about[0].subject == "nobody"


def test_a_deleted_picture_is_out_of_the_set(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "a")
    (folder / "1.png").unlink()
    assert len(load_faces("a", [folder], side=64).images) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"consent": {}}, "no consent"),
        ({"consent": {**CONSENT, "signature": ""}}, "nobody signed"),
        ({"licence": None, "crops": {}}, "no faces"),
        ({"consent": None}, "damaged|no consent"),
    ],
)
def test_a_set_that_may_not_or_cannot_be_used_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = write_set(tmp_path / "a", **changes)
    with pytest.raises(FaceSetError, match=said):
        load_faces("a", [folder], side=64)


def test_no_set_a_damaged_set_and_mixed_templates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FaceSetError, match="no face set"):
        load_faces("a", [tmp_path / "nowhere"], side=64)
    good = write_set(tmp_path / "good")
    other = write_set(tmp_path / "other", template="ffhq_512")
    with pytest.raises(FaceSetError, match="different ways"):
        load_faces("a", [good, other], side=64)
    (good / "0.png").write_bytes(b"no picture")
    with pytest.raises(FaceSetError, match=r"0\.png is no picture"):
        load_faces("a", [good], side=64)
    (other / "faceset.json").write_text("{")
    with pytest.raises(FaceSetError, match="damaged"):
        load_faces("a", [other], side=64)
    np.savez(good / "x.npz", nothing=np.zeros(3))
    (good / "0.png").unlink()
    with pytest.raises(FaceSetError, match="no shard"):
        load_faces("a", [good], side=64)


def test_a_set_from_a_stranger_reads_nothing_outside_its_folder(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "a", crops={"../mine.png": {"landmarks": landmarks(64).tolist()}})
    cv2.imwrite(str(tmp_path / "mine.png"), np.full((64, 64, 3), 9, np.uint8))
    with pytest.raises(FaceSetError, match="another folder"):
        load_faces("a", [folder], side=64)


@pytest.mark.parametrize("points", [[], [[1, 2]] * 67, [["x", 2]] * 68, [[float("nan"), 2]] * 68])
def test_landmarks_that_are_none_are_refused(tmp_path: Path, points: list[Any]) -> None:
    folder = write_set(tmp_path / "a", crops={"0.png": {"landmarks": points}})
    with pytest.raises(FaceSetError, match=r"damaged at '0\.png'"):
        load_faces("a", [folder], side=64)


def test_a_shard_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "a")
    with (
        zipfile.ZipFile(folder / "x.npz", "w", zipfile.ZIP_DEFLATED) as bomb,
        bomb.open("images.npy", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(1 << 20))
    with pytest.raises(FaceSetError, match="would unpack to 314572800 bytes"):
        load_faces("a", [folder], side=64)


def test_the_mask_has_the_forehead_and_not_the_corners() -> None:
    mask = face_mask(landmarks(100), 100)
    assert mask[50, 50] == 255
    assert mask[27, 50] == 255, "above the brows"
    assert mask[2, 2] == mask[97, 97] == mask[10, 50] == 0


def test_without_change_network_and_target_see_the_crop_itself(tmp_path: Path) -> None:
    faces = load_faces("a", [write_set(tmp_path / "a")], side=64)
    batch = Faces(faces, 64, STILL).draw(4, torch.Generator().manual_seed(1))
    torch.testing.assert_close(batch.warped, batch.target, atol=2e-3, rtol=0)
    wanted = {image.tobytes() for image in faces.images}
    for target in batch.target:
        assert (255 * target).round().byte().permute(1, 2, 0).numpy().tobytes() in wanted


def test_the_target_is_the_similarity_that_fits_the_warp_best() -> None:
    """Against Umeyama's solution by singular values, as OpenCV's users know it."""
    random = torch.Generator().manual_seed(3)
    settings = Augmentation(turn=0, zoom=0, shift=0, mirror=0)
    seen, wanted, _ = warp_grids(6, 64, settings, random)
    again = torch.Generator().manual_seed(3)
    noise = torch.randn(2, 6, 25, generator=again) * (2 * settings.warp)
    line = np.linspace(-1, 1, 5)
    straight = np.stack([np.tile(line, 5), np.repeat(line, 5)], 1)
    for k in range(6):
        bent = straight + noise[:, k].numpy().T
        a, b = bent - bent.mean(0), straight - straight.mean(0)
        u, s, vt = np.linalg.svd(b.T @ a)
        assert np.linalg.det(u @ vt) > 0
        matrix = (u @ vt) * s.sum() / (a**2).sum()
        pixel = (np.array([10, 50]) + 0.5) / 32 - 1
        expected = np.linalg.solve(matrix, pixel) + bent.mean(0)
        np.testing.assert_allclose(wanted[k, 50, 10].numpy(), expected, atol=1e-5)
    # Bent and straight agree on average, and not in each place.
    assert (seen - wanted).abs().mean() < 0.08
    assert (seen - wanted).abs().max() > 0.05


def test_faces_are_turned_mirrored_and_moved_within_the_limits() -> None:
    settings = Augmentation(turn=10, zoom=0.05, shift=0.05, mirror=1, warp=0)
    seen, wanted, _ = warp_grids(64, 64, settings, torch.Generator().manual_seed(0))
    torch.testing.assert_close(seen, wanted, atol=1e-5, rtol=0)
    along = wanted[:, 32, 63] - wanted[:, 32, 0]
    assert (along[:, 0] < 0).all(), "mirrored"
    scale = along.norm(dim=1) / (2 * 63 / 64)
    assert 0.95 - 1e-5 <= scale.min() < 0.97
    assert 1.03 < scale.max() <= 1.05 + 1e-5
    angle = torch.rad2deg(torch.atan2(-along[:, 1], -along[:, 0])).abs()
    assert 7 < angle.max() <= 10 + 1e-3
    assert wanted.mean((1, 2)).abs().max() <= 0.1 + 1e-5


def test_other_light_falls_on_the_target_too() -> None:
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)).expand(
        8, -1, -1, -1
    )
    seen, wanted = relight(picture, picture, Augmentation(colour=0.3), torch.Generator())
    assert torch.equal(seen, wanted)
    assert (seen - picture).abs().mean((1, 2, 3)).min() > 0.005
    assert (seen[0] - seen[1]).abs().mean() > 0.005, "each face in a light of its own"
    assert 0 <= seen.min() <= seen.max() <= 1
    same, _ = relight(picture, picture, Augmentation(), torch.Generator())
    assert same is picture


def test_a_poor_camera_shows_to_the_network_only(tmp_path: Path) -> None:
    faces = load_faces("a", [write_set(tmp_path / "a")], side=64)
    poor = replace(STILL, blur=0.5, noise=0.05)
    batch = Faces(faces, 32, poor).draw(8, torch.Generator().manual_seed(0))
    clean = Faces(faces, 32, STILL).draw(8, torch.Generator().manual_seed(0))
    assert torch.equal(batch.target, clean.target)
    assert (batch.warped - clean.warped).abs().mean() > 0.01
    edges = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    soft = coarsen(edges, Augmentation(blur=0.5), torch.Generator().manual_seed(2))
    changed = (soft != edges).flatten(1).any(1)
    assert 16 < changed.sum() < 48
    assert soft[changed].std() < 0.7 * edges.std()


def test_paired_faces_are_seen_as_another_person() -> None:
    white, black = np.full((2, 16, 16, 3), 255, np.uint8), np.zeros((2, 16, 16, 3), np.uint8)
    points = np.zeros((2, 68, 2), np.float32)
    pairs = FaceSet("a", white, points, white[..., :2], (), black)
    batch = Faces(pairs, 16, Augmentation()).draw(3, torch.Generator())
    assert batch.warped.max() == 0
    assert batch.target.min() > 0.999


def test_the_same_seed_draws_the_same_batch(tmp_path: Path) -> None:
    faces = Faces(load_faces("a", [write_set(tmp_path / "a")], side=64), 32, Augmentation())
    first = faces.draw(5, torch.Generator().manual_seed(4))
    second = faces.draw(5, torch.Generator().manual_seed(4))
    assert torch.equal(first.warped, second.warped)
    assert torch.equal(first.mask, second.mask)
