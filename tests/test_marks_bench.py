"""The long measurement of the invisible mark is made in stretches and states honest bounds."""

import json

import pytest

from swapcast.bench.mark_tally import Kept, Tally, at_least, read_kept, write_kept
from swapcast.realtime.errors import SwapcastError

CLIPS = ["a.mp4", "b.mp4"]


def some(**tallies):
    sizes = {"a.mp4": [1000, 1050], "b.mp4": [1000, 990]}
    return Kept(CLIPS, {"commit": "one"}, [], tallies, [49.9, 49.8], sizes)


def test_only_enough_windows_without_a_miss_are_99_percent():
    assert at_least(299, 299) >= 0.99
    assert at_least(298, 298) < 0.99
    assert at_least(298, 299) < 0.99
    assert at_least(473, 474) >= 0.99  # with one miss
    assert at_least(5, 10) == pytest.approx(0.2224, abs=1.1e-4)
    assert at_least(0, 10) == 0


def test_a_run_goes_on_where_the_last_one_stopped(tmp_path):
    path = tmp_path / "marks.json"
    hard = Tally([-9.0, -3.0, -8.0, -7.5, -8.0, -9.0], [False, True], 1)
    write_kept(some(hard=hard, untried=Tally()), path)
    kept = read_kept(path, CLIPS, "two")
    assert kept.tallies == {"hard": hard}
    assert kept.metadata["commit"] == "one two"
    assert kept.sizes == some().sizes
    kept.tallies["hard"].read.append(True)
    kept.tallies["hard"].log10_p += [-5.0] * 3
    write_kept(kept, path)
    told = json.loads(path.read_text())
    assert told["results"]["hard"]["read"] == 2
    assert told["results"]["hard"]["present"] == 8
    assert told["missed"]["hard"] == [0]
    assert told["growth"] == {"a.mp4": 0.05, "b.mp4": -0.01, "mean": 0.02}
    assert [file.name for file in tmp_path.iterdir()] == ["marks.json"]


def test_nothing_there_begins_anew_and_other_files_are_refused(tmp_path):
    path = tmp_path / "marks.json"
    assert read_kept(path, CLIPS, "one") is None
    write_kept(some(hard=Tally([-9.0] * 3, [True])), path)
    with pytest.raises(SwapcastError, match="other clips"):
        read_kept(path, ["c.mp4"], "one")
    path.write_text('{"results": {}}')
    with pytest.raises(SwapcastError, match="no results to go on with"):
        read_kept(path, CLIPS, "one")
