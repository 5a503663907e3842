"""Clips, pictures and streams become frames whose planes mean the colours that were put in."""

import functools
import gc
import http.server
import itertools
import subprocess
import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour
from swapcast.realtime.sources import SourceSettings, open_source
from swapcast.realtime.synthetic import Synthetic

RED, TEAL = (200, 40, 40), (20, 150, 160)
LIVE = SourceSettings(paced=True)


def picture(width, height, number=0):
    """Left half red, right half teal, and a bar whose place tells the number."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, : width // 2], rgb[:, width // 2 :] = RED, TEAL
    rgb[: height // 4, : 4 * number] = 255
    return rgb


def write(path, *, codec="libx264", form="yuv420p", size=(64, 48), count=10, rate=25, **extra):
    """Make a clip; ``extra``: colorspace and color_range as FFmpeg numbers, rotation in degrees."""
    with av.open(str(path), "w", format=extra.get("container")) as container:
        container.metadata.update({"title": extra["title"]} if "title" in extra else {})
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, form
        stream.codec_context.options = {"crf": "1"} if codec == "libx264" else {}
        if "rotation" in extra:
            stream.set_display_rotation(extra["rotation"])
        matrix, levels = extra.get("matrix", 5), extra.get("levels", 1)
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, levels
        for number in range(count):
            rgb = av.VideoFrame.from_ndarray(picture(*size, number), "rgb24")
            frame = rgb.reformat(format=form, dst_colorspace=matrix, dst_color_range=levels)
            frame.colorspace, frame.color_range = matrix, levels
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rgb_at(frame, x, y):
    """Colour of a pixel by the frame's own words, 0…255."""
    rows = frame.u.shape[0]
    at = (y * rows // frame.height, x // 2)
    luma, blue, red = float(frame.y[y, x]), float(frame.u[at]) - 128, float(frame.v[at]) - 128
    kr, kb = (0.299, 0.114) if frame.colour.matrix == "bt601" else (0.2126, 0.0722)
    if not frame.colour.full_range:
        luma, blue, red = (luma - 16) * 255 / 219, blue * 255 / 224, red * 255 / 224
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    return r, (luma - kr * r - kb * b) / (1 - kr - kb), b


def check_colours(frame, tolerance=6):
    y = 3 * frame.height // 4
    assert rgb_at(frame, frame.width // 4, y) == pytest.approx(RED, abs=tolerance)
    assert rgb_at(frame, 3 * frame.width // 4, y) == pytest.approx(TEAL, abs=tolerance)


def test_every_frame_of_a_clip_with_its_time(tmp_path):
    path = write(tmp_path / "clip.mp4", count=30)
    source = open_source(str(path), SourceSettings())
    frames = list(source.frames())
    assert not source.live
    assert source.length == 30
    assert [frame.number for frame in frames] == list(range(30))
    np.testing.assert_allclose([frame.captured_at for frame in frames], np.arange(30) / 25)
    assert {frame.period for frame in frames} == {1 / 25}
    bars = [int((frame.y[4, :64].astype(int) > 180).sum()) for frame in frames[:10]]
    assert bars == [4 * number for number in range(10)]


def test_planes_are_the_decoders_own_and_outlive_it(tmp_path):
    path = write(tmp_path / "clip.mkv", codec="ffv1", size=(50, 34))
    with av.open(str(path)) as container:
        wanted = [frame.to_ndarray() for frame in container.decode(video=0)]
    frames = list(open_source(str(path), SourceSettings()).frames())
    gc.collect()
    for frame, packed in zip(frames, wanted, strict=True):
        assert frame.y.shape[1] > 50  # the decoder's padding: nothing was copied
        np.testing.assert_array_equal(frame.y[:, :50], packed[:34])
        assert frame.y.flags.c_contiguous
        assert frame.y.flags.writeable  # kernels take no read-only arrays


@pytest.mark.parametrize(
    ("codec", "form", "matrix", "levels", "colour", "rows"),
    [
        ("libx264", "yuv420p", 5, 1, Colour("bt601", False), 24),
        ("libx264", "yuv420p", 1, 1, Colour("bt709", False), 24),
        ("libx264", "yuv420p", 1, 2, Colour("bt709", True), 24),
        ("libx264", "yuv422p", 6, 1, Colour("bt601", False), 48),
        ("libx264", "yuv444p", 1, 2, Colour("bt709", True), 24),
        ("libx264", "nv12", 5, 1, Colour("bt601", False), 24),
        ("libx264", "yuv420p10le", 1, 1, Colour("bt709", False), 24),
        ("libx264", "yuv420p", 9, 1, Colour("bt709", False), 24),
        ("mjpeg", "yuvj422p", 5, 2, Colour("bt601", True), 48),
        ("ffv1", "bgr0", 0, 2, Colour("bt601", False), 24),
    ],
)
def test_colours_mean_what_they_meant(tmp_path, codec, form, matrix, levels, colour, rows):
    path = tmp_path / "clip.mkv"
    write(path, codec=codec, form=form, matrix=matrix, levels=levels, count=2)
    frame = next(open_source(str(path), SourceSettings()).frames())
    assert frame.colour == colour
    assert frame.u.shape[0] == frame.v.shape[0] == rows
    check_colours(frame)


def test_a_high_picture_that_says_nothing_is_bt709(tmp_path):
    path = write(tmp_path / "clip.mkv", codec="ffv1", size=(1280, 720), matrix=2, levels=0, count=1)
    assert next(open_source(str(path), SourceSettings()).frames()).colour == Colour("bt709", False)


@pytest.mark.parametrize("name", ["picture.png", "picture.gif", "picture.jpg"])
def test_pictures(tmp_path, name):
    form, codec = {"png": ("rgb24", "png"), "gif": ("rgb8", "gif"), "jpg": ("yuvj444p", "mjpeg")}[
        name[-3:]
    ]
    path = tmp_path / name
    extra = {"container": "gif" if name.endswith("gif") else "image2"}
    write(path, codec=codec, form=form, size=(60, 41), count=1, levels=2, **extra)
    frames = list(open_source(str(path), SourceSettings()).frames())
    assert len(frames) == 1
    frame = frames[0]
    assert (frame.width, frame.height) == (60, 41)
    assert frame.u.shape[0] == 21
    check_colours(frame, tolerance=24 if name.endswith("gif") else 8)


def test_an_animated_gif_has_all_its_pictures(tmp_path):
    path = write(tmp_path / "a.gif", codec="gif", form="rgb8", count=6, rate=10, levels=2)
    frames = list(open_source(str(path), SourceSettings()).frames())
    assert [round(frame.captured_at, 2) for frame in frames] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize(("width", "height"), [(33, 17), (1, 1), (35, 20)])
def test_odd_sizes(tmp_path, width, height):
    path = write(tmp_path / "clip.mkv", codec="ffv1", size=(width, height), count=2)
    for frame in open_source(str(path), SourceSettings()).frames():
        assert (frame.width, frame.height) == (width, height)
        assert frame.u.shape[0] == (height + 1) // 2
        assert frame.u.shape[1] >= (width + 1) // 2


@pytest.mark.skipif(
    not hasattr(av.VideoStream, "set_display_rotation"), reason="this PyAV cannot write such a clip"
)
@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_clip_held_upright_is_shown_upright(tmp_path, turn):
    path = write(tmp_path / "clip.mp4", rotation=turn, count=2)
    frame = next(open_source(str(path), SourceSettings()).frames())
    assert (frame.width, frame.height) == ((64, 48) if turn == 180 else (48, 64))
    first = {90: (24, 60), 180: (60, 10), -90: (24, 4)}[turn]  # where the red half comes to lie
    assert rgb_at(frame, *first) == pytest.approx(RED, abs=8)


def test_live_each_frame_comes_when_it_is_due_and_the_clip_goes_round(tmp_path):
    path = write(tmp_path / "clip.mp4", count=10, rate=50)
    plays = []
    source = open_source(str(path), SourceSettings(paced=True, loop=True), on_play=plays.append)
    frames, lateness = [], []
    for frame in itertools.islice(source.frames(), 25):
        lateness.append(time.monotonic() - frame.captured_at)
        frames.append(frame)
    numbers = np.array([frame.number for frame in frames])
    assert np.all(np.diff(numbers) > 0)
    times = np.array([frame.captured_at for frame in frames])
    np.testing.assert_allclose(times - times[0], (numbers - numbers[0]) / 50, atol=1e-6)
    assert min(lateness) >= 0
    assert np.median(lateness) < 0.02
    np.testing.assert_allclose(np.diff(plays), 0.2, atol=1e-6)


def test_live_a_clip_that_falls_behind_leaves_frames_out_and_keeps_its_time(tmp_path):
    path = write(tmp_path / "clip.mp4", count=40, rate=50)
    frames = []
    for frame in open_source(str(path), LIVE).frames():
        frames.append(frame)
        if len(frames) == 3:
            time.sleep(0.3)
    skipped = frames[-1].number + 1 - len(frames)
    assert skipped >= 10
    steps = np.diff([frame.captured_at for frame in frames])
    np.testing.assert_allclose(steps / np.diff([f.number for f in frames]), 0.02, atol=1e-6)


def test_live_a_clip_that_is_held_up_goes_on_where_it_was(tmp_path):
    path = write(tmp_path / "clip.mp4", count=12, rate=25)
    slept, events, frames = [0.0], [], []
    source = open_source(
        str(path), LIVE, clock=lambda: time.monotonic() + slept[0], on_event=events.append
    )
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == 5:
            slept[0] = 60.0
    after = [frame.number for frame in frames[5:]]
    assert after
    assert after[0] == frames[4].number + 1  # nothing was hurried through or left out
    assert frames[5].captured_at - frames[4].captured_at > 59
    assert frames[-1].number == 11
    assert len(events) == 1
    assert "held up for" in events[0]


def test_a_still_picture_is_shown_for_ever_when_live(tmp_path):
    path = write(tmp_path / "p.png", codec="png", form="rgb24", count=1, container="image2")
    settings = SourceSettings(paced=True, fps=100)
    frames = list(itertools.islice(open_source(str(path), settings).frames(), 20))
    assert frames[-1].captured_at - frames[0].captured_at >= 0.18
    assert frames[-1].y is frames[0].y


def test_it_ends_soon_after_it_is_told_to(tmp_path):
    path = write(tmp_path / "clip.mp4", count=4, rate=1)
    stop = threading.Event()
    frames = open_source(str(path), LIVE, stop=stop.is_set).frames()
    next(frames)
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    started = time.monotonic()
    assert list(frames) == []
    assert time.monotonic() - started < 0.7
    timer.join()


@pytest.mark.parametrize(
    ("name", "content"),
    [("noise.mp4", bytes(range(256)) * 40), ("empty.mp4", b""), ("words.gif", b"not a picture")],
)
def test_what_is_no_clip_is_one_clear_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    for settings in (SourceSettings(), SourceSettings(paced=True, loop=True)):
        with pytest.raises(SourceError, match=name) as caught:
            list(open_source(str(path), settings).frames())
        assert "\n" not in str(caught.value)
        assert "give a" in str(caught.value)


def test_sound_alone_is_no_source(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SourceError, match="only sound"):
        list(open_source(str(path), SourceSettings()).frames())


@pytest.mark.parametrize("spec", ["webcam", "missing.mp4", "screens", "screen:", "gopher://host/x"])
def test_what_is_no_source_is_one_clear_line(spec):
    with pytest.raises(SourceError, match=r"no source .*synthetic") as caught:
        open_source(spec, SourceSettings())
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_source(tmp_path):
    with pytest.raises(SourceError, match="not a file"):
        open_source(str(tmp_path), SourceSettings())


def test_a_clip_that_breaks_off_gives_what_it_has_and_says_so(tmp_path):
    path = write(tmp_path / "clip.mkv", codec="ffv1", count=100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    events = []
    frames = list(open_source(str(path), SourceSettings(), on_event=events.append).frames())
    assert 20 < len(frames) < 80
    assert any("breaks off" in text and "clip.mkv" in text for text in events)


def test_a_clip_that_is_damaged_in_the_middle_goes_on_behind_it(tmp_path):
    path = write(tmp_path / "clip.avi", codec="mjpeg", form="yuvj420p", levels=2, count=40)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    frames = list(open_source(str(path), SourceSettings()).frames())
    assert 30 <= len(frames) < 41
    check_colours(frames[-1])


def test_the_drawn_face_by_its_name():
    source = open_source("synthetic", SourceSettings(width=64, height=48, fps=10, seconds=0.5))
    assert isinstance(source, Synthetic)
    frames = list(source.frames())
    assert len(frames) == 5
    assert frames[0].period == 0.1


SENDER = """
import sys, time, av, numpy as np
from fractions import Fraction
with av.open(sys.argv[1], "w", format="mpegts") as out:
    stream = out.add_stream("mpeg2video", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.gop_size, stream.max_b_frames = 5, 0
    start = time.monotonic()
    for number in range(10_000):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 200, np.uint8), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        out.mux(stream.encode(frame))
        time.sleep(max(0, start + number / 25 - time.monotonic()))
"""


@pytest.mark.slow
def test_a_stream_that_stops_and_comes_back_goes_on():
    url = "udp://127.0.0.1:52817"
    senders, events, stop, numbers = [], [], threading.Event(), []

    def send():
        command = [sys.executable, "-c", SENDER, url + "?pkt_size=1316"]
        senders.append(subprocess.Popen(command))

    def event(text):
        events.append(text)
        if "is lost" in text:
            send()

    source = open_source(url, LIVE, stop=stop.is_set, on_event=event)
    send()
    assert source.live
    try:
        for frame in source.frames():
            numbers.append(frame.number)
            assert (frame.width, frame.height) == (64, 48)
            assert 0 <= time.monotonic() - frame.captured_at < 1
            if len(numbers) == 25:
                senders[0].kill()
            if len(numbers) == 60:
                stop.set()
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
    assert [text.split(": ")[0] for text in events][:2] == [f"{url} is lost", f"{url} is back"]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_clip_over_http_is_played_whole_at_its_own_speed(tmp_path, name):
    write(tmp_path / name, count=30, rate=10)  # with pictures that are predicted from later ones
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="test server")
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/{name}"
            frames = list(open_source(url, LIVE).frames())
            with pytest.raises(SourceError, match="missing"):
                list(open_source(url.replace("clip", "missing"), LIVE).frames())
        finally:
            server.shutdown()
            thread.join()
    assert [frame.number for frame in frames] == list(range(30))
    bars = [int((frame.y[4, :64].astype(int) > 180).sum()) for frame in frames[:10]]
    assert bars == [4 * number for number in range(10)]
    times = [frame.captured_at for frame in frames]
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-6)


def test_an_address_where_nobody_listens_is_one_clear_line():
    with pytest.raises(SourceError, match=r"tcp://127.0.0.1:9: .*see that the sender runs"):
        list(open_source("tcp://127.0.0.1:9", LIVE).frames())


def test_a_clip_whose_title_is_no_unicode_is_played(tmp_path):
    path = write(tmp_path / "clip.mp4", title="Möbius")
    whole, letter = path.read_bytes(), "ö".encode()
    assert whole.count(letter) == 1
    path.write_bytes(whole.replace(letter, b"\xf6 "))
    assert len(list(open_source(str(path), SourceSettings()).frames())) == 10
