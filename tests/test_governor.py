"""Where the machine is too slow the loop does less, and takes it back when it can."""

import threading

import numpy as np
import pytest

from swapcast.realtime.assembly import run_live
from swapcast.realtime.detector import Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.governor import Governor
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.meter import Meter
from swapcast.realtime.settings import Live
from swapcast.realtime.stillness import MOST, Stillness
from swapcast.realtime.synthetic import Synthetic
from swapcast.realtime.tracker import Tracker


class Machine:
    """A source of 30 frames a second, and a machine that finishes so many of them."""

    def __init__(self):
        self.now, self.steps = 0.0, []
        self.meter = Meter(clock=lambda: self.now)
        self.governor = Governor(self.steps.append, clock=lambda: self.now)

    def runs(self, seconds, *, finishes, busy=0.033):
        for frame in range(round(30 * seconds)):
            self.now += 1 / 30
            self.meter.captured += 1
            if (frame * finishes) % 30 < finishes:
                self.meter.saw(1, 0, 0)
                self.meter.took("analyse", busy)
                self.governor(self.meter, frame)


def test_a_machine_that_keeps_up_is_left_alone():
    machine = Machine()
    machine.runs(20, finishes=30)
    assert machine.steps == []
    assert machine.governor.figures()["changes"] == 0


def test_it_does_less_step_by_step_and_more_again():
    machine = Machine()
    machine.runs(12, finishes=20, busy=0.05)
    assert machine.steps == [1, 2, 3, 4]
    machine.runs(40, finishes=30, busy=0.02)
    assert machine.steps[4:] == [3, 2, 1, 0]
    figures = machine.governor.figures()
    assert figures["changes"] == 8
    assert sum(figures["seconds"].values()) == pytest.approx(52, abs=2)
    assert "too slow" in machine.meter.events[0]["event"]
    assert "fast enough" in machine.meter.events[-1]["event"]


def test_frames_that_the_camera_itself_leaves_out_change_nothing():
    machine = Machine()
    machine.runs(12, finishes=15, busy=0.01)
    assert machine.steps == []


def test_a_step_back_that_does_not_hold_is_tried_less_and_less_often():
    machine = Machine()
    for _ in range(120):
        slow = machine.governor.step == 0
        machine.runs(1, finishes=20 if slow else 30, busy=0.05 if slow else 0.02)
    assert set(machine.steps) == {0, 1}
    assert len(machine.steps) < 14  # every seven seconds would be 34


def test_a_face_that_is_looked_at_in_every_other_frame_is_carried_on():
    frames = list(Synthetic(width=640, height=480, fps=30, seconds=2.0).frames())
    seen = []

    def look(frame, affine):
        seen.append(frame.number)
        return Landmarks(frame.truth["landmarks"], np.ones(68, np.float32), 1.0)

    tracker = Tracker(look, 112)
    points = frames[0].truth["landmarks"]
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    five = (points[[36, 45, 30, 48, 54]]).astype(np.float32)
    tracker(frames[0])
    tracker.add(frames[0], [Detection(box, 1.0, five)])
    tracker.every, tracker.looks = 2, 1
    seen.clear()
    off = []
    for frame in frames[1:]:
        (face,) = tracker(frame)
        off.append(np.abs(face.landmarks - frame.truth["landmarks"]).mean())
    assert len(seen) <= len(frames) // 2 + 1
    assert np.median(off) < 2.5  # of a face 150 pixels wide that turns and speaks


class Counting:
    """A swapper that counts its calls and brightens the crop."""

    template, size, provider, precision = "arcface_128", 128, "cpu", "fp32"
    sliders, hairline = (), False

    def __init__(self):
        self.crop = np.full((1, 3, 128, 128), 0.4, np.float32)
        self.calls, self.fails, self.restarts = 0, False, 0
        self._out = np.empty((3, 128, 128), np.float32)

    def __call__(self):
        self.calls += 1
        if self.fails:
            raise ModelError("broken")
        np.add(self.crop[0], 0.1, out=self._out)
        return self._out, None

    def restart(self):
        self.restarts += 1


def test_a_face_that_rests_is_swapped_less_often_but_never_for_long():
    swapper = Counting()
    still = Stillness(swapper)
    noise = np.random.default_rng(0)
    for _ in range(4 * (MOST + 1)):
        swapper.crop[:] = 0.4 + noise.normal(0, 0.01, swapper.crop.shape)
        picture, mask = still()
        assert mask is None
        assert picture.mean() == pytest.approx(0.5, abs=0.01)
    assert swapper.calls == 4
    assert still.figures() == {"calls": 4 * (MOST + 1), "skipped": 4 * MOST}


def test_a_blink_and_a_slow_drift_are_not_missed():
    swapper = Counting()
    still = Stillness(swapper, most=1000)
    still()
    swapper.crop[0, :, 41:47, 33:43] -= 0.1
    still()
    assert swapper.calls == 2
    for _ in range(30):
        swapper.crop += 0.002
        still()
    assert swapper.calls >= 6


def test_after_a_failure_nothing_from_before_is_shown():
    swapper = Counting()
    still = Stillness(swapper)
    still()
    swapper.fails = True
    swapper.crop += 0.3
    with pytest.raises(ModelError):
        still()
    with pytest.raises(ModelError):
        still()
    swapper.fails = False
    still.restart()
    still()
    assert (swapper.calls, swapper.restarts) == (4, 1)


@pytest.mark.slow
def test_a_live_run_reports_what_was_left_out_and_what_computes():
    said = []
    report = run_live(
        Live(source="synthetic", width=320, height=240, sink=("null",), seconds=2.0),
        threading.Event(),
        said.append,
    )
    assert report["governor"]["changes"] >= 0
    assert report["still"]["calls"] == report["faces"]["swapped"] > 0
    assert report["still"]["skipped"] <= report["still"]["calls"] * MOST / (MOST + 1)
    assert any(line.startswith("provider ") for line in said)
    off = run_live(
        Live(
            source="synthetic", width=320, height=240, sink=("null",), seconds=0.5,
            governor=False, skip_still=False, provider="cpu",
        ),
        threading.Event(),
        said.append,
    )  # fmt: skip
    assert not {"governor", "still"} & set(off)
