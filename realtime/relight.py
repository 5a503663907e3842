"""Gives a swapped face the light of the true one, part by part: a lamp from one side, a shadow.

What colour transfer cannot do, for it knows one mean for the whole face. Only the lowest
frequencies of luma follow, over sure skin, within bounds: shapes and features stay the swap's own.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.relight import gains_of, relight, sum_cells
from swapcast.realtime.skin import Levels, Plane
from swapcast.realtime.tone import Crop

CELLS = 8
"""Across the crop: about five over a face."""
_WIDE = 0.8  # cells: over how many the light is evened out
_DOUBT = 0.04  # of a cell's pixels: how many of no difference are added
_GAINS = (0.7, 1.4)  # bounds: a light that is stronger than that is a hand, or an error
_RATE = 0.2  # of the way to new sums, each frame


def _around() -> NDArray[np.float32]:
    gap = np.arange(CELLS)[:, None] - np.arange(CELLS)
    return np.exp(-0.5 * (gap / _WIDE) ** 2).astype(np.float32)


class Relight:
    """The light on one person's true and swapped face, steadied over time."""

    def __init__(self) -> None:
        self._near = _around()
        self._new: NDArray[np.float32] = np.zeros((3, CELLS, CELLS), np.float32)
        self._sums: NDArray[np.float32] = np.zeros((3, CELLS, CELLS), np.float32)
        self._gains: Plane = np.ones((CELLS, CELLS), np.float32)
        self._known = False

    def forget(self) -> None:
        """Let go of the past: another scene."""
        self._known = False

    def __call__(
        self, amount: float, levels: tuple[Levels, Levels], trust: Plane, rate: float, face: Crop
    ) -> None:
        """Light a face as the true one is.

        Parameters
        ----------
        amount : float, 0…1
        levels : two float32 [3, n, n], Y, U, V
            Of the true face and of ``face``.
        trust : float32 [n, n], 0…1
            Where both are bare skin.
        rate : float, 0…1
            How far colours went to new statistics in this frame: a step of the light counts here.
        face : float32 [3, S, S], RGB, 0…1
            Changed in place.
        """
        sum_cells(levels[0][0], levels[1][0], trust, self._new)
        if self._known:
            self._sums += np.float32(max(_RATE, rate)) * (self._new - self._sums)
        else:
            self._sums[:] = self._new
        self._known = True
        doubt = _DOUBT * trust.size / CELLS**2
        gains_of(self._sums, self._near, doubt, *_GAINS, self._gains)
        self._gains -= 1
        self._gains *= np.float32(amount)
        self._gains += 1
        relight(self._gains, face)
