"""Lets the camera's grain and fine structure through where the swapped face has room for them."""

import numpy as np

from swapcast.kernels.detail import agreement, band, coarsen, expand, fine_energy
from swapcast.kernels.steady import approach, mean_square
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.skin import Levels, Plane
from swapcast.realtime.tone import TO_LEVELS, Crop

MOST = 0.95  # of the camera's detail that is let through at most; `paste` divides by the rest
_REACH = 4  # pixels of the smaller crop to each side: the windows in which structure is compared
_GRAIN = 4.0  # times the quiet skin's energy that counts as grain
_RATE = 0.25  # of the way to new strengths and a new gate, each frame


class Detail:
    """What of the camera's picture one person's swap takes over, steadied over time.

    The finest band, beyond the crop, no swapper makes; it is let through where the gate is open. Of
    the two bands below, as much is let through as the swapped face lacks of the true one's energy
    on skin: nothing from a sharp swapper, nearly all from a soft one. The gate is open where both
    faces show the same structure, or none beyond grain; it is closed on the wearer's own brows,
    lashes and wrinkles.

    Parameters
    ----------
    size : int
        Side of the crop, pixels.
    block : int
        How many times smaller the levels are.
    """

    def __init__(self, size: int, block: int) -> None:
        small = size // block
        self._block = block
        self._scratch = np.zeros((4, small, small), np.float32)
        self._true = np.zeros((small, small), np.float32)
        self._made = np.zeros((small, small), np.float32)
        self._new = np.zeros((small, small), np.float32)
        self.gate: Plane | None = None
        """float32 [n, n], 0…1: where detail is let through; steadied."""
        self._lacking = np.zeros(2)

    def forget(self) -> None:
        """Let go of the past: another scene."""
        self.gate = None

    def __call__(
        self,
        amount: float,
        crops: tuple[Crop, Crop],
        levels: tuple[Levels, Levels],
        trust: Plane,
        buffers: Buffers,
    ) -> tuple[Crop, Plane]:
        """Say what `swapcast.kernels.paste.paste` takes out of the picture and lets through.

        Parameters
        ----------
        amount : float, 0…1
        crops : two float32 [3, S, S], RGB, 0…1
            The true and the swapped face.
        levels : two float32 [3, n, n], Y, U, V
            Of the same.
        trust : float32 [n, n], 0…1
            Where the true face is bare skin.
        buffers : Buffers

        Returns
        -------
        coarse : float32 [3, S, S], RGB
        gate : float32 [S, S], 0…`MOST`
        """
        (true, made), (there, here) = crops, levels
        band(there[0], self._scratch[0], self._true)
        band(here[0], self._scratch[0], self._made)
        self._compare(true, made, there, here, trust)
        coarse: Crop = buffers.take(true.shape, np.float32)
        fine, middle = (float(x) for x in self._lacking)
        coarsen(true, TO_LEVELS[0], there[0], self._true, self._block, fine, middle, coarse)
        gate: Plane = buffers.take(true.shape[1:], np.float32)
        assert self.gate is not None
        expand(self.gate, self._block, amount * MOST, gate, False)
        return coarse, gate

    def _compare(self, true: Crop, made: Crop, there: Levels, here: Levels, trust: Plane) -> None:
        """Bring gate and strengths up to date."""
        energy, energy_made = mean_square(self._true, trust), mean_square(self._made, trust)
        weights, every = TO_LEVELS[0], 2
        fine = fine_energy(true, weights, there[0], trust, self._block, every)
        fine_made = fine_energy(made, weights, here[0], trust, self._block, every)
        lacking = np.array(
            [
                np.sqrt(max(1 - fine_made / (fine + 1e-6), 0.0)),
                np.sqrt(max(1 - energy_made / (energy + 1e-6), 0.0)),
            ]
        )
        bands = self._true, self._made, trust
        agreement(*bands, _GRAIN, _REACH, self._scratch, self._new)
        if self.gate is None:
            self.gate, self._lacking = self._new.copy(), lacking
        else:
            approach(self.gate, self._new, _RATE, _RATE)
            self._lacking += _RATE * (lacking - self._lacking)
