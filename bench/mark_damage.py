"""What happens to pictures on their way to a viewer: codecs, scaling, cropping, screen capture."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

import av
import numpy as np
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

Luma: TypeAlias = NDArray[np.uint8]
"""uint8 [rows, columns]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One way in which pictures suffer; first the filters, then the codec."""

    filters: tuple[tuple[str, str], ...] = ()
    """FFmpeg's filters and their arguments, in order."""
    encoder: str = ""
    """FFmpeg's encoder; empty: none."""
    decoder: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    bitrate: int = 0

    def __call__(
        self, frames: Iterable[av.VideoFrame], rate: int, size: list[int] | None = None
    ) -> Iterator[tuple[float, Luma]]:
        """Give what arrives: seconds and luma of each picture.

        Parameters
        ----------
        frames : pictures of one size, with a pts in units of 1 / ``rate`` s
        rate : pictures a second
        size : takes the number of bytes of each encoded packet
        """
        passed = self._filtered(frames, rate) if self.filters else iter(frames)
        coded = self._coded(passed, rate, size) if self.encoder else passed
        for number, frame in enumerate(coded):
            plane = frame.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8)
            rows = rows.reshape(frame.height, plane.line_size)
            at = frame.pts / rate if frame.pts is not None else number / rate
            yield at, rows[:, : frame.width]

    def _filtered(self, frames: Iterable[av.VideoFrame], rate: int) -> Iterator[av.VideoFrame]:
        graph: Graph | None = None
        for frame in frames:
            graph = graph or self._graph(frame, rate)
            graph.vpush(frame)
            yield from _pulled(graph, rate)
        if graph is not None:
            graph.vpush(None)
            yield from _pulled(graph, rate)

    def _graph(self, first: av.VideoFrame, rate: int) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=first.width,
                height=first.height,
                format=first.format,
                time_base=Fraction(1, rate),
            )
        ]
        nodes += [graph.add(name, words) for name, words in self.filters]
        nodes += [graph.add("format", "yuv420p"), graph.add("buffersink")]
        for one, other in pairwise(nodes):
            one.link_to(other)
        graph.configure()
        return graph

    def _coded(
        self, frames: Iterable[av.VideoFrame], rate: int, size: list[int] | None
    ) -> Iterator[av.VideoFrame]:
        encoder: VideoCodecContext | None = None
        decoder = av.CodecContext.create(self.decoder, "r")
        assert isinstance(decoder, VideoCodecContext)
        for frame in frames:
            if encoder is None:
                encoder = self._encoder(frame, rate)
            for packet in encoder.encode(frame):
                if size is not None:
                    size.append(packet.size)
                yield from decoder.decode(packet)
        for packet in encoder.encode(None) if encoder is not None else ():
            if size is not None:
                size.append(packet.size)
            yield from decoder.decode(packet)
        yield from decoder.decode(None)

    def _encoder(self, first: av.VideoFrame, rate: int) -> VideoCodecContext:
        encoder = av.CodecContext.create(self.encoder, "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = first.width, first.height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, rate), Fraction(rate)
        encoder.options = dict(self.options)
        encoder.thread_count = 1
        if self.bitrate:
            encoder.bit_rate = self.bitrate
        return encoder


def _pulled(graph: Graph, rate: int) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        if frame.pts is not None and frame.time_base is not None:
            frame.pts = round(frame.pts * frame.time_base * rate)
        frame.time_base = Fraction(1, rate)
        yield frame


_CROP = ("crop", "w=floor(iw*0.45)*2:h=floor(ih*0.45)*2:x=46:y=26")
_DOWN, _UP = ("scale", "w=640:h=360:flags=bicubic"), ("scale", "w=1280:h=720:flags=bicubic")
_X264 = {"encoder": "libx264", "decoder": "h264", "options": {"crf": "28", "preset": "veryfast"}}

DAMAGES: dict[str, Callable[[], Damage]] = {
    "x264 CRF 28, 720p": lambda: Damage(**_X264),  # type: ignore[arg-type]
    "HEVC CRF 28": lambda: Damage(
        encoder="libx265",
        decoder="hevc",
        options={"crf": "28", "preset": "superfast", "x265-params": "log-level=none:pools=none"},
    ),
    "VP8, 1 Mbit/s": lambda: Damage(
        encoder="libvpx",
        decoder="vp8",
        bitrate=1_000_000,
        options={"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    ),
    "360p and back": lambda: Damage(filters=(_DOWN, _UP)),
    "10 % crop": lambda: Damage(filters=(_CROP,)),
    "screen capture": lambda: Damage(
        filters=(
            ("scale", "w=1186:h=668:flags=bilinear"),
            ("format", "rgb24"),
            (
                "lutrgb",
                "r=pow(val/255\\,1.15)*255:g=pow(val/255\\,1.15)*255:b=pow(val/255\\,1.15)*255",
            ),
        )
    ),
    "15 fps": lambda: Damage(filters=(("fps", "15"),)),
    "CRF 28 + 360p + 10 % crop": lambda: Damage(filters=(_CROP, _DOWN), **_X264),  # type: ignore[arg-type]
}
"""By name: what the mark must survive."""
