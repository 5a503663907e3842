import resource
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from made_media import bars, clap_clip, pictures_of, seen

from swapcast.realtime.encoding import EncodedSink, SinkSettings
from swapcast.realtime.errors import SinkError
from swapcast.realtime.fitting import fitted
from swapcast.realtime.frame import Colour
from swapcast.realtime.sinks import open_sink

COLOURS = [Colour("bt709"), Colour("bt601"), Colour("bt709", full_range=True)]


def decoded(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(
    ("name", "codec", "is_codec"),
    [
        ("out.mp4", None, "h264"),
        ("out.mkv", None, "h264"),
        ("out.mov", "h264", "h264"),
        ("out.mp4", "h265", "hevc"),
        ("out.mkv", "vp9", "vp9"),
        ("out.webm", None, "vp9"),
    ],
)
@pytest.mark.parametrize("offline", [False, True])
def test_bars_come_back_as_they_were(tmp_path, name, codec, is_codec, offline):
    path = tmp_path / name
    with open_sink(str(path), SinkSettings(codec=codec, offline=offline)) as sink:
        for number in range(12):
            sink.write(bars(at=50 + number / 30, number=number))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == is_codec
        frames = list(container.decode(video=0))
    assert len(frames) == 12
    for frame in frames:
        assert (frame.width, frame.height) == (128, 96)
        wrong = np.abs(frame.to_ndarray().reshape(-1).astype(int) - bars().data)
        assert wrong.max() <= 12
        assert wrong.mean() <= 1


@pytest.mark.parametrize("height", [98, 100, 102])
def test_any_even_height_keeps_its_colours_where_they_were(tmp_path, height):
    with open_sink(str(tmp_path / "out.mkv"), SinkSettings(offline=True)) as sink:
        for number in range(3):
            sink.write(bars(height=height, at=number / 30, number=number))
    for frame in decoded(tmp_path / "out.mkv"):
        assert (frame.width, frame.height) == (128, height)
        for plane, wanted in zip(frame.planes, bars(height=height).planes, strict=True):
            rows, columns = wanted.shape
            shown = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)
            assert np.abs(shown[:rows, :columns].astype(int) - wanted).max() <= 12


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_readers_are_told_what_the_numbers_mean(tmp_path, name, colour):
    path = tmp_path / name
    with open_sink(str(path), SinkSettings()) as sink:
        sink.write(bars(colour=colour))
    frame = decoded(path)[0]
    assert frame.colorspace == {"bt709": 1, "bt601": 6}[colour.matrix]
    assert frame.color_range == (2 if colour.full_range else 1)


def test_live_times_are_when_each_picture_was_captured(tmp_path):
    at = [10.0, 10.033, 10.071, 10.5, 10.52, 12.0]
    for name, tolerance in (("out.mp4", 1e-5), ("out.mkv", 6e-4)):
        with open_sink(str(tmp_path / name), SinkSettings()) as sink:
            for number, seconds in enumerate(at):
                sink.write(bars(at=seconds, number=number))
        times, _ = seen(tmp_path / name)
        assert times == pytest.approx([seconds - 10 for seconds in at], abs=tolerance)


def test_a_picture_of_another_size_stands_between_black_bars(tmp_path):
    path = tmp_path / "out.mp4"
    with open_sink(str(path), SinkSettings()) as sink:
        sink.write(bars(128, 96))
        sink.write(bars(128, 48, at=0.1))
        sink.write(bars(48, 96, at=0.2))
    first, wide, tall = (frame.to_ndarray()[:96] for frame in decoded(path))
    assert first[:, 0].mean() == pytest.approx(16, abs=3)
    assert first[5, -8:].mean() == pytest.approx(226, abs=3)
    assert wide[5, -8:].mean() == pytest.approx(16, abs=3)
    assert wide[48, -8:].mean() == pytest.approx(226, abs=4)
    assert tall[48, -8:].mean() == pytest.approx(16, abs=3)
    assert tall[48, 84:87].mean() == pytest.approx(226, abs=6)


