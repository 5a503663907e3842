"""Wait until a picture is due, without missing the request to stop."""

import math
import threading
import time
from collections.abc import Callable

_LOOK = 0.1  # seconds between two looks at the request to stop
_SLACK = 0.5  # seconds that a stream may be late before it is put off
_JUMP = 10.0  # seconds to wait from which the time stamps are taken to have begun anew


def wait_until(due: float, stop: Callable[[], bool], clock: Callable[[], float]) -> bool:
    """Wait until ``clock`` shows ``due``; ``False`` as soon as ``stop`` says so."""
    never = threading.Event()
    while not stop():
        left = due - clock()
        if left <= 0:
            return True
        never.wait(min(left, _LOOK))
    return False


class Pace:
    """Plays pictures that come in bursts by their time stamps.

    A stream that is late by half a second and more is put off: it goes on at its own speed.
    """

    def __init__(self) -> None:
        self._begins: float | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all waiting, from another thread."""
        self._stopped.set()

    def __call__(self, stamp: float) -> float:
        """Wait until the picture of a time stamp is due; return when that was, monotonic seconds.

        One without a time stamp (not a number) is due at once.
        """
        now = time.monotonic()
        if math.isnan(stamp):
            return now
        if self._begins is None or not -_SLACK <= self._begins + stamp - now <= _JUMP:
            self._begins = now - stamp
        due = self._begins + stamp
        self._stopped.wait(max(0.0, due - now))
        return due
