"""Pictures from a camera or a stream that another process reads, the newest first."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from swapcast.kernels.unpack import split_pairs, unpack_yuyv
from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.pace import Pace
from swapcast.realtime.packet_reader import HEADER, Opened, Request, Ring
from swapcast.realtime.plane_pool import PlanePool
from swapcast.realtime.planes import Planes, planes_of
from swapcast.realtime.worker import on_thread

_PLACE = "/dev/shm" if Path("/dev/shm").is_dir() else None  # memory where there is a folder of it
_UNPACKED = {"yuyv422", "nv12", "yuv420p"}  # raw forms that need no decoder
_REORDERED = 64  # no decoder gives a picture later than so many packets after its own
_COLORSPACES = {"bt601": 5, "bt709": 1}  # FFmpeg's AVCOL_SPC_…


class Ended(SourceError):
    """The reader has no more; the text says why, and is empty if the stream simply ended."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture as it was captured."""

    planes: Planes
    number: int
    """Counts what the device gave since it was opened, from 0."""
    captured_at: float
    opened: Opened


class Awake:
    """The reader has started; the device itself is opened from now on."""


@contextmanager
def feed(request: Request) -> Iterator[Latest[Shot | Awake]]:
    """Read a device or stream for the length of the ``with`` block.

    The door gives `Awake`, then the newest picture again and again, and in the end raises `Ended`.
    Leaving the block kills the reader, whatever keeps it.
    """
    command = [sys.executable, "-m", "swapcast.realtime.packet_reader"]
    with tempfile.TemporaryDirectory(
        prefix="swapcast-", dir=_PLACE, ignore_cleanup_errors=True
    ) as folder:
        request = replace(request, ring=str(Path(folder) / "ring"))
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as child:
            try:
                pipe_in, pipe_out = cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)
                pipe_in.write(json.dumps(asdict(request)).encode() + b"\n")
                pipe_in.flush()
                pace = Pace()
                with on_thread("capture reader", lambda: _shots(pipe_out, request, pace)) as door:
                    try:
                        yield door
                    finally:
                        pace.stop()
                        _kill(child)  # ends the thread's wait for the pipe
            finally:
                _kill(child)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """End a reader and what it has started."""
    if sys.platform == "win32":
        child.kill()
    elif child.poll() is None:
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(child.pid, signal.SIGKILL)


def _shots(pipe: BinaryIO, request: Request, pace: Pace) -> Iterator[Shot | Awake]:
    """Receive what the reader sends and decode it."""
    for shot in _decoded(pipe, request):
        if request.paced and isinstance(shot, Shot):
            yield replace(shot, captured_at=pace(shot.captured_at))
        else:
            yield shot


def _decoded(pipe: BinaryIO, request: Request) -> Iterator[Shot | Awake]:
    _header(pipe)
    yield Awake()
    kind, _, _, size = _header(pipe)
    body = pipe.read(size)
    if kind == b"e":
        raise Ended(body.decode())
    opened = Opened(**json.loads(body))
    ring: Ring | None = None
    if opened.slot:
        ring = Ring(Path(request.ring), opened.slot)
        if sys.platform != "win32":  # nothing is left behind, even by a killed program
            Path(request.ring).unlink()
            Path(request.ring).parent.rmdir()
    raw = opened.codec == "rawvideo" and opened.pixel_format in _UNPACKED
    decode = _Unpacker(opened) if raw else _Decoder(opened, paced=request.paced)
    while True:
        kind, number, at, size = _header(pipe)
        if kind == b"e":
            yield from decode.rest()
            raise Ended(pipe.read(size).decode())
        if kind == b"p" or ring is None:
            yield from decode(memoryview(pipe.read(size)), number, at, lambda: True)
        elif number == ring.newest():
            intact = partial(ring.holds, number)
            yield from decode(ring.view(number, size), number, at, intact)


def _header(pipe: BinaryIO) -> tuple[bytes, int, float, int]:
    read = pipe.read(HEADER.size)
    if len(read) < HEADER.size:
        raise Ended("its reader was ended")
    kind, number, at, size = HEADER.unpack(read)
    return kind, number, at, size


class _Unpacker:
    """Takes raw pictures apart into planes that are used again and again."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        width, height = opened.width, opened.height
        chroma = ((height + 1) // 2, (width + 1) // 2)
        self._pool = PlanePool([(height, width), chroma, chroma])
        luma, quarter = height * width, chroma[0] * chroma[1]
        self._size = 2 * luma if opened.pixel_format == "yuyv422" else luma + 2 * quarter

    def __call__(
        self, body: memoryview, number: int, at: float, intact: Callable[[], bool]
    ) -> Iterator[Shot]:
        """Unpack a picture; nothing if it is too short, or overwritten meanwhile."""
        if len(body) < self._size:
            return
        packed = np.frombuffer(body, np.uint8, self._size)
        width, height = self._opened.width, self._opened.height
        y, u, v = self._pool.take()
        if self._opened.pixel_format == "yuyv422":
            unpack_yuyv(packed.reshape(height, 2 * width), y, u, v)
        else:
            y[:] = packed[: y.size].reshape(y.shape)
            chroma = packed[y.size :]
            if self._opened.pixel_format == "nv12":
                split_pairs(chroma.reshape(u.shape[0], 2 * u.shape[1]), u, v)
            else:
                u[:] = chroma[: u.size].reshape(u.shape)
                v[:] = chroma[u.size :].reshape(v.shape)
        if intact():
            colour = Colour(self._opened.matrix, self._opened.full_range)
            yield Shot(Planes(y, u, v, width, height, colour), number, at, self._opened)

    def rest(self) -> Iterator[Shot]:
        """Nothing is held back."""
        return iter(())


class _Decoder:
    """Decodes packets without the delay of frame threads."""

    def __init__(self, opened: Opened, *, paced: bool) -> None:
        self._opened, self._paced = opened, paced
        context = av.CodecContext.create(opened.codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_type = "SLICE"
        if opened.extradata:
            context.extradata = bytes.fromhex(opened.extradata)
        if opened.codec == "rawvideo":
            context.width, context.height = opened.width, opened.height
            context.pix_fmt = opened.pixel_format
            context.colorspace = _COLORSPACES[opened.matrix]
            context.color_range = 2 if opened.full_range else 1
        self._context = context
        self._captured: dict[int, float] = {}
        self._number, self._at = -1, 0.0  # of the picture before

    def __call__(
        self, body: memoryview, number: int, at: float, intact: Callable[[], bool]
    ) -> Iterator[Shot]:
        """Decode a packet; nothing if it is damaged, or overwritten meanwhile."""
        packet = av.Packet(bytes(body))
        if not intact():
            return
        packet.pts = number  # comes out again with the picture, in whatever order
        self._captured[number] = at
        yield from self._pictures(packet)

    def rest(self) -> Iterator[Shot]:
        """Give the pictures that wait for packets which will not come."""
        yield from self._pictures(None)

    def _pictures(self, packet: "av.Packet[Any] | None") -> Iterator[Shot]:
        try:
            pictures = self._context.decode(packet)
        except av.FFmpegError:
            self._number += 1
            return
        for picture in pictures:
            stamp = -1 if picture.pts is None else picture.pts
            at = self._captured.get(stamp, self._at)
            if self._opened.slot:  # packets that nobody took show as a gap
                self._number = max(stamp, self._number + 1)
            else:  # none was left out, but their order may be another one
                self._number += 1
            self._at = at if self._paced else max(at, self._at)
            for older in [one for one in self._captured if one < stamp - _REORDERED]:
                del self._captured[older]
            yield Shot(planes_of(picture), self._number, self._at, self._opened)
