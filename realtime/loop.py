"""The loop: capture, analyse, swap and emit, each on a thread of its own, newest frame first.

::

    source ─▶ capture ─▶ Latest ─▶ analyse ─▶ Latest ─▶ swap ─┬▶ Latest ─▶ emit: first sink
                                                              └▶ Latest ─▶ emit: second sink …

Order is kept, nothing queues, and a sink that is slow skips frames without slowing the others.
A stage that crashes is tried again (`swapcast.realtime.supervisor`); what a sink shows while no new
picture comes is covered (`swapcast.realtime.cover`).
`convert` takes the same steps one after the other and drops nothing.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from swapcast.realtime.cover import Cover
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.meter import Meter, SinkCounts
from swapcast.realtime.outlets import Finished, Outlet, check, emitted, outlet
from swapcast.realtime.sinks import Sink
from swapcast.realtime.sources import Source
from swapcast.realtime.supervisor import FOR_EVER, Supervised, steady_frames
from swapcast.realtime.worker import on_thread, patient

__all__ = ["Analyse", "Finished", "Progress", "Swap", "convert", "run"]

_SWITCH_S = 0.0005  # Python's own 5 ms would let one thread keep the others from their frames


Analyse = Callable[[Frame], tuple[Face, ...]]
Swap = Callable[[Frame, tuple[Face, ...] | None], Finished]
"""Takes None where the analyser has failed: then the faces may be anywhere."""


class Progress(Protocol):
    """Is told of each frame that was finished."""

    def __call__(self, meter: Meter, number: int) -> None:
        """Take note; returns at once."""


def run(  # noqa: PLR0913 - the parts of a run
    source: Source,
    analyse: Analyse,
    swap: Swap,
    sinks: Sequence[Sink],
    meter: Meter,
    *,
    stop: threading.Event,
    seconds: float | None = None,
    progress: Progress | None = None,
    cover: Cover | None = None,
    patience: float = FOR_EVER,
) -> None:
    """Carry the newest frame from ``source`` to every sink until the source ends.

    It also ends when ``stop`` is set, and ``seconds`` after the first frame was finished. A sink
    that fails is left out, with an event, as long as another one is there. ``cover`` is the user's
    panic button. A stage that works on one frame for longer than ``patience`` seconds, and a sink
    that takes twice as long over a picture, count as hanging for ever.

    Raises
    ------
    SwapcastError
        What the source raised, a stage that crashes or hangs for ever, or the last sink.
    """
    analysing = Supervised("the analyser", analyse, meter, patience)
    swapping = Supervised("the swap", swap, meter, patience)
    cover = cover or Cover()
    with patient(patience), ExitStack() as stack, _quick_switching():
        outlets = [stack.enter_context(outlet(sink, cover, meter, 2 * patience)) for sink in sinks]
        frames = stack.enter_context(
            on_thread("capture", lambda: _capture(steady_frames(source, meter, stop), meter))
        )
        analysed = stack.enter_context(
            on_thread("analyse", lambda: _analyse(frames, analysing, meter))
        )
        numbers = stack.enter_context(
            on_thread("swap", lambda: _swap(analysed, swapping, outlets, meter))
        )
        # Runs first: the threads end one after the other, from the source on.
        stack.callback(frames.close)
        stack.callback(stop.set)
        ends: float | None = None
        while not stop.is_set() and (ends is None or meter.clock() < ends):
            try:
                number = numbers.get(timeout=0.1)
            except Closed:
                break
            if ends is None and number is not None and seconds is not None:
                ends = meter.clock() + seconds
            if progress is not None and number is not None:
                progress(meter, number)
            analysing.pulse.check()
            swapping.pulse.check()
            check(outlets, meter)
    for one in outlets:
        if one.error is not None:
            raise one.error


def convert(
    source: Source,
    analyse: Analyse,
    swap: Swap,
    sink: Sink,
    meter: Meter,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
) -> None:
    """Carry every frame of ``source`` to ``sink``, in order."""
    meter.sinks[sink.name] = SinkCounts()
    with sink:
        for frame in _capture(source.frames(), meter):
            if stop.is_set():
                break
            with meter.timing("analyse"):
                faces = analyse(frame)
            finished = swap(frame, faces)
            _saw(finished, meter)
            with meter.timing("emit"):
                sink.write(finished.pictures[sink.colour])
            emitted(sink, finished, frame.captured_at, frame.period, meter)
            if progress is not None:
                progress(meter, frame.number)


def _saw(finished: Finished, meter: Meter) -> None:
    meter.saw(finished.swapped, finished.guarded, finished.untouched, undecided=finished.undecided)


def _capture(frames: Iterator[Frame], meter: Meter) -> Iterator[Frame]:
    first: int | None = None
    for frame in frames:
        first = frame.number if first is None else first
        meter.captured = frame.number - first + 1
        yield frame


def _analyse(
    frames: Latest[Frame], analyse: Supervised[tuple[Face, ...]], meter: Meter
) -> Iterator[tuple[Frame, tuple[Face, ...] | None]]:
    for frame in frames:
        with meter.timing("analyse"):
            faces = analyse(frame)
        yield frame, faces


def _swap(
    analysed: Latest[tuple[Frame, tuple[Face, ...] | None]],
    swap: Supervised[Finished],
    outlets: Sequence[Outlet],
    meter: Meter,
) -> Iterator[int]:
    """Swap each newest frame and hand it to every sink that still takes frames."""
    for frame, faces in analysed:
        finished = swap(frame, faces)
        if finished is None:
            continue
        _saw(finished, meter)
        taken = 0
        for one in outlets:
            try:
                one.door.put(finished)
            except Closed:
                continue
            taken += 1
        if not taken:
            return
        yield frame.number


@contextmanager
def _quick_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
