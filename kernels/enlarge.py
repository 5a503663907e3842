"""Put back a face that is about twice as large in the picture as in its crop, or larger.

Mask and face are taken at the places of chroma only, a quarter of luma's; what luma needs between
them is their mean, which is many times cheaper than another sample of the crop.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.lines import Way
from swapcast.kernels.spans import ONE, row_span
from swapcast.kernels.table import mix_both

LINES = 6
"""Rows of scratch: share and luma of three rows of chroma."""


@kernel("void(f4[::1], i8, i8, f4[::1], f4[::1])")
def _spread(
    samples: NDArray[np.float32],
    first: int,
    end: int,
    shares: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Part samples of (share, level) of columns first ≤ j < end; all else of the row is 0."""
    shares[:first], levels[:first] = np.float32(0.0), np.float32(0.0)
    for j in range(end - first):
        shares[first + j] = samples[2 * j]
        levels[first + j] = samples[2 * j + 1]
    shares[end:], levels[end:] = np.float32(0.0), np.float32(0.0)


@kernel("u1(u1, f4, f4)", fastmath=True)
def blend(before: np.uint8, share: np.float32, level: np.float32) -> np.uint8:
    """Mix in a level that is multiplied by its share already."""
    after = np.float32(before) + (level - share * np.float32(before)) + np.float32(0.5)
    return np.uint8(np.int32(min(max(after, np.float32(0.0)), np.float32(255.0))))


@kernel("void(f4[::1], u1[::1], u1[::1])", fastmath=True)
def blend_chroma(samples: NDArray[np.float32], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> None:
    """Blend pixels of chroma, in place, with samples of (share, U, V, anything)."""
    for j in range(u.size):
        share = samples[4 * j]
        u[j] = blend(u[j], share, samples[4 * j + 1])
        v[j] = blend(v[j], share, samples[4 * j + 2])


@kernel("void(u1[::1], i1[::1], f4[::1], f4[::1], f4[::1], f4[::1])", fastmath=True)
def _blend_luma(
    line: NDArray[np.uint8],
    marks: NDArray[np.int8],
    shares: NDArray[np.float32],
    levels: NDArray[np.float32],
    far_shares: NDArray[np.float32],
    far_levels: NDArray[np.float32],
) -> None:
    """Blend a row of luma, marked, between two rows of chroma, three times nearer to one."""
    most, least, half = np.float32(0.75), np.float32(0.25), np.float32(0.5)
    for j in range(line.size >> 1):
        share, level = shares[j] * most + far_shares[j] * least, levels[j] * most
        level += far_levels[j] * least
        next_share = shares[j + 1] * most + far_shares[j + 1] * least
        next_level = levels[j + 1] * most + far_levels[j + 1] * least
        line[2 * j] = blend(line[2 * j], share, level + share * np.float32(marks[2 * j]))
        share, level = half * (share + next_share), half * (level + next_level)
        level += share * np.float32(marks[2 * j + 1])
        line[2 * j + 1] = blend(line[2 * j + 1], share, level)


@kernel(
    "void(f4[:, ::1], f4[:, ::1], f4[:, ::1], UniTuple(f8, 6), f4[:, ::1], f4[::1], i8, i8, "
    "i1[:, ::1], u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def enlarge(
    luma: NDArray[np.float32],
    chroma: NDArray[np.float32],
    spans: NDArray[np.float32],
    way: Way,
    lines: NDArray[np.float32],
    samples: NDArray[np.float32],
    first_row: int,
    end_row: int,
    mark: NDArray[np.int8],
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
) -> None:
    """Blend a face into a picture, in place, with one sample of it for four pixels of luma.

    Parameters
    ----------
    luma : float32 [S, 2 · S]
        Of each pixel of the crop how much of the picture's luma goes, and the level times that.
    chroma : float32 [S, 4 · S]
        Of each pixel how much of the picture's chroma goes, U and V times that, and 0.
    spans : float32 [≥ 2, S]
        Of the mask, from `swapcast.kernels.spans.find_spans`.
    way : from chroma to the crop
    lines : float32 [`LINES`, columns of chroma + 2]
        Scratch; overwritten.
    samples : float32 [≥ 6 · columns of chroma + 12]
        Scratch; overwritten.
    first_row, end_row : int
        Rows of chroma outside of which the mask is 0.
    mark : int8 [side, columns ≥ width]
        Levels that are added to the face's luma; row i takes row ``i % side``.
    y : uint8 [height, width], even height and width
        Changed in place.
    u, v : uint8 [height / 2, width / 2]
        Changed in place.
    """
    xx, xy, x0, yx, yy, y0 = way
    step_x, step_y = int(np.rint(xx * ONE)), int(np.rint(yx * ONE))
    (rows, columns), size = u.shape, luma.shape[0]
    pairs, fours = samples[: 2 * lines.shape[1]], samples[2 * lines.shape[1] :]
    before = here = (0, 0)
    first_row, end_row = max(first_row, 0), min(end_row, rows)
    for i in range(first_row - 1, end_row + 1):  # one row and column more than there is: luma's
        x, y_ = int(np.rint((xy * i + x0) * ONE)), int(np.rint((yy * i + y0) * ONE))
        there = row_span(x, y_, step_x, step_y, columns + 1, spans, size, size)
        slot, count = (i + 3) % 3, there[1] - there[0]
        place = x + step_x * there[0], y_ + step_y * there[0], step_x, step_y
        mix_both(luma, chroma, *place, count, pairs, fours)
        _spread(pairs, there[0], there[1], lines[slot], lines[slot + 3])
        part = slice(there[0], min(there[1], columns))
        if 0 <= i < rows:
            blend_chroma(fours, u[i, part], v[i, part])
        if i > first_row:  # the row before has both its neighbours now
            first, end = columns, 0
            for span in (before, here, there):
                if span[0] < span[1]:
                    first, end = min(first, span[0]), max(end, span[1])
            first, end = max(first - 1, 0), min(end, columns)
            near, far = (i + 2) % 3, (i + 1) % 3
            for row, other in ((2 * i - 2, far), (2 * i - 1, slot)):
                _blend_luma(
                    y[row, 2 * first : 2 * end],
                    mark[row % mark.shape[0], 2 * first : 2 * end],
                    lines[near, first : end + 1],
                    lines[near + 3, first : end + 1],
                    lines[other, first : end + 1],
                    lines[other + 3, first : end + 1],
                )
        before, here = here, there
