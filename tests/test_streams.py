"""Streams to and from programs that other people wrote: SRT, RTMP, RTSP and UDP on this machine."""

import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from made_media import bars

from swapcast.realtime.encoding import SinkSettings
from swapcast.realtime.errors import SinkError, SourceError
from swapcast.realtime.sinks import open_sink
from swapcast.realtime.sources import SourceSettings, open_source

LIVE = SourceSettings(paced=True)
DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


def needs(*programs):
    lacking = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def program(*words, **options):
    """Run a program for the length of the block."""
    with subprocess.Popen([*map(str, words)], **options) as child:
        try:
            yield child
        finally:
            child.kill()


def ffmpeg(*words, **options):
    return program("ffmpeg", "-nostdin", "-loglevel", "quiet", "-y", *words, **options)


def pattern(seconds, address):
    """Send a moving pattern, 25 pictures a second, as a camera on the network would."""
    form = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0", "-f", "mpegts")
    return ffmpeg("-re", "-f", "lavfi", "-i", "testsrc=s=64x48", "-t", seconds, *form, address)


def send(address, seconds, events, *, until=lambda: False):
    """Write 30 pictures a second; each is a shifted pattern. Return how many."""
    begins, number = time.monotonic(), 0
    with open_sink(address, SinkSettings(on_event=events.append)) as sink:
        while not until() and time.monotonic() < begins + seconds:
            at = begins + number / 30
            time.sleep(max(0, at - time.monotonic()))
            before = time.monotonic()
            sink.write(bars(at=at, number=number, shift=number // 4))
            assert time.monotonic() - before < 0.5  # whatever the other end does
            number += 1
    return number


def received(path):
    """Decode a file that somebody else wrote: the times of its pictures, and their mean levels."""
    with av.open(str(path)) as container:
        return [(frame.time, int(frame.to_ndarray()[40, 8])) for frame in container.decode(video=0)]


def children(port):
    """Count the programs of ours that still speak on a port."""
    words = [_words(folder) for folder in Path("/proc").glob("[0-9]*")]
    return sum(line.startswith(b"ffmpeg") and b":%d" % port in line for line in words)


def _words(folder):
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


# SRT


@pytest.mark.slow
@needs("ffmpeg", "srt-live-transmit")
def test_srt_a_listener_that_is_there_gets_every_picture(tmp_path):
    path, port, events = tmp_path / "received.ts", free_port(), []
    listener = f"srt://127.0.0.1:{port}?mode=listener"
    with (
        path.open("wb") as file,
        program("srt-live-transmit", "-q", listener, "file://con", stdout=file) as peer,
    ):
        sent = send(f"srt://127.0.0.1:{port}", 4, events)
        peer.send_signal(signal.SIGINT)  # it writes what it still holds
        peer.wait(5)
    shown = received(path)
    assert len(shown) >= sent - 1  # it holds back less than a block for ever
    assert [after[0] - before[0] for before, after in pairwise(shown)] == pytest.approx(
        [1 / 30] * (len(shown) - 1), abs=2e-3
    )
    assert len({level for _, level in shown}) > 4
    assert events == [f"srt://127.0.0.1:{port} is connected"]
    assert children(port) == 0


@pytest.mark.slow
@needs("ffmpeg")
@pytest.mark.parametrize(("late", "lost"), [(1.5, 0.0), (5.0, 5.0)])
def test_srt_a_late_listener_gets_whole_pictures(tmp_path, late, lost):
    """In three seconds nothing is lost; later it begins with the newest key picture."""
    path, port, events = tmp_path / "received.ts", free_port(), []
    address = f"srt://127.0.0.1:{port}?mode=listener"
    writing = ("-i", address, "-c", "copy", "-f", "mpegts", path)
    started = time.monotonic()
    with _after(late, writing) as peer:
        sent = send(f"srt://127.0.0.1:{port}", 9, events)
        peer().wait(8)
    assert time.monotonic() - started < 20
    shown = received(path)
    if lost:
        assert 30 <= len(shown) <= sent - (lost - 1.5) * 30
    else:
        assert len(shown) == sent
    assert np.diff([at for at, _ in shown]).max() < 0.05


@contextmanager
def _after(seconds, words):
    """Start FFmpeg later; give a function that returns it."""
    made = []
    timer = threading.Timer(
        seconds,
        lambda: made.append(subprocess.Popen(["ffmpeg", "-loglevel", "quiet", *map(str, words)])),
    )
    timer.start()
    try:
        yield lambda: made[0]
    finally:
        timer.cancel()
        timer.join()
        for child in made:
            child.kill()
            child.wait()


@pytest.mark.slow
@needs("ffmpeg")
def test_srt_callers_come_go_and_come_back(tmp_path):
    port, events = free_port(), []
    address = f"srt://127.0.0.1:{port}?mode=listener"
    paths = [tmp_path / "first.ts", tmp_path / "second.ts"]

    def callers():
        for path in paths:
            calling = ("-i", f"srt://127.0.0.1:{port}", "-t", "2", "-c", "copy", path)
            while True:  # our side listens again after a moment
                with ffmpeg("-f", "mpegts", *calling) as peer:
                    peer.wait(15)
                if path.exists() and path.stat().st_size:
                    break

    thread = threading.Thread(target=callers, name="test callers")
    thread.start()
    try:
        send(address, 30, events, until=lambda: not thread.is_alive())
    finally:
        thread.join()
    for path in paths:
        assert len(received(path)) >= 40
    words = [text.removeprefix(f"{address} ").split(":")[0] for text in events]
    assert words[:3] == ["is connected", "is lost", "is back"]
    assert children(port) == 0


@pytest.mark.slow
@needs("ffmpeg")
def test_srt_when_nobody_listens_it_is_said_at_the_end():
    port = free_port()
    with pytest.raises(SinkError, match=r"srt://.*nobody took the stream .*mode=listener") as error:
        send(f"srt://127.0.0.1:{port}", 4.5, [])
    assert "\n" not in str(error.value)
    assert children(port) == 0


@pytest.mark.slow
@needs("ffmpeg")
def test_srt_source_waits_for_its_caller_and_takes_it_back(tmp_path):
    port, events, stop, numbers = free_port(), [], threading.Event(), []
    address = f"srt://127.0.0.1:{port}?mode=listener"

    def callers():
        for _ in range(2):
            time.sleep(1)
            while not stop.is_set():
                began = time.monotonic()
                with pattern(4, f"srt://127.0.0.1:{port}") as peer:
                    while peer.poll() is None and not stop.wait(0.1):
                        pass
                if time.monotonic() - began > 3.8:
                    break

    thread = threading.Thread(target=callers, name="test callers")
    thread.start()
    try:
        source = open_source(address, LIVE, stop=stop.is_set, on_event=events.append)
        for frame in source.frames():
            numbers.append(frame.number)
            assert (frame.width, frame.height) == (64, 48)
            if any("is back" in text for text in events) and len(numbers) > 60:
                stop.set()
    finally:
        stop.set()
        thread.join()
    assert numbers == sorted(set(numbers))
    assert [text.split(": ")[0].split(" ", 1)[1] for text in events[:2]] == ["is lost", "is back"]
    assert children(port) == 0


@pytest.mark.slow
@needs("ffmpeg", "srt-live-transmit")
def test_srt_source_calls_a_relay():
    stop, levels, hand, port = threading.Event(), [], free_port(), free_port()
    relay = (f"udp://:{hand}", f"srt://127.0.0.1:{port}?mode=listener")
    with (
        program("srt-live-transmit", "-q", *relay),
        pattern(30, f"udp://127.0.0.1:{hand}?pkt_size=1316"),
    ):
        source = open_source(f"srt://127.0.0.1:{port}", LIVE, stop=stop.is_set)
        for frame in source.frames():
            levels.append(frame.y.tobytes())
            if len(levels) == 50:
                stop.set()
    assert len(set(levels)) > 40  # it moves
    with pytest.raises(SourceError, match=r"srt://127\.0\.0\.1:\d+: .*see that the sender runs"):
        list(open_source(f"srt://127.0.0.1:{free_port()}", LIVE).frames())


def test_srt_without_its_program_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"needs the program ffmpeg.*install ffmpeg"):
        open_source("srt://127.0.0.1:9", LIVE)
    with (
        pytest.raises(SinkError, match=r"needs the program ffmpeg.*install ffmpeg"),
        open_sink("srt://127.0.0.1:9", SinkSettings()),
    ):
        pass


@pytest.mark.slow
@needs("ffmpeg")
def test_srt_ends_with_the_program(tmp_path):
    path, port = tmp_path / "received.ts", free_port()
    listening = ("-i", f"srt://127.0.0.1:{port}?mode=listener", "-c", "copy", path)
    live = ("live", "--source", "synthetic", "--sink", f"srt://127.0.0.1:{port}")
    with (
        ffmpeg("-f", "mpegts", *listening) as peer,
        program(sys.executable, "-m", "swapcast.realtime", *live, stderr=subprocess.PIPE) as ours,
    ):
        deadline = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        ours.send_signal(signal.SIGINT)
        said = ours.communicate(timeout=15)[1].decode()
        peer.wait(10)
    assert ours.returncode == 0, said
    assert len(received(path)) >= 20
    assert children(port) == 0


# RTMP, RTSP, UDP


@pytest.mark.slow
@needs("nginx", "ffmpeg")
@pytest.mark.skipif(not RTMP_MODULE.exists(), reason="nginx has no RTMP module here")
def test_rtmp_a_server_passes_on_moving_pictures_with_sound(tmp_path):
    port, path = free_port(socket.SOCK_STREAM), tmp_path / "received.flv"
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        textwrap.dedent(f"""
        load_module {RTMP_MODULE};
        daemon off;
        master_process off;
        pid {tmp_path}/nginx.pid;
        error_log {tmp_path}/error.log;
        events {{}}
        rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
        """)
    )
    address = f"rtmp://127.0.0.1:{port}/live/show"
    live = ("live", "--source", DEMO, "--loop", "--audio", "source", "--sink", address)
    log = ("-e", tmp_path / "error.log")
    with program("nginx", "-p", tmp_path, "-c", configuration, *log):
        time.sleep(0.5)
        with program(sys.executable, "-m", "swapcast.realtime", *live) as ours:
            deadline = time.monotonic() + 60
            while not path.exists() and time.monotonic() < deadline:
                with ffmpeg("-i", address, "-t", "4", "-c", "copy", path) as reader:
                    reader.wait(40)
            ours.send_signal(signal.SIGINT)
            assert ours.wait(15) == 0
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray()[::8] for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    assert len(pictures) >= 20
    assert np.abs(pictures[-1].astype(int) - pictures[0]).mean() > 0.5
    assert len(sound) > 48000
    assert np.abs(sound).max() > 0.01


