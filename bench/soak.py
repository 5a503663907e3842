"""A long live run, with random faults if asked, that watches threads, open files and memory."""

import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from swapcast.bench.faults import Failing, Kind, SourceKind, Unplugged
from swapcast.bench.timing import metadata
from swapcast.export.runners import open_runner
from swapcast.realtime.analyser import Analyser
from swapcast.realtime.check import face_check
from swapcast.realtime.check_ahead import CheckAhead
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.detector import detector
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.loop import run
from swapcast.realtime.memory import give_back, let_go_of_compiler
from swapcast.realtime.meter import Meter, resident_mb
from swapcast.realtime.occlusion import OcclusionOnDemand
from swapcast.realtime.runner import OpenNetwork
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.sinks import NullSink, Sink, SinkSettings, open_sink
from swapcast.realtime.sources import Source
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.swapper import Swapper

_EVERY_S = 5.0  # between two samples
_KINDS: dict[str, tuple[Kind, ...]] = {
    "swapper": ("raise", "nan", "garbage", "hang"),
    "landmarks": ("raise", "nan", "garbage"),
    "detector": ("raise", "nan"),
    "check": ("raise", "nan", "hang"),
}
_SOURCE: tuple[SourceKind, ...] = ("gap", "crash")


@dataclass(frozen=True, kw_only=True)
class Soak:
    """Run live for a long time and watch threads, open files and memory."""

    minutes: float = 60.0
    faults: bool = False
    """Let networks and the source fail at random, about every five seconds."""
    face: str = DEFAULT_FACE
    seed: int = 0
    json: Path | None = None
    """Write the figures to this file."""


@dataclass
class Samples:
    """What the process holds, over time."""

    every: float = _EVERY_S
    """Seconds between two samples."""
    at: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def __call__(self, meter: Meter, number: int) -> None:
        """Take a sample if it is time."""
        now = time.monotonic()
        if self.at and now - self.at[-1] < self.every:
            return
        self.at.append(now)
        self.rss_mb.append(resident_mb())
        self.threads.append(threading.active_count())
        self.files.append(_open_files())

    def figures(self) -> dict[str, Any]:
        """Compare the second half with what came before it."""
        half = len(self.at) // 2
        minutes = (np.array(self.at) - self.at[0]) / 60
        later = slice(half, None)
        slope = float(np.polyfit(minutes[later], self.rss_mb[later], 1)[0]) if half > 1 else 0.0
        return {
            "samples": len(self.at),
            "rss_mb": {"middle": self.rss_mb[half], "end": self.rss_mb[-1]},
            "rss_mb_per_10_min": round(10 * slope, 2),
            "threads": {"start": max(self.threads[:3]), "most": max(self.threads[later])},
            "files": {"start": max(self.files[:3]), "most": max(self.files[later])},
        }


class _Cadence(NullSink):
    """Forgets every picture, but wants one all the time, as a virtual camera does."""

    name = "cadence"
    fills_gaps = True


@dataclass
class _Chance:
    """Fails in one call of so many, at random."""

    random: np.random.Generator
    calls: float

    def __call__(self, call: int) -> bool:
        """Tell whether it fails in this call."""
        return bool(call > 30 and self.random.random() < 1 / self.calls)


def main(settings: Soak) -> None:
    """Run it, print the figures, and fail if something grew.

    Raises
    ------
    SwapcastError
        If threads or open files were left behind.
    """
    samples, meter = Samples(), Meter(say=lambda text: print(text, file=sys.stderr))
    random = np.random.default_rng(settings.seed)
    plans = _plans(random) if settings.faults else {}
    before = threading.active_count()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clip = stack.enter_context(
            resources.as_file(resources.files("swapcast.assets") / "demo.mp4")
        )
        source: Source = Clip(path=clip, live=True, loop=True)
        for kind in _SOURCE if settings.faults else ():
            source = Unplugged(source, kind, _Chance(random, 1800))
        swap, analyse = _parts(settings, plans, meter, stack)
        sinks: list[Sink] = [_Cadence(), open_sink(str(folder / "soak.mkv"), SinkSettings())]
        run(
            *(source, analyse, swap, sinks, meter),
            stop=threading.Event(),
            seconds=60 * settings.minutes,
            progress=samples,
        )
        played = sum(1 for _ in Clip(path=folder / "soak.mkv").frames())
    report = meter.report({})
    figures = samples.figures() | {
        "minutes": settings.minutes,
        "injected": {name: plan.faults for name, plan in plans.items()},
        "emitted": report["frames"],
        "recorded_and_played": played,
        "threads_left": threading.active_count() - before,
    }
    whole = {"metadata": metadata(), "results": [figures], "events": report["events"][-200:]}
    if settings.json is not None:
        settings.json.write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(figures))
    grown = {
        name: figures[name] for name in ("threads", "files")
        if figures[name]["most"] > figures[name]["start"] + 1
    }  # fmt: skip
    if grown or figures["threads_left"] > 0:
        raise SwapcastError(f"something was left behind: {grown or figures['threads_left']}")


def _plans(random: np.random.Generator) -> dict[str, Failing]:
    """Let each kind of fault of each network happen about once a minute and a half."""
    return {
        f"{part}:{kind}": Failing(kind, _Chance(random, 2700), random=random)
        for part, kinds in _KINDS.items()
        for kind in kinds
    }


def _parts(
    settings: Soak, plans: dict[str, Failing], meter: Meter, stack: ExitStack
) -> tuple[FaceSwap, Analyser]:
    """Open the parts of a live run; each network fails in all the ways planned for it."""

    def network(part: str) -> Any:
        opens: OpenNetwork = open_runner
        for name, plan in plans.items():
            if name.startswith(part + ":"):
                opens = plan.around(opens)
        return opens

    uses = uses_of(["null"])
    swapper = stack.enter_context(
        Swapper(
            face_store().find(settings.face, uses),
            uses=uses,
            on_event=meter.event,
            open_network=network("swapper"),
        )
    )
    look = landmark_net(open_network=network("landmarks"))
    analyse = stack.enter_context(
        Analyser(detector(open_network=network("detector")), look, look.size, detached=True)
    )
    check = stack.enter_context(CheckAhead(face_check(open_detector=network("check"))))
    compositor = Compositor(occlusion=OcclusionOnDemand(meter.notice))
    let_go_of_compiler()
    give_back()
    return FaceSwap(swapper, compositor, check, meter), analyse


def _open_files() -> int:
    """Count this process's open files; elsewhere than on Linux nothing is counted."""
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
