"""The loop with small sources and sinks of the same form as the real ones."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from swapcast.realtime.errors import ModelError, SinkError, SourceError
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


def test_what_a_stage_raises_ends_the_loop_and_releases_the_source():
    def broken(frame):
        raise ModelError("the network is damaged")

    source = Ticking(10_000)
    with pytest.raises(ModelError, match="damaged"):
        run(source, broken, passed_on, [NullSink()], Meter(), stop=threading.Event())
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