RTSP_SERVER = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( filesrc location={sys.argv[1]} ! matroskademux ! rtph264pay name=pay0 config-interval=1 )"
)
server = GstRtspServer.RTSPServer(service="0")
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@pytest.mark.slow
@needs("ffmpeg")
def test_rtsp_a_server_is_read(tmp_path):
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    python = "/usr/bin/python3"  # the bindings come with the system's Python
    if subprocess.run([python, "-c", check], check=False, capture_output=True).returncode:
        pytest.skip("GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0)")
    clip, stop, numbers = tmp_path / "clip.mkv", threading.Event(), []
    # As cameras encode: pictures in the order in which they were taken. Of others this server sends
    # four at once, for it waits until the last of them is due.
    form = ("-c:v", "libx264", "-bf", "0", "-g", "25")
    with ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25", "-t", "8", *form, clip) as made:
        assert made.wait(30) == 0
    with program(python, "-c", RTSP_SERVER, clip, stdout=subprocess.PIPE) as server:
        host = f"rtsp://127.0.0.1:{int(server.stdout.readline())}"
        for frame in open_source(f"{host}/camera", LIVE, stop=stop.is_set).frames():
            numbers.append(frame.number)
            assert (frame.width, frame.height) == (64, 48)
            if len(numbers) == 80:
                stop.set()
        with pytest.raises(SourceError, match="404 Not Found"):
            list(open_source(f"{host}/nothing", LIVE).frames())
    assert numbers == sorted(set(numbers))
    # What came while the stream was opened comes in a burst: of that the newest counts.
    later = [number for number in numbers if number >= numbers[0] + 25]
    assert len(later) > 40
    assert later[-1] - later[0] <= len(later) + 4


@pytest.mark.slow
@needs("ffmpeg")
def test_udp_both_ways(tmp_path):
    path, port, stop, count = tmp_path / "received.ts", free_port(), threading.Event(), 0
    with ffmpeg("-i", f"udp://127.0.0.1:{port}", "-t", "3", "-c", "copy", path) as reader:
        send(f"udp://127.0.0.1:{port}?pkt_size=1316", 20, [], until=lambda: reader.poll() == 0)
    shown = received(path)
    assert len(shown) >= 60
    assert len({level for _, level in shown}) > 4
    with pattern(30, f"udp://127.0.0.1:{port}?pkt_size=1316"):
        for frame in open_source(f"udp://127.0.0.1:{port}", LIVE, stop=stop.is_set).frames():
            assert (frame.width, frame.height) == (64, 48)
            count += 1
            if count == 50:
                stop.set()