def test_a_picture_of_another_range_is_converted():
    limited, full = bars(colour=Colour()), bars(colour=Colour(full_range=True))
    assert fitted(limited, limited) is limited
    luma = fitted(limited, full).planes[0].astype(int)
    assert (
        np.abs(luma - np.clip((limited.planes[0].astype(int) - 16) * 255 / 219, 0, 255)).max() <= 2
    )
    black_and_white = fitted(bars(colour=full.colour, flash=True), limited).planes[0]
    assert np.abs(black_and_white.astype(int) - (16 + 235 * 219 / 255)).max() <= 2


RECORD = """
import sys
sys.path.insert(0, sys.argv[2])
from made_media import bars
from swapcast.realtime.sinks import SinkSettings, open_sink
with open_sink(sys.argv[1], SinkSettings()) as sink:
    number = 0
    while True:
        sink.write(bars(320, 240, at=number / 30, number=number, shift=number // 30))
        number += 1
        print(number, flush=True)
"""


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_a_killed_recording_plays_up_to_its_last_second(tmp_path, name):
    path = tmp_path / name
    command = [sys.executable, "-c", RECORD, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) >= 200:
                child.kill()
                break
        written = int(line)
    frames = decoded(path)
    assert written - 45 <= len(frames)
    for number, frame in enumerate(frames):
        assert frame.time == pytest.approx(number / 30, abs=1e-3)
        expected = bars(320, 240, shift=number // 30).planes[0]
        assert np.abs(frame.to_ndarray()[:240].astype(int) - expected).mean() < 2


def fill(path):
    rng = np.random.default_rng(0)
    with open_sink(str(path), SinkSettings()) as sink:
        for number in range(200):
            picture = bars(at=number / 30)
            picture.data[:] = rng.integers(0, 255, picture.data.size)
            sink.write(picture)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.gif"])
def test_a_full_disk_is_one_clear_line(tmp_path, name):
    path = tmp_path / name
    path.symlink_to("/dev/full")
    with pytest.raises(SinkError, match="disk is full"):
        fill(path)


FILL = """
import sys
sys.path.insert(0, sys.argv[2])
from swapcast.realtime.errors import SinkError
from test_encoding import fill
try:
    fill(sys.argv[1])
except SinkError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_what_was_written_before_the_disk_was_full_plays(tmp_path, name):
    path, room = tmp_path / name, 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert done.stdout == f"cannot write {path}: File too large\n"
    assert "Traceback" not in done.stderr
    frames = []
    with av.open(str(path)) as container:
        try:
            frames.extend(container.decode(video=0))
        except av.FFmpegError:
            assert frames
    assert len(frames) >= 80  # of about 125 that fit


def test_an_encoder_that_is_not_here_is_one_clear_line(tmp_path):
    settings = SinkSettings(encoder="h264_of_nobody")
    with (
        pytest.raises(SinkError, match="h264_of_nobody"),
        open_sink(str(tmp_path / "out.mp4"), settings) as sink,
    ):
        sink.write(bars())


def test_an_encoder_whose_hardware_is_not_here_is_one_clear_line(tmp_path):
    absent = sorted(name for name in av.codecs_available if name.startswith("h264_v4l2"))
    if not absent or list(Path("/dev").glob("video*")):
        pytest.skip("it may be here, or this FFmpeg was built without it")
    settings = SinkSettings(encoder=absent[0])
    with pytest.raises(SinkError, match="leave out --encoder") as caught:  # noqa: SIM117
        with open_sink(str(tmp_path / "out.mp4"), settings) as sink:
            sink.write(bars())
    assert absent[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.mp4").exists()


def test_an_encoder_named_by_the_user_is_the_one_that_encodes(tmp_path):
    path = tmp_path / "out.mkv"
    with open_sink(str(path), SinkSettings(encoder="ffv1")) as sink:
        for number in range(5):
            sink.write(bars(at=number / 30, number=number))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "ffv1"
        assert len(list(container.decode(video=0))) == 5


def test_webm_takes_no_h264():
    with (
        pytest.raises(SinkError, match="vp9"),
        open_sink("out.webm", SinkSettings(codec="h264")),
    ):
        pass


@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_a_gif_shows_the_colours_and_keeps_the_times(tmp_path, colour):
    path = tmp_path / "out.gif"
    at = [3.0, 3.08, 3.16, 3.5, 3.501, 4.0]
    with open_sink(str(path), SinkSettings()) as sink:
        for number, seconds in enumerate(at):
            sink.write(bars(at=seconds, number=number, colour=colour, shift=number))
    frames = decoded(path)
    assert [frame.time for frame in frames] == pytest.approx([0, 0.08, 0.16, 0.5, 1.0])
    shown = frames[1].to_ndarray(format="rgb24")[48].astype(float)
    picture = bars(colour=colour, shift=1)
    y, u, v = (plane[plane.shape[0] // 2].astype(float) for plane in picture.planes)
    if not colour.full_range:
        y, u, v = (y - 16) * 255 / 219, (u - 128) * 255 / 224 + 128, (v - 128) * 255 / 224 + 128
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[colour.matrix]
    u, v = np.repeat(u, 2) - 128, np.repeat(v, 2) - 128
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    expected = np.clip(np.stack([red, green, blue], axis=1), 0, 255)
    middles = np.arange(8, 128, 16)
    assert np.abs(shown[middles] - expected[middles]).max() <= 8


def test_a_stream_arrives_and_repeats_move_its_time_on(tmp_path):
    now = [100.0]
    path = tmp_path / "received.ts"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        address = f"udp://127.0.0.1:{receiver.getsockname()[1]}?pkt_size=1316"
        with EncodedSink(address, SinkSettings(), clock=lambda: now[0]) as sink:
            for number in range(20):
                now[0] = 100.04 + number / 30
                sink.write(bars(at=100 + number / 30, number=number))
            for _ in range(4):  # the camera is gone: the last picture is shown again
                now[0] += 0.05
                sink.write(bars(at=100 + 19 / 30, number=19))
            sink.write(bars(at=now[0] - 0.04, number=20))
        with path.open("wb") as received:
            try:
                while True:
                    received.write(receiver.recv(65536))
            except TimeoutError:
                pass
    times = [frame.time for frame in decoded(path)]
    steps = [after - before for before, after in pairwise(times)]
    assert len(times) == 25
    assert steps[:19] == pytest.approx([1 / 30] * 19, abs=1e-3)
    assert steps[19:23] == pytest.approx([0.05] * 4, abs=1e-3)
    assert steps[23] > 0


def test_a_server_that_refuses_is_one_clear_line():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"rtmp://127.0.0.1:{busy.getsockname()[1]}/live/key"
        with (
            pytest.raises(SinkError, match=r"rtmp://.*: Connection refused"),
            open_sink(address, SinkSettings()) as sink,
        ):
            sink.write(bars())


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
def test_converting_keeps_every_picture_and_its_time(tmp_path, name):
    clip, path = tmp_path / "clip.mp4", tmp_path / name
    clap_clip(clip, seconds=2, fps=24, sound=None)
    with open_sink(str(path), SinkSettings(offline=True, clip=clip)) as sink:
        for picture in pictures_of(clip):
            if picture.number % 7 != 3:  # a clip of a telephone has no steady rate
                sink.write(picture)
    kept = [at for number, at in enumerate(seen(clip)[0]) if number % 7 != 3]
    assert seen(path)[0] == pytest.approx(kept, abs=1e-9 if name == "out.mp4" else 6e-4)


def test_the_last_picture_lasts_as_long_as_the_others(tmp_path):
    clip, path = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    clap_clip(clip, seconds=2, fps=24, sound=None)
    with open_sink(str(path), SinkSettings(offline=True, clip=clip)) as sink:
        for picture in pictures_of(clip):
            sink.write(picture)
    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(2, abs=1 / 24)
