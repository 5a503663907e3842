"""The whole loop on the bundled clip or any other source: latency, rate, drops, time per stage.

Nobody can compare face-swap programs without these figures, and none of them publishes any. The
source is paced as a camera would be, the sink takes each picture and forgets it, so that what is
measured is ours: decoding, analysis, swap, composite, and the threads between them.
"""

import json
import sys
import threading
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from swapcast.export.runners import Provider
from swapcast.realtime.assembly import run_live
from swapcast.realtime.settings import Live


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Measure the live loop; the last line printed is the report, as JSON."""

    source: str = "demo"
    """Any source of `swapcast live`; demo is the bundled clip."""
    face: str = "demo"
    seconds: float = 20.0
    provider: Provider = "cpu"
    threads: int = 1
    """Processor threads of the swapper."""
    json: Path | None = None
    """Write the report to this file as well."""


def main(settings: Loop) -> None:
    """Run the loop once and print its report."""
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        report = run_live(
            Live(
                source=str(clip) if settings.source == "demo" else settings.source,
                face=settings.face,
                sink=("null",),
                seconds=settings.seconds,
                loop=True,
                provider=settings.provider,
                threads=settings.threads,
                report=settings.json,
            ),
            threading.Event(),
            say=lambda text: print(text, file=sys.stderr),
        )
    for stage, figures in report["stages_ms"].items():
        print(
            f"{stage:<16} " + "  ".join(f"{key} {value:7.2f} ms" for key, value in figures.items())
        )
    latency = "  ".join(f"{key} {value:7.2f} ms" for key, value in report["latency_ms"].items())
    print(f"{'capture → sink':<16} {latency}")
    print(json.dumps(report))
