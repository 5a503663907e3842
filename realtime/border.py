"""Evens out what still differs at the border of a swapped face: gradient-domain blending, live."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.match import reduce
from swapcast.kernels.membrane import outline, room, solve
from swapcast.kernels.seam import (
    RAYS,
    border_difference,
    hang,
    hang_exactly,
    lift,
    mixed_gradients,
)
from swapcast.realtime.look import Look
from swapcast.realtime.skin import Levels, Plane
from swapcast.realtime.tone import FROM_LEVELS, TO_LEVELS, Crop, followed

Spans = NDArray[np.int32]
"""int32 [4, n]: see `swapcast.kernels.membrane.outline`."""

_RATE, _STEP, _JUMP = 0.05, 3.0, 10.0  # colours follow the light; the border only what they leave
_BEGIN = 4  # frames in which all that was seen counts alike: the first one knows little of the skin
_NOISE, _SLOW = 2.0, 0.1  # how often its usual wavering an offset may be; how slowly that is learnt
_HEARD = 0.01  # of a ray that knows nothing
_WARM, _COLD, _EXACT = 1, 2, 3  # V-cycles; a border taken pixel by pixel is rougher
_WIDE, _NARROW = 7.0, 2.5  # rays: the neighbours that judge a ray, and those it is averaged with
_ODD = 6.0  # levels off its neighbours at which a ray counts half


def _around(width: float) -> NDArray[np.float64]:
    """Return float64 [RAYS, RAYS]: how much each ray counts for each other."""
    gap = np.abs(np.arange(RAYS)[:, None] - np.arange(RAYS))
    gap = np.minimum(gap, RAYS - gap)
    return np.asarray(np.exp(-0.5 * (gap / width) ** 2))


_JUDGES, _NEIGHBOURS = _around(_WIDE), _around(_NARROW)


class Border:
    """The membrane of one person's swap, steadied over time.

    Y is solved at the crop's size, U and V at half of it. The border's differences come from a band
    a few pixels wide, from skin only, ray by ray; a ray that disagrees with its neighbours counts
    less; and they are steadied over time, so that the face flickers no more than a feathered one.

    Parameters
    ----------
    size : int
        Side of the crop, pixels; even.
    """

    def __init__(self, size: int) -> None:
        half = size // 2
        self._size, self._half = size, half
        self._sheet: Plane = np.zeros((size, size), np.float32)
        self._chroma: Levels = np.zeros((2, half, half), np.float32)
        self._wanted: Plane = np.zeros((size, size), np.float32)
        self._wanted_half: Plane = np.zeros((half, half), np.float32)
        self._spans: Spans = np.zeros((4, size), np.int32)
        self._spans_half: Spans = np.zeros((4, half), np.int32)
        floats, places = room(size)
        self._work = np.zeros(floats, np.float32)
        self._places = np.zeros(places, np.int32)
        self._seen: NDArray[np.float32] = np.zeros((3, RAYS), np.float32)
        self._weight: NDArray[np.float32] = np.zeros(RAYS, np.float32)
        self._steady: NDArray[np.float64] | None = None
        self._warm = False
        self._last, self._noise = np.zeros(3), np.zeros(3)
        self._frames = 0
        self._levels: NDArray[np.float32] = np.zeros((3, RAYS), np.float32)
        self._true: Levels | None = None
        self._made: Levels | None = None

    def forget(self) -> None:
        """Let go of the past: another scene."""
        self._steady, self._warm = None, False

    def apply(
        self,
        look: Look,
        true: Crop,
        levels: tuple[Levels, Levels],
        trust: Plane,
        bound: Plane,
        face: Crop,
    ) -> None:
        """Add the membrane to a face.

        Parameters
        ----------
        look : Look
        true : float32 [3, S, S], RGB, 0…1
        levels : two float32 [3, S / 2, S / 2], Y, U, V
            Of the true face and of ``face``.
        trust : float32 [S / 2, S / 2], 0…1
            Where the true face is skin, inside the mask or out of it.
        bound : float32 [S, S]
            The membrane spans the part where this is not 0, or the rectangle around that.
        face : float32 [3, S, S], RGB, 0…1
            Changed in place.
        """
        outline(bound, 0.0, self._spans)
        if look.bound == "rectangle":
            _make_rectangle(self._spans)
        _halve(self._spans, self._spans_half)
        if not (self._spans_half[1] > self._spans_half[0]).any():
            return
        exact = look.border == "exact" or look.blend == "mixed"
        if exact:
            self._hang_exactly(true, levels, face)
        else:
            self._hang_steadily(levels, trust)
        mixed = look.blend == "mixed"
        self._ask(bound, mixed=mixed)
        # The crop moves with the face, so that the last frame's membrane nearly fits this one.
        warm = self._warm and not exact
        cycles = _EXACT if exact else _WARM if warm else _COLD
        self._warm = not exact
        scratch = self._work, self._places
        screen = _screen(look.spread * self._size)
        solve(self._sheet, self._wanted, screen, self._spans, warm, cycles, *scratch)
        screen = _screen(look.spread * self._half)
        for channel in range(2):
            if mixed:
                self._ask_chroma(levels, channel, bound)
            sheet = self._chroma[channel]
            solve(sheet, self._wanted_half, screen, self._spans_half, warm, cycles, *scratch)
        lift(self._sheet, self._chroma, FROM_LEVELS, self._spans, face)

    def _hang_steadily(self, levels: tuple[Levels, Levels], trust: Plane) -> None:
        rows = np.flatnonzero(self._spans_half[1] > self._spans_half[0])
        y = float(rows[len(rows) // 2])
        x = float(self._spans_half[:2, int(y)].sum() // 2)
        border_difference(*levels, trust, self._spans_half, x, y, self._seen, self._weight)
        new = robust(self._seen, self._weight)
        if self._steady is None:
            self._steady, self._frames = new, 1
            self._last[:] = self._noise[:] = 0
        else:
            off = new - self._steady
            self._steady += self._rate(off) * off
        self._levels[:] = self._steady
        hang(self._levels[0], self._spans, 2 * x + 0.5, 2 * y + 0.5, self._sheet)
        for channel in range(2):
            hang(self._levels[1 + channel], self._spans_half, x, y, self._chroma[channel])

    def _rate(self, off: NDArray[np.float64]) -> float:
        """Say how far to go to what is seen now, by how far that is off: float64 [3, RAYS].

        Where hair leaves few rays, offsets waver by more than a step of the light: what they do
        usually is no step.
        """
        sure = self._weight + _HEARD
        mean = off @ sure / sure.sum()
        share = 1 / (self._frames + 1)
        self._noise += max(share, _SLOW) * (np.abs(mean - self._last) - self._noise)
        scale = max(1.0, _NOISE * float(self._noise.max()) / _STEP)
        rate = max(share, _RATE)
        if self._frames >= _BEGIN:
            rate = followed(mean, self._last, rate, scale * _STEP, scale * _JUMP)
        self._frames += 1
        self._last[:] = mean
        return rate

    def _hang_exactly(self, true: Crop, levels: tuple[Levels, Levels], face: Crop) -> None:
        if self._true is None or self._made is None:
            self._true = np.zeros((3, self._size, self._size), np.float32)
            self._made = np.zeros_like(self._true)
        reduce(true, TO_LEVELS, 1, self._true)
        reduce(face, TO_LEVELS, 1, self._made)
        hang_exactly(self._true[0], self._made[0], self._spans, self._sheet)
        for channel in range(2):
            there, made = levels[0][1 + channel], levels[1][1 + channel]
            hang_exactly(there, made, self._spans_half, self._chroma[channel])

    def _ask(self, bound: Plane, *, mixed: bool) -> None:
        """Say what Laplacian luma's sheet shall have."""
        self._wanted.fill(0)
        self._wanted_half.fill(0)
        if mixed and self._true is not None and self._made is not None:
            mixed_gradients(self._true[0], self._made[0], bound, 1, self._spans, self._wanted)

    def _ask_chroma(self, levels: tuple[Levels, Levels], channel: int, bound: Plane) -> None:
        there, made = levels[0][1 + channel], levels[1][1 + channel]
        mixed_gradients(there, made, bound, 2, self._spans_half, self._wanted_half)


