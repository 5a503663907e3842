"""Gives a swapped face the colours of the true one: by five published methods, steadied in time."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import rgb_from_yuv, yuv_from_rgb
from swapcast.kernels.match import moments, recolour, through_cube, through_curves
from swapcast.realtime.look import ColourMethod
from swapcast.realtime.skin import Levels, Plane

Crop = NDArray[np.float32]
"""float32 [3, S, S], RGB, 0…1."""
Reals = NDArray[np.float64]

TO_LEVELS = yuv_from_rgb("bt601", True)
"""float32 [3, 4]: from RGB 0…1 to the Y, U, V in which crops are compared."""
FROM_LEVELS = rgb_from_yuv("bt601", True)

_RATE, _RATE_MOST = 0.08, 0.85  # of the way to new statistics, each frame: usual, and after a step
_STEP = 0.5  # levels, twice in a row in one direction, that are no noise any more
_JUMP = 6.0  # levels that are none at once
_LEAST = 0.005  # of the crop must be trusted skin
_GAINS = (0.85, 1.2)  # of deviations: flat light would wash the new face out, hard light overdo it
_CUBE, _CURVE = 13, 64  # steps of the tables


class Tone:
    """The colours of one person's true and swapped face, steadied over time.

    Noise and flicker are averaged over a dozen frames. A step (the camera's exposure or white
    balance) jumps, or goes one way for two frames, and is followed within three.
    """

    def __init__(self) -> None:
        self._true, self._made = np.zeros(9), np.zeros(9)
        self._new_true, self._new_made = np.zeros(9), np.zeros(9)
        self._last = np.zeros(3)
        self._known = False
        self._curves: NDArray[np.float32] | None = None
        self._lab: tuple[Reals, Reals] | None = None
        self._matrix = np.eye(3, 4, dtype=np.float32)
        self._rate = 1.0

    @property
    def rate(self) -> float:
        """How far the last frame went to new statistics, 0…1."""
        return self._rate

    def forget(self) -> None:
        """Let go of the past: another scene."""
        self._known, self._curves, self._lab = False, None, None

    def look(self, true: Levels, made: Levels, trust: Plane, inside: Plane) -> None:
        """Compare the next pair of crops.

        Parameters
        ----------
        true, made : float32 [3, n, n], Y, U, V
        trust : float32 [n, n], 0…1
            Which pixels are compared.
        inside : float32 [n, n], 0…1
            Which are, as long as nothing better is known.
        """
        if moments(true, trust, self._new_true) < _LEAST * trust.size:
            if self._known or not moments(true, inside, self._new_true):
                self._rate = 0.0
                return
            trust = inside
        moments(made, trust, self._new_made)
        if not self._known:
            self._true[:], self._made[:], self._last[:] = self._new_true, self._new_made, 0.0
            self._known, self._rate = True, 1.0
            return
        off = (self._new_true - self._new_made - self._true + self._made)[:3]
        self._rate = followed(off, self._last)
        self._last[:] = off
        self._true += self._rate * (self._new_true - self._true)
        self._made += self._rate * (self._new_made - self._made)

    def apply(
        self,
        method: ColourMethod,
        picture: Crop,
        levels: tuple[Levels, Levels],
        trust: Plane,
        out: Crop,
    ) -> None:
        """Write the swapped face in the true one's colours.

        Parameters
        ----------
        method : ColourMethod
        picture : float32 [3, S, S], RGB, 0…1
        levels : the true and the swapped crop, as for `look`
        trust : float32 [n, n], 0…1
        out : float32 [3, S, S], RGB, 0…1
            Overwritten.
        """
        if not self._known or method == "off":
            np.clip(picture, 0, 1, out=out)
        elif method == "histogram":
            through_curves(picture, self._match_histograms(*levels, trust), out)
        elif method == "reinhard-lab":
            through_cube(picture, self._through_lab(*levels, trust), out)
        else:
            recolour(picture, self._affine(method), out)

    def _affine(self, method: ColourMethod) -> NDArray[np.float32]:
        linear = np.eye(3)
        if method == "reinhard":
            # Reinhard et al., "Color Transfer between Images", IEEE CG&A 21(5), 2001, in YCbCr.
            gains = np.sqrt((self._true[3:6] + 0.5) / (self._made[3:6] + 0.5))
            linear = np.diag(np.clip(gains, *_GAINS))
        elif method == "mkl":
            linear = monge_kantorovich(_covariance(self._made), _covariance(self._true))
        shift = self._true[:3] - linear @ self._made[:3]
        back, there = FROM_LEVELS.astype(np.float64), TO_LEVELS.astype(np.float64)
        self._matrix[:, :3] = back[:, :3] @ linear @ there[:, :3]
        self._matrix[:, 3] = back[:, :3] @ (linear @ there[:, 3] + shift) + back[:, 3]
        return self._matrix

    def _match_histograms(self, true: Levels, made: Levels, trust: Plane) -> NDArray[np.float32]:
        """Make each channel's curve that gives one picture the other's shares of dark and light."""
        pixels = trust > 0.5
        bins = np.linspace(0, 1, _CURVE)
        if np.count_nonzero(pixels) > _LEAST * trust.size:
            curves = np.empty((3, _CURVE), np.float32)
            for channel in range(3):
                counts = []
                for levels in (made, true):
                    row = FROM_LEVELS[channel]
                    values = np.tensordot(row[:3], levels[:, pixels], 1) + row[3]
                    places = np.clip(values * (_CURVE - 1), 0, _CURVE - 1).astype(np.intp)
                    count = np.convolve(np.bincount(places, minlength=_CURVE), np.ones(5), "same")
                    counts.append(np.cumsum(count + 1e-3))
                below, wanted = (count / count[-1] for count in counts)
                curve = np.interp(below, wanted, bins)
                slopes = np.clip(np.diff(curve), 0.3 / _CURVE, 3.0 / _CURVE)
                middle = int(np.searchsorted(below, 0.5))
                steps = np.concatenate([[0.0], np.cumsum(slopes)])
                curves[channel] = steps - steps[middle] + curve[middle]
            if self._curves is None:
                self._curves = curves
            else:
                self._curves += np.float32(self._rate) * (curves - self._curves)
        if self._curves is None:
            self._curves = np.tile(bins, (3, 1)).astype(np.float32)
        return self._curves

    def _through_lab(self, true: Levels, made: Levels, trust: Plane) -> NDArray[np.float32]:
        """Make the cube of colours that Reinhard's method leads to in CIELAB."""
        pixels = trust > 0.5
        if np.count_nonzero(pixels) > _LEAST * trust.size:
            found = np.empty((2, 2, 3))
            for k, levels in enumerate((true, made)):
                rgb = levels[:, pixels].T @ FROM_LEVELS[:, :3].T + FROM_LEVELS[:, 3]
                lab = cv2.cvtColor(np.clip(rgb, 0, 1)[None], cv2.COLOR_RGB2Lab)[0]
                found[k] = lab.mean(0), lab.std(0)
            before = self._lab
            new = found[0], found[1]
            if before is not None:
                new = (
                    before[0] + self._rate * (found[0] - before[0]),
                    before[1] + self._rate * (found[1] - before[1]),
                )
            self._lab = new
        steps = np.linspace(0, 1, _CUBE, dtype=np.float32)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
        if self._lab is None:
            return grid
        lab = cv2.cvtColor(grid.reshape(1, -1, 3), cv2.COLOR_RGB2Lab)
        (to, to_spread), (start, spread) = self._lab
        gains = np.clip((to_spread + 0.2) / (spread + 0.2), *_GAINS)
        lab = ((lab - start) * gains + to).astype(np.float32)
        return np.ascontiguousarray(
            cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).reshape(grid.shape), np.float32
        )


