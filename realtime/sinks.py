"""Where finished pictures go: a virtual camera, a file, a stream, a window, a pipe, or nowhere."""

import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol

from swapcast.realtime.encoding import STREAM_FORMS, EncodedSink, SinkSettings
from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.gif import GifSink
from swapcast.realtime.virtual_camera import VirtualCamera
from swapcast.realtime.window import WindowSink
from swapcast.realtime.y4m import Y4mSink

__all__ = ["ListSink", "NullSink", "Sink", "SinkSettings", "open_sink"]

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm")


class Sink(Protocol):
    """Where finished pictures go. Entering opens it; leaving finishes it, after an error too.

    A sink is entered, written and left on one thread. It reads a picture's planes during `write`
    only, so their buffer may be used again afterwards (`ListSink` alone keeps the pictures).
    """

    name: str
    """As the user wrote it."""
    colour: Colour | None
    """How its readers will understand the numbers; ``None``: as each picture says."""
    fills_gaps: bool
    """Its readers want pictures all the time: the last is written again when none arrives."""

    def write(self, picture: Picture) -> None:
        """Take one finished picture.

        Raises
        ------
        SinkError
            If it cannot be written: a full disk, a connection that was closed, a device that left.
        """
        ...

    def __enter__(self) -> "Sink": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class NullSink:
    """Takes every picture and forgets it."""

    name = "null"
    colour: Colour | None = None
    fills_gaps = False

    def write(self, picture: Picture) -> None:
        """Forget ``picture``."""

    def __enter__(self) -> "NullSink":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was opened."""


class ListSink(NullSink):
    """Keeps every picture in memory, for tests and for scripts that want the result at hand."""

    name = "list"

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        """In the order in which they were written."""

    def write(self, picture: Picture) -> None:
        """Keep ``picture``."""
        self.pictures.append(picture)


def open_sink(spec: str, settings: SinkSettings) -> Sink:
    """Choose the sink that a user's word stands for; it opens when it is entered.

    Parameters
    ----------
    spec : str
        ``virtual``, ``virtual:/dev/video10``, ``window``, ``null``, ``list``, ``-`` (yuv4mpeg on
        standard output), a path that ends in .mp4, .mkv, .mov, .webm or .gif, or an address that
        starts with rtmp://, srt://, udp:// or rtp://.
    settings : SinkSettings
        How files and streams are encoded, and with which sound.

    Raises
    ------
    SinkError
        If no sink goes by this word.
    """
    words: dict[str, Callable[[], Sink]] = {
        "null": NullSink,
        "list": ListSink,
        "window": WindowSink,
        "virtual": VirtualCamera,
        "-": lambda: Y4mSink(_standard_output(), offline=settings.offline),
    }
    if spec in words:
        return words[spec]()
    if spec.startswith("virtual:"):
        return VirtualCamera(spec.removeprefix("virtual:"))
    scheme, _, address = spec.rpartition("://")
    suffix = Path(address).suffix.lower()
    if scheme in STREAM_FORMS or (not scheme and suffix in VIDEO_SUFFIXES):
        return EncodedSink(spec, settings)
    if not scheme and suffix == ".gif":
        return GifSink(Path(spec), settings)
    raise SinkError(
        f"no sink {spec!r}; give virtual, window, null, -, a file ending in "
        f"{', '.join(VIDEO_SUFFIXES)} or .gif, or an rtmp://, srt://, udp:// or rtp:// address"
    )


def _standard_output() -> FileIO:
    """Return standard output without a buffer, which could not be emptied once the reader left."""
    return FileIO(sys.stdout.fileno(), "wb", closefd=False)
