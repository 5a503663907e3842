"""Leaves out the swapper's network while the crop it would read has not changed."""

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Crop = NDArray[np.float32]

MOST = 3
"""Calls in a row that may be answered from before: at 30 frames a second, a tenth of a second."""

_CELLS = 16  # a side: averages over cells take out the noise of a sensor, but not a blink
_ALIKE = 0.012  # largest change of a cell's mean, 0…1: three levels of 255


class SwapsCrops(Protocol):
    """A swapper: `swapcast.realtime.swapper.Swapper`."""

    crop: Crop
    template: str
    size: int
    sliders: tuple[str, ...]
    """What of the wearer's own face can be changed; empty: the face is somebody else's."""
    hairline: bool
    """Whether its own mask ends at the hair."""

    @property
    def provider(self) -> str:
        """What computes now."""

    @property
    def precision(self) -> str:
        """The number format it computes in."""

    def __call__(self) -> tuple[Crop, Crop | None]:
        """Swap the face in `crop`."""
        ...

    def restart(self) -> None:
        """Open the network again."""


class Stillness:
    """A swapper that gives its last answer again while the face rests.

    Compared are the means of 16×16 cells of the crop with those of the crop that was last swapped,
    so a slow drift adds up and is noticed. After `MOST` answers from before the network runs, alike
    or not. Only the network is left out: mask, colour, paste and the check of the frame are made
    anew in every frame.

    Parameters
    ----------
    swapper : makes the answers
    most : int ≥ 0
        Calls in a row that may be answered from before.
    """

    def __init__(self, swapper: SwapsCrops, most: int = MOST) -> None:
        self._swapper, self._most = swapper, most
        self.crop, self.template, self.size = swapper.crop, swapper.template, swapper.size
        self.sliders, self.hairline = swapper.sliders, swapper.hairline
        self._cells: NDArray[np.float32] | None = None
        self._picture: Crop = np.zeros(self.crop.shape[1:], np.float32)
        self._mask: Crop | None = None
        self._row = 0
        self.calls = 0
        self.skipped = 0

    @property
    def provider(self) -> str:
        """What computes now."""
        return self._swapper.provider

    @property
    def precision(self) -> str:
        """The number format it computes in."""
        return self._swapper.precision

    def __call__(self) -> tuple[Crop, Crop | None]:
        """Swap the face in `crop`, or give what was made of the same crop before.

        Raises
        ------
        ModelError
            If the network fails; then nothing from before is given.
        """
        self.calls += 1
        cells = _cells(self.crop[0])
        if (
            self._cells is not None
            and self._row < self._most
            and float(np.abs(cells - self._cells).max()) < _ALIKE
        ):
            self._row += 1
            self.skipped += 1
            return self._picture, self._mask
        self._cells = None
        picture, mask = self._swapper()
        # Copied: the network's own buffers may change.
        np.copyto(self._picture, picture)
        self._mask = None if mask is None else np.array(mask)
        self._cells, self._row = cells, 0
        return self._picture, self._mask

    def restart(self) -> None:
        """Forget what was made, and open the network again."""
        self._cells = None
        self._swapper.restart()

    def figures(self) -> dict[str, Any]:
        """Return how many calls were answered from before; for the report."""
        return {"calls": self.calls, "skipped": self.skipped}


def _cells(crop: Crop) -> NDArray[np.float32]:
    """Return the mean of each cell; float32 [3, 16, 16]."""
    side = crop.shape[1] // _CELLS
    if side * _CELLS != crop.shape[1]:
        small = [
            cv2.resize(plane, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) for plane in crop
        ]
        return np.stack(small).astype(np.float32)
    means: NDArray[np.float32] = crop.reshape(3, _CELLS, side, _CELLS, side).mean((2, 4))
    return means
