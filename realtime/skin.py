"""Which pixels of a face are skin: by published rules, or by what this person's skin is like."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.skin import hsv_rule, learn_skin, rgb_rule, skin_likeness, ycrcb_rule
from swapcast.realtime.frame import Points

Levels = NDArray[np.float32]
"""float32 [3, n, n]: Y, U, V of BT.601, full range, 0…255."""

Plane = NDArray[np.float32]

RULES: Mapping[str, Callable[[Levels, Plane], None]] = MappingProxyType(
    {"rgb": rgb_rule, "hsv": hsv_rule, "ycrcb": ycrcb_rule}
)
"""Published rules, which know no person."""

SHOWN, SURE = (10.0, 24.0), (4.0, 9.0)
"""Squared deviations up to which a pixel is skin, and from which it is none: for masks, and for
statistics."""

_RATE = 0.1  # of the way to what is seen now, each frame
_FLOOR = np.array([20.0, 3.0, 3.0]) ** 2  # variances that skin has at least: shading, and noise
_STRANGE = 30.0  # squared deviations of a patch's mean that is no skin any more: a hand, hair
_LONGEST = 10  # frames without skin after which the model is learnt anew


class PersonSkin:
    """What one person's skin is like, learnt from the cheeks and the forehead while it is worn.

    A Gaussian over luma and chroma, not a fixed range: it works for every tone of skin and follows
    the light. A patch that something covers differs from the others and from the past, and is left
    out.
    """

    def __init__(self) -> None:
        self._person = np.zeros(16)
        self._scratch = np.zeros((4, 9))
        self._model: NDArray[np.float32] = np.zeros(9, np.float32)
        self._strange = 0

    @property
    def known(self) -> bool:
        """Whether any skin was seen yet."""
        return bool(self._person[15] > 0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """float64 [3]: its Y, U and V; 0 while unknown."""
        return self._person[:3]

    def forget(self) -> None:
        """Learn anew: another scene."""
        self._person.fill(0)
        self._strange = 0

    def learn(self, levels: Levels, landmarks: Points) -> None:
        """Look at the cheeks and the forehead of the next crop.

        Parameters
        ----------
        levels : float32 [3, n, n], Y, U, V
        landmarks : float32 [68, 2]
            In pixels of ``levels``.
        """
        places, half = _patches(landmarks)
        found = learn_skin(
            *(levels, places, half, _STRANGE, _RATE, _FLOOR, self._scratch, self._person)
        )
        self._strange = 0 if found else self._strange + 1
        if self._strange > _LONGEST:
            self.forget()
        self._model[:3] = self._person[:3]
        self._model[3:] = self._person[9:15]

    def likeness(self, levels: Levels, out: Plane, within: tuple[float, float] = SHOWN) -> None:
        """Say how much each pixel looks like this person's skin.

        Parameters
        ----------
        levels : float32 [3, n, n], Y, U, V
        out : float32 [n, n], 0…1
            Overwritten; 1 while the person is not known.
        within : two floats
            Squared deviations up to which it is 1, and from which it is 0.
        """
        if not self.known:
            out.fill(1.0)
            return
        skin_likeness(levels, self._model, *within, out)


def _patches(landmarks: Points) -> tuple[NDArray[np.float64], int]:
    """Place patches on both cheeks and the forehead: their middles, and how far they reach."""
    left, right, nose = landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[33]
    across, eyes = right - left, (left + right) / 2
    up = eyes - nose
    places = np.empty((3, 2))
    places[0] = left - 0.75 * up - 0.1 * across
    places[1] = right - 0.75 * up + 0.1 * across
    places[2] = eyes + 0.7 * up
    return places, max(int(0.12 * float(np.hypot(*across))), 1)
