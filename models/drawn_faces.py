"""Make shards of a face set from drawn pairs: ``python -m swapcast.models.drawn_faces PAIRS OUT``.

Of each pair the target is kept as a face of the person who is put on, and the driver as what the
network is to make it of (``seen``): other people, doing the very same. With ``--drivers`` it is the
drivers themselves that are kept, to show an encoder many people. `swapcast extract` on one of the
written pictures adds the manifest and the consent record that a face set needs.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.progress import track

from swapcast.models.pairs import CROP, MARGIN, Batch, Pairs, write_arrays

SHARD = 500
_BLOCK = 50
_INSIDE = slice(MARGIN, MARGIN + CROP)


@dataclass(frozen=True, kw_only=True)
class DrawnFaces:
    """Turn pairs into shards of faces, and a picture of the person."""

    pairs: Annotated[Path, tyro.conf.Positional]
    """Folder of `swapcast faces render`."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder for frames-NNNNNN.npz and thumbnail.png."""
    count: int = 3000
    """Faces in all, the first ones of the set that fit."""
    person: int | None = None
    """Number of the person who is put on; all of them if not given."""
    drivers: bool = False
    """Keep who is before the camera instead."""
    size: int = 192
    """Side of a face, pixels."""


def write_faces(settings: DrawnFaces) -> int:
    """Write the shards, and return how many faces they hold.

    Raises
    ------
    ValueError
        If there are no pairs, or none of the person.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    pairs, waiting, kept = Pairs(settings.pairs), [], 0
    blocks = range(0, len(pairs), _BLOCK)
    for start in track(blocks, description=settings.out.name):
        numbers = range(start, min(start + _BLOCK, len(pairs)))
        waiting.append(_arrays(pairs.read(numbers), settings))
        kept += len(waiting[-1]["images"])
        last = kept >= settings.count or start == blocks[-1]
        if last or sum(len(part["images"]) for part in waiting) >= SHARD:
            joined = {name: np.concatenate([part[name] for part in waiting]) for name in waiting[0]}
            write_arrays(settings.out / f"frames-{kept:06d}.npz", joined)
            waiting = []
        if last:
            break
    if not kept:
        raise ValueError(f"{settings.pairs} has no pair of person {settings.person}")
    face = joined["images"][len(joined["images"]) // 2]
    cv2.imwrite(str(settings.out / "thumbnail.png"), face[..., ::-1])
    return kept


def _arrays(batch: Batch, settings: DrawnFaces) -> dict[str, NDArray[Any]]:
    """Return the upright crops of a block and all that belongs to them.

    Left out are pairs in which the driver wears the own face or something lies before it, and those
    whose target is a photograph.
    """
    chosen = batch.flags == 0
    if settings.person is not None:
        chosen &= batch.people[:, 1] == settings.person
    points = batch.landmarks if settings.drivers else batch.target_landmarks
    scale = np.float32(settings.size / CROP)
    arrays: dict[str, NDArray[Any]] = {
        "images": _crops((batch.driver if settings.drivers else batch.target)[chosen], settings),
        "landmarks": ((points[chosen] - MARGIN) * scale).astype(np.float32),
        "mask": _crops(batch.face[chosen], settings),
    }
    if not settings.drivers:
        arrays["seen"] = _crops(batch.driver[chosen], settings)
    return arrays


def _crops(pictures: NDArray[np.uint8], settings: DrawnFaces) -> NDArray[np.uint8]:
    """Cut the middle out of pictures uint8 [n, 288, 288, …] and bring it to size."""
    size = (settings.size, settings.size)
    out = np.empty((len(pictures), *size, *pictures.shape[3:]), np.uint8)
    for row, picture in zip(out, pictures, strict=True):
        row[...] = cv2.resize(picture[_INSIDE, _INSIDE], size, interpolation=cv2.INTER_AREA)
    return out


def main(args: Sequence[str]) -> None:
    """Run the command; what cannot work ends it with one line and exit code 1."""
    cv2.setNumThreads(1)
    settings = tyro.cli(DrawnFaces, prog="swapcast.models.drawn_faces", args=list(args))
    try:
        kept = write_faces(settings)
    except ValueError as error:
        sys.exit(f"swapcast: {error}")
    sys.stdout.write(f"{kept} faces in {settings.out}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
