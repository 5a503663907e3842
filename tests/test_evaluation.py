"""The evaluation tells good swaps from bad ones, and says what it is missing."""

import json

import cv2
import numpy as np
import pytest

from swapcast.bench.evaluation import Evaluate, main
from swapcast.bench.evaluation_rows import Gallery, Row, blinks_kept, correlation, mean_row
from swapcast.bench.evaluators import Sight
from swapcast.bench.flicker import Flicker
from swapcast.realtime.__main__ import main as program

SQUARE = np.array([(60, 60), (180, 60), (180, 180), (60, 180)] * 17, np.float32)


def code(*parts):
    """Return a direction."""
    return np.array(parts, np.float32) / np.linalg.norm(parts)


def sight(who, yaw=0.0, mouth=0.0):
    """Return what the networks may see."""
    landmarks = np.random.default_rng(0).uniform(0, 50, (68, 2)).astype(np.float32)
    landmarks[[66, 65, 67], 1] = landmarks[61:64, 1] + mouth * 30
    pose = np.array([yaw, 0, 0], np.float32)
    return Sight(landmarks, who, pose, np.eye(7, dtype=np.float32)[int(mouth > 0.5)])


ADA, BO, DRIVER = code(1, 0, 0), code(0, 1, 0), code(0, 0, 1)
GALLERY = Gallery(("ada", "bo"), np.array([ADA, BO]))


def judged(face, made, clip="clip", driver=DRIVER):
    """Return a row in which somebody turns and speaks, and a swap that does what ``made`` does."""
    row = Row(face, clip, face, frames=20)
    for k in range(20):
        before = sight(driver, k, k % 2)
        row.add(before, made(k), seam=None if k == 3 else 2.0, skin=4.0)
    row.identify(GALLERY, driver, 0.3)
    return row


def test_a_perfect_swap_has_the_identity_and_the_movement():
    row = judged("ada", lambda k: sight(code(1, 0.1, 0.1), k, k % 2))
    values = row.plain()
    assert values["id_retrieval"] == values["judged"] == values["hidden"] == 1
    assert values["similarity"] > 0.9
    assert values["pose_error_deg"] == values["expression_error"] == values["mouth_error"] == 0
    assert values["mouth_correlation"] == 1
    assert values["wearer_similarity"] < 0.2
    assert (values["seam"], values["skin_difference"]) == (2, 4)


def test_the_drivers_own_picture_and_a_still_picture_are_told_from_a_swap():
    copy = judged("ada", lambda k: sight(DRIVER, k, k % 2)).plain()
    assert copy["id_retrieval"] == copy["hidden"] == 0
    still = judged("ada", lambda k: sight(ADA)).plain()
    assert still["id_retrieval"] == 1
    assert still["pose_error_deg"] == pytest.approx(9.5)
    assert still["expression_error"] == 0.5
    assert still["mouth_correlation"] is None


def test_the_mean_counts_every_clip_the_same():
    rows = [
        judged("ada", lambda k: sight(ADA, k + 2, k % 2), "a"),
        judged("ada", lambda k: sight(BO, k + 4, k % 2), "b"),
        judged("bo", lambda k: sight(BO), "a"),
    ]
    values = mean_row("ada", rows).plain()
    assert (values["id_retrieval"], values["pose_error_deg"], values["frames"]) == (0.5, 3, 40)


def test_blinks_are_looked_for_a_few_frames_around():
    eyes = np.full(60, 0.3)
    eyes[[10, 11, 40]] = 0.05
    late = np.full(60, 0.28)
    late[13] = 0.04
    assert blinks_kept(eyes, eyes) == 1
    assert blinks_kept(eyes, late) == 0.5
    assert blinks_kept(late * 0 + 0.3, eyes) is None
    assert correlation(eyes, late * 0) is None


def moving(k, noise, random):
    """Return a textured picture, moved to the right by one pixel each time."""
    texture = np.random.default_rng(5).integers(40, 200, (240, 300, 3)).astype(np.uint8)
    picture = np.roll(cv2.GaussianBlur(texture, (0, 0), 2), k, axis=1)[:, :240].astype(np.float32)
    return np.clip(picture + random.normal(0, 1, picture.shape), 0, 255).astype(np.uint8), np.clip(
        picture + random.normal(0, 1, picture.shape) + random.normal(0, noise), 0, 255
    ).astype(np.uint8)


@pytest.mark.parametrize(("noise", "low", "high"), [(0.0, 0.9, 1.1), (6.0, 2.0, 50.0)])
def test_flicker_is_what_moves_without_the_driver(noise, low, high):
    random, flicker = np.random.default_rng(1), Flicker()
    for k in range(8):
        flicker(*moving(k, noise, random), SQUARE)
    assert low < flicker.ratio < high
    assert Flicker().ratio is None


def test_what_is_missing_is_named(tmp_path, capsys):
    words = ["--clips", "no", "--judges", str(tmp_path), "--gallery", "no"]
    with pytest.raises(SystemExit) as ended:
        program(["evaluate", "demo", *words])
    assert ended.value.code == 2
    assert "holds no yunet_n_dynamic.onnx" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.slow
def test_the_bundled_face_is_judged_on_a_real_clip(shared, tmp_path):
    pytest.importorskip("matplotlib")
    gallery = tmp_path / "gallery"
    (gallery / "demo").mkdir(parents=True)
    tiles = shared / "data" / "faces_ai" / "tiles"
    (gallery / "demo" / "a.jpg").write_bytes((tiles / "0244.jpg").read_bytes())
    for other in ("0266", "0269", "0283"):
        (gallery / f"{other}.jpg").write_bytes((tiles / f"{other}.jpg").read_bytes())
    settings = Evaluate(
        faces=("demo",),
        clips=shared / "data" / "clips" / "grid" / "swiz3n.mpg",
        judges=shared / "data" / "models",
        gallery=gallery,
        frames=20,
        cache=tmp_path / "cache",
        json=tmp_path / "all.json",
        page=tmp_path / "page.html",
    )
    rows = main(settings)["results"]
    assert json.loads((tmp_path / "all.json").read_text())["results"] == rows
    means = {row["face"]: row for row in rows if not row["clip"]}
    assert means["demo"]["judged"] > 0.9
    assert means["demo"]["id_retrieval"] == 1
    assert means["demo"]["hidden"] == 1
    assert means[""]["hidden"] == means[""]["pose_error_deg"] == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/") == 2
    assert "http" not in page
