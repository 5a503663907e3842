"""Reads a camera or a stream in a process of its own, which can be killed when the driver hangs.

A driver may keep a reader for ever (FFmpeg's Video4Linux input has no time-out), and so may a
network library that looks up a name. A thread cannot be ended then; a process can, on every
system. It decodes nothing. Packets in which each picture stands alone (raw, MJPEG) go through a
ring in shared memory and never wait for the reader, so the device never waits either; others go
through the pipe, none left out.

Started as ``python -m swapcast.realtime.packet_reader`` with a `Request` as one line of JSON on
standard input; it ends when standard input ends. Messages on standard output are a `HEADER`
and a text or a packet.
"""

import json
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from swapcast.realtime.worker import on_thread

HEADER = struct.Struct("<cQdQ")
"""Kind of message, number of the packet, when it was captured (monotonic s), bytes that follow.

Kinds: ``a`` awake (the device is opened next), ``o`` opened (an `Opened`), ``p`` a packet, ``r`` a
packet in the ring (nothing follows; the last field is its size), ``e`` the end (why; empty if the
stream simply ended).
"""
SLOTS = 4
_MARK = struct.Struct("<Q")  # before each slot: its packet's number; before all: the newest one's
_EMPTY = (1 << 64) - 1
_SLACK = 0.5  # seconds that a paced stream may be late before it is put off


@dataclass(frozen=True)
class Request:
    """What to read."""

    url: str
    form: str | None = None
    """FFmpeg's name of the input format; ``None``: found out."""
    options: dict[str, str] = field(default_factory=dict)
    stamped: bool = False
    """Time stamps are the kernel's, on the monotonic clock; otherwise arrival counts."""
    paced: bool = False
    """What comes in bursts is passed on by its time stamps."""
    newest: bool = False
    """Only the newest picture counts: what stands alone goes through the ring."""
    ring: str = ""
    """Path at which to make the ring."""


@dataclass(frozen=True)
class Opened:
    """What was found."""

    codec: str
    width: int
    height: int
    pixel_format: str
    rate: float
    extradata: str
    """Of the decoder, in hexadecimal digits."""
    ends: bool
    """The stream states a duration: its end is an end, not a fault."""
    slot: int
    """Bytes of a slot in the ring; 0: there is no ring."""


class Ring:
    """A few packets in memory that two processes share; the newest overwrites the oldest."""

    def __init__(self, path: Path, slot: int, *, create: bool = False) -> None:
        size = _MARK.size + SLOTS * (_MARK.size + slot)
        with path.open("x+b" if create else "r+b") as file:
            if create:
                file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)
        self._slot = slot

    def put(self, number: int, packet: memoryview) -> bool:
        """Write a packet over the oldest one; ``False`` if it does not fit."""
        if len(packet) > self._slot:
            return False
        at = self._at(number)
        _MARK.pack_into(self._memory, at, _EMPTY)
        self._memory[at + _MARK.size : at + _MARK.size + len(packet)] = packet
        _MARK.pack_into(self._memory, at, number)
        _MARK.pack_into(self._memory, 0, number)
        return True

    def view(self, number: int, size: int) -> memoryview:
        """Look at a packet where it lies; whoever has read it must ask `holds` again."""
        at = self._at(number) + _MARK.size
        return memoryview(self._memory)[at : at + size]

    def holds(self, number: int) -> bool:
        """Tell whether a packet has not been overwritten."""
        return bool(_MARK.unpack_from(self._memory, self._at(number))[0] == number)

    def newest(self) -> int:
        """Return the number of the newest packet."""
        return int(_MARK.unpack_from(self._memory, 0)[0])

    def _at(self, number: int) -> int:
        return _MARK.size + number % SLOTS * (_MARK.size + self._slot)


def main() -> None:
    """Read until the stream, or whoever asked for it, ends."""
    request = Request(**json.loads(sys.stdin.readline()))
    with on_thread("watch", _leave_with_parent):
        try:
            _say(sys.stdout.buffer, b"a", 0, 0.0, b"")
            reason = _read(request, sys.stdout.buffer)
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error)
        try:
            _say(sys.stdout.buffer, b"e", 0, 0.0, reason.encode())
        finally:
            os._exit(0)  # the watch, and maybe the driver, would keep an ordinary exit waiting


def _leave_with_parent() -> Iterator[None]:
    sys.stdin.read()
    os._exit(0)
    yield


def _say(out: BinaryIO, kind: bytes, number: int, at: float, body: bytes | memoryview) -> None:
    out.write(HEADER.pack(kind, number, at, len(body)))
    out.write(body)
    out.flush()


def _read(request: Request, out: BinaryIO) -> str:
    """Pass packets on until there are no more; return why."""
    with av.open(request.url, mode="r", format=request.form, options=request.options) as container:
        if not container.streams.video:
            return "it holds no pictures"
        stream = container.streams.video[0]
        ring: Ring | None = None
        opened = _opened(container, stream, request)
        if opened.slot:
            ring = Ring(Path(request.ring), opened.slot, create=True)
        _say(out, b"o", 0, 0.0, json.dumps(asdict(opened)).encode())
        pace = _Pace()
        for number, packet in enumerate(container.demux(stream)):
            if not packet.size:
                break
            now = pace(packet) if request.paced else time.monotonic()
            at = _captured(packet, now) if request.stamped else now
            if ring is not None and ring.put(number, memoryview(packet)):
                out.write(HEADER.pack(b"r", number, at, packet.size))
                out.flush()
            else:
                _say(out, b"p", number, at, memoryview(packet))
    return ""


def _opened(container: InputContainer, stream: VideoStream, request: Request) -> Opened:
    context = stream.codec_context
    alone = context.name in {"rawvideo", "mjpeg"} and request.newest
    rate = stream.average_rate or stream.guessed_rate
    return Opened(
        codec=context.name,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt or "",
        rate=float(rate) if rate else 0.0,
        extradata=(context.extradata or b"").hex(),
        ends=bool(container.duration and container.duration > 0),
        slot=max(4 * context.width * context.height, 1 << 20) if alone else 0,
    )


def _captured(packet: "av.Packet[VideoStream]", now: float) -> float:
    """Return the packet's own time if it can be on the monotonic clock, else its arrival."""
    if packet.pts is None or packet.time_base is None:
        return now
    at = float(packet.pts * packet.time_base)
    return at if 0 <= now - at < 1 else now


class _Pace:
    """Holds back what comes before its time."""

    def __init__(self) -> None:
        self._begins: float | None = None
        self._never = threading.Event()

    def __call__(self, packet: "av.Packet[VideoStream]") -> float:
        """Wait until a packet is due and return the time."""
        now, stamp = time.monotonic(), packet.dts if packet.dts is not None else packet.pts
        if stamp is None or packet.time_base is None:
            return now
        at = float(stamp * packet.time_base)
        if (
            self._begins is None
            or abs(self._begins + at - now) > 10
            or now > self._begins + at + _SLACK
        ):
            self._begins = now - at
        self._never.wait(max(0.0, self._begins + at - now))
        return time.monotonic()


if __name__ == "__main__":
    main()
