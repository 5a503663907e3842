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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from swapcast.realtime.cover import Cover, Veil
from swapcast.realtime.errors import SinkError, SwapcastError
from swapcast.realtime.frame import Colour, Face, Frame, Picture
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.meter import Meter, SinkCounts
from swapcast.realtime.sinks import Sink
from swapcast.realtime.sources import Source
from swapcast.realtime.supervisor import FOR_EVER, Pulse, Supervised, steady_frames
from swapcast.realtime.worker import on_thread

_GAP = 1.5  # source periods without a new frame until a sink shows its last one again
_SWITCH_S = 0.0005  # Python's own 5 ms would let one thread keep the others from their frames


@dataclass(frozen=True, slots=True)
class Finished:
    """One frame on its way out."""

    pictures: Mapping[Colour | None, Picture]
    """By the colour a sink asked for; ``None`` is the source's own."""
    swapped: int
    guarded: int
    untouched: int
    undecided: int = 0
    """What may be a face and is covered until that is decided."""


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
    with ExitStack() as stack, _quick_switching():
        outlets = [stack.enter_context(_outlet(sink, cover, meter, 2 * patience)) for sink in sinks]
        frames = stack.enter_context(
            on_thread("capture", lambda: _capture(steady_frames(source, meter, stop), meter))
        )
        analysed = stack.enter_context(
            on_thread(
                "analyse", lambda: _analyse(frames, analysing, meter), grace=min(patience, 5.0)
            )
        )
        numbers = stack.enter_context(
            on_thread(
                "swap", lambda: _swap(analysed, swapping, outlets, meter), grace=min(patience, 5.0)
            )
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
            _check(outlets, meter)
    for outlet in outlets:
        if outlet.error is not None:
            raise outlet.error


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
            _emitted(sink, finished, frame.captured_at, frame.period, meter)
            if progress is not None:
                progress(meter, frame.number)


@dataclass(slots=True)
class _Outlet:
    """A sink's door and the thread behind it."""

    sink: Sink
    door: Latest[Finished]
    thread: Latest[None]
    pulse: Pulse
    error: BaseException | None = None


@contextmanager
def _outlet(sink: Sink, cover: Cover, meter: Meter, patience: float) -> Iterator[_Outlet]:
    door: Latest[Finished] = Latest()
    pulse = Pulse(f"sink {sink.name}", patience)
    meter.sinks[sink.name] = SinkCounts()
    name, outlet = f"emit {sink.name}", None
    try:
        with on_thread(
            name, lambda: _emit(sink, door, cover, pulse, meter), grace=patience
        ) as thread:
            outlet = _Outlet(sink, door, thread, pulse)
            try:
                yield outlet
            finally:
                door.close()
                # What went wrong while the last frames were written shows only now.
                for _ in _ended(outlet):
                    pass
    except SwapcastError:
        if outlet is None or outlet.error is None:
            raise


def _ended(outlet: _Outlet) -> Iterator[None]:
    """Wait for the end of an outlet's thread, keeping its error."""
    until = time.monotonic() + outlet.pulse.limit
    try:
        while time.monotonic() < until and not outlet.pulse.stuck:
            outlet.thread.get(timeout=0.1)
            yield
    except Closed:
        return
    except SinkError as error:
        outlet.error = error


def _emit(
    sink: Sink, door: Latest[Finished], cover: Cover, pulse: Pulse, meter: Meter
) -> Iterator[None]:
    """Write each newest frame; show the last one again where the sink's readers need a cadence."""
    last: Picture | None = None
    veil, gap, usual = Veil(), 0.0, 0.0
    came: float | None = None
    try:
        with sink:
            while True:
                wait = _GAP * last.period if sink.fills_gaps and last is not None else None
                finished = door.get(timeout=wait)
                if finished is not None:
                    now, before = meter.clock(), gap
                    gap = 0.0 if came is None else now - came
                    last, came = finished.pictures[sink.colour], now
                    # The smaller of two gaps: one hold-up does not make the next one usual.
                    usual = max(last.period, min(gap, before))
                if last is None or came is None:
                    continue
                kind = cover.wanted(meter.clock() - came, usual)
                with pulse.busy(), meter.timing(f"emit {sink.name}"):
                    sink.write(last if kind is None else veil(last, kind))
                meter.covered(sink.name, kind)
                if finished is None:
                    meter.repeated(sink.name)
                else:
                    _emitted(sink, finished, last.captured_at, last.period, meter)
    finally:
        door.close()
    yield  # never reached: the door's end ends the loop


def _emitted(
    sink: Sink, finished: Finished, captured_at: float, period: float, meter: Meter
) -> None:
    acted = finished.swapped + finished.guarded > 0
    swapped = finished.swapped > 0
    meter.handed_over(sink.name, captured_at, period, acted=acted, swapped=swapped)


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
    outlets: Sequence[_Outlet],
    meter: Meter,
) -> Iterator[int]:
    """Swap each newest frame and hand it to every sink that still takes frames."""
    for frame, faces in analysed:
        finished = swap(frame, faces)
        if finished is None:
            continue
        _saw(finished, meter)
        taken = 0
        for outlet in outlets:
            try:
                outlet.door.put(finished)
            except Closed:
                continue
            taken += 1
        if not taken:
            return
        yield frame.number


def _check(outlets: Sequence[_Outlet], meter: Meter) -> None:
    """Note sinks that have failed."""
    for outlet in outlets:
        if outlet.error is None and outlet.pulse.stuck:
            outlet.error = SinkError(
                f"{outlet.sink.name} has taken no picture for {outlet.pulse.limit:g} s; "
                "see that its reader or its disk still answers, and start again"
            )
            outlet.door.close()
            meter.notice(f"sink {outlet.sink.name} is left out: it hangs")
        if outlet.error is None:
            try:
                outlet.thread.get(timeout=0)
            except Closed:
                pass
            except SinkError as error:
                outlet.error = error
                meter.notice(f"sink {outlet.sink.name} failed: {error}")


@contextmanager
def _quick_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
