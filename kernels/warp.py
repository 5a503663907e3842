"""Take the aligned face straight out of the planes into a network's tensor."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel


@kernel("void(u1[:, ::1], i8, i8, f4, f4, f4, f4, f4, f4, f4[:, ::1])", fastmath=True)
def _sample_plane(
    plane: NDArray[np.uint8],
    width: int,
    height: int,
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    out: NDArray[np.float32],
) -> None:
    """Sample one plane at (xx·j + xy·i + x0, yx·j + yy·i + y0) for each row i, column j of ``out``.

    Where a pixel of ``out`` covers several of the plane, it is the mean of n × n bilinear taps
    spread evenly over it. Beyond the picture's edge the edge goes on.
    """
    half = np.float32(0.5)
    taps = max(1, int(min(np.sqrt(abs(xx * yy - xy * yx)), np.float32(16.0)) + half))
    step, share = np.float32(1.0) / np.float32(taps), np.float32(1.0) / np.float32(taps * taps)
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    last_x, last_y = np.int32(width - 1), np.int32(height - 1)
    rows, columns = out.shape
    for i in range(rows):
        out[i, :] = np.float32(0.0)
        for tap in range(taps * taps):
            row = (
                np.float32(i) + (np.float32(tap // taps) + np.float32(0.5)) * step - np.float32(0.5)
            )
            column = (np.float32(tap % taps) + np.float32(0.5)) * step - np.float32(0.5)
            start_x, start_y = xx * column + xy * row + x0, yx * column + yy * row + y0
            for j in range(columns):
                x = min(max(start_x + xx * np.float32(j), np.float32(0.0)), right)
                y = min(max(start_y + yx * np.float32(j), np.float32(0.0)), bottom)
                left, top = np.int32(x), np.int32(y)
                a, b = np.uint32(left), np.uint32(min(left + np.int32(1), last_x))
                c, d = np.uint32(top), np.uint32(min(top + np.int32(1), last_y))
                fx, fy = x - np.float32(left), y - np.float32(top)
                above = np.float32(plane[c, a])
                above += fx * (np.float32(plane[c, b]) - above)
                below = np.float32(plane[d, a])
                below += fx * (np.float32(plane[d, b]) - below)
                out[i, j] += share * (above + fy * (below - above))


@kernel("void(f4[:, ::1], f4, f4, f4[:, :, ::1])", fastmath=True)
def _mix(
    coefficients: NDArray[np.float32], scale: float, offset: float, out: NDArray[np.float32]
) -> None:
    """Turn the levels of Y, U, V in ``out`` into RGB · scale + offset, in place."""
    m = coefficients
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            y, u, v = out[0, i, j], out[1, i, j], out[2, i, j]
            for channel in range(3):
                colour = m[channel, 0] * y + m[channel, 1] * u + m[channel, 2] * v + m[channel, 3]
                colour = min(max(colour, np.float32(0.0)), np.float32(1.0))
                out[channel, i, j] = colour * scale + offset


@kernel(
    "void(u1[:, ::1], u1[:, ::1], u1[:, ::1], i8, i8, f4[:, ::1], f4[:, ::1], f4, f4, "
    "f4[:, :, ::1])"
)
def sample(
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    affine: NDArray[np.float32],
    scale: float,
    offset: float,
    out: NDArray[np.float32],
) -> None:
    """Fill a network's input with the part of the picture that a crop covers.

    Bilinear where the crop is about as fine as the picture or finer, the mean of several bilinear
    taps where it is coarser. Beyond the picture's edge the edge goes on. Chroma is taken to lie
    where MPEG-2 and later codecs put it: on the even luma columns, in 4:2:0 between two luma rows.

    Parameters
    ----------
    y : uint8 [height, stride ≥ width]
    u, v : uint8 [chroma rows, stride ≥ (width + 1) // 2]
        ``(height + 1) // 2`` rows (4:2:0) or ``height`` rows (4:2:2).
    width, height : pixels of luma, may be odd
    coefficients : float32 [3, 4]
        From levels of (Y, U, V, 1) to RGB 0…1: `swapcast.kernels.colour.rgb_from_yuv`.
    affine : float32 [2, 3]
        Maps (x, y, 1) of the crop to (x, y) of luma; integers are pixel centres.
    scale, offset : float
        ``out`` is RGB · scale + offset: 2, -1 for a network that takes -1…1.
    out : float32 [3, S, S], RGB
        Overwritten.

    Raises
    ------
    ValueError
        If the affine is not finite.
    """
    for number in affine.flat:
        if not np.isfinite(number):
            raise ValueError("the affine of a crop is not finite")
    xx, xy, x0 = affine[0, 0], affine[0, 1], affine[0, 2]
    yx, yy, y0 = affine[1, 0], affine[1, 1], affine[1, 2]
    _sample_plane(y, width, height, xx, xy, x0, yx, yy, y0, out[0])
    half = np.float32(0.5)
    columns, rows = (width + 1) // 2, (height + 1) // 2
    xx, xy, x0 = xx * half, xy * half, x0 * half
    if u.shape[0] >= height:
        rows = height
    else:
        yx, yy, y0 = yx * half, yy * half, y0 * half - np.float32(0.25)
    _sample_plane(u, columns, rows, xx, xy, x0, yx, yy, y0, out[1])
    _sample_plane(v, columns, rows, xx, xy, x0, yx, yy, y0, out[2])
    _mix(coefficients, scale, offset, out)
