"""Counts and times what the loop does, and writes the report."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.cost import Usage, cost, usage

_KEPT = 1 << 16  # newest samples of each series: 18 minutes at 60 frames a second


class Series:
    """The newest samples of one figure, kept without growing."""

    def __init__(self) -> None:
        self._samples: NDArray[np.float32] = np.zeros(_KEPT, np.float32)
        self.count = 0
        self.total = 0.0
        """Of all samples, in seconds."""

    def add(self, seconds: float) -> None:
        """Keep one sample."""
        self.total += seconds
        self._samples[self.count % _KEPT] = seconds
        self.count += 1

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples that are kept, in seconds, in no order."""
        return self._samples[: min(self.count, _KEPT)]

    def milliseconds(self, *percentiles: int) -> dict[str, float]:
        """Return percentiles (100 reads ``max``) in milliseconds; empty without samples."""
        kept = self.samples
        if not kept.size:
            return {}
        values = np.percentile(kept, percentiles) * 1e3
        return {
            "max" if p == 100 else f"p{p}": round(float(v), 2)
            for p, v in zip(percentiles, values, strict=True)
        }


@dataclass(slots=True)
class SinkCounts:
    """What one sink was given."""

    latency: Series = field(default_factory=Series)
    emitted: int = 0
    """Distinct captured frames."""
    acted: int = 0
    """Of these, the ones with a swapped or guarded face."""
    repeated: int = 0
    late: int = 0
    """Frames that came more than 1.5 periods after the one before."""
    covered: int = 0
    """Pictures that were covered whole: on the user's word, or because no new one came."""
    cover: str | None = None
    """How the newest one was covered."""
    first: float = 0.0
    last: float = 0.0
    """`time.monotonic` of the first and the newest distinct frame."""
    began: Usage = field(default_factory=lambda: Usage(0.0))
    ended: Usage = field(default_factory=lambda: Usage(0.0))
    """What the process had taken by then."""


