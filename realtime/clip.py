"""Video files, animated GIFs and still pictures as a source."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Frame
from swapcast.realtime.pace import wait_until
from swapcast.realtime.planes import Planes, planes_of

_HELD_UP = 1.0  # seconds late from which a live clip goes on where it is
_EARLY = 0.5  # seconds before its stated end at which a clip that ends was broken off


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A file that is played.

    Played live, each picture comes when it is due by its time stamp, counted from the first one;
    that is its ``captured_at``. A picture more than a period late is left out, so that the clip
    keeps its own speed; after a second and more (the computer slept) it goes on where it was.
    Otherwise all pictures come as fast as they are read, and ``captured_at`` is the time stamp in
    the file. A still picture is shown for ever when live, else once.
    """

    path: Path
    live: bool = False
    loop: bool = False
    """Start again at the end, without a gap; pictures are counted on."""
    fps: float = 30.0
    """Of a still picture that is shown live."""
    stop: Callable[[], bool] = lambda: False
    on_event: Callable[[str], None] = lambda _: None
    on_play: Callable[[float], None] = lambda _: None
    """Is told, each time the clip starts or is put off, the ``captured_at`` of its time stamp 0."""
    clock: Callable[[], float] = time.monotonic

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path)

    @property
    def length(self) -> int | None:
        """How many pictures the file says it has; ``None`` if it does not say.

        Raises
        ------
        SourceError
            If it cannot be opened.
        """
        with self._opened() as container:
            stream = self._stream(container)
            if stream.frames:
                return stream.frames
            seconds = _seconds(container)
            return None if seconds is None else max(1, round(seconds / _period(stream)))

    def frames(self) -> Iterator[Frame]:
        """Play it.

        Raises
        ------
        SourceError
            If it cannot be opened or holds no picture that can be read.
        """
        begins, number = 0.0, 0
        while not self.stop():
            first, end = None, 0.0
            for planes, at, period in self._round():
                if first is None:
                    first = at
                    begins = self.clock() - at if self.live and number == 0 else begins
                    self.on_play(begins)
                late = self._held_up(begins + at) if self.live else 0.0
                if late:
                    begins += late
                    self.on_play(begins)
                if not self.live or self.clock() - begins - at <= period:
                    if self.stop() or not self._due(begins + at):
                        return
                    yield planes.frame(number, begins + at, period)
                number, end = number + 1, at + period
            if first is None:
                raise SourceError(
                    f"{self.name} holds no picture that can be read; give a clip that plays"
                )
            if not self.loop:
                return
            begins += end - first

    def _due(self, at: float) -> bool:
        return not self.live or wait_until(at, self.stop, self.clock)

    def _held_up(self, due: float) -> float:
        """Return by how much the clip is put off: nothing unless it is late by a second or more."""
        late = self.clock() - due
        if late <= _HELD_UP:
            return 0.0
        self.on_event(f"{self.name} was held up for {late:.1f} s and goes on where it was")
        return late

    def _round(self) -> Iterator[tuple[Planes, float, float]]:
        """Read the file once: each picture, its time stamp, and the period, in seconds."""
        with self._opened() as container:
            stream = self._stream(container)
            if container.format.name.endswith("_pipe") or container.format.name == "image2":
                yield from self._still(container)
                return
            stream.thread_type = "SLICE" if self.live else "AUTO"
            period, last = _period(stream), None
            for picture in self._pictures(container, stream):
                after = 0.0 if last is None else last + period
                at = after if picture.time is None else float(picture.time)
                last = at if last is None else max(at, last)
                yield planes_of(picture), last, period
            stated = _seconds(container)
            if stated is not None and last is not None:
                end = stated + (container.start_time or 0) / 1_000_000
                if last + period < end - _EARLY:
                    self.on_event(
                        f"{self.name} breaks off after {last + period:.1f} s of {end:.1f} s"
                    )

    def _still(self, container: InputContainer) -> Iterator[tuple[Planes, float, float]]:
        pictures = container.decode(video=0)
        try:
            planes = planes_of(next(pictures))
        except (StopIteration, av.FFmpegError):
            return
        for number in count() if self.live else range(1):
            yield planes, number / self.fps, 1 / self.fps

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Decode what can be decoded, and say what could not."""
        damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.FFmpegError as error:
                self.on_event(f"{self.name} breaks off: {error.strerror}")
                break
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            yield from pictures
        if damaged:
            self.on_event(f"{self.name} is damaged: {damaged} pictures could not be read")

    def _opened(self) -> InputContainer:
        try:
            return av.open(str(self.path), mode="r", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(
                f"cannot read {self.name}: {reason}; give a video, a GIF or a picture that plays"
            ) from error

    def _stream(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise SourceError(f"{self.name} holds no pictures, only sound; give a video")
        return container.streams.video[0]


def _period(stream: VideoStream) -> float:
    """Return the seconds between two pictures, as the file states them."""
    rate = stream.average_rate or stream.guessed_rate
    return 1 / float(rate) if rate and 0.1 <= rate <= 1000 else 1 / 30


def _seconds(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / 1_000_000
