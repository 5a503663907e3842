"""What detectors find and imagine with the second look, on pictures that only choose settings.

``python -m swapcast.bench.second_look --data FOLDER --pictures FOLDER NETWORK.onnx …``
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import tyro

from swapcast.bench.finding import rows_of
from swapcast.export.runners import open_runner
from swapcast.models.detector_data import Teacher, is_for_choosing
from swapcast.models.detector_evaluation import judge, small_faces
from swapcast.models.detector_faceless import for_choosing, kept, read_pictures, tiles
from swapcast.realtime.detector import DOUBTFUL, SURE, Detector

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Which networks are compared by what."""

    networks: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """ONNX files of detectors, their scores lowered by different amounts."""
    data: Path
    """Folder with faces_ai and models."""
    pictures: Path
    """Folder for the faceless pictures to choose by; made at the first run."""
    doubtful: float = DOUBTFUL
    sure: float = SURE
    every: int = 1
    """Take each so-many-th faceless picture."""


def main(settings: Comparison) -> None:
    """Say of each network how many pictures deceive it, and how many faces it finds."""
    cv2.setNumThreads(1)
    teacher = Teacher(settings.data / "models/yunet/yunet_n_dynamic.onnx")
    marked = [
        (picture, teacher(picture))
        for picture in read_pictures(tiles(settings.data, is_for_choosing))
    ]
    small = [one for seed in range(3) for one in small_faces(marked, seed)]
    faceless = kept(for_choosing, settings.data, settings.pictures)[:: settings.every]
    for network in settings.networks:
        find = Detector(open_runner(network), doubtful=settings.doubtful, sure=settings.sure)
        rows = rows_of(find)
        false = sum(bool(len(rows(picture))) for picture in read_pictures(faceless))
        found = [judge(pictures, rows) for pictures in (marked, small)]
        log.info("%s: %d of %d faceless pictures deceive it;", network, false, len(faceless))
        for name, one in zip(("tiles", "made small"), found, strict=True):
            log.info("  %s: %d of %d faces found", name, one.found, one.faces)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(tyro.cli(Comparison))