class Meter:
    """Shared by all threads of a run.

    Parameters
    ----------
    clock : seconds, monotonic
    say : is told, in one line each, what the user should know at once
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.clock, self._say = clock, say
        self._lock = threading.Lock()
        self._stages: dict[str, Series] = {}
        self.sinks: dict[str, SinkCounts] = {}
        self.counted: dict[str, Callable[[], object]] = {}
        """Further entries of the report, asked for when it is made."""
        self.captured = 0
        """Frames that the device gave, those that nobody took among them."""
        self.faces = {"swapped": 0, "guarded": 0, "undecided": 0, "untouched": 0}
        self.finished = 0
        """Frames that were swapped, guarded, or passed on."""
        self.guarded = 0
        """Frames in which something was covered."""
        self.events: list[dict[str, Any]] = []
        self.started = clock()
        self.first_swap_s: float | None = None
        """From the start of the process until a sink had taken a swapped frame."""
        self._rss_start = self._rss_max = resident_mb()

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Time the block as one run of ``stage``."""
        began = time.perf_counter()
        yield
        self.took(stage, time.perf_counter() - began)

    def took(self, stage: str, seconds: float) -> None:
        """Note one run of ``stage``."""
        with self._lock:
            self._stages.setdefault(stage, Series()).add(seconds)

    def event(self, text: str) -> None:
        """Note that something happened: a device lost, a guard put on, a provider gone."""
        with self._lock:
            self.events.append({"at_s": round(self.clock() - self.started, 3), "event": text})

    def notice(self, text: str) -> None:
        """Note that something happened, and tell the user now."""
        self.event(text)
        self._say(text)

    def handed_over(
        self, sink: str, captured_at: float, period: float, *, acted: bool, swapped: bool = False
    ) -> None:
        """Note that ``sink`` has taken a new frame."""
        now = self.clock()
        with self._lock:
            if swapped and self.first_swap_s is None:
                self.first_swap_s = since_process_start()
            counts = self.sinks[sink]
            counts.latency.add(now - captured_at)
            if not counts.emitted:
                counts.first = now
                counts.began = usage()
            elif now - counts.last > 1.5 * period:
                counts.late += 1
            counts.last = now
            counts.emitted += 1
            counts.acted += acted
            counts.ended = usage()
            if counts.emitted % 64 == 0:
                self._rss_max = max(self._rss_max, resident_mb())

    def repeated(self, sink: str) -> None:
        """Note that ``sink`` was given its last picture once more."""
        with self._lock:
            self.sinks[sink].repeated += 1

    def covered(self, sink: str, kind: str | None) -> None:
        """Note whether ``sink`` was given a picture that is covered whole."""
        with self._lock:
            counts = self.sinks[sink]
            counts.covered += kind is not None
            changed, counts.cover = kind != counts.cover, kind
        if changed:
            self.event(f"{sink}: the whole picture is {'covered: ' + kind if kind else 'shown'}")

    def saw(self, swapped: int, guarded: int, untouched: int, *, undecided: int = 0) -> None:
        """Note what was done with the faces of one frame."""
        with self._lock:
            self.finished += 1
            self.faces["undecided"] += undecided
            self.guarded += guarded + undecided > 0
            self.faces["swapped"] += swapped
            self.faces["guarded"] += guarded
            self.faces["untouched"] += untouched

    @property
    def stages(self) -> Mapping[str, Series]:
        """The time each stage took, by the stage's name."""
        with self._lock:
            return dict(self._stages)

    def fps(self, sink: str) -> float:
        """Distinct frames with a swapped or guarded face that ``sink`` took, per second."""
        counts = self.sinks[sink]
        span = counts.last - counts.first
        return (counts.acted - 1) / span if counts.acted > 1 and span > 0 else 0.0

    def report(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return the report, as described in the documentation; figures are the first sink's."""
        with self._lock:
            name, counts = next(iter(self.sinks.items()))
            now = resident_mb()
            return {
                "version": metadata.version("swapcast"),
                **about,
                "seconds": round(counts.last - counts.first, 3),
                "fps": round(self.fps(name), 2),
                "frames": {
                    "captured": self.captured,
                    "dropped": self.captured - counts.emitted,
                    "emitted": counts.emitted,
                    "repeated": counts.repeated,
                    "late": counts.late,
                    "guarded": self.guarded,
                    "covered": counts.covered,
                },
                "faces": dict(self.faces),
                "latency_ms": counts.latency.milliseconds(50, 95, 99, 100),
                "stages_ms": {k: v.milliseconds(50, 95, 99) for k, v in self._stages.items()},
                "cost_per_frame": cost(
                    counts.began, counts.ended, counts.emitted - 1, counts.last - counts.first
                ),
                "first_swap_s": self.first_swap_s,
                "rss_mb": {
                    "start": self._rss_start,
                    "end": now,
                    "max": max(now, self._rss_max),
                },
                "per_sink": {
                    sink: {
                        "emitted": c.emitted,
                        "repeated": c.repeated,
                        "latency_ms": c.latency.milliseconds(50, 95, 99, 100),
                    }
                    for sink, c in self.sinks.items()
                },
                **{name: count() for name, count in self.counted.items()},
                "events": list(self.events),
            }


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write a report as JSON."""
    path.write_text(json.dumps(report, indent=1) + "\n")


def resident_mb() -> float:
    """Return the memory of this process that is in RAM, in MB (10⁶ bytes)."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    if sys.platform == "win32":
        return 0.0
    import resource  # noqa: PLC0415 - not on Windows

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)


def since_process_start() -> float:
    """Return the seconds since this process was started (elsewhere than Linux: since import)."""
    if sys.platform == "linux":
        fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # after boot
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return round(uptime - began, 2)
    return round(time.monotonic() - _IMPORTED, 2)


_IMPORTED = time.monotonic()
