"""A machine that is too slow computes the face in lower precision, and nobody sees the change."""

import time

import numpy as np
import pytest

from swapcast.export.runners import RunnerError, open_runner
from swapcast.kernels.geometry import crop_affine
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Face
from swapcast.realtime.governor import STEPS, Governor
from swapcast.realtime.lighter import Lighter, Lightness
from swapcast.realtime.meter import Meter
from swapcast.realtime.student import network_of
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.synthetic import Synthetic
from swapcast.realtime.tuned import Candidate, Choice, choose, lighter, remember

FRAMES, SWITCH, BACK = 30, 10, 20


class Painter:
    """A swapper whose answer is one level."""

    template, size, provider, sliders, hairline = "arcface_128", 8, "cpu", (), False

    def __init__(self, level, precision="fp32"):
        self.crop = np.zeros((1, 3, 8, 8), np.float32)
        self.level, self.precision, self.fails = level, precision, False

    def __call__(self):
        if self.fails:
            raise ModelError("broken")
        return np.full((3, 8, 8), self.level, np.float32) + self.crop[0], None

    def restart(self):
        pass


def answers_soon(swapper, level):
    """Tell whether the answer becomes that level; the second network is opened beside."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if swapper()[0].mean() == pytest.approx(level):
            return True
        time.sleep(0.01)
    return False


def test_the_lighter_network_answers_while_it_may():
    usual, light, lightness = Painter(0.2), Painter(0.7, "bf16"), Lightness()
    with Lighter(usual, lambda _: light, lightness).ready() as swapper:
        assert swapper()[0].mean() == pytest.approx(0.2)
        lightness.allow(True)
        assert answers_soon(swapper, 0.7)
        assert swapper.precision == "bf16"
        swapper.crop[:] = 0.1  # what is cropped reaches it
        assert swapper()[0].mean() == pytest.approx(0.8)
        lightness.allow(False)
        assert swapper()[0].mean() == pytest.approx(0.3)
        assert swapper.precision == "fp32"


def test_a_lighter_network_that_fails_or_does_not_open_leaves_the_usual_one():
    events, usual, light, lightness = [], Painter(0.2), Painter(0.7), Lightness()
    lightness.allow(True)

    def broken(_):
        raise ModelError("no such library")

    with Lighter(usual, broken, lightness, events.append).ready() as swapper:
        swapper()
        until = time.monotonic() + 5
        while not events and time.monotonic() < until:
            time.sleep(0.01)
        assert swapper()[0].mean() == pytest.approx(0.2)
    with Lighter(usual, lambda _: light, lightness, events.append).ready() as swapper:
        assert answers_soon(swapper, 0.7)
        light.fails = True
        assert swapper()[0].mean() == pytest.approx(0.2)
    assert events == [
        "the precision stays fp32: no such library",
        "the precision stays fp32: broken",
    ]


def test_only_what_was_measured_to_be_faster_in_lower_precision_is_taken(tmp_path):
    model = b"a network"
    asked = choose(model, "cpu", 1, folder=tmp_path)
    assert lighter(model, asked, tmp_path) is None  # nothing was measured
    remember(model, Candidate("cpu", "auto", 2), 9.0, tmp_path)
    assert lighter(model, asked, tmp_path) is None  # faster, but as precise
    best = Candidate("openvino", "bf16", 1)
    remember(model, best, 5.0, tmp_path)
    found = lighter(model, asked, tmp_path)
    assert found is not None
    assert found.candidate == best
    assert lighter(model, Choice(best, "as asked for"), tmp_path) is None  # it is in use already


def test_the_governor_lowers_the_precision_last_and_takes_it_back_first():
    now, seen = [0.0], []
    meter = Meter(clock=lambda: now[0])

    def switch(on):
        seen.append("light" if on else "usual")

    governor = Governor(seen.append, lambda: now[0], [("faces are computed in bf16", switch)])

    def runs(seconds, every, busy):
        for frame in range(30 * seconds):
            now[0] += 1 / 30
            meter.captured += 1
            if frame % every == 0:
                meter.saw(1, 0, 0)
                meter.took("infer", busy)
                governor(meter, frame)

    runs(16, 2, 0.06)
    assert governor.step == len(STEPS)
    assert seen[-2:] == [len(STEPS) - 1, "light"]
    assert meter.events[-1]["event"] == "the machine is too slow: faces are computed in bf16"
    runs(7, 1, 0.02)
    assert seen[-2:] == [len(STEPS) - 1, "usual"]


def test_the_change_is_smaller_than_what_differs_from_frame_to_frame():
    face = face_store().find("demo", uses_of(["null"]))
    light_way = Choice(Candidate("openvino", "bf16", 1), "the machine is too slow")
    try:
        open_runner(network_of(face), "openvino", precision="bf16").__exit__(None, None, None)
    except RunnerError as error:
        pytest.skip(f"no lower precision here: {error}")
    with (
        Swapper(face, uses=uses_of(["null"])) as usual,
        Swapper(
            face, "openvino", uses=uses_of(["null"]), open_network=light_way.open_network
        ) as light,
    ):
        plain, _ = film(usual, light, range(0))
        changed, precisions = film(usual, light, range(SWITCH, BACK))
    assert set(precisions[SWITCH:BACK]) == {"bf16"}
    assert {*precisions[:SWITCH], *precisions[BACK:]} == {"fp32"}
    ordinary = np.abs(np.diff(plain, axis=0)).mean((1, 2))
    steps = np.abs(np.diff(changed, axis=0)).mean((1, 2))
    # Where the precision changes, a frame differs from the one before as it does without.
    np.testing.assert_allclose(steps[SWITCH:BACK], ordinary[SWITCH:BACK], rtol=0.05)
    assert np.abs(changed - plain).mean((1, 2)).max() < 0.1 * ordinary.min()


def film(usual, light, frames):
    """Swap a drawn face that moves, in lower precision in some of the frames.

    Returns the luma of its box, int16 [frames, rows, columns], and the precisions.
    """
    lightness, compositor, pictures, precisions = Lightness(), Compositor(), [], []
    with Lighter(usual, lambda _: light, lightness).ready() as swapper:
        for frame in Synthetic(width=640, height=480, fps=30, seconds=FRAMES / 30).frames():
            lightness.allow(frame.number in frames)
            if lightness.allowed and swapper.precision != "bf16":
                picture_of(compositor, frame, swapper)  # has it opened
                until = time.monotonic() + 10
                while swapper.precision != "bf16" and time.monotonic() < until:
                    time.sleep(0.01)
            pictures.append(picture_of(compositor, frame, swapper).astype(np.int16))
            precisions.append(swapper.precision)
    return np.stack(pictures), precisions


def picture_of(compositor, frame, swapper):
    """Swap the drawn face; returns the luma of its box, uint8."""
    points = frame.truth["landmarks"]
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    five = np.stack([*eyes, points[30], points[48], points[54]]).astype(np.float32)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    face = Face(box, 1.0, five, points, np.ones(68, np.float32), 1)
    affine = crop_affine(five, swapper.template, swapper.size)
    compositor.crop(frame, affine, swapper.crop[0])
    picture, mask = swapper()
    paste = compositor.paste(face, swapper.crop[0], picture, mask, affine, frame=frame)
    y, _, _ = compositor.finish(frame, (paste,), ()).planes
    return y[60:420, 120:520].copy()
