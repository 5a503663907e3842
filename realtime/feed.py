"""Pictures from a camera or a stream that another process reads, the newest first."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from swapcast.kernels.unpack import split_pairs, unpack_yuyv
from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.packet_reader import HEADER, Opened, Request, Ring
from swapcast.realtime.plane_pool import PlanePool
from swapcast.realtime.planes import Planes, planes_of
from swapcast.realtime.worker import on_thread

_PLACE = "/dev/shm" if Path("/dev/shm").is_dir() else None  # memory where there is a folder of it
_UNPACKED = {"yuyv422", "nv12", "yuv420p"}  # raw forms that need no decoder
_REORDERED = 64  # no decoder gives a picture later than so many packets after its own
_CAMERA = Colour("bt601", full_range=False)  # what USB cameras send unless they say otherwise


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
                with on_thread("capture reader", lambda: _shots(pipe_out, request)) as door:
                    try:
                        yield door
                    finally:
                        child.kill()  # ends the thread's wait for the pipe
            finally:
                child.kill()


def _shots(pipe: BinaryIO, request: Request) -> Iterator[Shot | Awake]:
    """Receive what the reader sends and decode it."""
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
    decode = _Unpacker(opened) if raw else _Decoder(opened)
    while True:
        kind, number, at, size = _header(pipe)
        if kind == b"e":
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
            yield Shot(Planes(y, u, v, width, height, _CAMERA), number, at, self._opened)


class _Decoder:
    """Decodes packets without the delay of frame threads."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        context = av.CodecContext.create(opened.codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_type = "SLICE"
        if opened.extradata:
            context.extradata = bytes.fromhex(opened.extradata)
        if opened.codec == "rawvideo":
            context.width, context.height = opened.width, opened.height
            context.pix_fmt = opened.pixel_format
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
        try:
            pictures = self._context.decode(packet)
        except av.FFmpegError:
            return
        for picture in pictures:
            stamp = number if picture.pts is None else picture.pts
            # Packets of pictures that are predicted from later ones come in another order.
            self._number = max(stamp, self._number + 1)
            self._at = max(self._captured.get(stamp, at), self._at)
            for older in [one for one in self._captured if one < stamp - _REORDERED]:
                del self._captured[older]
            yield Shot(planes_of(picture), self._number, self._at, self._opened)
