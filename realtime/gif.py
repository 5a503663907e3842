"""Write finished pictures as an animated GIF, each with the 256 colours that suit it best."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av.container import OutputContainer
from av.filter import Graph
from av.video.stream import VideoStream

from swapcast.realtime.encoding import SinkSettings
from swapcast.realtime.fitting import as_frame, fitted
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.writing import claim, finishing, telling

_TICK = Fraction(1, 100)  # the form counts in hundredths of a second


class GifSink:
    """An animated GIF that repeats for ever. Pictures less than 10 ms apart become one."""

    colour: Colour | None = None
    fills_gaps = False

    def __init__(self, path: Path, settings: SinkSettings) -> None:
        self.name = str(path)
        self._path = path
        self._clip = settings.clip
        self._container: OutputContainer | None = None
        self._made = False
        self._last = -1
        self._whole = False  # after a failed write FFmpeg may only be told to close the file

    def __enter__(self) -> "GifSink":
        """See that the file can be written."""
        self._made = claim(self._path, self._clip)
        return self

    def write(self, picture: Picture) -> None:
        """Add ``picture``.

        Raises
        ------
        SinkError
            If the disk is full.
        """
        with telling(self.name):
            self._whole = False
            if self._container is None:
                self._open(picture)
            ticks = round((picture.captured_at - self._first.captured_at) / _TICK)
            if ticks > self._last:
                self._last = ticks
                frame = as_frame(fitted(picture, self._first))
                frame = frame.reformat(format="bgra", src_colorspace=frame.colorspace)
                frame.pts, frame.time_base = ticks, _TICK
                self._graph.vpush(frame)
                self._drain()
            self._whole = True

    def _open(self, first: Picture) -> None:
        self._first = first
        self._container = av.open(self.name, "w", format="gif")
        stream = self._container.add_stream("gif", rate=round(1 / first.period))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "pal8"
        stream.codec_context.time_base = stream.time_base = _TICK
        self._video = stream
        self._graph = _palette_graph(first.width, first.height)

    def _drain(self) -> None:
        assert self._container is not None
        while True:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            self._container.mux(self._video.encode(frame))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the end of the file.

        Raises
        ------
        SinkError
            If that cannot be written, and nothing else had gone wrong before.
        """
        with finishing(self.name, kind):
            if self._container is not None:
                with self._container:
                    if self._whole:
                        self._graph.vpush(None)
                        self._drain()
                        self._container.mux(self._video.encode())
            elif self._made:
                self._path.unlink(missing_ok=True)


def _palette_graph(width: int, height: int) -> Graph:
    """Choose 256 colours for each picture and dither it to them."""
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("bgra"), time_base=_TICK
    )
    split = graph.add("split")
    choose = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    source.link_to(split)
    split.link_to(choose, 0, 0)
    split.link_to(use, 1, 0)
    choose.link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
