"""How long a user waits for the first swapped picture, as the report says it."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.loop import Finished, run
from swapcast.realtime.meter import Meter
from swapcast.realtime.sinks import ListSink
from swapcast.realtime.synthetic import Synthetic


@dataclass
class Swapping:
    """Swaps the face from one frame on, and covers it before."""

    begins: int
    at: float | None = None
    """Monotonic seconds at which it finished its first swap."""

    def __call__(self, frame, faces):
        swapped = frame.number >= self.begins
        if swapped and self.at is None:
            self.at = time.monotonic()
        data = np.zeros(frame.width * frame.height * 3 // 2, np.uint8)
        size = frame.width, frame.height
        picture = Picture(data, *size, Colour(), frame.number, frame.captured_at, frame.period)
        return Finished({None: picture}, int(swapped), int(not swapped), 0)


def first_swap(begins):
    source = Synthetic(width=64, height=48, fps=50, seconds=0.8, live=True)
    meter, swap = Meter(), Swapping(begins)
    run(source, lambda frame: (), swap, [ListSink()], meter, stop=threading.Event())
    return meter.report({})["first_swap_s"], swap.at


def test_frames_that_are_only_covered_are_no_swap():
    assert first_swap(1000) == (None, None)


@pytest.mark.slow
def test_the_first_swap_is_the_first_one_that_a_sink_took():
    early, early_at = first_swap(0)
    late, late_at = first_swap(25)
    # Both count from the start of this process, so they are as far apart as the swaps were.
    assert abs((late - early) - (late_at - early_at)) < 0.15
    assert late_at - early_at > 0.4


@pytest.mark.slow
def test_the_report_of_a_run_counts_from_the_command(tmp_path):
    report = tmp_path / "report.json"
    live = ("live", "--source", "synthetic", "--sink", "null", "--seconds", "2")
    began = time.monotonic()
    words = (sys.executable, "-m", "swapcast.realtime", *live, "--report", report)
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    said = json.loads(report.read_text())
    assert said["faces"]["swapped"] > 0
    assert 0.2 < said["first_swap_s"] < took - 0.5
