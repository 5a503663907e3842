"""How much a face trembles from picture to picture beyond its own movement."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.models.landmarks_turning import Picture

_SIDE = 160  # of the looked-at square, pixels
_PARTS = 1.5  # of the face's extent
_LEAST = 1e-3


class Flicker:
    """Compares the change over time inside a swapped face with that of its driver.

    The driver's motion is found by Farnebäck's optical flow (SCIA 2003); both pictures before are
    moved along it, and what still differs inside the face's outline is counted: the swap's sum over
    the driver's. Lai et al. (ECCV 2018) call the numerator the warping error.
    """

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._way = np.zeros((2, 3), np.float32)
        self._swap = self._driver = 0.0
        self._x, self._y = np.meshgrid(*(np.arange(_SIDE, dtype=np.float32),) * 2)

    @property
    def ratio(self) -> float | None:
        """1 is as steady as the driver; None if nothing was compared."""
        return self._swap / self._driver if self._driver > _LEAST else None

    def forget(self) -> None:
        """Begin anew: the next picture has no predecessor."""
        self._before = None

    def __call__(self, driver: Picture, swap: Picture, landmarks: NDArray[np.float32]) -> None:
        """Take the next picture.

        Parameters
        ----------
        driver, swap : uint8 [h, w, 3], BGR
        landmarks : float32 [68, 2]
            Of the driver's face.
        """
        if self._before is None:
            low, high = landmarks.min(0), landmarks.max(0)
            scale = _SIDE / (_PARTS * float((high - low).max()))
            self._way = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
            self._way[:, 2] = _SIDE / 2 - scale * (low + high) / 2
        now = self._grey(driver), self._grey(swap)
        if self._before is not None:
            self._compare(now, self._before, landmarks)
        self._before = now

    def _compare(
        self,
        now: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        before: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        landmarks: NDArray[np.float32],
    ) -> None:
        blank = np.zeros((_SIDE, _SIDE, 2), np.float32)
        flow = cv2.calcOpticalFlowFarneback(now[0], before[0], blank, 0.5, 3, 15, 3, 5, 1.2, 0)
        x, y = self._x + flow[..., 0], self._y + flow[..., 1]
        points = landmarks @ self._way[:, :2].T + self._way[:, 2]
        inside = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
        off = [
            np.abs(a.astype(np.float32) - cv2.remap(b, x, y, cv2.INTER_LINEAR))[inside > 0].sum()
            for a, b in zip(now, before, strict=True)
        ]
        self._driver += float(off[0])
        self._swap += float(off[1])

    def _grey(self, picture: Picture) -> NDArray[np.uint8]:
        grey = cv2.warpAffine(picture, self._way, (_SIDE, _SIDE), flags=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_BGR2GRAY), np.uint8)
