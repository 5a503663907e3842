"""How sharp and noisy a swapped face is: against the camera's own face, and against its neck."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.seams import SIDE
from swapcast.bench.takes import Shot
from swapcast.kernels.geometry import crop_affine, transform
from swapcast.realtime.frame import Picture

Floats = NDArray[np.float32]
Place = tuple[float, float]

_BARE = 0.7  # of a patch of the neck that must be skin
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Grain:
    """Root mean squares of luma bands on the cheeks; 1 is as much as there."""

    finest: float
    """Below one pixel of blur, over the camera's cheeks."""
    second: float
    """From one to two pixels of blur, over the camera's cheeks."""
    neck: float | None
    """The finest over that of bare skin beside the face (neck, ears, forehead); None: none is
    seen."""


def grain(shot: Shot, picture: Picture | None, beside: NDArray[np.bool_]) -> Grain:
    """Compare a finished picture with its frame, at the frame's own resolution.

    Parameters
    ----------
    shot : Shot
    picture : Picture or None
        The invisible mark is taken out of it first. None: the frame itself.
    beside : bool [SIDE, SIDE]
        Bare skin that wears no swap, in the crop in which pictures are judged.
    """
    frame = shot.frame
    before = frame.y[: frame.height, : frame.width]
    cheeks, reach = _cheeks(shot.face.landmarks)
    true = made = _bands(before, None, cheeks, reach)
    if picture is not None:
        after = picture.planes[0][: frame.height, : frame.width]
        made = _bands(after, picture.mark, cheeks, reach)
    around = _bands(before, None, _bare_places(shot, beside, reach), reach)
    finest, second = made / np.maximum(true, _LEAST)
    against = float(made[0] / around[0]) if around[0] > _LEAST else None
    return Grain(float(finest), float(second), against)


def _cheeks(marks: Floats) -> tuple[Sequence[Place], int]:
    """Return the middles of patches on both cheeks, and how far they reach."""
    left, right = marks[36:42].mean(0), marks[42:48].mean(0)
    up = (left + right) / 2 - marks[33]
    reach = max(int(0.14 * np.hypot(*(right - left))), 3)
    a, b = left - 0.75 * up, right - 0.75 * up
    return ((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))), reach


def _bare_places(shot: Shot, beside: NDArray[np.bool_], reach: int) -> Sequence[Place]:
    """Return the middles of patches of the frame that are bare skin beside the face."""
    affine = crop_affine(shot.face.points, "dfl_whole_face", SIDE)
    half = max(int(reach / np.sqrt(abs(np.linalg.det(affine[:, :2])))), 1)
    share = cv2.blur(beside.astype(np.float32), (2 * half + 1, 2 * half + 1))
    rows, columns = np.mgrid[half : SIDE - half : half, half : SIDE - half : half].reshape(2, -1)
    good = share[rows, columns] > _BARE
    places = np.stack([columns[good], rows[good]], 1).astype(np.float32)
    return [(float(x), float(y)) for x, y in transform(affine, places)] if good.any() else []


def _bands(
    plane: NDArray[np.uint8], mark: NDArray[np.int8] | None, places: Sequence[Place], reach: int
) -> NDArray[np.float64]:
    """Return the root mean squares of the two finest octaves on some patches, without the mark."""
    totals, count = np.zeros(2), 0
    for x, y in places:
        top, left = max(round(y) - reach, 0), max(round(x) - reach, 0)
        part = plane[top : round(y) + reach, left : round(x) + reach].astype(np.float32)
        if not part.size:
            continue
        if mark is not None:
            rows = np.arange(top, top + part.shape[0]) % len(mark)
            part -= mark[rows, left : left + part.shape[1]]
        once, twice = (cv2.GaussianBlur(part, (0, 0), sigma) for sigma in (1, 2))
        totals += float(((part - once) ** 2).mean()), float(((once - twice) ** 2).mean())
        count += 1
    return np.sqrt(totals / max(count, 1))
