import os

import cv2
import pytest
from made_media import bars, clap_clip

from swapcast.realtime.encoding import EncodedSink
from swapcast.realtime.errors import SinkError
from swapcast.realtime.gif import GifSink
from swapcast.realtime.sinks import ListSink, NullSink, SinkSettings, open_sink
from swapcast.realtime.virtual_camera import VirtualCamera
from swapcast.realtime.window import WindowSink
from swapcast.realtime.y4m import Y4mSink


@pytest.mark.parametrize(
    ("spec", "kind", "fills_gaps"),
    [
        ("null", NullSink, False),
        ("list", ListSink, False),
        ("-", Y4mSink, False),
        ("window", WindowSink, False),
        ("virtual", VirtualCamera, True),
        ("virtual:/dev/video10", VirtualCamera, True),
        ("out.mp4", EncodedSink, False),
        ("folder.d/Out.MKV", EncodedSink, False),
        ("out.webm", EncodedSink, False),
        ("out.gif", GifSink, False),
        ("udp://127.0.0.1:1234", EncodedSink, True),
        ("rtmp://host/live/key.mp4", EncodedSink, True),
    ],
)
def test_a_word_opens_its_sink(spec, kind, fills_gaps):
    sink = open_sink(spec, SinkSettings())
    assert type(sink) is kind
    assert sink.fills_gaps is fills_gaps
    assert sink.name == spec


@pytest.mark.parametrize("spec", ["", "out", "out.avi", "http://host/out.mp4", "udp:/x", "camera"])
def test_a_word_without_a_sink_is_told_what_there_is(spec):
    with pytest.raises(SinkError, match=r"virtual, window, null"):
        open_sink(spec, SinkSettings())


def test_a_list_keeps_the_pictures_in_order():
    with open_sink("list", SinkSettings()) as sink:
        for number in range(3):
            sink.write(bars(number=number))
    assert [picture.number for picture in sink.pictures] == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_path_that_cannot_be_written_is_told_before_the_camera_starts(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    for path, why in (
        (tmp_path / "missing" / f"out{suffix}", "there is no folder"),
        (tmp_path / f"folder{suffix}", "Is a directory"),
    ):
        with pytest.raises(SinkError, match=why), open_sink(str(path), SinkSettings()):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(SinkError, match="Permission denied"),
        open_sink(str(tmp_path / "out.mp4"), SinkSettings()),
    ):
        pass


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_without_a_picture_no_file_is_made_and_none_is_lost(tmp_path, suffix):
    new, old = tmp_path / f"new{suffix}", tmp_path / f"old{suffix}"
    old.write_bytes(b"yesterday's recording")
    for path in (new, old):
        with open_sink(str(path), SinkSettings()):
            pass
    assert not new.exists()
    assert old.read_bytes() == b"yesterday's recording"


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_clip_is_never_overwritten_by_its_own_result(tmp_path, suffix):
    clip = tmp_path / f"clip{suffix}"
    clap_clip(tmp_path / "clip.mp4", seconds=1, sound=None)
    (tmp_path / "clip.mp4").rename(clip)
    before = clip.read_bytes()
    settings = SinkSettings(offline=True, clip=clip)
    other_name = tmp_path / f"link{suffix}"
    other_name.symlink_to(clip)
    for path in (clip, other_name):
        with pytest.raises(SinkError, match="is the clip itself"), open_sink(str(path), settings):
            pass
    assert clip.read_bytes() == before


def test_no_window_without_a_screen_is_one_clear_line():
    if "GUI:                           NONE" not in cv2.getBuildInformation():
        pytest.skip("this OpenCV can open windows")
    with pytest.raises(SinkError, match="opencv-python"), open_sink("window", SinkSettings()):
        pass
