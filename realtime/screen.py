"""A screen of this computer as a source."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import cv2
import numpy as np

from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.pace import wait_until
from swapcast.realtime.plane_pool import PlanePool

_COLOUR = Colour("bt601", full_range=False)  # what OpenCV makes of RGB


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a screen shows, photographed at a steady rate; a picture that is late is left out.

    Of a screen with an odd width or height the last column or row is left out.
    """

    number: int = 1
    """Counts the screens from 1; 0 is all of them side by side."""
    width: int | None = None
    """Shrink it to this width; ``None``: as it is, or in proportion to ``height``."""
    height: int | None = None
    """As ``width``."""
    fps: float = 30.0
    stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    live: bool = True

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"screen:{self.number}"

    def frames(self) -> Iterator[Frame]:
        """Photograph it; ``captured_at`` is when the photograph was asked for.

        Raises
        ------
        SourceError
            If the package ``mss`` or the screen is missing, or the screen goes away.
        """
        if importlib.util.find_spec("mss") is None:
            raise SourceError(
                "the screen as a source needs the package mss: pip install 'swapcast[screen]'"
            )
        import mss  # noqa: PLC0415 - an extra
        from mss.exception import ScreenShotError  # noqa: PLC0415

        try:
            with mss.MSS() as camera:
                yield from self._photographs(camera, self._area(camera.monitors))
        except ScreenShotError as error:
            raise SourceError(
                f"cannot read {self.name}: {str(error).splitlines()[0]}; it needs a desktop that "
                "programs may photograph (on Linux X11; macOS asks for the permission)"
            ) from error

    def _area(self, areas: list[dict[str, Any]]) -> dict[str, int]:
        if self.number >= len(areas):
            raise SourceError(
                f"there is no {self.name}: give screen:1 to screen:{len(areas) - 1}, "
                "or screen:0 for all of them"
            )
        left, top, width, height = (areas[self.number][k] for k in _SIDES)
        sides = left, top, width & ~1, height & ~1
        return dict(zip(_SIDES, sides, strict=True))

    def _photographs(self, camera: Any, area: dict[str, int]) -> Iterator[Frame]:
        begins, period = self.clock(), 1 / self.fps
        pool: PlanePool | None = None
        for number in count():
            due = begins + number * period
            if self.clock() - due > period:
                continue
            if not wait_until(due, self.stop, self.clock):
                return
            at = self.clock()
            shot = camera.grab(area)
            picture = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
            width, height = self._size(shot.width, shot.height)
            if (width, height) != (shot.width, shot.height):
                picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            pool = pool or PlanePool([(height * 3 // 2, width)])
            (packed,) = pool.take()
            cv2.cvtColor(picture, cv2.COLOR_BGRA2YUV_I420, dst=packed)
            y, chroma = packed[:height], packed[height:].reshape(2, height // 2, width // 2)
            yield Frame(y, chroma[0], chroma[1], width, height, _COLOUR, number, at, period)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Return the even size to shrink a photograph to."""
        wide = self.width or round(width * (self.height or height) / height)
        high = self.height or round(height * wide / width)
        return max(2, wide & ~1), max(2, high & ~1)


_SIDES = ("left", "top", "width", "height")
