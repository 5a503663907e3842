"""Where the frames come from: a camera, a file, a network address, a screen, or a drawn face."""

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swapcast.realtime.camera import Wish, camera
from swapcast.realtime.clip import Clip
from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Frame
from swapcast.realtime.network import SCHEMES, stream
from swapcast.realtime.screen import Screen
from swapcast.realtime.synthetic import Synthetic


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """How a source is opened."""

    width: int | None = None
    """Ask a camera for this width, draw the synthetic face, show a screen so wide; ``None``: the
    source's best."""
    height: int | None = None
    """As ``width``."""
    fps: int | None = None
    """Frames a second to ask a camera for, to draw, or to take of a picture or screen."""
    pixel_format: str | None = None
    """What a camera is asked to send: yuyv422, mjpeg, nv12 or yuv420p; ``None``: the cheapest."""
    loop: bool = False
    """Start a clip again at its end."""
    paced: bool = False
    """Play a clip, or the synthetic face, as a live source would: each frame when it is due."""
    seconds: float | None = None
    """Length of the synthetic face's performance; ``None``: without end if live, else 10 s."""


class Source(Protocol):
    """Something that gives frames."""

    @property
    def name(self) -> str:
        """What messages and reports call it."""

    @property
    def live(self) -> bool:
        """Frames come when they happen; ``captured_at`` is on the clock of `time.monotonic`."""

    def frames(self) -> Iterator[Frame]:
        """Open the device, give its frames in order, release it.

        The device is opened when the first frame is asked for and released when the iterator is
        closed, both on the thread that reads. ``number`` always grows; what a frame left out
        shows as a gap. No wait is longer than a second without looking at ``stop``.

        Raises
        ------
        SourceError
            If it cannot be opened or gives nothing that can be read.
        """


def open_source(
    spec: str,
    settings: SourceSettings,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_event: Callable[[str], None] = lambda _: None,
    on_play: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Source:
    """Find out what a source's name means. Devices are opened only when frames are read.

    Parameters
    ----------
    spec : str
        ``0`` or ``/dev/video0`` (camera), ``screen`` or ``screen:2``, ``synthetic``, a path, or an
        address such as ``rtsp://…``.
    settings : SourceSettings
    stop : callable
        Is asked at least every second whether the frames should end.
    on_event : callable
        Is told, in one line, what happened: a device lost or found, a setting not accepted.
    on_play : callable
        Is told, each time a clip starts or is put off, the ``captured_at`` of its time stamp 0.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    SourceError
        If there is no such source.
    """
    if spec == "synthetic":
        return Synthetic(
            width=settings.width or 1280,
            height=settings.height or 720,
            fps=settings.fps or 30,
            seconds=settings.seconds if settings.seconds or settings.paced else 10.0,
            live=settings.paced,
            stop=stop,
            clock=clock,
        )
    if spec.isdigit() or spec.startswith(("/dev/video", "/dev/v4l/")):
        wish = Wish(settings.width, settings.height, settings.fps, settings.pixel_format)
        return camera(spec, wish, stop=stop, on_event=on_event, clock=clock)
    if spec.partition("://")[0].lower() in SCHEMES and "://" in spec:
        return stream(spec, loop=settings.loop, stop=stop, on_event=on_event, clock=clock)
    word, _, number = spec.partition(":")
    if word == "screen" and (not number or number.isdigit()) and spec != "screen:":
        return Screen(
            number=int(number or 1),
            width=settings.width,
            height=settings.height,
            fps=settings.fps or 30,
            stop=stop,
            clock=clock,
        )
    path = Path(spec)
    if not path.exists():
        raise SourceError(
            f"no source {spec!r}: give a camera (0, /dev/video0; `swapcast cameras` lists them), "
            "a file, an address such as rtsp://…, screen, or synthetic"
        )
    if not stat.S_ISREG(path.stat().st_mode):
        raise SourceError(f"{spec} is not a file; give a video, a GIF or a picture")
    return Clip(
        path=path,
        live=settings.paced,
        loop=settings.loop,
        fps=settings.fps or 30,
        stop=stop,
        on_event=on_event,
        on_play=on_play,
        clock=clock,
    )
