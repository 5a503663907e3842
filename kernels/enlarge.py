"""Put back a face that is about twice as large in the picture as in its crop, or larger.

Mask and face are taken at the places of chroma only, a quarter of luma's; what luma needs between
them is their mean, which is many times cheaper than another sample of the crop.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.spans import ONE, row_span

LINES = 9
"""Rows of scratch: share and luma of three rows of chroma; share, U and V of one."""


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, ::1], i8, i8, i8, i8, i8, i8, i8, f4[:, ::1])",
    fastmath=True,
)
def _gather_row(
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    mask: NDArray[np.float32],
    x: int,
    y: int,
    step_x: int,
    step_y: int,
    first: int,
    end: int,
    slot: int,
    lines: NDArray[np.float32],
) -> None:
    """Take shares and levels of columns first ≤ j < end; all else of luma's row is 0."""
    place, one = np.float32(2.0**-16), np.uint64(1)
    luma_shares, luma = lines[slot], lines[slot + 3]
    us, vs, chroma_shares = lines[6], lines[7], lines[8]
    level_y, level_u, level_v = levels[0], levels[1], levels[2]
    for j in range(luma.size):
        luma_shares[j] = np.float32(0.0)
        luma[j] = np.float32(0.0)
    x, y = x + step_x * first, y + step_y * first
    for j in range(first, end):
        top, left = np.uint64(y >> 16), np.uint64(x >> 16)
        bottom, right = top + one, left + one
        fx, fy = np.float32(x & 0xFFFF) * place, np.float32(y & 0xFFFF) * place
        x, y = x + step_x, y + step_y
        d = fx * fy
        a, b, c = np.float32(1.0) - fx - fy + d, fx - d, fy - d
        value = a * shares[top, left] + b * shares[top, right]
        luma_shares[j] = value + (c * shares[bottom, left] + d * shares[bottom, right])
        value = a * mask[top, left] + b * mask[top, right]
        chroma_shares[j] = value + (c * mask[bottom, left] + d * mask[bottom, right])
        value = a * level_y[top, left] + b * level_y[top, right]
        luma[j] = value + (c * level_y[bottom, left] + d * level_y[bottom, right])
        value = a * level_u[top, left] + b * level_u[top, right]
        us[j] = value + (c * level_u[bottom, left] + d * level_u[bottom, right])
        value = a * level_v[top, left] + b * level_v[top, right]
        vs[j] = value + (c * level_v[bottom, left] + d * level_v[bottom, right])


@kernel("u1(u1, f4, f4)", fastmath=True)
def _blend(before: np.uint8, share: np.float32, level: np.float32) -> np.uint8:
    """Mix in a level that is multiplied by its share already."""
    after = np.float32(before) + (level - share * np.float32(before)) + np.float32(0.5)
    return np.uint8(np.int32(min(max(after, np.float32(0.0)), np.float32(255.0))))


@kernel("void(u1[::1], f4[::1], f4[::1])", fastmath=True)
def _blend_chroma(
    line: NDArray[np.uint8], shares: NDArray[np.float32], levels: NDArray[np.float32]
) -> None:
    for j in range(line.size):
        line[j] = _blend(line[j], shares[j], levels[j])


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
        line[2 * j] = _blend(line[2 * j], share, level + share * np.float32(marks[2 * j]))
        share, level = half * (share + next_share), half * (level + next_level)
        level += share * np.float32(marks[2 * j + 1])
        line[2 * j + 1] = _blend(line[2 * j + 1], share, level)


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], f8, f8, f8, f8, f8, f8, f4[:, ::1], "
    "i8, i8, i1[:, ::1], u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def enlarge(
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    mask: NDArray[np.float32],
    spans: NDArray[np.float32],
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    lines: NDArray[np.float32],
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
    levels : float32 [3, S, S], Y, U, V
        Times the share that they take.
    shares : float32 [S, S], 0…1
        How much of the picture's luma goes.
    mask : float32 [S, S], 0…1
        How much of its chroma goes.
    spans : float32 [≥ 2, S]
        Of the mask, from `swapcast.kernels.spans.find_spans`.
    xx, xy, x0, yx, yy, y0 : float
        Row i, column j of chroma lies at (xx·j + xy·i + x0, yx·j + yy·i + y0) of the crop.
    lines : float32 [`LINES`, columns of chroma + 2]
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
    step_x, step_y = int(np.rint(xx * ONE)), int(np.rint(yx * ONE))
    rows, columns = u.shape
    before = here = (0, 0)
    first_row, end_row = max(first_row, 0), min(end_row, rows)
    for i in range(first_row - 1, end_row + 1):  # one row and column more than there is: luma's
        x, y_ = int(np.rint((xy * i + x0) * ONE)), int(np.rint((yy * i + y0) * ONE))
        there = row_span(x, y_, step_x, step_y, columns + 1, spans, mask.shape[0], mask.shape[1])
        slot = (i + 3) % 3
        steps = x, y_, step_x, step_y, there[0], there[1]
        _gather_row(levels, shares, mask, *steps, slot, lines)
        part = slice(there[0], min(there[1], columns))
        if 0 <= i < rows:
            _blend_chroma(u[i, part], lines[8, part], lines[6, part])
            _blend_chroma(v[i, part], lines[8, part], lines[7, part])
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
