"""Harder pairs: what lies before the driver's face lies before the target's, and is no face."""

import numpy as np
import pytest
from made_pairs import COLOURS, write_set

from swapcast.models.pair_hard import write_hard
from swapcast.models.pairs import COVERED, Pairs


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    plain = write_set(folder / "plain", 9)
    write_hard([plain], 24, 3, folder / "hard")
    return plain, folder / "hard"


def test_what_covers_the_driver_covers_the_target_and_narrows_the_mask(folders):
    pairs = Pairs(folders[1])
    assert len(pairs) == 24
    rows = pairs.read(range(24))
    hidden = rows.cover > 250
    with_cover = hidden.any((1, 2))
    assert 10 <= with_cover.sum() < 24
    assert (rows.flags[with_cover] & COVERED).all()
    assert (rows.face[hidden] <= 5).all()
    # Where something lies before both, both are alike; the driver may be a poor picture besides.
    apart = np.abs(rows.driver.astype(int) - rows.target)
    alike = [row[mask].mean() < 12 for row, mask in zip(apart, hidden, strict=True) if mask.any()]
    assert np.mean(alike) > 0.6
    # The face that is put on still shows beside it.
    shown = rows.face > 250
    for row, mask, person in zip(rows.target, shown, rows.people[:, 1], strict=True):
        assert np.abs(np.median(row[mask], 0) - COLOURS[int(person)]).max() < 25


def test_poor_drivers_have_few_colours_and_their_targets_keep_theirs(folders):
    plain, hard = (Pairs(folder) for folder in folders)
    rows = hard.read(range(24))
    bare = [k for k in range(24) if not rows.cover[k].any()]
    assert bare
    sources = plain.read(range(9)).target.astype(int)
    for k in bare:
        assert min(np.abs(source - rows.target[k]).mean() for source in sources) < 2


def test_the_same_seed_draws_the_same_pairs_and_keeps_the_portraits(folders, tmp_path):
    plain, hard = folders
    write_hard([plain], 24, 3, tmp_path)
    for name in ("pairs-00000.npz", "people-00000.npz"):
        assert (tmp_path / name).read_bytes() == (hard / name).read_bytes()
    for person in COLOURS:
        assert np.array_equal(Pairs(hard).views(person), Pairs(plain).views(person))
