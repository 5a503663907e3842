"""The whole loop on the bundled clip or any other source: latency, rate, drops, time per stage.

Nobody can compare face-swap programs without these figures, and none of them publishes any. The
sink takes each picture and forgets it, so that what is measured is ours: decoding (if the source
is a file that is played), analysis, swap, composite, and the threads between them.
"""

import json
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.reel import Reel, Taking, kept_pictures
from swapcast.bench.timing import Result, write
from swapcast.bench.watch import Allocations, ThreadTimes
from swapcast.export.runners import ProviderChoice
from swapcast.realtime.assembly import make_report, open_faces
from swapcast.realtime.errors import SettingError
from swapcast.realtime.frame import Frame
from swapcast.realtime.loop import convert, run
from swapcast.realtime.meter import Meter, Series
from swapcast.realtime.settings import DEFAULT_FACE, Live
from swapcast.realtime.sinks import NullSink
from swapcast.realtime.sources import Source, SourceSettings, open_source

_ALLOCATION_FRAMES = 70


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Measure the live loop; the last line printed is the report, as JSON."""

    source: str = "demo"
    """Any source of `swapcast live`; demo is the bundled clip."""
    rate: str = "source"
    """source: the source plays at its own speed and is decoded meanwhile; a number: pictures kept
    in memory, at so many a second; unbound: as many as the loop takes."""
    size: str | None = None
    """WIDTHxHEIGHT to which pictures kept in memory are scaled; nothing given: 1280x720."""
    faces: int = 1
    """Copies of the source side by side in pictures kept in memory; all are swapped."""
    face: str = DEFAULT_FACE
    seconds: float = 20.0
    provider: ProviderChoice = "cpu"
    threads: int = 1
    """Processor threads of the swapper."""
    governor: bool = False
    """Let the loop do less where the machine is too slow, as `swapcast live` does."""
    skip_still: bool = False
    """Swap a face that rests less often, as `swapcast live` does."""
    allocations: bool = True
    """Measure in a second, short run what each frame allocates."""
    json: Path | None = None
    """Write the results to this file as well."""
    plot: Path | None = None
    """Draw the results into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise SettingError(f"--rate is {self.rate}; give source, unbound, or 1 to 1000")
        if not self.kept and (self.size or self.faces != 1):
            raise SettingError("--size and --faces need pictures in memory: give --rate as well")
        _ = self.shape
        wants_chart(self.plot)

    @property
    def kept(self) -> bool:
        """Whether the pictures are kept in memory."""
        return self.rate != "source"

    @property
    def fps(self) -> float | None:
        """Frames a second, if a number was given."""
        if self.rate in {"source", "unbound"}:
            return None
        try:
            return float(self.rate)
        except ValueError as error:
            raise SettingError(
                f"--rate {self.rate!r} is neither source, unbound, nor a number of frames a second"
            ) from error

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height of pictures kept in memory."""
        width, _, height = (self.size or "1280x720").partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise SettingError(f"--size {self.size!r} is not of the form WIDTHxHEIGHT, as 1280x720")
        return int(width), int(height)

    @property
    def label(self) -> str:
        """What the rows of the results are called by."""
        source = Path(self.source).name
        if not self.kept:
            return source
        width, height = self.shape
        rate = "unbound" if self.fps is None else f"{self.fps:g} fps"
        faces = f", {self.faces} faces" if self.faces > 1 else ""
        return f"{source} {width}x{height}, {rate}{faces}"


@dataclass
class Measured:
    """What one run of the loop gave."""

    report: dict[str, Any]
    results: list[Result] = field(default_factory=list)


def main(settings: Loop) -> dict[str, Any]:
    """Run the loop and print its report.

    Returns
    -------
    dict
        The report, with ``core_ms_by_thread`` and ``allocations`` beside the keys of a live run.
    """
    measured = measure(settings)
    for result in measured.results:
        print(f"{result.name:<52} {result.median_ms:9.3f} ms  p95 {result.p95_ms:9.3f} ms")
    report = measured.report
    latency = "  ".join(f"{key} {value:7.2f} ms" for key, value in report["latency_ms"].items())
    print(f"{'capture → sink':<16} {latency}")
    if settings.json is not None:
        write(settings.json, measured.results, {"label": settings.label}, report=report)
    if settings.plot is not None:
        draw([(settings.label, measured.results)], settings.plot)
    print(json.dumps(report))
    return report


def measure(settings: Loop) -> Measured:
    """Run the loop, and once more for its allocations.

    Raises
    ------
    SwapcastError
        If a part cannot be opened, or failed.
    """
    pictures = _pictures(settings) if settings.kept else None
    meter, threads = Meter(say=lambda text: print(text, file=sys.stderr)), ThreadTimes()
    live, stop = _live(settings), threading.Event()
    with ExitStack() as stack:
        source, sink = _played(settings, pictures, stop, meter, stack)
        swap, analyse = open_faces(live, [sink], meter, stack, detached=True)
        run(
            *(source, analyse, swap, [sink], meter),
            stop=stop,
            seconds=settings.seconds,
            progress=threads,
        )
    report = make_report(live, source, [sink], meter, swap)
    report["core_ms_by_thread"] = threads.core_ms()
    if settings.allocations:
        report["allocations"] = _allocated(settings, live, pictures)
    counts = meter.sinks[sink.name]
    rows = [(f"{stage}, {settings.label}", times) for stage, times in meter.stages.items()]
    rows.append((f"capture → sink, {settings.label}", counts.latency))
    results = [_result(name, times) for name, times in rows if times.count]
    return Measured(report, results + threads.results(settings.label))


def _result(name: str, series: Series) -> Result:
    return Result.of(name, series.samples * 1e3)


def _live(settings: Loop) -> Live:
    who: Literal["all", "largest"] = "all" if settings.faces > 1 else "largest"
    return Live(
        source=settings.source,
        face=settings.face,
        sink=("null",),
        who=who,
        loop=True,
        provider=settings.provider,
        threads=settings.threads,
        skip_still=settings.skip_still,
        governor=settings.governor,
    )


def _pictures(settings: Loop) -> list[Frame]:
    width, height = settings.shape
    return kept_pictures(settings.source, width=width, height=height, faces=settings.faces)


def _played(
    settings: Loop,
    pictures: list[Frame] | None,
    stop: threading.Event,
    meter: Meter,
    stack: ExitStack,
) -> tuple[Source, NullSink]:
    """Make the source of the run, and the sink that fits it."""
    if pictures is not None:
        reel = Reel(pictures=pictures, fps=settings.fps, name=settings.label, stop=stop.is_set)
        return reel, Taking(reel)
    clip = stack.enter_context(resources.as_file(resources.files("swapcast.assets") / "demo.mp4"))
    source = open_source(
        str(clip) if settings.source == "demo" else settings.source,
        SourceSettings(loop=True, paced=True),
        stop=stop.is_set,
        on_event=meter.notice,
    )
    return source, NullSink()


@dataclass(frozen=True)
class _Few:
    """The first frames of a source."""

    frames_of: Source
    name: str = "few"
    live: bool = False

    def frames(self) -> Any:
        """Give them."""
        return islice(self.frames_of.frames(), _ALLOCATION_FRAMES)


def _allocated(settings: Loop, live: Live, pictures: list[Frame] | None) -> dict[str, Any]:
    """Send some frames through the same steps one after the other, and look at the memory."""
    meter, stop = Meter(), threading.Event()
    with ExitStack() as stack:
        source, sink = _played(settings, pictures, stop, meter, stack)
        swap, analyse = open_faces(live, [sink], meter, stack, detached=False)
        watch = stack.enter_context(Allocations())
        convert(_Few(source), analyse, swap, sink, meter, stop=stop, progress=watch)
    return dict(watch.figures())
