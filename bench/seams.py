"""Where a swapped face shows that it was put in: along its edge, and in the colour of its skin.

Pictures are judged in crops of `SIDE` pixels, as `swapcast.bench.takes.view` cuts them.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.kernels.match import reduce
from swapcast.realtime.compositor import Paste
from swapcast.realtime.frame import Face
from swapcast.realtime.skin import PersonSkin
from swapcast.realtime.tone import TO_LEVELS

Floats = NDArray[np.float32]

SIDE = 256
"""Of the crops in which pictures are judged."""

_DARK, _LIGHT = 10.0, 41.0  # degrees of individual typology angle: below, and above
_BESIDE, _FEW = 14, 60  # pixels beside a face that count as near it; pixels that make no mean


def mask_in_view(face: Face, paste: Paste) -> Floats:
    """Bring a mask into the crop in which pictures are judged."""
    there = crop_affine(face.points, "dfl_whole_face", SIDE)
    back = invert(paste.affine)
    way = np.vstack([back, (0, 0, 1)]) @ np.vstack([there, (0, 0, 1)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved: Floats = cv2.warpAffine(paste.mask, way[:2], (SIDE, SIDE), flags=flags)
    return moved


def lab(rgb: Floats) -> Floats:
    """Return a crop in CIELAB: from float32 [3, n, n], RGB, 0…1, to float32 [n, n, 3]."""
    clipped = np.ascontiguousarray(np.clip(rgb, 0, 1).transpose(1, 2, 0))
    out: Floats = cv2.cvtColor(clipped, cv2.COLOR_RGB2Lab)
    return out


def seam(before: Floats, after: Floats, mask: Floats, bare: NDArray[np.bool_]) -> float:
    """Return how far colours lie off the camera's where the face becomes whole: CIE76 ΔE.

    Outside the mask nothing changes, so that this is the step that an eye sees along the edge.
    Colours are compared after a blur of three pixels: grain is no seam. Only the wearer's bare skin
    counts: hair ends somewhere without being a seam. Both pictures come from `lab`.
    """
    ring = (mask > 0.6) & (mask < 0.95) & bare
    if not ring.any():
        return 0.0
    gap = cv2.GaussianBlur(after - before, (0, 0), 3)
    return float(np.linalg.norm(gap[ring], axis=1).mean())


def bare_skin(face: Face, before: Floats) -> NDArray[np.bool_]:
    """Return where the wearer's skin is, by what the cheeks and the forehead look like."""
    levels = np.empty((3, SIDE // 2, SIDE // 2), np.float32)
    reduce(before, TO_LEVELS, 2, levels)
    there = invert(crop_affine(face.points, "dfl_whole_face", SIDE))
    person, out = PersonSkin(), np.empty(levels.shape[1:], np.float32)
    person.learn(levels, (transform(there, face.landmarks) / 2).astype(np.float32))
    person.likeness(levels, out)
    return np.kron(out > 0.5, np.ones((2, 2), np.bool_))


def cheeks(face: Face, mask: Floats) -> NDArray[np.bool_]:
    """Return where the cheeks and the middle of the forehead are, inside the mask."""
    there = invert(crop_affine(face.points, "dfl_whole_face", SIDE))
    points = transform(there, face.landmarks)
    left, right, nose = points[36:42].mean(0), points[42:48].mean(0), points[33]
    up, across = (left + right) / 2 - nose, right - left
    out = np.zeros((SIDE, SIDE), np.uint8)
    reach = max(int(0.16 * np.hypot(*across)), 2)
    places = left - 0.75 * up, right - 0.75 * up, (left + right) / 2 + 0.9 * up
    for x, y in places:
        cv2.circle(out, (round(float(x)), round(float(y))), reach, 1, -1)
    return (out > 0) & (mask > 0.9)


def neck_difference(picture: Floats, mask: Floats, bare: NDArray[np.bool_]) -> float | None:
    """Return how far the face's skin along its edge is from the skin beside it: CIE76 ΔE.

    Means of bare skin inside the edge and of bare skin up to `_BESIDE` pixels outside of it (neck,
    forehead, ears). The camera's own picture is not at 0 either: a jaw casts a shadow. The picture
    comes from `lab`.
    """
    inside = ((mask > 0.6) & (mask < 0.95)).astype(np.uint8)
    reach = np.ones((2 * _BESIDE + 1, 2 * _BESIDE + 1), np.uint8)
    beside = (cv2.dilate((mask > 0.02).astype(np.uint8), reach) > 0) & (mask <= 0.02) & bare
    within = (inside > 0) & bare
    if min(np.count_nonzero(within), np.count_nonzero(beside)) < _FEW:
        return None
    return float(np.linalg.norm(picture[within].mean(0) - picture[beside].mean(0)))


def skin_tone(crop: Floats, skin: NDArray[np.bool_]) -> str:
    """Class skin as dark, medium or light by its individual typology angle.

    Chardon, Cretois and Hourseau, International Journal of Cosmetic Science 13(4), 1991. It knows
    no white balance: a dim or warm lamp makes a face darker.

    Parameters
    ----------
    crop : float32 [3, n, n], RGB, 0…1
    skin : bool [n, n]
        At least one pixel.
    """
    light, _, yellow = np.median(lab(crop)[skin], 0)
    angle = float(np.degrees(np.arctan2(light - 50, yellow)))
    return "dark" if angle < _DARK else "light" if angle > _LIGHT else "medium"


def skin_difference(before: Floats, after: Floats, skin: NDArray[np.bool_]) -> float:
    """Return how far the swapped skin's mean colour is from the true one's: CIE76 ΔE.

    Both pictures come from `lab`.
    """
    if not skin.any():
        return 0.0
    gap = after[skin].mean(0) - before[skin].mean(0)
    return float(np.linalg.norm(gap))
