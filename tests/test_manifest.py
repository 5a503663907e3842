"""Recordings say how they were made, and notice when they are changed."""

import json
import stat

import c2pa
import numpy as np
import pytest

from swapcast.realtime.certificates import AUTHORITY_FILE, NAME
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.manifest import Origin, can_carry, read_manifest, sign_recording
from swapcast.realtime.sinks import SinkSettings, open_sink

FACE = "ab" * 32


def recorded(path, *, offline=False, pictures=20):
    rng = np.random.default_rng(0)
    with open_sink(str(path), SinkSettings(offline=offline)) as sink:
        for number in range(pictures):
            data = rng.integers(0, 256, 96 * 64 * 3 // 2, dtype=np.uint8)
            sink.write(Picture(data, 96, 64, Colour(), number, number / 30))
    return path


@pytest.mark.parametrize("name", ["live.mp4", "live.mov", "live.gif", "offline.mp4"])
def test_a_signed_recording_holds_and_fails_after_one_flipped_bit(tmp_path, name):
    path = recorded(tmp_path / name, offline=name.startswith("offline"))
    assert read_manifest(path).state == "none"
    sign_recording(path, Origin(FACE), tmp_path)
    told = read_manifest(path)
    assert (told.state, told.face) == ("valid", FACE)
    assert NAME in told.detail
    assert "nobody vouches" in told.detail
    whole = path.read_bytes()
    for place in (len(whole) // 4, len(whole) // 2, len(whole) - 900):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        told = read_manifest(path)
        assert told.state == "invalid"
        assert told.detail
    assert not list(tmp_path.glob("*.part"))


def test_it_says_what_was_done_with_which_tool_and_from_what(tmp_path):
    clip = recorded(tmp_path / "clip.mp4")
    path = recorded(tmp_path / "out.mp4", offline=True)
    sign_recording(path, Origin(FACE, clip), tmp_path)
    with path.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        told = json.loads(reader.json())
    manifest = told["manifests"][told["active_manifest"]]
    assert manifest["claim_generator_info"][0]["name"] == "swapcast"
    (actions,) = (a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    created = actions["data"]["actions"][0]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert [one["title"] for one in manifest["ingredients"]] == ["source clip"]


def test_a_clip_of_any_form_can_be_an_ingredient(tmp_path):
    clip = recorded(tmp_path / "clip.mkv")
    path = recorded(tmp_path / "out.mp4")
    sign_recording(path, Origin(FACE, clip), tmp_path)
    assert read_manifest(path).state == "valid"


def test_a_signed_recording_plays_as_before(tmp_path):
    import av

    path = recorded(tmp_path / "live.mp4")

    def pictures():
        with av.open(str(path)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]

    before = pictures()
    sign_recording(path, Origin(FACE), tmp_path)
    assert pictures() == before


def test_matroska_and_webm_cannot_carry_one(tmp_path):
    path = recorded(tmp_path / "live.mkv")
    assert not can_carry(path)
    assert "cannot carry" in read_manifest(path).detail


def test_the_authority_is_made_once_and_is_the_users_alone(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        sign_recording(recorded(tmp_path / name), Origin(FACE), tmp_path)
        if name == "a.mp4":
            first = (tmp_path / AUTHORITY_FILE).read_bytes()
    path = tmp_path / AUTHORITY_FILE
    assert path.read_bytes() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(SwapcastError, match="chmod 600"):
        sign_recording(recorded(tmp_path / "c.mp4"), Origin(FACE), tmp_path)


def test_what_cannot_be_signed_stays_as_it_was(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no film at all")
    with pytest.raises(SwapcastError, match="has no manifest"):
        sign_recording(path, Origin(FACE), tmp_path)
    assert path.read_bytes() == b"no film at all"
    assert not list(tmp_path.glob("*.part"))
