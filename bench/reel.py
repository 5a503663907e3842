"""Pictures kept in memory that a benchmark plays at any size, rate and number of faces."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import count, islice

import cv2
import numpy as np

from swapcast.realtime.errors import SettingError
from swapcast.realtime.frame import Frame, Picture, Plane
from swapcast.realtime.pace import wait_until
from swapcast.realtime.sinks import NullSink
from swapcast.realtime.sources import SourceSettings, open_source

_MEMORY = 96e6  # bytes of pictures that are kept at most
_IN_FLIGHT = 2  # frames: one is analysed while the one before is swapped
_LOST_S = 1.0  # after which a frame that never came out is given up
_NEARER = 2  # how much larger the middle of the source is in a cell: small faces are not found


@dataclass(frozen=True, kw_only=True)
class Reel:
    """A few seconds of pictures, played forth and back without end: a face that never rests.

    Nothing is decoded, so what is measured is the loop alone. Played without a rate, a new frame
    comes as soon as an earlier one has come out, two being on their way: no frame is dropped, and
    the slowest stage is never without work.
    """

    pictures: Sequence[Frame]
    fps: float | None
    """Frames a second; ``None``: as many as the loop takes."""
    name: str = "reel"
    live: bool = True
    stop: Callable[[], bool] = lambda: False
    out: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_IN_FLIGHT))
    """Released for each frame that has come out, if there is no rate."""

    def frames(self) -> Iterator[Frame]:
        """Play until it is stopped; with a rate, a frame more than a period late is left out."""
        begins, period = time.monotonic(), 1 / (self.fps or 30)
        for number in count():
            kept = self.pictures[_forth_and_back(number, len(self.pictures))]
            at = begins + number * period
            if self.fps is None:
                self.out.acquire(timeout=_LOST_S)
                at = time.monotonic()
            elif time.monotonic() - at > period:
                continue
            if self.stop() or not wait_until(at, self.stop, time.monotonic):
                return
            yield replace(kept, number=number, captured_at=at, period=period)


class Taking(NullSink):
    """Forgets every picture and lets the reel go on."""

    def __init__(self, reel: Reel) -> None:
        self._out = reel.out

    def write(self, picture: Picture) -> None:
        """Forget ``picture``."""
        self._out.release()


def kept_pictures(
    spec: str, *, width: int, height: int, faces: int = 1, seconds: float = 4.0
) -> list[Frame]:
    """Take pictures of a source into memory, scaled, with its face repeated side by side.

    Parameters
    ----------
    spec : ``demo`` (the bundled clip), or a source of ``swapcast live`` that can be read at once
    width, height : even; of the whole picture, pixels
    faces : copies of the source, each in a cell of its own; from two on, of its middle, enlarged
    seconds : of it, as far as memory allows

    Returns
    -------
    list of Frame
        At least two, BT.601 or as the source says.

    Raises
    ------
    SettingError
        If the size is odd or the pictures do not fit.
    SourceError
        If the source cannot be read.
    """
    if width % 2 or height % 2 or min(width, height) < 64 or faces < 1:
        raise SettingError(f"no picture of {width}×{height} with {faces} faces can be made")
    most = max(2, min(int(_MEMORY / (1.5 * width * height)), round(30 * seconds)))
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        source = open_source(
            str(clip) if spec == "demo" else spec,
            SourceSettings(width=width, height=height, seconds=seconds),
        )
        if source.live:
            raise SettingError(f"{spec} cannot be kept in memory; give a file, or synthetic")
        made = [_tiled(frame, width, height, faces) for frame in islice(source.frames(), most)]
    if len(made) < 2:
        raise SettingError(f"{spec} has a single picture; give one that moves")
    return made


def _tiled(frame: Frame, width: int, height: int, faces: int) -> Frame:
    across = next(n for n in count(1) if n * n >= faces)
    down = -(-faces // across)
    cell = width // across // 2 * 2, height // down // 2 * 2

    left, top, right, bottom = _middle(frame, cell[0] / cell[1], 1 if faces == 1 else _NEARER)

    def tiled(plane: Plane, half: int, ground: int) -> Plane:
        wide, high = cell[0] // half, cell[1] // half
        seen = plane[top // half : bottom // half, left // half : right // half]
        part = _fitted(seen, wide, high)
        whole: Plane = np.full((height // half, width // half), ground, np.uint8)
        for place in range(faces):
            row, column = place // across * high, place % across * wide
            whole[row : row + high, column : column + wide] = part
        return whole

    return Frame(
        tiled(frame.y, 1, 16),
        tiled(frame.u, 2, 128),
        tiled(frame.v, 2, 128),
        width,
        height,
        frame.colour,
        0,
        0.0,
    )


def _middle(frame: Frame, aspect: float, nearer: int) -> tuple[int, int, int, int]:
    """Return the middle of a picture, in a cell's aspect: left, top, right, bottom, all even."""
    wide = min(frame.width, frame.height * aspect) / nearer
    across, down = int(wide) // 2 * 2, int(wide / aspect) // 2 * 2
    left, top = (frame.width - across) // 4 * 2, (frame.height - down) // 4 * 2
    return left, top, left + across, top + down


def _fitted(plane: Plane, width: int, height: int) -> Plane:
    """Scale a plane to fill a cell."""
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _forth_and_back(number: int, length: int) -> int:
    place = number % (2 * length - 2)
    return place if place < length else 2 * length - 2 - place
