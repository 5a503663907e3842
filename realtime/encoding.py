"""Encode finished pictures, and sound, into a file or a network stream."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from swapcast.realtime.audio import SoundLine
from swapcast.realtime.encoders import LIVE, OFFLINE, USUAL, Codec, demand, start
from swapcast.realtime.errors import SinkError
from swapcast.realtime.fitting import as_frame, fitted, tags
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.kept_sound import KeptSound
from swapcast.realtime.sound_track import SoundPacket, SoundTrack
from swapcast.realtime.srt import SrtPipe, missing
from swapcast.realtime.writing import claim, finishing, telling

STREAM_FORMS = {
    "rtmp": "flv",
    "rtmps": "flv",
    "srt": "mpegts",
    "udp": "mpegts",
    "rtp": "rtp_mpegts",
}
"""FFmpeg's form for each kind of address."""

_LIVE_TICK = Fraction(1, 90_000)  # seconds; what live pictures' times are counted in
_HELD_BACK = 500_000  # µs that a live picture waits for its sound at most


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """How pictures are encoded, and with which sound."""

    codec: Codec | None = None
    """Nothing given: VP9 in .webm, H.264 elsewhere."""
    encoder: str | None = None
    """An encoder by FFmpeg's name in its place, such as ``h264_nvenc``."""
    bitrate: int | None = None
    """Bits per second; nothing given: constant quality in files, by the size in streams."""
    offline: bool = False
    """Every frame of a clip is converted: take the time for a small file, keep the clip's times."""
    clip: Path | None = None
    """Offline: the clip the pictures come from; its sound and times are kept."""
    sound: SoundLine | None = None
    """Live: where sound for this sink arrives; each sink needs its own."""
    threads: int = 1
    """Processor threads of the encoder."""
    on_event: Callable[[str], None] = lambda _: None
    """Is told, in one line, when the other end of a stream is there, lost, or back."""


class Track(Protocol):
    """The sound beside the pictures."""

    def packets(self, until: float) -> Iterator[SoundPacket]:
        """Give the sound before ``until``, in seconds of the file."""
        ...

    def rest(self, until: float) -> Iterator[SoundPacket]:
        """Give what remains when the pictures end at ``until``."""
        ...


