"""A camera that hangs, goes away or sends nonsense never holds anything up, and comes back.

No camera is needed: FFmpeg reads a named pipe through the same class as it reads a camera.
"""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from swapcast.realtime.camera import Wish, best_mode, camera, refused
from swapcast.realtime.devices import Mode
from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour
from swapcast.realtime.live_input import LiveInput
from swapcast.realtime.packet_reader import Opened, Request, Ring
from swapcast.realtime.plane_pool import PlanePool

WIDTH, HEIGHT = 64, 48
BYTES = {"yuyv422": 2 * WIDTH * HEIGHT, "nv12": WIDTH * HEIGHT * 3 // 2}
BYTES["yuv420p"] = BYTES["nv12"]

CAMERA = """
import sys, time
path, size, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
while True:
    try:
        with open(path, "wb", buffering=0) as pipe:
            while True:
                pipe.write(bytes([number % 256]) * size)
                number += 1
                time.sleep(0.02)
    except BrokenPipeError:  # whoever looked has gone; somebody else may come
        pass
"""

posix = pytest.mark.skipif(os.name != "posix", reason="named pipes are a POSIX thing")


class FakeCamera:
    """A process that writes raw pictures into a named pipe, each filled with its number."""

    def __init__(self, path, form="yuyv422"):
        self.path, self.form = path, form
        os.mkfifo(path)
        self.process = None

    def plug(self, start=0):
        command = [sys.executable, "-c", CAMERA, str(self.path), str(BYTES[self.form]), str(start)]
        self.process = subprocess.Popen(command)

    def signal(self, number):
        self.process.send_signal(number)

    def unplug(self):
        self.process.kill()
        self.process.wait()

    def source(self, **extra):
        options = {"video_size": f"{WIDTH}x{HEIGHT}", "framerate": "50", "probesize": "32"}
        options["pixel_format"] = self.form
        request = Request(str(self.path), "rawvideo", options, newest=True)
        settings = {"silence": 1.5, "opening": 20.0} | extra
        return LiveInput(name="pipe", request=lambda: request, advice="plug it in", **settings)


@pytest.fixture
def fake(tmp_path):
    made = FakeCamera(tmp_path / "camera")
    yield made
    if made.process is not None:
        made.unplug()


def readers():
    """Command lines of reader processes that belong to this one."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    return [line for line in listed.splitlines() if "packet_reader" in line]


@posix
@pytest.mark.parametrize("form", ["yuyv422", "nv12", "yuv420p"])
def test_raw_pictures_arrive_as_planes(tmp_path, form):
    fake = FakeCamera(tmp_path / "camera", form)
    fake.plug()
    stop, frames = threading.Event(), []
    try:
        for frame in fake.source(stop=stop.is_set).frames():
            frames.append(frame)
            if len(frames) == 10:
                stop.set()
    finally:
        fake.unplug()
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))
    for frame in frames:  # all of them still as they came: no plane was used twice meanwhile
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        assert frame.colour == Colour("bt601", False)
        assert frame.period == 1 / 50
        for plane, shape in zip(
            (frame.y, frame.u, frame.v), [(48, 64), (24, 32), (24, 32)], strict=True
        ):
            assert plane.shape == shape
            assert np.all(plane == frame.number % 256)
    assert readers() == []


@pytest.mark.slow
@posix
def test_a_camera_that_hangs_and_comes_back(fake):
    fake.plug()
    events, stop, seen = [], threading.Event(), []

    def event(text):
        events.append(text)
        if "lost" in text:
            fake.signal(signal.SIGCONT)

    for frame in fake.source(stop=stop.is_set, on_event=event).frames():
        seen.append(frame)
        if len(seen) == 10:
            fake.signal(signal.SIGSTOP)
        if len(seen) == 20:
            stop.set()
    lost = "pipe is lost: no picture for 1.5 s; it is opened again"  # again if the machine is busy
    assert events[:2] == [lost, "pipe is back"]
    numbers = [frame.number for frame in seen]
    assert numbers == sorted(set(numbers))
    assert time.monotonic() - seen[-1].captured_at < 1
    assert readers() == []


@posix
def test_a_camera_that_is_unplugged_and_plugged_in_again(fake):
    fake.plug()
    events, stop, seen = [], threading.Event(), []

    def event(text):
        events.append(text)
        if "lost" in text:
            fake.plug(start=100)

    for frame in fake.source(stop=stop.is_set, on_event=event).frames():
        seen.append(frame)
        if len(seen) == 10:
            fake.unplug()
        if len(seen) == 25:
            stop.set()
    assert [text.split(":")[0] for text in events][:2] == ["pipe is lost", "pipe is back"]
    assert np.all(np.diff([frame.number for frame in seen]) > 0)
    assert int(seen[-1].y[0, 0]) >= 100


@posix
def test_while_it_hangs_the_loop_still_ends_within_a_second(fake):
    fake.plug()
    stop = threading.Event()
    frames = fake.source(stop=stop.is_set, silence=30.0).frames()
    for _ in range(5):
        next(frames)
    fake.signal(signal.SIGSTOP)
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    started = time.monotonic()
    assert len(list(frames)) < 30
    assert time.monotonic() - started < 1.3
    timer.join()
    assert readers() == []


@posix
def test_a_reader_that_hangs_is_killed_when_the_frames_are_closed(fake):
    fake.plug()
    frames = fake.source(silence=30.0).frames()
    next(frames)
    os.kill(int(readers()[0].split()[0]), signal.SIGSTOP)
    started = time.monotonic()
    frames.close()
    assert time.monotonic() - started < 1
    assert readers() == []


@posix
def test_a_slow_reader_gets_the_newest_picture(fake):
    fake.plug()
    stop, ages, numbers = threading.Event(), [], []
    for frame in fake.source(stop=stop.is_set).frames():
        ages.append(time.monotonic() - frame.captured_at)
        numbers.append(frame.number)
        time.sleep(0.15)
        if len(numbers) == 8:
            stop.set()
    assert np.diff(numbers).min() >= 2  # what came meanwhile was left out, and shows as a gap
    assert np.median(ages[1:]) < 0.1


@posix
@pytest.mark.slow
def test_the_reader_ends_with_the_program_even_if_that_is_killed(fake):
    fake.plug()
    code = (
        "import sys\n"
        "from swapcast.realtime.live_input import LiveInput\n"
        "from swapcast.realtime.packet_reader import Request\n"
        "options = {'video_size': '64x48', 'pixel_format': 'yuyv422', 'probesize': '32'}\n"
        "request = Request(sys.argv[1], 'rawvideo', options, newest=True)\n"
        "for frame in LiveInput(name='p', request=lambda: request, advice='').frames():\n"
        "    print(frame.number, flush=True)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(fake.path)], stdout=subprocess.PIPE, text=True
    )
    program.stdout.readline()
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(program.pid)], capture_output=True, text=True, check=True
    )
    reader = int(found.stdout.split()[0])
    fake.signal(signal.SIGSTOP)  # so that the reader is kept by the "driver"
    program.kill()
    program.wait()
    program.stdout.close()
    ends = time.monotonic() + 10
    while time.monotonic() < ends and running(reader):
        time.sleep(0.05)
    assert not running(reader)


def running(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@posix
def test_mjpeg_becomes_planes_and_a_damaged_picture_is_left_out(tmp_path):
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuvj422p"
    context.time_base = Fraction(1, 25)
    shot = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), "rgb24")
    shot = shot.reformat(format="yuvj422p", dst_color_range=2)
    shot.pts = 0
    good = b"".join(bytes(packet) for packet in [*context.encode(shot), *context.encode(None)])
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(good * 3 + good[:200] + b"\xff\xd9" + good * 5)
    request = Request(str(path), "mjpeg", {"framerate": "25"})
    source = LiveInput(name="file", request=lambda: request, advice="", stop=lambda: bool(frames))
    frames = []
    for frame in source.frames():
        frames.append(frame)
    assert frames
    assert frames[0].colour == Colour("bt601", True)
    assert frames[0].u.shape[0] == HEIGHT  # 4:2:2 stays as it is
    assert abs(int(frames[0].y[10, 10]) - 200) <= 2


def test_no_such_camera_is_one_clear_line():
    with pytest.raises(SourceError, match=r"camera .*77.*swapcast cameras") as caught:
        next(camera("/dev/video77", Wish()).frames())
    assert "\n" not in str(caught.value)


MODES = (
    Mode("yuyv422", 640, 480, 30), Mode("yuyv422", 1280, 720, 10), Mode("yuyv422", 1920, 1080, 5),
    Mode("mjpeg", 640, 480, 60), Mode("mjpeg", 640, 480, 30), Mode("mjpeg", 1280, 720, 30),
    Mode("mjpeg", 1920, 1080, 30), Mode("h264", 1920, 1080, 30),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "mode"),
    [
        (Wish(), Mode("mjpeg", 1280, 720, 30)),  # YUYV costs less, but 10 frames are too few
        (Wish(640, 480), Mode("yuyv422", 640, 480, 30)),
        (Wish(640, 480, 60), Mode("mjpeg", 640, 480, 60)),
        (Wish(1920, 1080), Mode("mjpeg", 1920, 1080, 30)),
        (Wish(fps=10), Mode("yuyv422", 1280, 720, 10)),
        (Wish(pixel_format="yuyv422"), Mode("yuyv422", 640, 480, 30)),
        (Wish(1200, 700), Mode("mjpeg", 1280, 720, 30)),
        (Wish(pixel_format="nv12"), None),
    ],
)
def test_what_a_camera_is_asked_for(wish, mode):
    assert best_mode(MODES, wish) == mode


def test_what_costs_least_is_preferred():
    modes = [Mode(form, 640, 480, 30) for form in ("mjpeg", "yuyv422", "nv12", "yuv420p")]
    while modes:
        assert best_mode(modes, Wish()) == modes.pop()


def test_a_setting_that_was_not_accepted_is_said():
    found = Opened("mjpeg", 640, 480, "yuvj422p", 25.0, "", ends=False, slot=0)
    assert refused(Wish(640, 480, 25, "mjpeg"), found) == []
    texts = refused(Wish(1280, 720, 60, "yuyv422"), found)
    assert len(texts) == 3
    assert "640×480, not 1280×720" in texts[0]
    assert "25 frames a second, not 60" in texts[1]
    assert "mjpeg, not yuyv422" in texts[2]


def test_planes_are_used_again_only_when_nobody_looks_at_them():
    pool = PlanePool([(4, 4), (2, 2)])
    first = pool.take()
    kept = first[1][:1, :1]  # a view of one plane is enough to hold the set
    first[1][:] = 7
    del first
    second = pool.take()
    second[1][:] = 9
    assert kept[0, 0] == 7
    assert len(pool) == 2
    del kept, second
    for _ in range(10):
        planes = pool.take()
        del planes
    assert len(pool) == 2


def test_a_packet_that_was_overwritten_is_known(tmp_path):
    writer = Ring(tmp_path / "ring", 8, create=True)
    reader = Ring(tmp_path / "ring", 8)
    assert writer.put(0, memoryview(b"abc"))
    assert bytes(reader.view(0, 3)) == b"abc"
    assert reader.holds(0)
    for number in range(1, 5):
        assert writer.put(number, memoryview(bytes([number] * 8)))
    assert not reader.holds(0)
    assert reader.newest() == 4
    assert not writer.put(5, memoryview(b"123456789"))  # too long: goes another way


def v4l2_format(colorspace=0, encoding=0, quantization=0, magic=0xFEEDCAFE):
    """Build the kernel's ``struct v4l2_format`` of a 1280×720 YUYV camera."""
    picture = struct.pack("=3I", 1280, 720, int.from_bytes(b"YUYV", "little")) + struct.pack(
        "=9I", 1, 2560, 1843200, colorspace, magic, 0, encoding, quantization, 0
    )
    return struct.pack("@P", 1) + picture.ljust(200, b"\0")


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is Linux's")
@pytest.mark.parametrize(
    ("stated", "colour"),
    [
        ({}, None),  # nothing is stated
        ({"colorspace": 1}, Colour("bt601", False)),  # SMPTE170M
        (
            {"colorspace": 8},
            Colour("bt601", False),
        ),  # sRGB, what most USB cameras state: 601, HD too
        ({"colorspace": 3}, Colour("bt709", False)),  # REC709
        ({"colorspace": 12}, Colour("bt709", False)),  # DCI-P3
        ({"colorspace": 7}, Colour("bt601", True)),  # JPEG
        ({"colorspace": 8, "encoding": 2}, Colour("bt709", False)),
        ({"colorspace": 3, "encoding": 1}, Colour("bt601", False)),
        ({"colorspace": 7, "quantization": 2}, Colour("bt601", False)),
        ({"colorspace": 3, "quantization": 1}, Colour("bt709", True)),
        ({"quantization": 1}, Colour("bt601", True)),
        ({"colorspace": 8, "encoding": 2, "quantization": 1, "magic": 0}, Colour("bt601", False)),
    ],
)
def test_raw_colours_are_what_the_driver_states(stated, colour):
    from swapcast.realtime.v4l2 import colour_of

    assert len(v4l2_format(**stated)) == struct.calcsize("@P200s")
    assert colour_of(v4l2_format(**stated)) == colour


@pytest.mark.parametrize("form", ["yuyv422", "uyvy422"])
def test_stated_colours_reach_the_frame(form):
    """Both ways a raw picture is read: unpacked by us, decoded by FFmpeg."""
    from swapcast.realtime.feed import _Decoder, _Unpacker

    opened = Opened("rawvideo", 64, 48, form, 30.0, "", False, 1, "bt709", True)
    read = _Unpacker(opened) if form == "yuyv422" else _Decoder(opened, paced=False)
    (shot,) = read(memoryview(bytearray(2 * 64 * 48)), 0, 1.0, lambda: True)
    assert shot.planes.colour == Colour("bt709", True)
