"""Where a face lies: the reference points of every kind of crop, and the way from crop to frame."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Affine: TypeAlias = NDArray[np.float32]
"""float32 [2, 3]: maps one picture's (x, y, 1) to another's (x, y); integers are pixel centres."""

Points: TypeAlias = NDArray[np.float32]
"""float32 [n, 2]: (x, y) in pixels; integers are pixel centres."""


def _points(*numbers: float) -> Points:
    points = np.array(numbers, np.float32).reshape(-1, 2)
    points.setflags(write=False)
    return points


TEMPLATES: Mapping[str, Points] = MappingProxyType(
    {
        "arcface_112_v1": _points(
            *(0.35473214, 0.45658929, 0.64526786, 0.45658929, 0.50000000, 0.61154464),
            *(0.37913393, 0.77687500, 0.62086607, 0.77687500),
        ),
        "arcface_112_v2": _points(
            *(0.34191607, 0.46157411, 0.65653393, 0.45983393, 0.50022500, 0.64050536),
            *(0.37097589, 0.82469196, 0.63151696, 0.82325089),
        ),
        "arcface_128": _points(
            *(0.36167656, 0.40387734, 0.63696719, 0.40235469, 0.50019687, 0.56044219),
            *(0.38710391, 0.72160547, 0.61507734, 0.72034453),
        ),
        "dfl_whole_face": _points(
            *(0.35342266, 0.39285716, 0.62797622, 0.39285716, 0.48660713, 0.54017860),
            *(0.38839287, 0.68750011, 0.59821427, 0.68750011),
        ),
        "ffhq_512": _points(
            *(0.37691676, 0.46864664, 0.62285697, 0.46912813, 0.50123859, 0.61331904),
            *(0.39308822, 0.72541100, 0.61150205, 0.72490465),
        ),
        "mtcnn_512": _points(
            *(0.36562865, 0.46733799, 0.63305391, 0.46585885, 0.50019127, 0.61942959),
            *(0.39032951, 0.77598822, 0.61178945, 0.77476328),
        ),
    }
)
"""Where a crop of each kind has its five points.

float32 [5, 2], fractions of the crop's side; the eye on the picture's left, the other eye, nose
tip, left and right mouth corner. Swap networks are trained with one of these and work with no
other. A fraction times the side is the pixel coordinate, as the networks' authors count.
"""


def similarity(src: ArrayLike, dst: ArrayLike) -> Affine:
    """Find the turn, scale and shift that lead ``src`` closest to ``dst``.

    Least squares after Umeyama (IEEE PAMI 13(4), 1991); in the plane, with points as complex
    numbers and never a mirror image, his solution has a closed form. Computed in float64.

    Parameters
    ----------
    src, dst : float [n, 2], n ≥ 2
        (x, y) of the same points in two pictures.

    Returns
    -------
    float32 [2, 3]
        Maps (x, y, 1) of ``src`` to (x, y) of ``dst``.

    Raises
    ------
    ValueError
        If the points do not pair up, are not finite, or all lie in one place.
    """
    source, target = np.asarray(src, np.float64), np.asarray(dst, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1:] != (2,):
        raise ValueError(f"need two sets of n points (x, y), got {source.shape} and {target.shape}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("a point is not a finite number")
    middle, goal = source.mean(0), target.mean(0)
    a = (source - middle) @ np.array([1, 1j])
    b = (target - goal) @ np.array([1, 1j])
    spread = float(np.vdot(a, a).real)
    if spread < 1e-12:
        raise ValueError(f"all {len(source)} points lie in one place")
    turn = complex(np.vdot(a, b)) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, goal - linear @ middle]).astype(np.float32)


def invert(affine: Affine) -> Affine:
    """Turn the way from crop to frame into the way from frame to crop, or back.

    Parameters
    ----------
    affine : float32 [2, 3]

    Returns
    -------
    float32 [2, 3]

    Raises
    ------
    ValueError
        If it flattens the picture, so that there is no way back.
    """
    linear, shift = affine[:, :2].astype(np.float64), affine[:, 2].astype(np.float64)
    (a, b), (c, d) = linear
    determinant = a * d - b * c
    if not abs(determinant) > 1e-12:
        raise ValueError(f"an affine of determinant {determinant:g} has no inverse")
    back = np.array([[d, -b], [-c, a]]) / determinant
    return np.column_stack([back, -back @ shift]).astype(np.float32)


def transform(affine: Affine, points: Points) -> Points:
    """Map points by an affine.

    Parameters
    ----------
    affine : float32 [2, 3]
    points : float32 [n, 2], (x, y)

    Returns
    -------
    float32 [n, 2]
    """
    mapped = points.astype(np.float64) @ affine[:, :2].T.astype(np.float64) + affine[:, 2]
    return mapped.astype(np.float32)


def five_points(landmarks: Points) -> Points:
    """Take the five points that crops are aligned by from 68 landmarks.

    Parameters
    ----------
    landmarks : float32 [68, 2]
        In the order of the 68-point (Multi-PIE) scheme.

    Returns
    -------
    float32 [5, 2]
        Middle of the eye on the picture's left, of the other eye, nose tip, mouth corners.
    """
    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float32)


_ARC = np.array([0.15, 0.55, 0.85, 1.0, 1.0, 1.0, 1.0, 0.85, 0.55, 0.15])[:, None]


def face_outline(landmarks: Points, forehead: float) -> Points:
    """Give the points whose convex hull is the face, forehead included.

    The 68 landmarks end at the brows. A face's forehead is about as high as its nose is long, so
    the brows are set again that far up, in an arc.

    Parameters
    ----------
    landmarks : float32 [68, 2]
        In the order of the 68-point (Multi-PIE) scheme.
    forehead : float, 0…1
        How much of the forehead belongs to it.

    Returns
    -------
    float32 [78, 2]
        The landmarks, and ten points above the brows.
    """
    brows = landmarks[17:27]
    up = brows.mean(0) - landmarks[33]  # from below the nose
    return np.concatenate([landmarks, brows + forehead * _ARC * up]).astype(np.float32)


def crop_affine(points: Points, template: str, size: int) -> Affine:
    """Place a crop of one kind on a face.

    The five points are led closest to the template's in the crop, as the networks' authors do, and
    that way is turned round.

    Parameters
    ----------
    points : float32 [5, 2]
        The eye on the picture's left, the other eye, nose tip, left and right mouth corner; pixels
        of the frame.
    template : name in `TEMPLATES`
    size : int
        Side of the square crop, pixels.

    Returns
    -------
    float32 [2, 3]
        Maps (x, y, 1) of the crop to (x, y) of the frame.

    Raises
    ------
    ValueError
        If there is no such template, or the points give no crop (not finite, all in one place).
    """
    if template not in TEMPLATES:
        raise ValueError(f"no template {template!r}; there are {', '.join(TEMPLATES)}")
    return invert(similarity(points, TEMPLATES[template] * size))
