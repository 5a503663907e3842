"""Takes the tremble out of points that rest and leaves points that move where they are."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
"""float32 [n, 2]: points, in a unit of the caller's choice."""


def _share(seconds: float, hertz: Values | float) -> Values | float:
    """Return how much of a new value a low-pass filter of one cut-off lets in."""
    turn = 2 * np.pi * seconds * hertz
    return turn / (turn + 1)


class OneEuro:
    """The One-Euro filter of Casiez, Roussel and Vogel (CHI 2012), over many points at once.

    A low-pass filter whose cut-off rises with the speed of each point. At a steady speed a point
    trails by at most ``1 / (2π · gain)``, whatever the speed.

    Parameters
    ----------
    rest : hertz
        Cut-off for a point at rest: lower is calmer.
    gain : hertz per (unit per second)
        How fast the cut-off rises with speed: higher trails less.
    speed_rest : hertz
        Cut-off of the filter over the speed itself.
    """

    def __init__(self, *, rest: float, gain: float, speed_rest: float = 1.0) -> None:
        self._rest, self._gain, self._speed_rest = rest, gain, speed_rest
        self._last: tuple[float, Values, Values, Values] | None = None

    def __call__(self, values: Values, at: float) -> Values:
        """Smooth the next values.

        Parameters
        ----------
        values : float32 [n, 2]
            n stays the same from call to call.
        at : seconds
            When they were measured; steps may be uneven. Values that are not later than the last
            ones start the filter anew.

        Returns
        -------
        float32 [n, 2]
        """
        if self._last is None or at <= self._last[0]:
            self._last = at, values.copy(), values.copy(), np.zeros_like(values)
            return values.copy()
        before, raw, smooth, velocity = self._last
        seconds = at - before
        new = (values - raw) / np.float32(seconds)
        velocity = velocity + np.float32(_share(seconds, self._speed_rest)) * (new - velocity)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])[:, None]
        share = _share(seconds, np.float32(self._rest) + np.float32(self._gain) * speed)
        smooth = (smooth + share * (values - smooth)).astype(np.float32)
        self._last = at, values.copy(), smooth, velocity
        return smooth.copy()

    def reset(self) -> None:
        """Forget everything: the next values are taken as they are."""
        self._last = None
