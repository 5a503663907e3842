"""What a run costs while it runs: processor time by thread and window, memory by frame."""

import sys
import threading
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from swapcast.bench.timing import Result
from swapcast.realtime.cost import usage
from swapcast.realtime.meter import Meter

_WINDOW_S = 1.0
_WARM = 10  # frames after which memory is looked at


@dataclass
class ThreadTimes:
    """Looks about every second at how many frames were finished and who used the processor.

    It is told of finished frames, as `swapcast.realtime.loop.run` does. Threads of libraries
    (ONNX Runtime's, FFmpeg's) count as ``libraries``; elsewhere than on Linux no thread is told
    apart.
    """

    at: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    by_thread: list[dict[str, float]] = field(default_factory=list)
    """Seconds of processor time so far."""

    def __call__(self, meter: Meter, number: int) -> None:
        """Look, if a second has passed."""
        now = time.monotonic()
        if self.at and now - self.at[-1] < _WINDOW_S:
            return
        self.at.append(now)
        self.frames.append(meter.finished)
        self.cpu_s.append(usage().cpu_s)
        self.by_thread.append(_seconds_by_thread())

    def core_ms(self) -> dict[str, float]:
        """Return the processor milliseconds that each thread took per finished frame."""
        if len(self.at) < 2 or self.frames[-1] == self.frames[0]:
            return {}
        first, last = self.by_thread[0], self.by_thread[-1]
        spent = {name: last[name] - first.get(name, 0.0) for name in last}
        frames = self.frames[-1] - self.frames[0]
        taken = {name: round(1e3 * seconds / frames, 3) for name, seconds in spent.items()}
        return dict(sorted(taken.items(), key=lambda item: -item[1]))

    def results(self, label: str) -> list[Result]:
        """Return the time and the processor time of a frame, spread over the windows."""
        frames = np.diff(self.frames)
        moved = frames > 0
        if not moved.any():
            return []
        whole = 1e3 * np.diff(self.at)[moved] / frames[moved]
        core = 1e3 * np.diff(self.cpu_s)[moved] / frames[moved]
        return [
            Result.of(f"time per frame, {label}", whole),
            Result.of(f"processor time per frame, {label}", core),
        ]


def _seconds_by_thread() -> dict[str, float]:
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    seconds: dict[str, float] = defaultdict(float)
    tasks = Path("/proc/self/task")
    if sys.platform != "linux" or not tasks.is_dir():
        return seconds
    for task in tasks.iterdir():
        try:
            nanoseconds = int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):  # ended meanwhile, or a kernel without it
            continue
        seconds[names.get(int(task.name), "libraries")] += nanoseconds / 1e9
    return seconds


class Allocations:
    """How much Python and NumPy allocate in one frame, by `tracemalloc`.

    For runs in which nothing goes on beside a frame (`swapcast.realtime.loop.convert`): from frame
    to frame it notes by how much the traced memory rose at its peak. What native libraries
    allocate for themselves is not traced; the page faults of the report count that.
    """

    def __init__(self) -> None:
        self.peaks_kb: list[float] = []
        """Of each frame after the first few: how far memory rose above its start."""
        self.kept_kb: list[float] = []
        """Memory held after each of them."""
        self._seen, self._level = 0, 0

    def __enter__(self) -> "Allocations":
        tracemalloc.start(1)
        return self

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    def __call__(self, meter: Meter, number: int) -> None:
        """Take note of the frame that was finished."""
        level, peak = tracemalloc.get_traced_memory()
        self._seen += 1
        if self._seen > _WARM:
            self.peaks_kb.append((peak - self._level) / 1e3)
            self.kept_kb.append(level / 1e3)
        tracemalloc.reset_peak()
        self._level = tracemalloc.get_traced_memory()[0]

    def figures(self) -> dict[str, float | int | str]:
        """Return the median rise within a frame, and what is left behind by each on average."""
        if len(self.peaks_kb) < 2:
            return {}
        return {
            "how": "tracemalloc: Python and NumPy, not native libraries",
            "frames": len(self.peaks_kb),
            "rise_kb_per_frame": round(float(np.median(self.peaks_kb)), 1),
            "left_kb_per_frame": round(
                (self.kept_kb[-1] - self.kept_kb[0]) / (len(self.kept_kb) - 1), 3
            ),
        }
