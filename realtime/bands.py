"""Blends a swapped face band by band: fine structure ends at a narrow edge, shades at a wide one.

Burt and Adelson, "A Multiresolution Spline With Application to Image Mosaics", ACM Transactions on
Graphics 2(4), 1983; but only towards the inside of the mask: outside of it nothing changes, and the
paste needs no wider mask.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.pyramid import add_doubled, halve, weigh_inside
from swapcast.realtime.skin import Plane
from swapcast.realtime.tone import Crop

_LEVELS = 4  # bands below the finest; the lowest is 16 times smaller
_LEAST = 6  # pixels across the smallest


class Bands:
    """Multi-band blending of one person's swap.

    Parameters
    ----------
    size : int
        Side of the crop, pixels.
    """

    def __init__(self, size: int) -> None:
        self._bands: list[NDArray[np.float32]] = []
        self._masks: list[NDArray[np.float32]] = []
        while len(self._bands) <= _LEVELS and size >= _LEAST:
            self._bands.append(np.zeros((3, size, size), np.float32))
            self._masks.append(np.zeros((1, size, size), np.float32))
            size = (size + 1) // 2
        self._line = np.zeros(self._bands[0].shape[1], np.float32)

    def apply(self, true: Crop, mask: Plane, face: Crop) -> None:
        """Bring the lower bands of a face to the true one's towards the edge of the mask.

        The finest band is left to the mask itself.

        Parameters
        ----------
        true : float32 [3, S, S], RGB, 0…1
        mask : float32 [S, S], 0…1
        face : float32 [3, S, S], RGB, 0…1
            Changed in place.
        """
        bands, masks, line = self._bands, self._masks, self._line
        np.subtract(face, true, out=bands[0])
        np.copyto(masks[0][0], mask)
        for k in range(len(bands) - 1):
            halve(bands[k], line, bands[k + 1])
            add_doubled(bands[k + 1], -1.0, line, bands[k])
            halve(masks[k], line, masks[k + 1])
        for k in range(1, len(bands)):
            weigh_inside(masks[k], bands[k])
        for k in range(len(bands) - 1, 0, -1):
            add_doubled(bands[k], 1.0, line, bands[k - 1])
        np.add(true, bands[0], out=face)
        np.clip(face, 0, 1, out=face)
