"""The loop with small sources and sinks of the same form as the real ones."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from swapcast.realtime.cover import Cover
from swapcast.realtime.errors import ModelError, SinkError, SourceError, SwapcastError
from swapcast.realtime.frame import Colour, Frame, Picture
from swapcast.realtime.loop import Finished, convert, run
from swapcast.realtime.meter import Meter
from swapcast.realtime.sinks import ListSink, NullSink

GREY = Colour()


@dataclass
class Ticking:
    """A source of ``count`` tiny frames, ``period`` seconds apart."""

    count: int
    period: float = 0.01
    error: Exception | None = None
    name: str = "ticking"
    live: bool = True
    released: threading.Event = field(default_factory=threading.Event)

    def frames(self) -> Iterator[Frame]:
        plane = np.full((4, 4), 128, np.uint8)
        try:
            for number in range(self.count):
                time.sleep(self.period)
                now = time.monotonic()
                yield Frame(
                    plane,
                    plane[:2, :2].copy(),
                    plane[:2, :2].copy(),
                    4,
                    4,
                    GREY,
                    number,
                    now,
                    self.period,
                )
            if self.error is not None:
                raise self.error
        finally:
            self.released.set()


def passed_on(frame, faces):
    data = np.full(24, frame.number % 256, np.uint8)
    picture = Picture(data, 4, 4, GREY, frame.number, frame.captured_at, frame.period)
    return Finished({None: picture}, 1, 0, 0)


def nobody(frame):
    return ()


class Slow(NullSink):
    """Takes a tenth of a second a picture."""

    name = "slow"

    def __init__(self) -> None:
        self.taken = 0

    def write(self, picture):
        time.sleep(0.1)
        self.taken += 1


class Failing(NullSink):
    """Fails at its third picture."""

    name = "failing"

    def __init__(self) -> None:
        self.taken = 0

    def write(self, picture):
        self.taken += 1
        if self.taken == 3:
            raise SinkError("the disk is full; make room")


class Camera(ListSink):
    """Shows the last picture again, as a virtual camera does."""

    name = "camera"
    fills_gaps = True


def test_every_frame_of_a_calm_source_arrives_in_order():
    sink, meter = ListSink(), Meter()
    run(Ticking(20, 0.05), nobody, passed_on, [sink], meter, stop=threading.Event())
    numbers = [picture.number for picture in sink.pictures]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 15
    report = meter.report({})
    assert report["frames"]["captured"] == 20
    assert report["frames"]["emitted"] == len(numbers)
    assert report["latency_ms"]["p50"] < 50


@pytest.mark.slow
def test_a_slow_sink_skips_frames_and_does_not_slow_the_other():
    quick, slow, meter = ListSink(), Slow(), Meter()
    run(Ticking(60, 0.03), nobody, passed_on, [quick, slow], meter, stop=threading.Event())
    assert len(quick.pictures) >= 1.5 * slow.taken
    assert slow.taken <= 25
    # What the slow one shows last is the end, not a backlog: forty frames would be 1.2 s.
    assert meter.report({})["per_sink"]["slow"]["latency_ms"]["max"] < 600


def test_a_slow_analyser_never_builds_a_queue():
    def slow(frame):
        time.sleep(0.05)
        return ()

    sink, meter = ListSink(), Meter()
    run(Ticking(60), slow, passed_on, [sink], meter, stop=threading.Event())
    assert len(sink.pictures) < 20
    assert meter.report({})["latency_ms"]["p50"] < 200
    assert meter.report({})["frames"]["dropped"] == 60 - len(sink.pictures)


def test_gaps_are_filled_with_the_last_picture_and_counted_apart():
    sink, meter = Camera(), Meter()

    @dataclass
    class Stalling(Ticking):
        def frames(self):
            for frame in super().frames():
                yield frame
                if frame.number == 5:
                    time.sleep(0.2)

    run(Stalling(10, 0.02), nobody, passed_on, [sink], meter, stop=threading.Event())
    numbers = [picture.number for picture in sink.pictures]
    assert numbers.count(5) >= 4
    report = meter.report({})
    assert report["frames"]["emitted"] == len(set(numbers))
    assert report["frames"]["repeated"] == len(numbers) - len(set(numbers))
    assert report["frames"]["late"] >= 1


def test_a_failing_sink_is_left_out_and_named_while_the_other_goes_on():
    good, bad, meter = ListSink(), Failing(), Meter()
    with pytest.raises(SinkError, match="the disk is full"):
        run(Ticking(60), nobody, passed_on, [good, bad], meter, stop=threading.Event())
    assert good.pictures[-1].number == 59
    assert any("failing" in event["event"] for event in meter.events)


def test_the_loop_ends_when_its_only_sink_fails():
    source = Ticking(10_000)
    with pytest.raises(SinkError, match="make room"):
        run(source, nobody, passed_on, [Failing()], Meter(), stop=threading.Event())
    assert source.released.is_set()


def test_what_the_source_raises_comes_after_its_last_frame():
    sink = ListSink()
    source = Ticking(5, 0.02, SourceError("the camera was unplugged"))
    with pytest.raises(SourceError, match="unplugged"):
        run(source, nobody, passed_on, [sink], Meter(), stop=threading.Event())
    assert sink.pictures[-1].number == 4


@pytest.mark.slow
def test_what_a_stage_raises_again_and_again_ends_the_loop_and_releases_the_source():
    def broken(frame):
        raise ModelError("the network is damaged")

    source = Ticking(10_000)
    with pytest.raises(ModelError, match="damaged"):
        run(
            *(source, broken, passed_on, [NullSink()], Meter()),
            stop=threading.Event(),
            patience=1.0,
        )
    assert source.released.is_set()


def test_stop_ends_the_loop_soon():
    stop, source = threading.Event(), Ticking(10_000)
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    began = time.monotonic()
    run(source, nobody, passed_on, [NullSink()], Meter(), stop=stop)
    timer.join()
    assert time.monotonic() - began < 1.5
    assert source.released.is_set()


def test_time_is_counted_from_the_first_frame():
    meter = Meter()
    run(
        Ticking(10_000), nobody, passed_on, [NullSink()], meter, stop=threading.Event(), seconds=0.5
    )
    assert 0.3 < meter.report({})["seconds"] < 1.0


def test_convert_drops_nothing():
    def slow(frame):
        time.sleep(0.002)
        return ()

    sink, meter = ListSink(), Meter()
    convert(Ticking(50, 0.0), slow, passed_on, sink, meter, stop=threading.Event())
    assert [picture.number for picture in sink.pictures] == list(range(50))
    assert meter.report({})["frames"]["dropped"] == 0


class Watched(NullSink):
    """A virtual camera of which every picture is kept as its readers saw it."""

    name = "watched"
    fills_gaps = True

    def __init__(self) -> None:
        self.shown = []

    def write(self, picture):
        self.shown.append((time.monotonic(), picture.number, picture.data.copy()))


def striped(frame, faces):
    """Finish a frame with fine stripes, which no cover would leave."""
    data = np.zeros((48, 32), np.uint8)
    data[:, ::2] = 200
    picture = Picture(data.reshape(-1), 32, 32, GREY, frame.number, frame.captured_at, frame.period)
    return Finished({None: picture}, 1, 0, 0)


def covered(data):
    luma = data[:1024].reshape(32, 32).astype(int)
    return (np.count_nonzero(np.diff(luma, axis=1), axis=1) <= 7).all()


def let_go(go_on):
    """End the threads that were left behind."""
    go_on.set()
    for thread in threading.enumerate():
        if thread.name in ("swap", "emit blocked"):
            thread.join(5)


class Breaking:
    """A swap that crashes once, or hangs once, and then works again."""

    def __init__(self, at, *, error=None, hangs=0.0) -> None:
        self.at, self.error, self.hangs, self.starts, self.faces = at, error, hangs, 0, []

    def __call__(self, frame, faces=None):
        self.faces.append(faces)
        if self.at is not None and frame.number >= self.at:
            self.at = None
            time.sleep(self.hangs)
            if self.error is not None:
                raise self.error
        return striped(frame, faces)

    def restart(self):
        self.starts += 1


@pytest.mark.parametrize("error", [RuntimeError("the driver crashed"), ModelError("no numbers")])
def test_a_swap_that_crashes_starts_anew_and_the_camera_keeps_its_cadence(error):
    sink, swap, meter = Watched(), Breaking(5, error=error), Meter()
    run(Ticking(60, 0.02), nobody, swap, [sink], meter, stop=threading.Event())
    times = np.array([at for at, _, _ in sink.shown])
    assert swap.starts == 1
    assert sink.shown[-1][1] >= 55
    assert np.diff(times).max() < 0.4
    assert any("crashed and starts anew" in event["event"] for event in meter.events)


def test_while_the_analyser_is_broken_the_swap_knows_that_nobody_looked():
    class Blind:
        calls = 0

        def __call__(self, frame):
            self.calls += 1
            if self.calls == 5:
                raise ValueError("landmarks everywhere")
            return ()

    swap = Breaking(None)
    run(Ticking(60, 0.02), Blind(), swap, [NullSink()], Meter(), stop=threading.Event())
    assert None in swap.faces
    assert swap.faces[0] == swap.faces[-1] == ()


@pytest.mark.slow
def test_a_picture_that_stands_is_covered_until_the_next_one():
    sink, meter = Watched(), Meter()
    run(
        *(Ticking(60, 0.02), nobody, Breaking(10, hangs=1.5), [sink], meter),
        stop=threading.Event(),
    )
    stood = [(at, data) for at, number, data in sink.shown if number in (9, 10)]
    began = stood[0][0]
    late = [data for at, data in stood if 0.65 < at - began < 1.3]
    assert len(late) >= 3
    assert all(covered(data) for data in late)
    assert not covered(sink.shown[-1][2])
    assert meter.report({})["frames"]["covered"] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("order", ["slate", "blur"])
def test_the_panic_button_acts_on_the_next_picture(order):
    sink, cover = Watched(), Cover()
    ordered = []

    def press(meter, number):
        if number >= 20 and not ordered:
            cover.order(order)
            ordered.append(number)

    run(
        *(Ticking(50, 0.03), nobody, striped, [sink], Meter()),
        stop=threading.Event(),
        progress=press,
        cover=cover,
    )
    shown = [number for _, number, data in sink.shown if not covered(data)]
    assert max(shown) <= ordered[0] + 1
    assert sink.shown[-1][1] == 49


@pytest.mark.slow
def test_a_stage_that_hangs_for_ever_ends_the_run_with_one_line():
    go_on = threading.Event()

    def stuck(frame, faces):
        if frame.number > 5:
            go_on.wait(20)
        return striped(frame, faces)

    sink, began = Watched(), time.monotonic()
    with pytest.raises(SwapcastError, match="the swap has hung in one frame for 1 s"):
        run(
            *(Ticking(10_000), nobody, stuck, [sink], Meter()),
            stop=threading.Event(),
            patience=1.0,
        )
    assert time.monotonic() - began < 6
    assert covered(sink.shown[-1][2])
    let_go(go_on)


@pytest.mark.slow
def test_a_sink_that_blocks_for_ever_is_left_out_while_the_other_goes_on():
    go_on = threading.Event()

    class Blocked(NullSink):
        name = "blocked"

        def write(self, picture):
            go_on.wait(20)

    good, meter = ListSink(), Meter()
    with pytest.raises(SinkError, match="blocked has taken no picture for 1 s"):
        run(
            *(Ticking(150, 0.02), nobody, passed_on, [good, Blocked()], meter),
            stop=threading.Event(),
            patience=0.5,
        )
    assert good.pictures[-1].number == 149
    assert any("blocked is left out" in event["event"] for event in meter.events)
    let_go(go_on)


def test_a_source_that_crashes_is_opened_again_and_frames_are_counted_on():
    class Crashing(Ticking):
        opened = 0

        def frames(self):
            self.opened += 1
            for frame in super().frames():
                yield frame
                if self.opened == 1 and frame.number == 7:
                    raise OSError("the driver gave up")

    sink, meter, source = ListSink(), Meter(), Crashing(20, 0.02)
    run(source, nobody, passed_on, [sink], meter, stop=threading.Event())
    numbers = [picture.number for picture in sink.pictures]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 27
    assert any("crashed and is opened again" in event["event"] for event in meter.events)


def test_frames_whose_clock_jumps_pass_and_no_thread_waits_for_them():
    class Jumping(Ticking):
        def frames(self):
            for frame in super().frames():
                at = frame.captured_at + {10: 3600.0, 20: -3600.0}.get(frame.number, 0.0)
                yield replace(frame, captured_at=at)

    sink, began = ListSink(), time.monotonic()
    run(Jumping(40, 0.02), nobody, passed_on, [sink], Meter(), stop=threading.Event())
    assert sink.pictures[-1].number == 39
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_command_whose_thread_hangs_ends_with_one_line_and_code_1(tmp_path):
    (tmp_path / "hanging.py").write_text(
        "import threading\n"
        "from swapcast.realtime.loop import run\n"
        "from swapcast.realtime.meter import Meter\n"
        "from swapcast.realtime.sinks import NullSink\n"
        "from swapcast.realtime.synthetic import Synthetic\n"
        "def hang(argv):\n"
        "    source = Synthetic(width=64, height=64, live=True)\n"
        "    run(source, lambda frame: (), lambda *_: threading.Event().wait(),\n"
        "        [NullSink()], Meter(), stop=threading.Event(), patience=0.5)\n"
    )
    code = (
        "from swapcast.realtime.__main__ import COMMANDS, main\n"
        "COMMANDS['hang'] = ('hang', 'hanging:hang')\n"
        "main(['hang'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("swapcast: the swap has hung in one frame")
    assert "Traceback" not in done.stderr
