"""Reads a film or a picture as the mark's reader wants it: the mean luma of each few seconds."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.errors import SourceError

PART_S = 4
"""Seconds of film whose pictures are averaged."""

_MOST = 16_384  # pixels of a side; a larger picture is no film
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "gray"}


def mean_pictures(path: Path, seconds: float) -> Iterator[NDArray[np.float32]]:
    """Give the mean luma of each `PART_S` seconds of a film.

    A part begins anew where the size changes. A rest of less than a second counts only if there is
    nothing else.

    Yields
    ------
    float32 [height, width], levels

    Raises
    ------
    SourceError
        If the file cannot be read, or holds no picture.
    """
    total, count, began, given, at = np.zeros((0, 0), np.float32), 0, 0.0, False, 0.0
    for at, luma in _pictures(path):
        if at >= seconds:
            break
        if count and (luma.shape != total.shape or not 0 <= at - began < PART_S):
            yield total / np.float32(count)
            given, count = True, 0
        if not count:
            total, began = np.zeros(luma.shape, np.float32), at
        cv2.accumulate(luma, total)
        count += 1
    if count and (not given or at - began >= 1):
        yield total / np.float32(count)
        given = True
    if not given:
        raise SourceError(f"{path} holds no picture that can be read")


def _pictures(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Give the time and the luma of each picture; the luma holds until the next is asked for."""
    first: float | None = None
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise SourceError(f"{path} holds no picture that can be read")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            period = float(1 / (stream.average_rate or 30))
            for number, frame in enumerate(container.decode(stream)):
                if max(frame.width, frame.height) > _MOST:
                    raise SourceError(f"{path} is {frame.width}×{frame.height}; that is too large")
                at = frame.time if frame.time is not None else number * period
                first = at if first is None else first
                yield at - first, _luma(frame)
    except (av.FFmpegError, OSError) as error:
        if first is None:
            raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
        # What was read before the damage is searched.


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    if frame.format.name not in _PLANAR:
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]
