"""Finds the invisible mark in a mean picture, knowing neither its scale nor its place.

The picture is cut down to what a mark can be, levelled so that edges weigh no more than plain
areas, and folded tile upon tile at each scale that is tried. Of the folded tile's waves only the
phases count (phase-only matched filtering: J. L. Horner, P. D. Gianino, Appl. Opt. 23, 1984), so
the sum over the pilot waves has a known distribution where there is no mark, whatever the picture:
a sum of cosines of the key's phases, each of which is equally likely. Its tail is bounded by
Chernoff's bound, and the bound is multiplied by the number of scales and places that were tried.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.mark_code import CODE_BITS, Payload, decode
from swapcast.realtime.mark_pattern import KEY, Waves, waves

Luma = NDArray[np.float32]
Sides = NDArray[np.float64]

_ROWS = 360  # of the picture's shorter side, in which the mark is looked for
_SMALL = 64  # pixels of a tile after scaling
_PLACES = 128  # steps of a tile's side in which places are tried
_SIDES = 0.14, 0.50  # of the shorter side: the smallest and the largest tile that is tried
_STEP = 0.003  # from one scale to the next; the far corner then moves by less than a wave's eighth
_FINE = np.arange(-3, 4) * 0.0006  # around the best scale
_NEAR = np.arange(-2, 3) * 0.25  # around the best place, in steps of `_PLACES`
_TILTS = np.linspace(0, 60, 1201)[1:]  # of Chernoff's bound
_LOG_I0 = np.log(np.i0(_TILTS))
_KNOWN_PHASES = 0.15  # least part of the pilots' phases that a radius is trusted for

SCALES: Sides = np.geomspace(*_SIDES, 1 + round(np.log(_SIDES[1] / _SIDES[0]) / _STEP))
"""float64: the tiles' sides that are tried, as parts of the picture's shorter side."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a mark seems to be, and how surely it is one."""

    side: float
    """Of a tile, as a part of the picture's shorter side."""
    x: float
    """0…1: how far right of the picture's edge a tile begins, as a part of its side."""
    y: float
    """0…1: how far below the picture's upper edge."""
    agreement: float
    """-1…1: mean cosine between the phases that are there and the pilots'."""
    log10_p: float
    """At most 0: decimal logarithm of the chance that a picture without this mark agrees so well
    at any of the scales and places that were tried."""


@dataclass(frozen=True, slots=True)
class Levelled:
    """A picture in which a mark can be looked for: `level`, or the sum of several."""

    luma: Luma
    """float32 [rows, columns]; the shorter side is at most 360."""
    half: Luma
    """float32 [rows / 2, columns / 2]: the same at half the size, for large tiles."""

    @classmethod
    def of(cls, luma: Luma) -> "Levelled":
        """Make the half-sized picture too."""
        even = luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2]
        half = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return cls(luma, np.asarray(half, np.float32))


def level(mean: Luma) -> Levelled:
    """Keep what a mark may be: waves of its lengths, where the picture itself is quiet.

    Parameters
    ----------
    mean : float32 [height, width]
        Mean luma of some frames, in levels; moving things blur in it, the mark does not.
    """
    shorter = min(mean.shape)
    if shorter > _ROWS:
        scale = _ROWS / shorter
        size = round(mean.shape[1] * scale), round(mean.shape[0] * scale)
        mean = np.asarray(cv2.resize(mean, size, interpolation=cv2.INTER_AREA), np.float32)
    waves_left = cv2.GaussianBlur(mean, (0, 0), 0.5) - cv2.GaussianBlur(mean, (0, 0), 1.8)
    around = cv2.GaussianBlur(np.minimum(np.abs(waves_left), 8), (0, 0), 4.0)
    clipped = np.clip(waves_left, -2.5 * around - 0.05, 2.5 * around + 0.05)
    return Levelled.of((clipped / (around * around + 0.1)).astype(np.float32))


def together(parts: list[Levelled]) -> Levelled:
    """Add up levelled pictures of one size."""
    return Levelled.of(np.sum([part.luma for part in parts], 0, np.float32))


def hypotheses() -> int:
    """Return how many scales and places `find` tries."""
    return SCALES.size * _PLACES**2 + _FINE.size * _NEAR.size**2


def bound(agreement: float, pilots: int) -> float:
    """Bound the chance that random phases agree so well at one scale and place.

    Chernoff's bound for a mean of ``pilots`` cosines of independent, uniform phases, whose
    moment-generating function is the Bessel function I₀.

    Returns
    -------
    float
        Its decimal logarithm, at most 0.
    """
    return float(min(0.0, -pilots * (_TILTS * agreement - _LOG_I0).max() / np.log(10)))


