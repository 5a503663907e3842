from pathlib import Path

import numpy as np
import pytest

from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.material import read_frames
from swapcast.realtime.measures import BlinkWatch, correlation, eye_patches, mouth_openness
from swapcast.realtime.synthetic import Synthetic


def blinks(frames):
    watch = BlinkWatch()
    seen = (watch(frame, frame.truth["landmarks"]) for frame in frames)
    return [blink for blink in seen if blink is not None]


@pytest.mark.parametrize("fps", [15, 30])
def test_every_blink_of_the_drawn_face_is_noticed_and_no_other(fps):
    # It closes its eyes for 0.13 s every 3.1 s, while it turns, nears and speaks.
    found = blinks(Synthetic(width=640, height=480, fps=fps, seconds=16.0).frames())
    np.testing.assert_allclose([blink.began_at for blink in found], [3.1, 6.2, 9.3, 12.4, 15.5],
                               atol=1.5 / fps)  # fmt: skip
    assert all(blink.seconds < 0.25 for blink in found)


def test_eyes_that_stay_shut_have_not_blinked():
    frames = list(Synthetic(width=640, height=480, fps=15, seconds=3.3).frames())
    shut = frames[47]
    assert shut.captured_at % 3.1 < 0.13
    watch = BlinkWatch()
    seen = [watch(frame, frame.truth["landmarks"]) for frame in frames[10:46]]
    after = type(shut)
    for number in range(20):
        later = after(
            shut.y, shut.u, shut.v, shut.width, shut.height, shut.colour,
            number, shut.captured_at + number / 15,
        )  # fmt: skip
        seen.append(watch(later, shut.truth["landmarks"]))
    assert not any(seen)


def low_brows(number, rng, *, shut):
    """Draw two eyes, 40 pixels wide, under black brows that come down to them."""
    luma = np.full((160, 240), 120.0)
    rows, columns = np.mgrid[:160, :240]
    marks = np.zeros((68, 2), np.float32)
    for first, x in ((36, 70), (42, 170)):
        luma[(abs(rows - 66) < 5) & (abs(columns - x) < 24)] = 20
        lids = [(-20, 0), (-7, -5), (7, -5), (20, 0), (7, 5), (-7, 5)]
        marks[first : first + 6] = np.add(lids, (x, 80))
        if not shut:
            luma[((rows - 80) / 7) ** 2 + ((columns - x) / 20) ** 2 < 1] = 140
            luma[np.hypot(rows - 80, columns - x) < 7] = 75
    y = (luma + rng.normal(0, 1.5, luma.shape)).clip(0, 255).astype(np.uint8)
    chroma = np.full((80, 120), 128, np.uint8)
    return Frame(y, chroma, chroma, 240, 160, Colour(), number, number / 15), marks


def test_dark_low_brows_do_not_hide_a_blink():
    watch, rng = BlinkWatch(), np.random.default_rng(0)
    shut = {30, 31, 32, 45, 46, 47}
    seen = [watch(*low_brows(number, rng, shut=number in shut)) for number in range(60)]
    assert [round(blink.began_at * 15) for blink in seen if blink] == [30, 45]


def test_the_mouth_opens_and_shuts_with_the_drawn_one():
    frames = list(Synthetic(width=640, height=480, fps=15, seconds=4.0).frames())
    said = [0.5 + 0.5 * np.sin(9 * f.captured_at) * np.sin(1.3 * f.captured_at) for f in frames]
    seen = [mouth_openness(frame.truth["landmarks"]) for frame in frames]
    assert np.corrcoef(said, seen)[0, 1] > 0.95


def test_light_does_not_change_how_alike_eyes_are():
    frame = next(Synthetic(width=640, height=480, fps=15, seconds=1.0).frames())
    left, _ = eye_patches(frame, frame.truth["landmarks"])
    assert left.shape == (24, 36)
    assert correlation(left, left * np.float32(0.5) + np.float32(20)) == pytest.approx(1, abs=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "count"),
    [("bbaf2n", 2), ("brbk7n", 1), ("lbax4n", 1), ("pwij3p", 2), ("lbbc2a", 0), ("lwbsza", 0),
     ("swiz3n", 0)],
)  # fmt: skip
def test_blinks_of_real_talkers(shared: Path, clip, count):
    watch, seen = BlinkWatch(), []
    with open_analyser("own", detached=False) as analyse:
        for frame in read_frames(shared / "data" / "clips" / "grid" / f"{clip}.mpg"):
            for face in analyse(frame)[:1]:
                seen.append(watch(frame, face.landmarks))
    assert len([blink for blink in seen if blink]) == count
