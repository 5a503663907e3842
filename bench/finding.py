"""What finding faces costs on one core, and what the bundled networks take for a face.

``python -m swapcast.bench.finding [--pictures FOLDER [--data FOLDER]] [--yunet FILE]``
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from swapcast.bench.timing import compare, publish
from swapcast.realtime.analyser import Detect
from swapcast.realtime.detector import DOUBTFUL, detector
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.picture_file import picture_frame
from swapcast.realtime.tracker import Tracker
from swapcast.realtime.yunet import YuNet

_SIZES = ((640, 480), (1280, 720))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Time the detector; with pictures, count the faces it and the landmark network report."""

    pictures: Path | None = None
    """Folder of PNG pictures without a face."""
    data: Path | None = None
    """Folder with faces and clips that never trained: also count what is found in those. It needs
    ``pictures`` and swapcast[train]."""
    every: int = 1
    """Of ``data``, judge each so-many-th frame and picture."""
    doubtful: float = DOUBTFUL
    """Score from which a place is looked at again from near; 0.5 for never."""
    yunet: Path | None = None
    """ONNX file of YuNet, timed in turns with ours."""
    json: Path | None = None
    """Write the results to this file as well."""
    repeats: int = 200
    """Timed calls."""


def main(settings: Finding) -> dict[str, Any]:
    """Measure, print and write the results; times are of this thread's processor time.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […]}``; the counts stand in the metadata.
    """
    cv2.setNumThreads(1)
    find, peer = (
        detector(doubtful=settings.doubtful),
        YuNet(settings.yunet) if settings.yunet else None,
    )
    results = []
    for width, height in _SIZES:
        frame = _noise(width, height)
        name, other = f"detector, {width}x{height}", f"YuNet, {width}x{height}"
        things: dict[str, Callable[[], object]] = {name: partial(find, frame)}
        if peer:
            things[other] = partial(peer, frame)
        against = other if peer else None
        results += compare(
            things, against=against, repeats=settings.repeats, clock=time.thread_time
        )
    counts: dict[str, Any] = {}
    if settings.pictures:
        counts |= count(sorted(settings.pictures.glob("*.png"))[:: settings.every], find)
    if settings.pictures and settings.data:
        counts["found"] = judged(settings.data, settings.pictures, settings.every, find)
    return publish(results, settings.json, threads=1, clock="thread_time", **counts)


def judged(data: Path, pictures: Path, every: int, find: Detect) -> dict[str, object]:
    """Compare with YuNet what ``find`` sees in portraits, tiles and clips that never trained."""
    from swapcast.models.detector_evaluation import (  # noqa: PLC0415 - it needs torch
        Sets,
        evaluate,
    )

    return evaluate(Sets(data=data, cache=pictures, every=every), rows_of(find))


def rows_of(find: Detect) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Let ``find`` look at RGB pictures and answer in rows of score, box and five points."""

    def rows(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = [[face.score, *face.box, *face.points.ravel()] for face in find(_frame(picture))]
        return np.array(found, np.float32).reshape(-1, 15)

    return rows


def _frame(picture: NDArray[np.uint8]) -> Frame:
    """Make a frame of a picture, uint8 [h, w, 3] RGB; an odd last row or column is left out."""
    height, width = (side & ~1 for side in picture.shape[:2])
    even = np.ascontiguousarray(picture[:height, :width])
    planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), np.uint8)
    u, v = np.ascontiguousarray(planes[height:]).reshape(2, height // 2, width // 2)
    return Frame(planes[:height], u, v, width, height, Colour("bt601", False), 0, 0.0)


def count(files: list[Path], find: Detect) -> dict[str, int]:
    """Count pictures, those in which ``find`` sees a face, and those in which a track is born."""
    look = landmark_net()
    seen = born = 0
    for file in files:
        frame = picture_frame(file)
        faces = find(frame)
        seen += bool(faces)
        born += bool(Tracker(look, look.size).add(frame, faces))
    return {"pictures": len(files), "detected": seen, "tracked": born}


def _noise(width: int, height: int) -> Frame:
    rng = np.random.default_rng(0)
    y, u, v = (
        rng.integers(0, 256, (height // by, width // by), dtype=np.uint8) for by in (1, 2, 2)
    )
    return Frame(y, u, v, width, height, Colour("bt601", False), 0, 0.0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(tyro.cli(Finding))