def find(picture: Levelled, key: bytes = KEY, sides: Sides = SCALES) -> Finding:
    """Look for a key's mark at all scales and places.

    Parameters
    ----------
    picture : Levelled
    key : bytes
        Another than the program's own serves to measure how often nothing is taken for a mark.
    sides : float64 [n]
        Some of `SCALES`, where it is known where a mark would be. The p-value is as if all were
        tried, so the whole search never states a larger one.
    """
    of = waves(key)
    best = -2.0, 0.0, 0, 0
    for side in sides:
        peak, row, column = peak_of(agreements(phases_at(picture, side, of), of))
        best = max(best, (peak, side, row, column))
    _, side, row, column = best
    agreement, side, y, x = max(
        _refined(phases_at(picture, side * (1 + fine), of), of, row, column, side * (1 + fine))
        for fine in _FINE
    )
    log10_p = min(0.0, bound(agreement, of.pilots.size) + float(np.log10(hypotheses())))
    return Finding(side, x % 1, y % 1, agreement, log10_p)


def agreements(phases: NDArray[np.complex128], of: Waves) -> NDArray[np.float32]:
    """Return how well the pilots agree with each place: float32 [128, 128], -1…1."""
    pilots = of.pilots
    ky, kx, bare = of.ky[pilots], of.kx[pilots], phases[pilots] * of.turn[pilots].conj()
    spectrum = np.zeros((_PLACES, _PLACES // 2 + 1), np.complex64)
    spectrum[ky % _PLACES, kx] = bare
    upright = kx == 0  # of these waves the transform wants both of the pair
    spectrum[-ky[upright] % _PLACES, 0] = bare[upright].conj()
    sums = np.fft.irfft2(spectrum) * (_PLACES**2 / 2 / pilots.size)
    return sums.astype(np.float32, copy=False)


def peak_of(places: NDArray[np.float32]) -> tuple[float, int, int]:
    """Return the best agreement, and its row and column."""
    row, column = divmod(int(places.argmax()), _PLACES)
    return float(places[row, column]), row, column


def read(picture: Levelled, found: Finding, key: bytes = KEY) -> Payload | None:
    """Read what the mark at a found place says.

    Returns
    -------
    Payload or None
        None if it cannot be read without error.
    """
    of = waves(key)
    turned = _turned(phases_at(picture, found.side, of), of, found.y, found.x)
    radius = of.radius
    order = of.pilots[radius[of.pilots].argsort(kind="stable")]
    window = np.ones(15) / 15  # pilots of about the same length tell how far a carrier is trusted
    known = np.convolve(turned[order].real, window, "same")
    trust = np.interp(radius[of.carriers], radius[order], known)
    trust = np.maximum(trust, 0) ** 2 / _KNOWN_PHASES
    soft = np.zeros(CODE_BITS)
    values = turned[of.carriers] * trust
    np.add.at(soft, of.places[0], values.real)
    np.add.at(soft, of.places[1], values.imag)
    return decode(soft)


def phases_at(picture: Levelled, side: float, of: Waves) -> NDArray[np.complex128]:
    """Return the phases of a key's waves in tiles of a size: complex128 [n], of length 1."""
    luma = picture.luma
    pixels = side * min(luma.shape)
    if pixels > 1.6 * _SMALL:  # or waves too short for the smaller picture would fold into it
        luma, pixels = picture.half, pixels / 2
    scale = _SMALL / pixels
    rows, columns = (max(_SMALL, round(edge * scale)) for edge in luma.shape)
    way = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
    small = cv2.warpAffine(luma, way, (columns, rows), flags=cv2.INTER_LINEAR)
    padded = np.zeros((-(-rows // _SMALL) * _SMALL, -(-columns // _SMALL) * _SMALL), np.float32)
    padded[:rows, :columns] = small
    folded = padded.reshape(padded.shape[0] // _SMALL, _SMALL, -1, _SMALL).sum((0, 2))
    spectrum = np.fft.rfft2(folded)[of.ky % _SMALL, of.kx]
    phases: NDArray[np.complex128] = spectrum / np.maximum(np.abs(spectrum), 1e-12)
    return phases


def _turned(
    phases: NDArray[np.complex128], of: Waves, y: float, x: float
) -> NDArray[np.complex128]:
    """Take out the key's phases and a tile's place (parts of its side)."""
    return phases * of.turn.conj() * np.exp(2j * np.pi * (of.ky * y + of.kx * x))


def _refined(
    phases: NDArray[np.complex128], of: Waves, row: int, column: int, side: float
) -> tuple[float, float, float, float]:
    """Return agreement, side and place (y, x) of the best place near one."""
    pilots = of.pilots
    bare = phases[pilots] * of.turn[pilots].conj()
    ys, xs = (row + _NEAR) / _PLACES, (column + _NEAR) / _PLACES
    down = np.exp(2j * np.pi * np.outer(ys, of.ky[pilots]))
    right = np.exp(2j * np.pi * np.outer(xs, of.kx[pilots]))
    places = np.einsum("k,ik,jk->ij", bare, down, right).real / pilots.size
    i, j = np.unravel_index(places.argmax(), places.shape)
    return float(places[i, j]), side, float(ys[i]), float(xs[j])
