"""Keeps a run alive when a stage crashes, and ends it with one line when a stage hangs for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

from swapcast.realtime.errors import ModelError, SwapcastError
from swapcast.realtime.frame import Frame
from swapcast.realtime.meter import Meter
from swapcast.realtime.sources import Source

T = TypeVar("T")

FOR_EVER = 10.0
"""Seconds in one frame after which a stage counts as hanging for ever."""

_MOST = 4  # crashes in a row before a stage or a source may be given up
_SOON, _LATER = 0.1, 2.0  # seconds until it is tried again; doubles from one to the other
_WELL = 30  # frames in a row after which earlier crashes are forgotten


@runtime_checkable
class Restarts(Protocol):
    """A stage that can start anew."""

    def restart(self) -> None:
        """Forget everything that may be broken."""


class Pulse:
    """Tells for how long a thread has been busy with one frame.

    Parameters
    ----------
    name : of the stage, for messages
    limit : seconds after which it counts as hanging for ever
    """

    def __init__(self, name: str, limit: float = FOR_EVER) -> None:
        self.name, self.limit = name, limit
        self._since: float | None = None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Mark the block as work on one frame."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    @property
    def stuck(self) -> bool:
        """Whether the work on one frame takes longer than the limit."""
        since = self._since
        return since is not None and time.monotonic() - since > self.limit

    def check(self) -> None:
        """Look whether it still beats.

        Raises
        ------
        SwapcastError
            If it hangs.
        """
        if self.stuck:
            raise SwapcastError(
                f"{self.name} has hung in one frame for {self.limit:g} s; start again, and if it "
                "happens again look at the driver of the camera or of the graphics card"
            )


class Supervised(Generic[T]):
    """A stage that is tried again after a crash, with growing pauses; ``None`` meanwhile.

    A `ModelError` and whatever is no `SwapcastError` counts as a crash. Every other `SwapcastError`
    is final: it says what the user must mend.

    Parameters
    ----------
    name : of the stage, for messages
    stage : takes a frame; if it has ``restart()``, that is called after a crash
    meter : is told what happens
    patience : seconds
        In one frame after which it counts as hanging for ever, and without a frame that went well
        after which it is given up.
    """

    def __init__(
        self, name: str, stage: Callable[..., T], meter: Meter, patience: float = FOR_EVER
    ) -> None:
        self._name, self._stage, self._meter = name, stage, meter
        self.pulse = Pulse(name, patience)
        self._crashes, self._well, self._until = 0, 0, 0.0
        self._patience, self._good_at = patience, time.monotonic()

    def __call__(self, *args: object) -> T | None:
        """Run the stage.

        Raises
        ------
        SwapcastError
            If it has only crashed for too long, or failed for good.
        """
        with self.pulse.busy():
            if self._crashes and time.monotonic() < self._until:
                return None
            try:
                if self._until:
                    self._until = 0.0
                    if isinstance(self._stage, Restarts):
                        self._stage.restart()
                result = self._stage(*args)
            except Exception as error:  # noqa: BLE001 - whatever it is, the guard holds the picture
                self._crashed(error)
                return None
            self._well, self._good_at = self._well + 1, time.monotonic()
            if self._well >= _WELL:
                self._crashes = 0
            return result

    def _crashed(self, error: Exception) -> None:
        if isinstance(error, SwapcastError) and not isinstance(error, ModelError):
            raise error
        self._crashes, self._well = self._crashes + 1, 0
        reason = f"{type(error).__name__}: {error}"
        if self._crashes > _MOST and time.monotonic() - self._good_at > self._patience:
            if isinstance(error, SwapcastError):
                raise error
            raise SwapcastError(
                f"{self._name} has crashed for {self._patience:g} s ({reason}); please report it"
            ) from error
        self._until = time.monotonic() + min(_SOON * 2**self._crashes, _LATER)
        self._meter.notice(f"{self._name} crashed and starts anew: {reason}")


def steady_frames(
    source: Source, meter: Meter, stop: threading.Event, clock: Callable[[], float] = time.monotonic
) -> Iterator[Frame]:
    """Read a source, and read it again if it crashes; frames are counted on.

    A `SourceError` is final, for sources open their devices again on their own.

    Raises
    ------
    SwapcastError
        If the source failed for good, or crashed too often in a row.
    """
    base, number, crashes = 0, -1, 0
    while True:
        try:
            for frame in source.frames():
                number, crashes = base + frame.number, 0
                yield frame if base == 0 else replace(frame, number=number)
        except SwapcastError:
            raise
        except Exception as error:
            crashes += 1
            reason = f"{type(error).__name__}: {error}"
            if crashes > _MOST:
                raise SwapcastError(f"{source.name} crashed: {reason}; please report it") from error
            meter.notice(f"{source.name} crashed and is opened again: {reason}")
            base = number + 1
            if stop.wait(min(_SOON * 2**crashes, _LATER)):
                return
        else:
            return
