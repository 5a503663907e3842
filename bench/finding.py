"""What finding faces costs on one core, and what the bundled networks take for a face.

``python -m swapcast.bench.finding [--pictures FOLDER] [--yunet FILE] [--json FILE]``
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro

from swapcast.bench.timing import compare, publish
from swapcast.realtime.analyser import Detect
from swapcast.realtime.detector import detector
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
    find, peer = detector(), YuNet(settings.yunet) if settings.yunet else None
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
    counts = count(sorted(settings.pictures.glob("*.png")), find) if settings.pictures else {}
    return publish(results, settings.json, threads=1, clock="thread_time", **counts)


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
    main(tyro.cli(Finding))
