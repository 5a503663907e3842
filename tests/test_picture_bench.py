"""The benchmark of the picture judges looks on the bundled clip, and writes what it prints."""

import json

from swapcast.bench.masks import _area
from swapcast.bench.picture import PictureBench, main


def test_looks_are_judged_and_stills_are_written(tmp_path, capsys):
    path = tmp_path / "picture.json"
    looks = ("untouched colours", "reinhard", "natural")
    main(PictureBench(frames=8, looks=looks, json=path, stills=tmp_path))
    written = json.loads(path.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    rows = {row["look"]: row for row in written["results"] if row["clip"] == "all"}
    assert set(rows) == set(looks)
    assert rows["reinhard"]["skin"] < 0.5 * rows["untouched colours"]["skin"]
    assert rows["reinhard"]["seam"] < rows["untouched colours"]["seam"]
    assert rows["natural"]["sharpness"] > 1.1 * rows["reinhard"]["sharpness"]
    assert (tmp_path / "demo.jpg").stat().st_size > 10_000


def test_the_area_under_the_curve_counts_pairs():
    import numpy as np

    skin, other = np.float32([0.9, 0.5, 0.5]), np.float32([0.5, 0.1])
    pairs = [(a > b) + 0.5 * (a == b) for a in skin for b in other]
    assert _area(skin, other) == sum(pairs) / len(pairs)
