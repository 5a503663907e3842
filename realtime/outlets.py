"""Sinks at the end of the loop: a door and a thread for each, so that none slows the others."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from swapcast.realtime.cover import Cover, Veil
from swapcast.realtime.errors import SinkError, SwapcastError
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.meter import Meter, SinkCounts
from swapcast.realtime.sinks import Sink
from swapcast.realtime.supervisor import Pulse
from swapcast.realtime.worker import on_thread

_GAP = 1.5  # source periods without a new frame until a sink shows its last one again


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


@dataclass(slots=True)
class Outlet:
    """A sink's door and the thread behind it."""

    sink: Sink
    door: Latest[Finished]
    thread: Latest[None]
    pulse: Pulse
    error: BaseException | None = None


@contextmanager
def outlet(sink: Sink, cover: Cover, meter: Meter, patience: float) -> Iterator[Outlet]:
    """Open a sink on a thread of its own; leaving the block finishes it.

    Parameters
    ----------
    sink : Sink
    cover : what the user, or a source that has gone, wants to be shown instead
    meter : is told what the sink was given
    patience : seconds
        That one picture may take.

    Raises
    ------
    SwapcastError
        If its thread cannot be ended. What the sink itself raised is kept as the outlet's error.
    """
    door: Latest[Finished] = Latest()
    pulse = Pulse(f"sink {sink.name}", patience)
    meter.sinks[sink.name] = SinkCounts()
    name, opened = f"emit {sink.name}", None
    try:
        with on_thread(
            name, lambda: _emit(sink, door, cover, pulse, meter), grace=patience
        ) as thread:
            opened = Outlet(sink, door, thread, pulse)
            try:
                yield opened
            finally:
                door.close()
                # What went wrong while the last frames were written shows only now.
                for _ in _ended(opened):
                    pass
    except SwapcastError:
        if opened is None or opened.error is None:
            raise


def _ended(outlet: Outlet) -> Iterator[None]:
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
                    emitted(sink, finished, last.captured_at, last.period, meter)
    finally:
        door.close()
    yield  # never reached: the door's end ends the loop


def emitted(
    sink: Sink, finished: Finished, captured_at: float, period: float, meter: Meter
) -> None:
    """Note that a sink has taken a finished frame."""
    acted = finished.swapped + finished.guarded > 0
    swapped = finished.swapped > 0
    meter.handed_over(sink.name, captured_at, period, acted=acted, swapped=swapped)


def check(outlets: Sequence[Outlet], meter: Meter) -> None:
    """Note sinks that have failed, or take a picture for too long."""
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
