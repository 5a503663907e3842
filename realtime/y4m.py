"""Write finished pictures as yuv4mpeg, which ``ffmpeg -i -`` and most players read from a pipe."""

from fractions import Fraction
from types import TracebackType
from typing import Protocol

from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Colour, Picture


class Pipe(Protocol):
    """What bytes can be written to."""

    def write(self, data: memoryview, /) -> int:
        """Write at least the first of ``data``; say how many."""
        ...


class Y4mSink:
    """Pictures at a steady rate on a pipe.

    The form has one frame rate and no time stamps. Live, a picture that came late is therefore
    written several times and one that came early is left out, so that a second in the pipe stays
    a second; offline, every picture is written once.

    Parameters
    ----------
    pipe : binary file, unbuffered
        Stays open; it belongs to the caller.
    offline : bool
        Write every picture exactly once.
    """

    name = "-"
    colour: Colour | None = Colour("bt601", full_range=False)  # the form has no word for others
    fills_gaps = False

    def __init__(self, pipe: Pipe, *, offline: bool = False) -> None:
        self._pipe = pipe
        self._offline = offline
        self._first: Picture | None = None
        self._written = 0

    def __enter__(self) -> "Y4mSink":
        return self

    def write(self, picture: Picture) -> None:
        """Write ``picture`` into the slot of its time.

        Raises
        ------
        SinkError
            If the reader has gone, or the picture has another size than the first.
        """
        try:
            if self._first is None:
                self._first = picture
                self._send(_header(picture))
            if (picture.width, picture.height) != (self._first.width, self._first.height):
                raise SinkError(
                    f"the picture changed from {self._first.width}×{self._first.height} to "
                    f"{picture.width}×{picture.height}; a pipe cannot follow, start it again"
                )
            for _ in range(self._due(picture, self._first)):
                self._send(b"FRAME\n")
                self._send(picture.data.data)
                self._written += 1
        except (OSError, ValueError) as error:
            raise SinkError(f"the program that reads the pipe has gone ({error})") from error

    def _send(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[self._pipe.write(left) :]

    def _due(self, picture: Picture, first: Picture) -> int:
        if self._offline:
            return 1
        slot = round((picture.captured_at - first.captured_at) / first.period)
        return max(0, slot + 1 - self._written)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is held back."""


def _header(picture: Picture) -> bytes:
    rate = Fraction(1 / picture.period).limit_denominator(1001)
    return (
        f"YUV4MPEG2 W{picture.width} H{picture.height} F{rate.numerator}:{rate.denominator} "
        "Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n"
    ).encode()
