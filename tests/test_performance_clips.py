"""What people do in clips is found, kept, and drawn on others."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.models.head_render import open_maker
from swapcast.models.pair_scenes import take_of_chance
from swapcast.models.performance import Limits
from swapcast.models.performance_clips import (
    Track,
    follow,
    follow_all,
    read_pictures,
    read_track,
    write_track,
)


def a_track(movements, frames=5):
    strengths = np.full((frames, movements), 0.125, np.float32)
    return Track(strengths, np.zeros((frames, 3), np.float32), ("clip",) * frames)


def test_tracks_come_back(tmp_path):
    wanted = a_track(57)
    write_track(tmp_path / "track.npz", wanted)
    found = read_track(tmp_path / "track.npz")
    np.testing.assert_array_equal(found.strengths, wanted.strengths)
    assert found.clips == wanted.clips


@pytest.mark.parametrize("content", [b"", b"not a track"])
def test_a_damaged_track_is_named(tmp_path, content):
    (tmp_path / "track.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"track\.npz is not a track of performances"):
        read_track(tmp_path / "track.npz")


def test_half_of_the_performances_are_from_clips():
    person = made_person(made_head(), 1)
    track, rooms = a_track(len(person.head.names)), [np.full((80, 80, 3), 120, np.uint8)]
    rng = np.random.default_rng(0)
    takes = [take_of_chance(rng, person, rooms, Limits(0, 0, 0), 32, track) for _ in range(40)]
    from_clips = sum(bool((take.act.strengths == 0.125).all()) for take in takes)
    assert 10 < from_clips < 30


def test_no_clips_are_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match="no clips in"):
        follow_all(None, tmp_path, 4)
    (tmp_path / "clip.mp4").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"clip\.mp4 is not a clip"):
        list(read_pictures(tmp_path / "clip.mp4", 1))


@pytest.mark.slow  # some seconds a clip
@pytest.mark.shared
def test_a_talker_opens_the_mouth_and_keeps_the_head(shared):
    maker = open_maker(shared / "data")
    clip = shared / "data" / "clips" / "grid" / "bbaf2n.mpg"
    fits = follow(maker, list(read_pictures(clip, 5)))
    jaw = maker.head.names.index("jawOpen")
    opened = np.array([fit.strengths[jaw] for fit in fits])
    assert len(fits) == 15
    assert opened.max() - opened.min() > 0.1
    assert all((fit.shape == fits[0].shape).all() for fit in fits)
    assert np.ptp([fit.pose.yaw for fit in fits]) < 0.25
