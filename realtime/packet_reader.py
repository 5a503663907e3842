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
import math
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from swapcast.realtime.frame import Colour, Matrix
from swapcast.realtime.srt import last_words
from swapcast.realtime.worker import on_thread

if sys.platform == "linux":
    from swapcast.realtime.v4l2 import stated_colour

HEADER = struct.Struct("<cQdQ")
"""Kind of message, number of the packet, its time (s), bytes that follow.

The time is when the packet was captured, on the monotonic clock; of a paced stream it is the
picture's time stamp, or not a number if it has none.

Kinds: ``a`` awake (the device is opened next), ``o`` opened (an `Opened`), ``p`` a packet, ``r`` a
packet in the ring (nothing follows; the last field is its size), ``e`` the end (why; empty if the
stream simply ended).
"""
SLOTS = 4
_MARK = struct.Struct("<Q")  # before each slot: its packet's number; before all: the newest one's
_EMPTY = (1 << 64) - 1


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
    """It comes in bursts and is shown by its time stamps."""
    newest: bool = False
    """Only the newest picture counts: what stands alone goes through the ring."""
    ring: str = ""
    """Path at which to make the ring."""
    carrier: list[str] = field(default_factory=list)
    """A command that reads ``url`` in FFmpeg's place and writes it on its standard output."""


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
    matrix: Matrix = "bt601"
    """Of raw pictures: what the driver says, else what USB cameras send."""
    full_range: bool = False
    """As ``matrix``."""


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
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # the carrier too
    os._exit(0)
    yield


def _say(out: BinaryIO, kind: bytes, number: int, at: float, body: bytes | memoryview) -> None:
    out.write(HEADER.pack(kind, number, at, len(body)))
    out.write(body)
    out.flush()


def _read(request: Request, out: BinaryIO) -> str:
    """Pass packets on until there are no more; return why."""
    with ExitStack() as stack:
        carrier = stack.enter_context(_Carrier(request)) if request.carrier else None
        try:
            url = request.url if carrier is None else carrier.url
            container = stack.enter_context(
                av.open(
                    url,
                    mode="r",
                    format=request.form,
                    options=request.options,
                    metadata_errors="replace",
                )
            )
            reason = _pass_on(container, request, out)
        except av.FFmpegError as error:
            reason = error.strerror or str(error)
        return (carrier.words() if carrier is not None else "") or reason


def _pass_on(container: InputContainer, request: Request, out: BinaryIO) -> str:
    if not container.streams.video:
        return "it holds no pictures"
    stream = container.streams.video[0]
    ring: Ring | None = None
    opened = _opened(container, stream, request)
    if opened.slot:
        ring = Ring(Path(request.ring), opened.slot, create=True)
    _say(out, b"o", 0, 0.0, json.dumps(asdict(opened)).encode())
    for number, packet in enumerate(container.demux(stream)):
        if not packet.size:
            break
        at = _time(packet, request)
        if ring is not None and ring.put(number, memoryview(packet)):
            out.write(HEADER.pack(b"r", number, at, packet.size))
            out.flush()
        else:
            _say(out, b"p", number, at, memoryview(packet))
    return ""


class _Carrier:
    """Another program that reads in FFmpeg's place."""

    def __init__(self, request: Request) -> None:
        self._command, self._address = request.carrier, request.url

    def __enter__(self) -> "_Carrier":
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._child.stdout is not None
        self.url = f"pipe:{self._child.stdout.fileno()}"
        """What FFmpeg reads instead."""
        return self

    def words(self) -> str:
        """Return why the program ended; empty if it did not say."""
        return last_words(self._errors, self._address)

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        self._errors.close()


def _opened(container: InputContainer, stream: VideoStream, request: Request) -> Opened:
    context = stream.codec_context
    alone = context.name in {"rawvideo", "mjpeg"} and request.newest
    rate = stream.average_rate or stream.guessed_rate
    stated = stated_colour(Path(request.url)) if request.form == "v4l2" else None
    colour = stated or Colour("bt601", full_range=False)
    return Opened(
        codec=context.name,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt or "",
        rate=float(rate) if rate else 0.0,
        extradata=(context.extradata or b"").hex(),
        ends=bool(container.duration and container.duration > 0),
        slot=max(4 * context.width * context.height, 1 << 20) if alone else 0,
        matrix=colour.matrix,
        full_range=colour.full_range,
    )


def _time(packet: "av.Packet[VideoStream]", request: Request) -> float:
    """Return what the packet's `HEADER` says about its time."""
    stamp = packet.dts if request.paced and packet.pts is None else packet.pts
    at = math.nan
    if stamp is not None and packet.time_base is not None:
        at = float(stamp * packet.time_base)
    if request.paced:
        return at
    now = time.monotonic()
    return at if request.stamped and 0 <= now - at < 1 else now


if __name__ == "__main__":
    main()
