"""Which pixels of a face are skin: by published rules, or by what this person's skin is like."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.skin import hsv_rule, rgb_rule, skin_likeness, ycrcb_rule
from swapcast.realtime.frame import Points

Levels = NDArray[np.float32]
"""float32 [3, n, n]: Y, U, V of BT.601, full range, 0…255."""

Plane = NDArray[np.float32]

RULES: Mapping[str, Callable[[Levels, Plane], None]] = MappingProxyType(
    {"rgb": rgb_rule, "hsv": hsv_rule, "ycrcb": ycrcb_rule}
)
"""Published rules, which know no person."""

_RATE = 0.1  # of the way to what is seen now, each frame
_FLOOR = np.array([20.0, 3.0, 3.0]) ** 2  # variances that skin has at least: shading, and noise
_MASK, _TRUST = (10.0, 24.0), (4.0, 9.0)  # squared deviations within which is skin, and surely so
_STRANGE = 30.0  # squared deviations of a patch's mean that is no skin any more: a hand, hair
_LONGEST = 10  # frames without skin after which the model is learnt anew


class PersonSkin:
    """What one person's skin is like, learnt from the cheeks and the forehead while it is worn.

    A Gaussian over luma and chroma, not a fixed range: it works for every tone of skin and follows
    the light. A patch that something covers differs from the others and from the past, and is left
    out.
    """

    def __init__(self) -> None:
        self._mean: NDArray[np.float64] | None = None
        self._spread = np.diag(_FLOOR)
        self._strange = 0
        self._model: NDArray[np.float32] = np.zeros(9, np.float32)

    @property
    def known(self) -> bool:
        """Whether any skin was seen yet."""
        return self._mean is not None

    @property
    def mean(self) -> NDArray[np.float64]:
        """float64 [3]: its Y, U and V; 128 while unknown."""
        return np.full(3, 128.0) if self._mean is None else self._mean

    def forget(self) -> None:
        """Learn anew: another scene."""
        self._mean = None

    def learn(self, levels: Levels, landmarks: Points) -> None:
        """Look at the cheeks and the forehead of the next crop.

        Parameters
        ----------
        levels : float32 [3, n, n], Y, U, V
        landmarks : float32 [68, 2]
            In pixels of ``levels``.
        """
        patches = _patches(levels, landmarks)
        if not patches:
            return
        means = np.array([patch.mean(1) for patch in patches], np.float64)
        if self._mean is not None:
            fits = self._away(means - self._mean) < _STRANGE
            self._strange = 0 if fits.any() else self._strange + 1
            if self._strange > _LONGEST:
                self._mean = None
        if self._mean is None:
            # Two patches that are alike outvote a third one.
            middle = np.median(means, 0)
            fits = np.abs(means - middle)[:, 1:].max(1) < 12
            self._strange = 0
        if not fits.any():
            return
        seen = np.concatenate([patch for patch, ok in zip(patches, fits, strict=True) if ok], 1)
        mean = seen.mean(1).astype(np.float64)
        spread = np.cov(seen).astype(np.float64) + np.diag(_FLOOR)
        if self._mean is None:
            self._mean, self._spread = mean, spread
        else:
            # A change of the light is followed quickly, noise is not.
            rate = min(_RATE + 0.05 * float(np.abs(mean - self._mean).max()), 0.7)
            self._mean = self._mean + rate * (mean - self._mean)
            self._spread = self._spread + _RATE * (spread - self._spread)
        self._state()

    def likeness(self, levels: Levels, out: Plane, *, sure: bool = False) -> None:
        """Say how much each pixel looks like this person's skin.

        Parameters
        ----------
        levels : float32 [3, n, n], Y, U, V
        out : float32 [n, n], 0…1
            Overwritten; 1 while the person is not known.
        sure : bool
            Only what is skin beyond doubt, for statistics.
        """
        if self._mean is None:
            out.fill(1.0)
            return
        skin_likeness(levels, self._model, *(_TRUST if sure else _MASK), out)

    def _away(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.einsum("ki,ij,kj->k", gaps, np.linalg.inv(self._spread), gaps))

    def _state(self) -> None:
        assert self._mean is not None
        inverse = np.linalg.inv(self._spread)
        self._model[:3] = self._mean
        self._model[3:6] = np.diag(inverse)
        self._model[6:] = inverse[0, 1], inverse[0, 2], inverse[1, 2]


def _patches(levels: Levels, landmarks: Points) -> list[NDArray[np.float32]]:
    """Cut both cheeks and the forehead out: float32 [3, k] each; those within the crop."""
    left, right, nose = landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[33]
    across = right - left
    up = (left + right) / 2 - nose
    places = (
        left - 0.75 * up - 0.1 * across,
        right - 0.75 * up + 0.1 * across,
        (left + right) / 2 + 0.9 * up,
    )
    half = max(int(0.12 * float(np.hypot(*across))), 1)
    found, size = [], levels.shape[1]
    for x, y in places:
        i, j = round(float(y)), round(float(x))
        if half <= i < size - half and half <= j < size - half:
            patch = levels[:, i - half : i + half + 1, j - half : j + half + 1]
            found.append(patch.reshape(3, -1))
    return found
