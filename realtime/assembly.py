"""Puts the parts of a run together: source, sound, analyser, swapper, sinks."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from swapcast.realtime.analyser import Analyser, FaceAnalyser, open_analyser
from swapcast.realtime.audio import SoundLine, advised_delay_ms
from swapcast.realtime.badge import Badge
from swapcast.realtime.check import face_check
from swapcast.realtime.check_ahead import CheckAhead
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.control import controlled
from swapcast.realtime.cover import Cover
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.governor import Governor
from swapcast.realtime.installation import todays_payload
from swapcast.realtime.lighter import Lightness
from swapcast.realtime.listening import listening
from swapcast.realtime.look import find_look
from swapcast.realtime.look_switch import LookSwitch
from swapcast.realtime.loop import convert, run
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.memory import give_back, let_go_of_compiler
from swapcast.realtime.meter import Meter, write_report
from swapcast.realtime.occlusion import OcclusionOnDemand
from swapcast.realtime.opening import open_swapper, open_switch
from swapcast.realtime.restorer import open_restorer
from swapcast.realtime.settings import Convert, Engine, Live
from swapcast.realtime.signing import sign_recordings
from swapcast.realtime.sinks import Sink, SinkSettings, open_sink
from swapcast.realtime.sources import Source, SourceSettings, open_source
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.whose import open_who, worn_faces
from swapcast.realtime.window import WindowSink
from swapcast.realtime.worker import patient

Say = Callable[[str], None]


def run_live(settings: Live, stop: threading.Event, say: Say) -> dict[str, Any]:
    """Run the live loop until the source ends, the time is up or ``stop`` is set.

    Parameters
    ----------
    settings : Live
        With at least one sink.
    stop : event
        Ends the run when it is set; is set when the run ends.
    say : callable
        Is told what happens, in one line each.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    SwapcastError
        If a part cannot be opened, or failed.
    """
    meter, cover, lightness = Meter(say=say), Cover(settings.guard), Lightness()
    plays: Latest[float] = Latest()
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
        on_event=meter.notice,
        on_play=plays.put,
    )
    lines = {spec: SoundLine() for spec in settings.sink if settings.audio != "none"}
    sinks = [
        open_sink(
            spec,
            SinkSettings(
                codec=settings.codec,
                encoder=settings.encoder,
                sound=lines.get(spec),
                on_event=meter.notice,
            ),
        )
        for spec in settings.sink
    ]
    with patient(settings.patience), ExitStack() as stack:
        swap, analyse = open_faces(settings, sinks, meter, stack, lightness, detached=True)
        looks = LookSwitch(swap.look, swap.wear, meter.notice)
        for sink in sinks:
            if isinstance(sink, WindowSink):
                sink.on_keys(cover.key, looks.key)
        stack.enter_context(
            listening(
                settings.audio,
                list(lines.values()),
                clip=source.path if isinstance(source, Clip) else None,
                plays=plays,
                on_event=meter.notice,
            )
        )
        faces = open_switch(settings, [sink.name for sink in sinks], meter, swap, lightness)
        stack.enter_context(faces.ready())
        stack.enter_context(controlled(cover, meter, looks, faces))
        run(
            *(source, analyse, swap, sinks, meter),
            stop=stop,
            seconds=settings.seconds,
            cover=cover,
            patience=settings.patience,
            progress=governed(analyse, meter, lightness) if settings.governor else None,
        )
    if any(spec.startswith("virtual") for spec in settings.sink):
        virtual = next(c for name, c in meter.sinks.items() if name.startswith("virtual"))
        if virtual.emitted:
            delay = advised_delay_ms([virtual.latency.milliseconds(50)["p50"] / 1e3])
            say(f"for sound in step with the picture, delay the microphone by {delay} ms "
                "(OBS: Advanced Audio Properties, Sync Offset)")  # fmt: skip
    return make_report(settings, source, sinks, meter, swap)


def run_convert(settings: Convert, stop: threading.Event) -> dict[str, Any]:
    """Swap every frame of a clip, in order, and keep its sound.

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
    source = open_source(
        str(settings.source), SourceSettings(), stop=stop.is_set, on_event=meter.event
    )
    if not isinstance(source, Clip):
        raise SettingError(f"convert takes a clip; {settings.source} is none")
    sink = open_sink(
        str(settings.out),
        SinkSettings(
            codec=settings.codec, encoder=settings.encoder, offline=True, clip=settings.source
        ),
    )
    with ExitStack() as stack:
        swap, analyse = open_faces(settings, [sink], meter, stack, detached=False)
        bar = stack.enter_context(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
        )
        task = bar.add_task(settings.source.name, total=source.length)
        convert(
            source,
            analyse,
            swap,
            sink,
            meter,
            stop=stop,
            progress=lambda _, number: bar.update(task, completed=number + 1),
        )
    if stop.is_set():
        raise SwapcastError(f"interrupted; {settings.out} holds the frames until then")
    return make_report(settings, source, [sink], meter, swap)


