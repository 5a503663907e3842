"""Make a small RGB picture of a whole frame, as a detector takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel


@dataclass(frozen=True, slots=True)
class Spans:
    """Which pixels of a row each pixel of a shorter row is the mean of."""

    starts: NDArray[np.int32]
    """int32 [columns]: the first pixel."""
    shares: NDArray[np.float32]
    """float32 [taps, columns], 0…1: how much the first and the following ones count; sums are 1."""


def spans(width: int, columns: int, step: float) -> Spans:
    """Give the spans of ``columns`` pixels, each ``step`` of the row's ``width`` pixels wide."""
    left = np.minimum(np.arange(columns) * step, width - 1e-3)
    right = np.minimum(left + step, width)
    starts = np.floor(left + 1e-6).astype(np.int64)
    taps = int(np.max(np.ceil(right - 1e-6) - starts))
    starts = np.maximum(np.minimum(starts, width - taps), 0)
    pixels = starts + np.arange(taps)[:, None]
    shares = np.clip(np.minimum(pixels + 1, right) - np.maximum(pixels, left), 0, None)
    return Spans(starts.astype(np.int32), (shares / shares.sum(0)).astype(np.float32))


@kernel("void(u1[:, ::1], i8, i8, f4, i4[::1], f4[:, ::1], i8, f4[::1], f4[:, ::1])", fastmath=True)
def _average(
    plane: NDArray[np.uint8],
    width: int,
    height: int,
    step: float,
    starts: NDArray[np.int32],
    shares: NDArray[np.float32],
    rows: int,
    line: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Fill the corner of ``out`` with means over ``step`` rows and each span's columns."""
    zero, one, columns = np.float32(0.0), np.float32(1.0), starts.shape[0]
    for i in range(rows):
        above = np.float32(i) * step
        below = min(above + step, np.float32(height))
        first = min(int(above), height - 1)
        line[:width] = zero
        last = min(int(np.ceil(below)), height)
        for row in range(first, last):
            part = min(np.float32(row) + one, below) - max(np.float32(row), above)
            source = plane[row]
            for column in range(width):
                line[column] += part * np.float32(source[column])
        target = out[i]
        target[:columns] = zero
        for tap in range(shares.shape[0]):
            share = shares[tap]
            for j in range(columns):
                target[j] += share[j] * line[starts[j] + tap]
        whole = one / (below - above)
        for j in range(columns):
            target[j] *= whole


@kernel(
    "void(u1[:, ::1], u1[:, ::1], u1[:, ::1], i8, i8, f4[:, ::1], i4[::1], f4[:, ::1], i4[::1],"
    " f4[:, ::1], i8, f4[::1], f4[:, :, ::1])",
    fastmath=True,
)
def shrink(
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    luma_starts: NDArray[np.int32],
    luma_shares: NDArray[np.float32],
    chroma_starts: NDArray[np.int32],
    chroma_shares: NDArray[np.float32],
    rows: int,
    line: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Fill a network's input with the whole picture, made smaller, and black beside it.

    Each pixel is the mean over the part of the picture that it covers. The picture lies in the
    upper left corner, ``rows`` high and as wide as there are spans. Chroma is taken to lie in the
    middle of its luma pixels, which is at most half a luma pixel off.

    Parameters
    ----------
    y : uint8 [height, stride ≥ width]
    u, v : uint8 [chroma rows, stride ≥ (width + 1) // 2]
        ``(height + 1) // 2`` rows (4:2:0) or ``height`` rows (4:2:2).
    width, height : pixels of luma, may be odd
    coefficients : float32 [3, 4]
        From levels of (Y, U, V, 1) to RGB 0…1: `swapcast.kernels.colour.rgb_from_yuv`.
    luma_starts, chroma_starts : int32 [columns]
    luma_shares, chroma_shares : float32 [taps, columns], 0…1
        `spans` of ``width`` and of ``(width + 1) // 2`` pixels, with half the step.
    rows : height of the small picture, at most H
    line : float32 [at least width]
        Working space, overwritten.
    out : float32 [3, H, W], RGB 0…1
        Overwritten.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    columns, across, down = luma_starts.shape[0], (width + 1) // 2, (height + 1) // 2
    step = height / rows
    _average(y, width, height, step, luma_starts, luma_shares, rows, line, out[0])
    if u.shape[0] >= height:
        down = height
    else:
        step *= 0.5
    _average(u, across, down, step, chroma_starts, chroma_shares, rows, line, out[1])
    _average(v, across, down, step, chroma_starts, chroma_shares, rows, line, out[2])
    m = coefficients
    for i in range(rows):
        red, green, blue = out[0, i], out[1, i], out[2, i]
        for j in range(columns):
            a, b, c = red[j], green[j], blue[j]
            first = m[0, 0] * a + m[0, 1] * b + m[0, 2] * c + m[0, 3]
            second = m[1, 0] * a + m[1, 1] * b + m[1, 2] * c + m[1, 3]
            third = m[2, 0] * a + m[2, 1] * b + m[2, 2] * c + m[2, 3]
            red[j] = min(max(first, zero), one)
            green[j] = min(max(second, zero), one)
            blue[j] = min(max(third, zero), one)
    out[:, rows:, :] = zero
    out[:, :rows, columns:] = zero
