"""The other end of `swapcast bench glass`: reads pictures and says when which code arrived.

``python -m swapcast.bench.glass_reader SOURCE`` prints ``ready``, and a line for each picture: the
code, or ``null``, and the time at which the picture was there. ``-`` reads yuv4mpeg from standard
input.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from swapcast.bench.time_code import read
from swapcast.realtime import loopback
from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Plane
from swapcast.realtime.sources import SourceSettings, open_source

READY = "ready"
"""The first line: everything is loaded."""

_FED_S = 300.0  # until a virtual camera must have its first picture


def pictures(spec: str) -> Iterator[tuple[Plane, int]]:
    """Give the luma and the width of each picture as soon as it is there.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    if spec == "-":
        yield from yuv4mpeg(sys.stdin.buffer)
        return
    if spec.startswith("/dev/video"):
        _wait_until_fed(Path(spec))
    for frame in open_source(spec, SourceSettings()).frames():
        yield frame.y, frame.width


def _wait_until_fed(device: Path) -> None:
    """Wait for a virtual camera's writer: before, nobody can open it as a camera."""
    until, pause = time.monotonic() + _FED_S, threading.Event()
    while loopback.state(device) in {"free", "dead"}:
        if time.monotonic() > until:
            raise SourceError(f"nobody shows a picture in {device}")
        pause.wait(0.05)


def yuv4mpeg(pipe: BinaryIO) -> Iterator[tuple[Plane, int]]:
    """Read 4:2:0 pictures from a pipe.

    Raises
    ------
    SourceError
        If it carries something else.
    """
    words = pipe.readline().split()
    if not words or words[0] != b"YUV4MPEG2":
        raise SourceError("the pipe carries no yuv4mpeg")
    values = {word[:1]: word[1:] for word in words[1:]}
    width, height = int(values[b"W"]), int(values[b"H"])
    while pipe.readline().startswith(b"FRAME"):
        data = pipe.read(width * height * 3 // 2)
        if len(data) < width * height:
            return
        yield np.frombuffer(data, np.uint8, width * height).reshape(height, width), width


def main(spec: str) -> None:
    """Read until there is no more."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for luma, width in pictures(spec):
        now = time.monotonic()
        sys.stdout.write(json.dumps([read(luma, width), now]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except SourceError as error:
        sys.exit(str(error))
