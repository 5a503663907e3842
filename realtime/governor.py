"""Lets the loop do less while the machine is too slow for the source, and takes it back later."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from swapcast.realtime.meter import Meter

_WINDOW_S = 1.0
_MISSED = 0.08  # share of the captured frames that were dropped, from which a window was too much
_FINE = 0.02  # … and up to which a window was well
_BUSY = 0.7  # of a window that a stage works, from which it is the machine that is too slow
_BAD = 2  # windows in a row until the loop does less
_WELL = 5  # windows in a row until it does more again; doubles each time that was too early
_LONGEST = 120
_TOO_EARLY = 10  # windows within which doing less again means that

STEPS = (
    "everything",
    "faces are searched for half as often",
    "faces are searched for a quarter as often",
    "a face is looked at once a frame",
    "a face is looked at in every other frame",
)
"""What is left out, from the least visible on: `swapcast.realtime.analyser.Analyser.ease`."""

ANALYSING, SWAPPING = ("analyse",), ("crop", "infer", "mask", "check", "composite")
"""Stages of the meter that follow each other on one thread."""


class Governor:
    """Watches whether frames are dropped because a stage has no time left, second by second.

    After two seconds in which too many were dropped the loop goes one step down; after five in
    which none was, one step up. A step up that did not hold makes it wait twice as long for the
    next. `STEPS` change nothing that is drawn, only how often something is looked for, and a lower
    precision (`swapcast.realtime.lighter`) changes less than what differs from frame to frame, so
    no step is seen. The check of each frame (`swapcast.realtime.check`) is never touched.

    Parameters
    ----------
    ease : callable
        Takes the step, 0 for everything, up to the last of `STEPS`.
    clock : monotonic seconds
    further : steps beyond those, each with what it says and a callable that is told whether it is
        taken
    """

    def __init__(
        self,
        ease: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        further: Sequence[tuple[str, Callable[[bool], None]]] = (),
    ) -> None:
        self._ease, self._clock = ease, clock
        self._steps = STEPS + tuple(name for name, _ in further)
        self._switches = tuple(switch for _, switch in further)
        self.step = 0
        self._changes = 0
        self._seconds = [0.0] * len(self._steps)
        self._before: tuple[float, int, int, tuple[float, float]] | None = None
        self._bad, self._well, self._since_up = 0, 0, _LONGEST
        self._patience = _WELL

    def __call__(self, meter: Meter, number: int) -> None:
        """Take note of a finished frame; decides once a second."""
        now = self._clock()
        if self._before is not None and now - self._before[0] < _WINDOW_S:
            return
        stages = _seconds(meter, ANALYSING), _seconds(meter, SWAPPING)
        after = now, meter.captured, meter.finished, stages
        if self._before is not None:
            at, captured, finished, worked = self._before
            self._seconds[self.step] += now - at
            lost = 1 - (meter.finished - finished) / max(meter.captured - captured, 1)
            busy = max(b - a for a, b in zip(worked, stages, strict=True)) / (now - at)
            self._judge(meter, lost, busy)
        self._before = after

    def _judge(self, meter: Meter, lost: float, busy: float) -> None:
        self._bad = self._bad + 1 if lost > _MISSED and busy > _BUSY else 0
        self._well = self._well + 1 if lost <= _FINE else 0
        self._since_up += 1
        if self._bad >= _BAD and self.step + 1 < len(self._steps):
            if self._since_up <= _TOO_EARLY:
                self._patience = min(2 * self._patience, _LONGEST)
            self._go(self.step + 1, meter)
        elif self._well >= self._patience and self.step > 0:
            self._since_up = 0
            self._go(self.step - 1, meter)

    def _go(self, step: int, meter: Meter) -> None:
        self.step, self._bad, self._well = step, 0, 0
        self._changes += 1
        self._ease(min(step, len(STEPS) - 1))
        for place, switch in enumerate(self._switches, len(STEPS)):
            switch(step >= place)
        meter.event(f"the machine is {'too slow' if step else 'fast enough'}: {self._steps[step]}")

    def figures(self) -> dict[str, Any]:
        """Return how often it changed, and the seconds spent on each step; for the report."""
        spent: Sequence[float] = self._seconds
        return {
            "changes": self._changes,
            "seconds": {
                name: round(seconds, 1)
                for name, seconds in zip(self._steps, spent, strict=True)
                if seconds > 0
            },
        }


def _seconds(meter: Meter, stages: Sequence[str]) -> float:
    known = meter.stages
    return sum(known[name].total for name in stages if name in known)
