"""How sharp and noisy a swapped face is: against the camera's own face, and against its neck."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.seams import SIDE
from swapcast.bench.takes import Shot
from swapcast.kernels.geometry import crop_affine, invert, transform
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
    """The finest over that of the neck in the same picture; None: no bare neck is seen."""


def grain(shot: Shot, picture: Picture, bare: NDArray[np.bool_]) -> Grain:
    """Compare a finished picture with its frame, at the frame's own resolution.

    Parameters
    ----------
    shot : Shot
    picture : Picture
        The invisible mark is taken out of it first.
    bare : bool [SIDE, SIDE]
        Where the wearer's skin is bare, in the crop in which pictures are judged.
    """
    frame, luma, mark = shot.frame, picture.planes[0], picture.mark
    before = frame.y[: frame.height, : frame.width]
    cheeks, neck, reach = _places(shot.face.landmarks)
    true = _bands(before, None, cheeks, reach)
    made = _bands(luma[: frame.height, : frame.width], mark, cheeks, reach)
    below = _bands(before, None, (neck,), reach) if _is_bare(shot, neck, reach, bare) else None
    against = None if below is None or below[0] <= _LEAST else float(made[0] / below[0])
    finest, second = made / np.maximum(true, _LEAST)
    return Grain(float(finest), float(second), against)


def _places(marks: Floats) -> tuple[Sequence[Place], Place, int]:
    """Return the middles of both cheeks and of the neck, and how far the patches reach."""
    left, right = marks[36:42].mean(0), marks[42:48].mean(0)
    up = (left + right) / 2 - marks[33]
    reach = max(int(0.14 * np.hypot(*(right - left))), 3)
    x, y = marks[8] - 0.6 * up
    a, b = left - 0.75 * up, right - 0.75 * up
    return ((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))), (float(x), float(y)), reach


def _bands(
    plane: NDArray[np.uint8], mark: NDArray[np.int8] | None, places: Sequence[Place], reach: int
) -> NDArray[np.float64]:
    """Return the root mean squares of the two finest octaves on some patches, without the mark."""
    totals = np.zeros(2)
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
    return np.sqrt(totals)


def _is_bare(shot: Shot, place: Place, reach: int, bare: NDArray[np.bool_]) -> bool:
    """Tell whether a patch of the frame shows bare skin."""
    way = invert(crop_affine(shot.face.points, "dfl_whole_face", SIDE))
    x, y = place
    ends = np.array([[x - reach, y - reach], [x + reach, y + reach]], np.float32)
    (left, top), (right, bottom) = transform(way, ends)
    if left < 0 or top < 0 or right > SIDE or bottom > SIDE:
        return False
    part = bare[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    return bool(part.size) and float(part.mean()) > _BARE
