"""Choose how far to lower the detector's scores, on pictures that neither train nor judge.

``python -m swapcast.models.detector_choosing --data DIR --network RAW.onnx --cache DIR``
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from swapcast.models.detector_data import Teacher, is_for_choosing
from swapcast.models.detector_evaluation import Network, judge, small_faces
from swapcast.models.detector_faceless import for_choosing, kept, read_pictures, tiles

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """On what the shift is chosen."""

    data: Path
    """Folder with faces_ai and models."""
    network: Path
    """ONNX file of the detector, its scores not yet lowered."""
    cache: Path
    """Folder for the faceless pictures; made at the first run."""
    allowed: float = 0.0005
    """Share of faceless pictures in which one grid may still see a face."""


def shift(tops: NDArray[np.float64], allowed: float) -> float:
    """Give the smallest shift, in steps of 0.05, that leaves few logits above 0.

    Parameters
    ----------
    tops : float64 [n]
        The highest logit of a grid in each faceless picture.
    allowed : float, 0…1
        The share that may stay above 0.
    """
    ranked = np.sort(tops)[::-1]
    bar = float(ranked[min(len(ranked) - 1, int(allowed * len(ranked)))])
    return max(0.0, round(math.ceil(bar / 0.05 - 1e-9) * 0.05, 2))


def choose(settings: Choosing) -> tuple[float, float, float]:
    """Choose the shifts of the three grids, finest first, and log what they leave.

    Raises
    ------
    FileNotFoundError
        If data is missing.
    """
    network = Network(settings.network, 0.5)
    files = kept(for_choosing, settings.data, settings.cache)
    tops = np.array(
        [[grid[0, 0].max() for grid in network.grids(one)[0]] for one in read_pictures(files)],
        np.float64,
    )
    fine, middle, coarse = (shift(column, settings.allowed) for column in tops.T)
    left = int((tops > (fine, middle, coarse)).any(1).sum())
    log.info("of %d faceless pictures %d deceive it before,", len(tops), (tops > 0).any(1).sum())
    log.info("%d with --doubt %g %g %g", left, fine, middle, coarse)
    teacher = Teacher(settings.data / "models/yunet/yunet_n_dynamic.onnx")
    marked = [
        (picture, teacher(picture))
        for picture in read_pictures(tiles(settings.data, is_for_choosing))
    ]
    for name, pictures in (("tiles", marked), ("made small", list(small_faces(marked)))):
        found = judge(pictures, network)
        log.info("%s, before: %d of %d faces found", name, found.found, found.faces)
    return fine, middle, coarse


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    choose(tyro.cli(Choosing))
