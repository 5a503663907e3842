"""What a face does in a picture, apart from whose it is: pose, expression and light as numbers.

Read off the 68 landmarks and the crop, so that clips and photos need no labels. All are ratios:
the size of the face does not matter. Roll is none of them: aligned crops have none.
"""

import numpy as np
from numpy.typing import NDArray

NAMES = ("yaw", "pitch", "mouth", "smile", "eyes", "light_side", "light_top")
"""Order of the columns; ``light_side`` grows with light from the picture's right."""
MIRRORED = np.array([-1, 1, 1, 1, 1, -1, 1], np.float32)
"""What each is multiplied by when the picture is mirrored."""

Floats = NDArray[np.float32]
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue in brightness


def measure(landmarks: Floats, images: NDArray[np.uint8]) -> Floats:
    """Read the attributes of aligned faces.

    ==============  ===========================================================================
    attribute       what is measured
    ==============  ===========================================================================
    ``yaw``         the nose tip's way from the middle between the eyes' outer corners, sideways
    ``pitch``       the nose tip's height between the eyes and the mouth
    ``mouth``       the inner lips' distance
    ``smile``       the mouth's width
    ``eyes``        the lids' distance, of the eyes' width
    ``light_side``  brightness of the right cheek less the left, of their sum
    ``light_top``   brightness of the forehead less the chin, of their sum
    ==============  ===========================================================================

    Lengths are shares of the distance between the eyes.

    Parameters
    ----------
    landmarks : float32 [n, 68, 2], (x, y) in pixels of the crop
    images : uint8 [n, side, side, 3], RGB

    Returns
    -------
    float32 [n, 7]
        In the order of `NAMES`.
    """
    left, right = landmarks[:, 36:42].mean(1), landmarks[:, 42:48].mean(1)
    between = np.linalg.norm(right - left, axis=1).clip(1)
    eyes, nose, mouth = (left + right) / 2, landmarks[:, 30], landmarks[:, 48:60].mean(1)
    lids = _apart(landmarks, 37, 41) + _apart(landmarks, 38, 40)
    lids += _apart(landmarks, 43, 47) + _apart(landmarks, 44, 46)
    widths = _apart(landmarks, 36, 39) + _apart(landmarks, 42, 45)
    corners = (landmarks[:, 36] + landmarks[:, 45]) / 2
    cheeks = [_brightness(images, _middle(landmarks, points)) for points in ((2, 31), (14, 35))]
    forehead = eyes + 0.9 * (eyes - nose)
    heights = [_brightness(images, where) for where in (forehead, _chin(landmarks))]
    columns = (
        (nose - corners)[:, 0] / between,
        (nose - eyes)[:, 1] / (mouth - eyes)[:, 1].clip(1),
        _apart(landmarks, 62, 66) / between,
        _apart(landmarks, 48, 54) / between,
        lids / (2 * widths.clip(1)),
        _contrast(cheeks[1], cheeks[0]),
        _contrast(heights[0], heights[1]),
    )
    return np.stack(columns, 1).astype(np.float32)


def _apart(landmarks: Floats, a: int, b: int) -> Floats:
    return np.asarray(np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1), np.float32)


def _middle(landmarks: Floats, points: tuple[int, int]) -> Floats:
    return np.asarray(landmarks[:, list(points)].mean(1), np.float32)


def _chin(landmarks: Floats) -> Floats:
    return np.asarray(0.4 * landmarks[:, 57] + 0.6 * landmarks[:, 8], np.float32)


def _brightness(images: NDArray[np.uint8], where: Floats) -> Floats:
    """Mean brightness of a ninth of the crop's side around each place."""
    side = images.shape[1]
    half = max(1, side // 18)
    centres = where.round().astype(int).clip(half, side - 1 - half)
    patches = [
        image[y - half : y + half + 1, x - half : x + half + 1].mean((0, 1))
        for image, (x, y) in zip(images, centres, strict=True)
    ]
    return np.asarray(np.stack(patches) @ _WEIGHTS, np.float32)


def _contrast(a: Floats, b: Floats) -> Floats:
    return np.asarray((a - b) / (a + b).clip(8), np.float32)
