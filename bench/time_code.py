"""A time code in the corner of a picture, which is still read after encoding and scaling.

Forty fields in two long rows, black for 0 and white for 1: a time of 32 bits in tenths of
milliseconds, and a check sum of 8 bits. A field is an eightieth of the picture's width. Two rows
are too flat to be doubted as a face; a block of eight by five was, at some times of day, and the
guard covered it.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from swapcast.realtime.frame import Frame, Plane
from swapcast.realtime.sources import Source

_ACROSS, _DOWN, _FIELDS = 20, 2, 80
_TICK = 1e-4  # seconds
_WRAP = 1 << 32
_BLACK, _WHITE = 16, 235


def paint(luma: Plane, width: int, at: float) -> None:
    """Write a time into the upper left corner.

    Parameters
    ----------
    luma : uint8 [rows, stride ≥ width]
    width : pixels, at least 320
    at : seconds, not negative
    """
    ticks = round(at / _TICK) % _WRAP
    word = ticks.to_bytes(4, "big")
    bits = np.unpackbits(np.frombuffer(word + _sum(word), np.uint8)).reshape(_DOWN, _ACROSS)
    side = width // _FIELDS
    fields = np.where(bits, np.uint8(_WHITE), np.uint8(_BLACK))
    luma[: _DOWN * side, : _ACROSS * side] = np.kron(fields, np.ones((side, side), np.uint8))


def read(luma: Plane, width: int) -> float | None:
    """Read the time from the upper left corner; None if there is none that its sum agrees with.

    Returns
    -------
    float or None
        Seconds, counted from a multiple of 2³² ticks (119 hours).
    """
    side = width // _FIELDS
    if side < 4 or luma.shape[0] < _DOWN * side:
        return None
    corner = luma[: _DOWN * side, : _ACROSS * side].reshape(_DOWN, side, _ACROSS, side)
    inner = slice(side // 4, side - side // 4)
    bits = corner[:, inner, :, inner].mean((1, 3)) > (_BLACK + _WHITE) / 2
    word = np.packbits(bits.reshape(-1)).tobytes()
    if word[4:] != _sum(word[:4]):
        return None
    return int.from_bytes(word[:4], "big") * _TICK


def since(code: float, now: float) -> float:
    """Return the seconds from a code that was read until ``now``."""
    whole = _WRAP * _TICK
    return (now - code + whole / 2) % whole - whole / 2


def _sum(word: bytes) -> bytes:
    # Turned about, so that plain black and plain white are no codes.
    return ((zlib.crc32(word) ^ 0x5A) & 0xFF).to_bytes(1, "big")


@dataclass(frozen=True)
class Coded:
    """A source whose every picture carries the time at which it was taken."""

    source: Source
    on_paint: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    @property
    def live(self) -> bool:
        """As the source."""
        return self.source.live

    def frames(self) -> Iterator[Frame]:
        """Give the source's frames with their codes."""
        for frame in self.source.frames():
            luma = frame.y.copy()
            paint(luma, frame.width, frame.captured_at)
            self.on_paint()
            yield replace(frame, y=luma)