class EncodedSink:
    """A file (H.264, H.265 or VP9; a killed process leaves it playable) or a network stream.

    Size, rate and colour are those of the first picture. A later picture of another size is
    fitted between black bars; one of another colour matrix or range is converted.

    Parameters
    ----------
    target : str
        A path that ends in .mp4, .mkv, .mov or .webm, or an rtmp, srt, udp or rtp address.
    settings : SinkSettings
    clock : callable
        Monotonic seconds, the clock of the pictures' ``captured_at``.
    """

    colour: Colour | None = None

    def __init__(
        self, target: str, settings: SinkSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = target
        self._suffix = "" if "://" in target else Path(target).suffix.lower()
        self._scheme = target.partition("://")[0].lower() if not self._suffix else ""
        self._form = STREAM_FORMS.get(self._scheme)
        self.fills_gaps = self._form is not None
        self._settings = settings
        self._clock = clock
        self._claimed = False
        self._open = ExitStack()
        self._container: OutputContainer | None = None
        self._sound: Track | None = None
        self._end = 0.0
        self._whole = False  # after a failed write FFmpeg may only be told to close the file

    def __enter__(self) -> "EncodedSink":
        """See that the file can be written; encoding starts with the first picture.

        Raises
        ------
        SinkError
            If the folder is missing, the path may not be written or is the clip that is read, or
            the file's form does not take the codec, there is no such encoder, or a program that
            carries the stream is missing.
        """
        if self._settings.encoder:
            demand(self._settings.encoder, self.name)
        if self._suffix == ".webm" and "vp9" not in self._encoder():
            raise SinkError(f"{self.name}: .webm takes the codec vp9 only; or write .mkv or .mp4")
        lacking = missing() if self._scheme == "srt" else None
        if lacking is not None:
            raise SinkError(f"cannot write {self.name}: {lacking}")
        if self._form is None:
            self._claimed = claim(Path(self.name), self._settings.clip)
        return self

    def write(self, picture: Picture) -> None:
        """Encode ``picture`` and write what the encoder gives.

        The encoder reads from the picture's own buffer: no copy of ours is made.

        Raises
        ------
        SinkError
            If the disk is full, or the other end of the stream has gone.
        """
        with telling(self.name):
            self._whole = False
            container = self._container or self._begin(picture)
            frame = as_frame(fitted(picture, self._first))
            frame.pts, frame.time_base = self._times(picture), self._times.tick
            self._end = float(frame.pts * self._times.tick) + picture.period
            if self._sound is not None:
                container.mux(list(self._sound.packets(self._end)))
            container.mux(self._video.encode(frame))
            self._whole = True

    def _encoder(self) -> str:
        usual: Codec = "vp9" if self._suffix == ".webm" else "h264"
        return self._settings.encoder or USUAL[self._settings.codec or usual]

    def _begin(self, first: Picture) -> OutputContainer:
        offline, options = self._settings.offline, dict[str, str]()
        if not offline:
            options |= {"flush_packets": "1", "max_interleave_delta": str(_HELD_BACK)}
        if self._suffix in (".mp4", ".mov"):
            # Fragments make the file playable up to its last second. Edit lists, which exact
            # times need, are known only when every track has begun: live cannot wait for that.
            header = "delay_moov" if offline else "empty_moov"
            options["movflags"] = f"frag_keyframe+default_base_moof+{header}"
            options["frag_duration"] = "1000000"
        elif not self._form:
            options["cluster_time_limit"] = "1000"
        target: str | SrtPipe = self.name
        if self._scheme == "srt":
            target = SrtPipe(self.name, self._settings.on_event, self._clock)
            self._open.enter_context(target)
        container = av.open(target, "w", format=self._form, container_options=options)
        self._container = self._open.enter_context(container)
        self._first = first
        self._times: _LiveTimes | _ClipTimes = _LiveTimes(first, self._clock)
        kept = None
        if offline and self._settings.clip is not None:
            kept = self._open.enter_context(KeptSound(self._settings.clip))
            self._times = _ClipTimes(kept.tick, kept.zero)
        self._video = self._add_video(container, first)
        if kept is not None:
            kept.join(container)
            self._sound = kept
        elif self._settings.sound is not None:
            self._sound = SoundTrack(container, self._settings.sound, first.captured_at)
        return container

    def _add_video(self, container: OutputContainer, first: Picture) -> VideoStream:
        encoder, rate = self._encoder(), Fraction(1 / first.period).limit_denominator(1001)
        options = dict((OFFLINE if self._settings.offline else LIVE).get(encoder, {}))
        bitrate = self._settings.bitrate
        if bitrate is None and (self._form or not options):
            bitrate = round(0.1 * first.width * first.height * rate)
        if bitrate is not None:
            options.pop("crf", None)
        if self._form and encoder == "libx264":
            options |= {"tune": "zerolatency", "maxrate": str(bitrate), "bufsize": str(bitrate)}
        stream = container.add_stream(encoder, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        context = stream.codec_context
        formats = [one.name for one in context.codec.video_formats or ()]
        if formats and "yuv420p" not in formats:
            stream.pix_fmt = "nv12"  # some hardware takes nothing else; PyAV turns I420 into it
        context.time_base = stream.time_base = self._times.tick
        context.thread_count = self._settings.threads
        context.bit_rate = bitrate or 0
        if not self._settings.offline:
            context.gop_size = max(1, round(rate))
        if self._suffix in (".mp4", ".mov") and context.codec.canonical_name == "hevc":
            context.codec_tag = "hvc1"  # Apple's players take no other
        context.colorspace, context.color_range = tags(first)
        context.color_primaries = context.color_trc = context.colorspace
        if self._settings.encoder:
            start(context)
        return stream

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what the encoder still holds and the end of the file.

        Raises
        ------
        SinkError
            If that cannot be written, and nothing else had gone wrong before.
        """
        with finishing(self.name, kind), self._open:
            if self._container is not None and self._whole:
                if self._sound is not None:
                    self._container.mux(list(self._sound.rest(self._end)))
                self._container.mux(self._video.encode())
        written = Path(self.name)
        if self._claimed and written.is_file() and not written.stat().st_size:
            written.unlink()


class _LiveTimes:
    """Time stamps of live pictures: when each was captured, counted from the first."""

    tick = _LIVE_TICK

    def __init__(self, first: Picture, clock: Callable[[], float]) -> None:
        self._zero = self._newest = first.captured_at
        self._clock = clock
        self._written_at = clock()
        self._last = -1

    def __call__(self, picture: Picture) -> int:
        now = self._clock()
        if picture.captured_at > self._newest or self._last < 0:
            self._newest = picture.captured_at
            ticks = round((picture.captured_at - self._zero) / self.tick)
        else:  # shown again: it is as much later as we are
            ticks = self._last + round((now - self._written_at) / self.tick)
        self._written_at = now
        self._last = max(ticks, self._last + 1)
        return self._last


class _ClipTimes:
    """Time stamps of a clip's pictures: the clip's own, counted from its beginning."""

    def __init__(self, tick: Fraction, zero: Fraction) -> None:
        self.tick = tick
        self._zero = float(zero)
        self._last = -1

    def __call__(self, picture: Picture) -> int:
        ticks = round((picture.captured_at - self._zero) / self.tick)
        self._last = max(ticks, self._last + 1)
        return self._last
