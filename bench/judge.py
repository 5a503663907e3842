"""Judges with an independent recogniser whether an emitted picture shows a true face."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, open_runner
from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.geometry import Points, invert, similarity, transform
from swapcast.kernels.warp import sample
from swapcast.realtime.frame import Affine, Frame, Picture

_SIDE = 128
_GROWN = 12  # pixels of a crop around the five points, which a face fills at any turn
_INNER = (slice(48, 112), slice(32, 96))  # rows and columns of a crop: from the brows to the lips
_REFERENCE = np.array(
    [
        (0.31556875, 0.46157413),
        (0.68262292, 0.45983393),
        (0.50026249, 0.64050535),
        (0.34947187, 0.82469196),
        (0.65343645, 0.82325790),
    ],
    np.float32,
)
"""Where the recogniser wants the five points, fractions of the crop's side: Open Model Zoo's
documentation of face-reidentification-retail-0095."""
CLOSE = 0.25
"""Mean difference of an inner face to the input, over the input's own contrast (its standard
deviation), below which it counts as the same pixels. A picture of mosaic is at 0.3 and more."""


@dataclass(frozen=True)
class Look:
    """What the judge sees at the place of one true face."""

    code: NDArray[np.float32]
    """float32 [256], length 1."""
    inner: NDArray[np.float32]
    """float32 [n], grey, 0…1: from the brows to the lips, not what lies beside a turned face."""


class Judge:
    """A face recogniser that had no part in the product, and the pixels themselves.

    Parameters
    ----------
    model : ONNX file
        Takes float32 [1, 3, 128, 128], BGR 0…255, aligned; gives 256 numbers.
    provider : what computes it
    threshold : float
        Cosine from which two faces count as one person's.
    """

    def __init__(self, model: Path, provider: Provider, threshold: float = 1.0) -> None:
        self._network = open_runner(model, provider)
        (self._name,) = self._network.shapes
        self._crop = np.zeros((3, _SIDE, _SIDE), np.float32)
        self.threshold = threshold

    def look(self, picture: Frame | Picture, points: Points) -> Look:
        """Look at one place of a frame or of an emitted picture."""
        if isinstance(picture, Frame):
            planes, colour = (picture.y, picture.u, picture.v), picture.colour
        else:
            planes, colour = picture.planes, picture.colour
        way = rgb_from_yuv(colour.matrix, colour.full_range)
        affine = invert(recogniser_affine(points))
        sample(*planes, picture.width, picture.height, way, affine, 1.0, 0.0, self._crop)
        tensor = np.ascontiguousarray(self._crop[None, ::-1] * 255)
        code = self._network({self._name: tensor})[0].ravel()
        code = code / max(float(np.linalg.norm(code)), 1e-9)
        inner = self._crop[(slice(None), *_INNER)].mean(0)
        return Look(code.astype(np.float32), inner[face_part(transform(invert(affine), points))])

    def leaks(self, seen: Look, true: Look) -> tuple[bool, float, float]:
        """Tell whether an emitted picture shows a true face.

        Returns
        -------
        bool, float, float
            Whether it does; the cosine of both faces; how far their inner pixels lie apart, as for
            `CLOSE`.
        """
        score = float(seen.code @ true.code)
        contrast = max(float(true.inner.std()), 1 / 255)
        apart = float(np.abs(seen.inner - true.inner).mean()) / contrast
        return score > self.threshold or apart < CLOSE, score, apart


def face_part(points: Points) -> NDArray[np.bool_]:
    """Tell which inner pixels lie in a face, bool [64, 64], by its five points in the crop."""
    hull = cv2.convexHull(points.astype(np.float32)).round().astype(np.int32)
    filled = cv2.fillConvexPoly(np.zeros((_SIDE, _SIDE), np.uint8), hull, 255)
    near = cv2.distanceTransform(255 - filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= _GROWN
    return np.asarray(near[_INNER])


def recogniser_affine(points: Points) -> Affine:
    """Return the way from a picture to the recogniser's crop of 128 pixels, float32 [2, 3].

    Parameters
    ----------
    points : float32 [5, 2]
        Eyes, nose tip, mouth corners.
    """
    return similarity(points, _REFERENCE * _SIDE)


def far_threshold(codes: NDArray[np.float32], people: Sequence[int], rate: float) -> float:
    """Return the cosine above which at most ``rate`` of the pairs of different people lie.

    Parameters
    ----------
    codes : float32 [n, 256], length 1
    people : who each of them is
    rate : false acceptances per pair, 0…1
    """
    who = np.asarray(people)
    first, second = np.triu_indices(len(who), 1)
    apart = who[first] != who[second]
    scores = (codes @ codes.T)[first[apart], second[apart]]
    return float(np.quantile(scores, 1 - rate, method="higher"))


def tight_bound(leaks: int, frames: int, confidence: float = 0.95) -> float:
    """Return the upper bound of the leak rate (Clopper and Pearson, Biometrika 26(4), 1934).

    Without a leak it is about 3 / frames.
    """
    if frames == 0:
        return 1.0
    low, high = leaks / frames, 1.0
    for _ in range(60):  # bisect: the rate at which so few leaks are 1 - confidence likely
        rate = (low + high) / 2
        low, high = (rate, high) if _at_most(leaks, frames, rate) > 1 - confidence else (low, rate)
    return high


def _at_most(count: int, of: int, rate: float) -> float:
    """Return the chance of at most ``count`` successes in ``of`` trials."""
    if rate >= 1:
        return float(count >= of)
    term = of * np.log1p(-rate)
    total = np.exp(term)
    for k in range(1, count + 1):
        term += np.log((of - k + 1) / k) + np.log(rate) - np.log1p(-rate)
        total += np.exp(term)
    return float(total)
