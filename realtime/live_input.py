"""A camera or a network stream as a source: opened again whenever it fails, until told to stop."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swapcast.realtime.errors import SourceError
from swapcast.realtime.feed import Awake, Ended, Shot, feed
from swapcast.realtime.frame import Frame
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.pace import wait_until
from swapcast.realtime.packet_reader import Opened, Request

_START = 60.0  # seconds that its reader may take to start
_LOOK = 0.1  # seconds between two looks at the request to stop
_SOON, _LATER = 0.25, 4.0  # seconds until it is opened again; doubles from one to the other


@dataclass(frozen=True, kw_only=True)
class LiveInput:
    """Something outside that gives pictures when it likes.

    If it cannot be opened at first, or gives no picture, that is an error. Once it has given one,
    it is opened again after every failure, for ever, with growing pauses in between. Frames are
    counted on; the ones the device gave and nobody took show as gaps.
    """

    name: str
    request: Callable[[], Request]
    """How to open it; asked again each time."""
    advice: str
    """What to do if it cannot be opened."""
    opening: float = 20.0
    """Seconds that it may take until the first picture."""
    silence: float = 2.0
    """Seconds without a picture after which it is taken for dead."""
    rate: float = 30.0
    """Frames a second if it does not say."""
    loop: bool = False
    """What has an end is opened again there."""
    on_opened: Callable[[Opened], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    on_event: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    live: bool = True

    def frames(self) -> Iterator[Frame]:
        """Give the newest pictures.

        Raises
        ------
        SourceError
            If it cannot be opened, or gives no picture, the first time.
        """
        base, number, pause = 0, -1, _SOON
        reason = ""
        while not self.stop():
            came: Opened | None = None
            try:
                with feed(self.request()) as door:
                    for shot in self._shots(door):
                        if came is None:
                            came, base, pause = shot.opened, number + 1, _SOON
                            self.on_opened(came)
                            if reason:
                                self.on_event(f"{self.name} is back")
                        number = base + shot.number
                        period = 1 / (came.rate if 0.1 <= came.rate <= 1000 else self.rate)
                        yield shot.planes.frame(number, shot.captured_at, period)
            except Ended as end:
                if number < 0:
                    raise SourceError(
                        f"cannot read {self.name}: {str(end) or 'it ended'}; {self.advice}"
                    ) from end
                if came is not None and came.ends and not str(end):
                    if not self.loop:
                        return
                    continue
                reason = str(end) or "it ended"
                if came is not None:
                    self.on_event(f"{self.name} is lost: {reason}; it is opened again")
                wait_until(self.clock() + pause, self.stop, self.clock)
                pause = min(2 * pause, _LATER)

    def _shots(self, door: Latest[Shot | Awake]) -> Iterator[Shot]:
        """Pass pictures on until told to stop.

        Raises
        ------
        Ended
            If they fail to come.
        """
        limit, heard, missing = _START, self.clock(), "no word from its reader"
        while not self.stop():
            shot = door.get(timeout=_LOOK)
            if isinstance(shot, Awake):
                limit, heard, missing = self.opening, self.clock(), "no picture"
            elif shot is not None:
                limit, heard = self.silence, self.clock()
                yield shot
                heard = self.clock()
            elif self.clock() - heard > limit:
                raise Ended(f"{missing} for {limit:g} s")
