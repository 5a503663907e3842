"""The benchmark of the picture judges looks on the bundled clip, and writes what it prints."""

import json

import cv2
import numpy as np
import pytest

from swapcast.bench.blending import seamless_clone
from swapcast.bench.picture import PictureBench, main
from swapcast.bench.skins import Portrait, area, draw_roc, rows


def test_looks_are_judged_and_stills_are_written(tmp_path, capsys):
    path = tmp_path / "picture.json"
    looks = ("untouched colours", "reinhard", "natural")
    main(PictureBench(frames=8, looks=looks, json=path, stills=tmp_path))
    written = json.loads(path.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    rows = {row["look"]: row for row in written["results"] if row["clip"] == "all"}
    assert set(rows) == {"camera", *looks}
    assert 0.3 < rows["camera"]["over_neck"] < 3
    assert rows["natural"]["over_neck"] < rows["camera"]["over_neck"]
    assert rows["reinhard"]["skin"] < 0.5 * rows["untouched colours"]["skin"]
    assert rows["reinhard"]["seam"] < rows["untouched colours"]["seam"]
    assert rows["natural"]["sharpness"] > 1.1 * rows["reinhard"]["sharpness"]
    assert (tmp_path / "demo.jpg").stat().st_size > 10_000


def test_skin_models_are_told_apart_by_tone_and_drawn(tmp_path):
    rng = np.random.default_rng(0)
    skin = np.zeros((16, 16), np.bool_)
    skin[4:12, 4:12] = True
    knows = np.where(skin, 0.9, 0.1).astype(np.float32)
    guesses = rng.random((16, 16), np.float32)
    likeness = {"rgb": guesses, "hsv": guesses, "ycrcb": guesses, "adaptive": knows}
    found = [Portrait(tone, likeness, skin, ~skin) for tone in ("dark", "light")]
    judged = {(row["skin"], row["tone"]): row for row in rows(found)}
    assert len(judged) == 8
    assert judged["adaptive", "dark"]["area"] == 1
    assert abs(judged["rgb", "light"]["area"] - 0.5) < 0.15
    pytest.importorskip("matplotlib")
    draw_roc(found, tmp_path / "roc.png")
    assert (tmp_path / "roc.png").stat().st_size > 5_000


def test_the_area_under_the_curve_counts_pairs():
    skin, other = np.float32([0.9, 0.5, 0.5]), np.float32([0.5, 0.1])
    pairs = [(a > b) + 0.5 * (a == b) for a in skin for b in other]
    assert area(skin, other) == sum(pairs) / len(pairs)


def test_what_membranes_are_timed_against_puts_the_swapped_face_in():
    rng = np.random.default_rng(0)
    camera = np.full((96, 96, 3), 90, np.uint8)
    swapped = cv2.resize(rng.integers(60, 200, (12, 12, 3), np.uint8), (96, 96))
    hull = np.zeros((96, 96), np.uint8)
    hull[20:76, 24:72] = 255
    made = seamless_clone(camera, swapped, hull)
    inner = np.s_[24:72, 28:68]
    assert np.corrcoef(made[inner].ravel(), swapped[inner].ravel())[0, 1] > 0.7
    assert np.array_equal(made[:18], camera[:18])
