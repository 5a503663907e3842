"""Glass to glass: a time code in the source's picture, read back from what a sink's reader gets.

The report of a run ends where a picture is handed to the sink. This goes on until another process
has the picture in its hands: through a pipe, an encoded stream, a file, a virtual camera.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.glass_reader import READY
from swapcast.bench.reel import Reel, kept_pictures
from swapcast.bench.time_code import Coded, since
from swapcast.bench.timing import Result, metadata, write
from swapcast.export.runners import ProviderChoice
from swapcast.realtime.assembly import open_faces
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.loop import run
from swapcast.realtime.meter import Meter
from swapcast.realtime.settings import DEFAULT_FACE, Live
from swapcast.realtime.sinks import Sink, SinkSettings, open_sink
from swapcast.realtime.y4m import Y4mSink

_START_S, _PATIENCE_S = 60.0, 20.0
_FIRST = 15  # codes: the reader's start is not the loop's delay


@dataclass(frozen=True, kw_only=True)
class Glass:
    """Measure from the source's picture to the reader of the sink; the last line is JSON."""

    through: str = "pipe"
    """pipe (yuv4mpeg); file; an address such as udp://127.0.0.1:9000; virtual:/dev/video10."""
    read: str | None = None
    """What the reader opens; nothing given: the address, or the virtual camera's device."""
    source: str = "demo"
    """A file or synthetic; demo is the bundled clip. Its pictures are kept in memory."""
    fps: float = 30.0
    width: int = 1280
    height: int = 720
    face: str = DEFAULT_FACE
    provider: ProviderChoice = "cpu"
    seconds: float = 10.0
    json: Path | None = None
    """Write the results to this file as well."""
    plot: Path | None = None
    """Draw the results into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if self.width < 320 or not 0 < self.fps <= 240 or self.seconds <= 0:
            raise SettingError("glass needs 320 pixels of width, up to 240 fps, and some seconds")
        if self.through == "virtual" and self.read is None:
            raise SettingError("say which camera: --through virtual:/dev/video10")
        wants_chart(self.plot)

    @property
    def reads(self) -> str:
        """What the reader opens."""
        if self.read is not None:
            return self.read
        return "-" if self.through == "pipe" else self.through.removeprefix("virtual:")

    @property
    def label(self) -> str:
        """What the row is called by."""
        kind = self.through.partition(":")[0]
        return f"glass to glass, {kind}, {self.width}x{self.height}, {self.fps:g} fps"


def main(settings: Glass) -> dict[str, Any]:
    """Measure, print and write the results.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […], "pictures": {…}}``; a file has no result, for nobody
        reads it while it is written, only the counts.

    Raises
    ------
    SwapcastError
        If a part fails, or not a single code arrived.
    """
    painted = _Count()
    arrivals, report = _measured(settings, painted)
    times, pictures = judge(arrivals, painted.count)
    results: list[Result] = []
    if times and settings.through != "file":
        results = [Result.of(settings.label, times)]
        print(f"{results[0].name}: {results[0].median_ms:.1f} ms  p95 {results[0].p95_ms:.1f} ms")
        print(f"capture → sink, the loop's part: {report['latency_ms']}")
    print(f"pictures: {pictures}")
    about = {"through": settings.through}
    if settings.json is not None:
        write(settings.json, results, about, pictures=pictures, report=report)
    if settings.plot is not None and results:
        draw([("glass to glass", results)], settings.plot)
    whole = {"metadata": metadata() | about, "pictures": pictures}
    print(json.dumps(whole))
    if not pictures["different"]:
        raise SwapcastError(f"no time code arrived through {settings.through}; see its reader")
    return whole


class _Count:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def judge(
    arrivals: Sequence[tuple[float | None, float]], painted: int
) -> tuple[list[float], dict[str, int]]:
    """Tell what arrived, and how old it was.

    Parameters
    ----------
    arrivals : code, or None where none could be read, and time of arrival, in order
    painted : pictures that were given a code

    Returns
    -------
    times : milliseconds from the source's picture to its first arrival
        Without the first few, in which the reader was still starting.
    pictures : counts: painted, read, unreadable, different, repeated, out_of_order
    """
    read = [(code, at) for code, at in arrivals if code is not None]
    newest: float | None = None
    times, repeated, behind = [], 0, 0
    for code, at in read:
        if newest is not None and code == newest:
            repeated += 1
        elif newest is not None and since(newest, code) < 0:
            behind += 1
        else:
            newest = code
            times.append(1e3 * since(code, at))
    counts = {
        "painted": painted,
        "read": len(read),
        "unreadable": len(arrivals) - len(read),
        "different": len(times),
        "repeated": repeated,
        "out_of_order": behind,
    }
    return times[min(_FIRST, len(times) // 2) :], counts


def _measured(
    settings: Glass, painted: _Count
) -> tuple[list[tuple[float | None, float]], dict[str, Any]]:
    pictures = kept_pictures(settings.source, width=settings.width, height=settings.height)
    meter, stop = Meter(say=lambda text: print(text, file=sys.stderr)), threading.Event()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = folder / "arrivals"
        clip = folder / "glass.mkv"
        with ExitStack() as running:
            if settings.through == "file":
                sink = open_sink(str(clip), SinkSettings())
            else:
                reader = running.enter_context(_reader(settings.reads, lines))
                sink = _sink(settings, reader)
            reel = Reel(pictures=pictures, fps=settings.fps, stop=stop.is_set)
            live = Live(face=settings.face, sink=(sink.name,), provider=settings.provider)
            swap, analyse = open_faces(live, [sink], meter, running, detached=True)
            run(
                *(Coded(reel, painted), analyse, swap, [sink], meter),
                stop=stop,
                seconds=settings.seconds,
            )
        if settings.through == "file":
            with _reader(str(clip), lines):
                pass
        arrivals = [tuple(json.loads(line)) for line in lines.read_text().splitlines()[1:]]
    return arrivals, meter.report({})


@contextmanager
def _reader(spec: str, lines: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the reading process, once it has loaded all it needs; it ends when its source ends.

    Raises
    ------
    SwapcastError
        If it does not get ready.
    """
    command = [sys.executable, "-m", "swapcast.bench.glass_reader", spec]
    with (
        lines.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as reader,
    ):
        try:
            _wait_until_ready(reader, lines)
            yield reader
        finally:
            if reader.stdin is not None:
                reader.stdin.close()
            try:
                reader.wait(_PATIENCE_S if spec == "-" or Path(spec).is_file() else 1.0)
            except subprocess.TimeoutExpired:
                reader.terminate()


def _wait_until_ready(reader: "subprocess.Popen[bytes]", lines: Path) -> None:
    until, pause = time.monotonic() + _START_S, threading.Event()
    while not lines.read_text().startswith(READY):
        if reader.poll() is not None or time.monotonic() > until:
            raise SwapcastError("the process that reads the sink does not start; see above")
        pause.wait(0.05)


def _sink(settings: Glass, reader: "subprocess.Popen[bytes]") -> Sink:
    if settings.through != "pipe":
        return open_sink(settings.through, SinkSettings())
    assert reader.stdin is not None
    return Y4mSink(FileIO(reader.stdin.fileno(), "wb", closefd=False))
