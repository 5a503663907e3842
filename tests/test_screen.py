"""What a screen shows arrives as frames: on a screen in memory, with a clip that plays on it."""

import itertools
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from test_sources import RED, TEAL, rgb_at, write

from swapcast.realtime.errors import SourceError
from swapcast.realtime.sources import SourceSettings, open_source

WIDE, HIGH = 321, 240


@pytest.fixture
def screen(monkeypatch):
    """Start a screen in memory that nobody else uses, 321×240 pixels."""
    pytest.importorskip("mss")
    for name in ("Xvfb", "ffplay"):
        if shutil.which(name) is None:
            pytest.skip(f"the program {name} is not installed")
    reading, writing = os.pipe()
    size = ("-screen", "0", f"{WIDE}x{HIGH}x24", "-nolisten", "tcp")
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), *size],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(writing)
        with open(reading, "rb") as told:
            monkeypatch.setenv("DISPLAY", f":{told.readline().decode().strip()}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield server
        server.terminate()


@pytest.mark.slow
def test_a_clip_that_plays_on_the_screen_is_seen_moving_in_its_colours(screen, tmp_path):
    clip = write(tmp_path / "clip.mkv", size=(WIDE - 1, HIGH), count=75, rate=25)
    place = ("-noborder", "-left", "0", "-top", "0", "-x", str(WIDE - 1), "-y", str(HIGH))
    player = subprocess.Popen(
        ["ffplay", "-loglevel", "quiet", "-an", "-loop", "0", *place, str(clip)],
        env=os.environ | {"SDL_VIDEODRIVER": "x11"},
    )
    try:
        frames = itertools.islice(open_source("screen", SourceSettings()).frames(), 600)
        shown = next(
            frame for frame in frames if rgb_at(frame, 20, 200) == pytest.approx(RED, abs=12)
        )
        assert (shown.width, shown.height) == (WIDE - 1, HIGH)
        assert rgb_at(shown, 300, 200) == pytest.approx(TEAL, abs=12)
        later = list(itertools.islice(frames, 40))
    finally:
        player.kill()
        player.wait()
    bars = {int((frame.y[20] > 180).sum()) for frame in later}
    assert len(bars) >= 10  # the bar grows with every picture
    assert np.all(np.diff([frame.captured_at for frame in later]) > 0)
    assert np.median(np.diff([frame.captured_at for frame in later])) < 0.06


@pytest.mark.slow
def test_a_screen_is_shrunk_to_the_size_that_is_asked_for(screen):
    frame = next(iter(open_source("screen:1", SourceSettings(width=160)).frames()))
    assert (frame.width, frame.height) == (160, 120)
    assert frame.u.shape == (60, 80)
    assert int(frame.y[60, 80]) == 16  # a bare screen is black


@pytest.mark.slow
def test_a_screen_that_is_not_there_or_goes_away_is_one_clear_line(screen):
    with pytest.raises(SourceError, match="no screen:7: give screen:1"):
        next(iter(open_source("screen:7", SourceSettings()).frames()))
    frames = open_source("screen", SourceSettings()).frames()
    next(frames)
    screen.kill()
    screen.wait()
    with pytest.raises(SourceError, match="cannot read screen:1") as caught:
        list(itertools.islice(frames, 200))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a desktop")
def test_without_a_desktop_the_screen_is_one_clear_line(monkeypatch):
    pytest.importorskip("mss")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceError, match=r"cannot read screen:1: .*desktop"):
        next(iter(open_source("screen", SourceSettings()).frames()))


@pytest.mark.slow
def test_it_ends_soon_after_it_is_told_to(screen):
    stop = threading.Event()
    frames = open_source("screen", SourceSettings(fps=1), stop=stop.is_set).frames()
    next(frames)
    stop.set()
    assert list(frames) == []
