"""Puts the parts of a run together: source, analyser, swapper, sinks."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import SourceError
from swapcast.realtime.face_command import face_store
from swapcast.realtime.loop import convert, run
from swapcast.realtime.meter import Meter, write_report
from swapcast.realtime.settings import Convert, Engine, Live
from swapcast.realtime.sinks import Sink, SinkSettings, open_sink
from swapcast.realtime.sources import Source, SourceSettings, open_source
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.swapper import Swapper


def run_live(
    settings: Live, stop: threading.Event, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run the live loop until the source ends, the time is up or ``stop`` is set.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    SwapcastError
        If a part cannot be opened, or failed.
    """
    meter = Meter()

    def event(text: str) -> None:
        meter.event(text)
        say(text)

    source = open_source(
        settings.source,
        SourceSettings(
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
            loop=settings.loop,
            paced=True,
        ),
        stop=stop.is_set,
        on_event=event,
    )
    sinks = [open_sink(spec, SinkSettings(codec=settings.codec)) for spec in settings.sink]
    with ExitStack() as stack:
        swap, analyse = _faces(settings, sinks, meter, stack, detached=True)
        if settings.seconds is not None:
            timer = threading.Timer(settings.seconds, stop.set)
            stack.callback(timer.cancel)
            timer.start()
        run(source, analyse, swap, sinks, meter, stop=stop)
    return _report(settings, source, sinks, meter)