def _screen(reach: float) -> float:
    """Return what makes a membrane fall to a third within so many pixels; 0: it never does."""
    return 1 / reach**2 if reach > 0 else 0.0


def robust(seen: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Even out what differs along a border: less of what disagrees with all around it.

    Parameters
    ----------
    seen : float32 [3, RAYS], Y, U, V
    weight : float32 [RAYS], ≥ 0
        How sure each ray is; where none is, the others speak for it.

    Returns
    -------
    float64 [3, RAYS]
    """
    known = weight.astype(np.float64) + 1e-6
    mean = (seen * known).sum(1) / known.sum()
    sure, around = known, np.broadcast_to(mean[:, None], seen.shape)
    for _ in range(2):  # the judges of the first round heard the odd ones too
        around = ((seen * sure) @ _JUDGES + 0.05 * mean[:, None]) / (sure @ _JUDGES + 0.05)
        off = np.abs(seen - around).max(0) / _ODD
        sure = known / (1 + off * off)
    # The wide neighbourhood stands in where the narrow one knows nothing.
    total = (seen * sure) @ _NEIGHBOURS + 0.2 * around
    return np.asarray(total / (sure @ _NEIGHBOURS + 0.2))


def _make_rectangle(spans: Spans) -> None:
    """Grow an outline to the rectangle around it."""
    rows = np.flatnonzero(spans[1] > spans[0])
    if not rows.size:
        return
    top, end = int(rows[0]), int(rows[-1]) + 1
    left, right = int(spans[0, rows].min()), int(spans[1].max())
    spans[:] = 0
    spans[:2, top:end] = [[left], [right]]
    spans[2:, left:right] = [[top], [end]]


def _halve(spans: Spans, out: Spans) -> None:
    """Find the outline at half the size: the pixels that lie wholly inside."""
    size = out.shape[1]
    for half in (slice(0, 2), slice(2, 4)):
        first, end = spans[half]
        filled = end > first
        both = filled[0 : 2 * size : 2] & filled[1 : 2 * size : 2]
        starts = np.maximum(first[0 : 2 * size : 2], first[1 : 2 * size : 2])
        ends = np.minimum(end[0 : 2 * size : 2], end[1 : 2 * size : 2])
        low = np.maximum((starts + 1) // 2, 1)
        high = np.minimum(ends // 2, size - 1)
        good = both & (high > low)
        out[half] = np.where(good, [low, high], 0)
