"""Encode finished pictures, and sound, into a file or a network stream."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Colour, Picture

Codec = Literal["h264", "h265", "vp9"]

LIVE_TICK = Fraction(1, 90_000)
"""Seconds; time stamps of live pictures are counted in it."""
_HELD_BACK = 500_000  # µs a stream waits for the sound of a picture, or the picture of a sound
_FORMS = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "rtp": "rtp_mpegts"}
_ENCODERS = {"h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9"}
_LIVE = {
    "libx264": {"preset": "superfast", "crf": "21", "bf": "0"},
    "libx265": {"preset": "ultrafast", "crf": "24", "bf": "0", "x265-params": "log-level=error"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "30", "lag-in-frames": "0"},
}
_OFFLINE = {
    "libx264": {"preset": "medium", "crf": "18"},
    "libx265": {"preset": "medium", "crf": "20", "x265-params": "log-level=error"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "4", "crf": "24", "row-mt": "1"},
}


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
    """Offline: the clip the pictures come from; its sound is kept."""
    threads: int = 1
    """Processor threads of the encoder."""


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
        self._scheme = target.partition("://")[0] if "://" in target else ""
        self.fills_gaps = bool(self._scheme)
        self._settings = settings
        self._clock = clock
        self._container: OutputContainer | None = None
        self._made = False

    def __enter__(self) -> "EncodedSink":
        """See that the file can be written; encoding starts with the first picture.

        Raises
        ------
        SinkError
            If the folder is missing, the path may not be written or is the clip that is read, or
            the file's form does not take the codec.
        """
        path = Path(self.name)
        if path.suffix.lower() == ".webm" and self._encoder() not in ("libvpx-vp9", "vp9_qsv"):
            raise SinkError(f"{self.name}: .webm takes --codec vp9 only; or write .mkv or .mp4")
        if not self._scheme:
            self._made = claim(path, self._settings.clip)
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
            if self._container is None:
                self._open(picture)
            frame = as_frame(fitted(picture, self._first))
            frame.pts, frame.time_base = self._times(picture), self._times.tick
            assert self._container is not None
            self._container.mux(self._video.encode(frame))

    def _encoder(self) -> str:
        usual: Codec = "vp9" if self.name.lower().endswith(".webm") else "h264"
        return self._settings.encoder or _ENCODERS[self._settings.codec or usual]

    def _open(self, first: Picture) -> None:
        offline = self._settings.offline
        options = {"flush_packets": "1", "max_interleave_delta": str(_HELD_BACK)}
        if offline:
            options = {}
        if Path(self.name).suffix.lower() in (".mp4", ".mov"):
            # Fragments make the file playable up to its last second. Edit lists, which exact
            # times need, are known only when every track has begun: live cannot wait for that.
            header = "delay_moov" if offline else "empty_moov"
            options["movflags"] = f"frag_keyframe+default_base_moof+{header}"
            options["frag_duration"] = "1000000"
        self._container = av.open(
            self.name, "w", format=_FORMS.get(self._scheme), container_options=options
        )
        self._first = first
        self._times = _LiveTimes(first, self._clock)
        self._video = self._add_video(self._container, first)

    def _add_video(self, container: OutputContainer, first: Picture) -> VideoStream:
        encoder, rate = self._encoder(), Fraction(1 / first.period).limit_denominator(1001)
        options = dict((_OFFLINE if self._settings.offline else _LIVE).get(encoder, {}))
        bitrate = self._settings.bitrate
        if encoder not in _LIVE or self._scheme:
            bitrate = bitrate or round(float(0.1 * first.width * first.height * rate))
        if self._scheme and encoder == "libx264":
            options |= {"tune": "zerolatency", "maxrate": str(bitrate), "bufsize": str(bitrate)}
        elif bitrate:
            options.pop("crf", None)
        stream = container.add_stream(encoder, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = self._times.tick
        context.thread_count = self._settings.threads
        context.bit_rate = bitrate if "crf" not in options else 0
        if not self._settings.offline:
            context.gop_size = max(1, round(rate))
        if encoder in ("libx265", "hevc_nvenc", "hevc_videotoolbox") and "movflags" in (
            container.container_options
        ):
            context.codec_tag = "hvc1"  # Apple's players take no other
        tag = 1 if first.colour.matrix == "bt709" else 6
        context.colorspace = context.color_primaries = context.color_trc = tag
        context.color_range = 2 if first.colour.full_range else 1
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
        with finishing(self.name, kind):
            if self._container is not None:
                with self._container:
                    self._container.mux(self._video.encode())
            elif self._made:
                Path(self.name).unlink(missing_ok=True)


class _LiveTimes:
    """Time stamps of live pictures: when each was captured, counted from the first."""

    tick = LIVE_TICK

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


def fitted(picture: Picture, like: Picture) -> Picture:
    """Give ``picture`` the size and colour of ``like``, between black bars where the shapes differ.

    Returns
    -------
    Picture
        ``picture`` itself when nothing differs.
    """
    same_size = (picture.width, picture.height) == (like.width, like.height)
    if same_size and picture.colour == like.colour:
        return picture
    scale = min(like.width / picture.width, like.height / picture.height)
    width, height = (2 * round(side * scale / 2) for side in (picture.width, picture.height))
    names = {"bt601": "ITU601", "bt709": "ITU709"}
    scaled = as_frame(picture).reformat(
        width=width,
        height=height,
        format="yuv420p",
        src_colorspace=names[picture.colour.matrix],
        dst_colorspace=names[like.colour.matrix],
        src_color_range="JPEG" if picture.colour.full_range else "MPEG",
        dst_color_range="JPEG" if like.colour.full_range else "MPEG",
    )
    data = np.full(like.data.shape, 128, np.uint8)
    data[: like.width * like.height] = 0 if like.colour.full_range else 16
    packed = np.asarray(scaled.to_ndarray(), np.uint8).reshape(-1)
    small = replace(picture, data=packed, width=width, height=height)
    large = replace(picture, data=data, width=like.width, height=like.height, colour=like.colour)
    for part, whole in zip(small.planes, large.planes, strict=True):
        top, left = (whole.shape[0] - part.shape[0]) // 2, (whole.shape[1] - part.shape[1]) // 2
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return large


def as_frame(picture: Picture) -> av.VideoFrame:
    """Show ``picture`` to FFmpeg where it lies, without a copy."""
    rows = picture.data.reshape(picture.height * 3 // 2, picture.width)
    frame = av.VideoFrame.from_numpy_buffer(rows, "yuv420p")
    frame.colorspace = 1 if picture.colour.matrix == "bt709" else 6
    frame.color_range = 2 if picture.colour.full_range else 1
    return frame


def claim(path: Path, clip: Path | None) -> bool:
    """See that ``path`` can be written and is not the clip that is read.

    Returns
    -------
    bool
        Whether an empty file was made for it.
    """
    existed = path.exists()
    if existed and clip is not None and path.samefile(clip):
        raise SinkError(f"{path} is the clip itself; give the result another name")
    with telling(str(path)), path.open("ab"):
        return not existed


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Say in one line why ``name`` could not be written."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        code = getattr(error, "errno", None)
        if code == errno.ENOSPC:
            text = f"the disk is full: {name} ends here, what was written before can be played"
        elif isinstance(error, av.error.ProtocolNotFoundError):
            text = f"cannot write {name}: this build of PyAV cannot speak that protocol"
        else:
            text = f"cannot write {name}: {getattr(error, 'strerror', None) or error}"
        raise SinkError(text) from error


@contextmanager
def finishing(name: str, kind: type[BaseException] | None) -> Iterator[None]:
    """Finish ``name``; after an error of ``kind`` keep quiet about what follows from it."""
    with suppress(SinkError) if kind is not None else nullcontext(), telling(name):
        yield
