"""Draw what several networks make of the same faces: ``python -m swapcast.models.compare RUN…``.

The first row shows the faces; below it each network gives them one identity, as it would live.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from swapcast.models.architectures import load_model
from swapcast.models.bundled_face import WORD, load_base
from swapcast.models.checkpoint import CheckpointError, read_checkpoint
from swapcast.models.faces import FaceSetError, load_faces
from swapcast.models.swap_model import SwapModel
from swapcast.models.training import CHECKPOINT


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Draw a row of faces for each network."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of trainings; ``base`` is the bundled network."""
    faces: Path
    """Face set of those who are to be seen in the first row."""
    identity: str
    """Who they become; a network with one identity gives that."""
    out: Path
    """The picture, .jpg or .png."""
    count: int = 8
    side: int = 112
    """Of each face, pixels."""


def main(settings: Compare) -> None:
    """Draw the picture.

    Raises
    ------
    CheckpointError, FaceSetError
        If a training or the face set cannot be used.
    """
    images = load_faces("the faces", [settings.faces], side=2 * settings.side).images
    picked = images[np.linspace(0, len(images) - 1, settings.count).astype(int)]
    rows = [_row(picked, settings.side)]
    for run in settings.runs:
        model = load_base() if str(run) == WORD else load_model(read_checkpoint(run / CHECKPOINT))
        if not isinstance(model, SwapModel):
            raise CheckpointError(f"{run} gives no identity of its own")
        single = len(model.identities) == 1
        name = model.identities[0] if single else settings.identity
        if name not in model.identities:
            raise CheckpointError(f"{run} has no identity {name!r}")
        crops = np.stack([_fit(one, model.size) for one in picked]).transpose(0, 3, 1, 2)
        with torch.no_grad():
            made = model.swap(torch.from_numpy(crops).float() / 255, name).face
        faces = (255 * made.permute(0, 2, 3, 1).numpy()).round().astype(np.uint8)
        rows.append(_row(faces, settings.side))
    cv2.imwrite(str(settings.out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def _row(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return np.hstack([_fit(one, side) for one in pictures])


def _fit(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)


if __name__ == "__main__":
    try:
        main(tyro.cli(Compare, prog="swapcast.models.compare"))
    except (CheckpointError, FaceSetError) as error:
        sys.exit(f"swapcast: {error}")