def followed(
    off: Reals,
    before: Reals,
    rate: float = _RATE,
    step: float = _STEP,
    jump: float = _JUMP,
) -> float:
    """Say how far to go towards new statistics.

    Parameters
    ----------
    off, before : float64 [3], levels
        How far the new ones lie off what is kept, in this frame and in the last.
    rate : float, 0…1
        What is usual.
    step, jump : float, levels
        What is no noise any more, twice in a row in one direction, and at once.

    Returns
    -------
    float, 0…1
        Little for noise and flicker, which turn back; much for what goes on, or jumps.
    """
    if float(np.abs(off).max()) > jump:
        return _RATE_MOST
    on = np.where(off * before > 0, np.minimum(np.abs(off), np.abs(before)), 0.0)
    return min(rate + 0.5 * max(float(on.max()) - step, 0.0), _RATE_MOST)


def monge_kantorovich(start: Reals, goal: Reals) -> Reals:
    """Find the linear map that leads one covariance to another and moves colours the least.

    Pitié and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour
    transfer", CVMP 2007. Its gains are kept within bounds.

    Parameters
    ----------
    start, goal : float64 [3, 3]
        Symmetric, positive definite.

    Returns
    -------
    float64 [3, 3]
    """
    root, inverse = _root(start)
    middle, _ = _root(root @ goal @ root)
    gains, axes = np.linalg.eigh(inverse @ middle @ inverse)
    return np.asarray((axes * np.clip(gains, *_GAINS)) @ axes.T)


def _root(matrix: Reals) -> tuple[Reals, Reals]:
    values, axes = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, 1e-9))
    return (axes * roots) @ axes.T, (axes / roots) @ axes.T


def _covariance(found: Reals) -> Reals:
    y, u, v, yu, yv, uv = found[3:]
    return np.array([[y, yu, yv], [yu, u, uv], [yv, uv, v]]) + np.diag([0.5, 0.5, 0.5])