def open_faces(
    settings: Engine,
    sinks: Sequence[Sink],
    meter: Meter,
    stack: ExitStack,
    lightness: Lightness | None = None,
    *,
    detached: bool,
) -> tuple[FaceSwap, FaceAnalyser]:
    """Open what finds, swaps and composites faces; ``stack`` closes it.

    Parameters
    ----------
    settings : Engine
    sinks : where the pictures will go: their words decide which consent is needed
    meter : is told what happens
    stack : takes what must be closed
    lightness : says when faces may be computed in lower precision; None: never
    detached : whether new faces are looked for beside the frames (live), not in them

    Raises
    ------
    SwapcastError
        If a part cannot be opened, or the face's consent does not allow these sinks.
    """
    cv2.setNumThreads(1)  # every stage has its own thread already
    names = [sink.name for sink in sinks]
    store, uses = face_store(), uses_of(names, commercial=settings.commercial)
    faces = [store.find(name, uses) for name in worn_faces(settings)]
    for face in faces:
        stack.enter_context(store.session(face, uses, names))
    clip = settings.source if isinstance(settings, Convert) else None
    stack.callback(sign_recordings, names, faces[0], clip, meter.notice)
    stack.callback(give_back)  # runs before it: the networks' memory is enough for signing
    first, *further = [
        open_swapper(face, settings, uses, meter, stack, lightness) for face in faces
    ]
    analyse = stack.enter_context(
        open_analyser(settings.detector, detached=detached, model=settings.detector_model)
    )
    look, occlusion = find_look(settings.look), OcclusionOnDemand(meter.notice)
    if look.occlusion != "off":
        occlusion.open()
    swap = FaceSwap(
        first,
        Compositor(todays_payload(), _badge(settings), look, occlusion),
        stack.enter_context(CheckAhead(face_check())),
        meter,
        who=open_who(settings, store, meter, stack, detached=detached),
        mode=settings.guard,
        colours=[sink.colour for sink in sinks],
        further=further,
        restorer=open_restorer(settings.restorer, stack, meter.notice, detached=detached),
    )
    let_go_of_compiler()
    give_back()
    return swap, analyse


def governed(analyse: FaceAnalyser, meter: Meter, lightness: Lightness) -> Governor | None:
    """Return what lets an analyser do less where the machine is too slow; None: it cannot."""
    if not isinstance(analyse, Analyser):
        return None
    further = ((f"faces are computed in {lightness.precision}", lightness.allow),)
    governor = Governor(analyse.ease, further=further if lightness.precision else ())
    meter.counted["governor"] = governor.figures
    return governor


def _badge(settings: Engine) -> Badge | None:
    return None if settings.badge == "off" else Badge(settings.badge, settings.badge_corner)


def make_report(
    settings: Engine, source: Source, sinks: Sequence[Sink], meter: Meter, swap: FaceSwap
) -> dict[str, Any]:
    """Return the report of a run, and write it where the settings say."""
    report = meter.report(
        {
            "source": source.name,
            "sinks": [sink.name for sink in sinks],
            "face": settings.face,
            "provider": swap.provider,
            "precision": swap.precision,
        }
    )
    if settings.report is not None:
        write_report(report, Path(settings.report))
    return report
