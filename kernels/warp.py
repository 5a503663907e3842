"""Take the aligned face straight out of the planes into a network's tensor."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(u1, 2, 'C', True)"  # uint8 [rows, stride] that is only read; may be read-only


@kernel("u1(Array(u1, 1, 'C', True), Array(u1, 1, 'C', True), i8)")
def _mean_of_four(above: NDArray[np.uint8], below: NDArray[np.uint8], column: int) -> np.uint16:
    left, right = np.uint64(column), np.uint64(column + 1)
    total = np.uint16(above[left]) + np.uint16(above[right]) + np.uint16(2)
    total += np.uint16(below[left]) + np.uint16(below[right])
    return total >> 2


@kernel(f"void({_READ}, i8, i8, i8, i8, i8, u1[::1])")
def _halve(
    plane: NDArray[np.uint8],
    left: int,
    top: int,
    columns: int,
    rows: int,
    halvings: int,
    out: NDArray[np.uint8],
) -> None:
    """Halve the part of a plane that starts at (left, top) once or several times.

    ``out`` gets ``columns`` × ``rows`` pixels, row after row, and behind them room is needed for
    ``columns`` · 4 ** (``halvings`` - 1) more.
    """
    scratch = out[rows * columns :]
    for row in range(rows):
        wide, high = columns << (halvings - 1), 1 << (halvings - 1)
        for i in range(high):
            above = plane[top + 2 * (row * high + i)]
            below = plane[top + 2 * (row * high + i) + 1]
            line = scratch[i * wide : (i + 1) * wide]
            for j in range(wide):
                line[j] = _mean_of_four(above, below, left + 2 * j)
        while high > 1:  # in place: what is overwritten has been read
            wide, high = wide >> 1, high >> 1
            for i in range(high):
                above = scratch[4 * i * wide : (4 * i + 2) * wide]
                below = scratch[(4 * i + 2) * wide : (4 * i + 4) * wide]
                line = scratch[i * wide : (i + 1) * wide]
                for j in range(wide):
                    line[j] = _mean_of_four(above, below, 2 * j)
        out[row * columns : (row + 1) * columns] = scratch[:columns]


@kernel(f"i8({_READ}, u8, u8, u8, u8, i8, i8)")
def _bilinear(
    plane: NDArray[np.uint8],
    top: np.uint64,
    bottom: np.uint64,
    left: np.uint64,
    right: np.uint64,
    x: int,
    y: int,
) -> int:
    """Mix four neighbours; ``x`` and ``y`` have 16 binary places, the result 32."""
    fx, fy = x & 0xFFFF, y & 0xFFFF
    above, below = int(plane[top, left]), int(plane[bottom, left])
    above = (above << 16) + (int(plane[top, right]) - above) * fx
    below = (below << 16) + (int(plane[bottom, right]) - below) * fx
    return (above << 16) + (below - above) * fy


@kernel(f"void({_READ}, i8, i8, f8, f8, f8, f8, f8, f8, i8, f4[:, ::1])")
def _gather(
    plane: NDArray[np.uint8],
    width: int,
    height: int,
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    taps: int,
    out: NDArray[np.float32],
) -> None:
    """Give each pixel of ``out`` the mean of taps × taps bilinear samples spread evenly over it.

    Row i, column j lies at (xx·j + xy·i + x0, yx·j + yy·i + y0) of the plane. Beyond the picture's
    edge the edge goes on.
    """
    rows, columns = out.shape
    reach_x, reach_y = abs(xx) * columns + abs(xy) * rows, abs(yx) * columns + abs(yy) * rows
    middle_x = x0 + (xx * (columns - 1) + xy * (rows - 1)) / 2
    middle_y = y0 + (yx * (columns - 1) + yy * (rows - 1)) / 2
    inside = (
        middle_x - reach_x / 2 > 0
        and middle_x + reach_x / 2 < width - 2
        and middle_y - reach_y / 2 > 0
        and middle_y + reach_y / 2 < height - 2
    )
    one, last_x, last_y = np.uint64(1), (width - 1) << 16, (height - 1) << 16
    step_x, step_y = int(np.rint(xx * 65536)), int(np.rint(yx * 65536))
    share = np.float32(2.0**-32 / (taps * taps))
    for i in range(rows):
        line = out[i]
        for tap in range(taps * taps):
            row = i + (tap // taps + 0.5) / taps - 0.5
            column = (tap % taps + 0.5) / taps - 0.5
            x = int(np.rint((xx * column + xy * row + x0) * 65536))
            y = int(np.rint((yx * column + yy * row + y0) * 65536))
            for j in range(columns):
                if inside:
                    top, left = np.uint64(y >> 16), np.uint64(x >> 16)
                    level = _bilinear(plane, top, top + one, left, left + one, x, y)
                else:
                    u, v = min(max(x, 0), last_x), min(max(y, 0), last_y)
                    top, left = np.uint64(v >> 16), np.uint64(u >> 16)
                    right = np.uint64(min((u >> 16) + 1, width - 1))
                    bottom = np.uint64(min((v >> 16) + 1, height - 1))
                    level = _bilinear(plane, top, bottom, left, right, u, v)
                x, y = x + step_x, y + step_y
                if tap == 0:
                    line[j] = np.float32(level) * share
                else:
                    line[j] += np.float32(level) * share


@kernel(f"void({_READ}, i8, i8, f8, f8, f8, f8, f8, f8, u1[::1], f4[:, ::1])")
def _gather_luma(
    plane: NDArray[np.uint8],
    width: int,
    height: int,
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    scratch: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> None:
    """As `_gather`, but halve what the crop covers until it is about as coarse as the crop."""
    halvings = 0
    while abs(xx * yy - xy * yx) > 2.0 * 4.0**halvings and min(width, height) >> (halvings + 1):
        halvings += 1
    block = 1 << halvings
    rows, columns = out.shape
    reach_x, reach_y = abs(xx) * columns + abs(xy) * rows, abs(yx) * columns + abs(yy) * rows
    middle_x = x0 + (xx * (columns - 1) + xy * (rows - 1)) / 2
    middle_y = y0 + (yx * (columns - 1) + yy * (rows - 1)) / 2
    wide, high = width // block, height // block
    first_x = int(min(max((middle_x - reach_x / 2) // block - 1, 0), wide - 1))
    first_y = int(min(max((middle_y - reach_y / 2) // block - 1, 0), high - 1))
    end_x = int(min(max((middle_x + reach_x / 2) // block + 3, first_x + 1), wide))
    end_y = int(min(max((middle_y + reach_y / 2) // block + 3, first_y + 1), high))
    wide, high = end_x - first_x, end_y - first_y
    if halvings == 0 or wide * high + (wide << (2 * halvings - 2)) > scratch.size:
        _gather(plane, width, height, xx, xy, x0, yx, yy, y0, max(1, min(block, 8)), out)
        return
    _halve(plane, first_x * block, first_y * block, wide, high, halvings, scratch)
    small = scratch[: wide * high].reshape((high, wide))
    x0 = (x0 - (block - 1) / 2) / block - first_x
    y0 = (y0 - (block - 1) / 2) / block - first_y
    xx, xy, yx, yy = xx / block, xy / block, yx / block, yy / block
    _gather(small, wide, high, xx, xy, x0, yx, yy, y0, 1, out)


@kernel("void(f4[:, ::1], f4, f4, f4[:, :, ::1])", fastmath=True)
def _colour(
    coefficients: NDArray[np.float32], scale: float, offset: float, out: NDArray[np.float32]
) -> None:
    """Turn the levels of Y, U, V in ``out`` into RGB · scale + offset, in place."""
    m = coefficients
    ry, ru, rv, r1 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    gy, gu, gv, g1 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    by, bu, bv, b1 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    dark, light = np.float32(0.0), np.float32(1.0)
    first, second, third = out[0], out[1], out[2]
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            y, u, v = first[i, j], second[i, j], third[i, j]
            red, green = ry * y + ru * u + rv * v + r1, gy * y + gu * u + gv * v + g1
            blue = by * y + bu * u + bv * v + b1
            first[i, j] = min(max(red, dark), light) * scale + offset
            second[i, j] = min(max(green, dark), light) * scale + offset
            third[i, j] = min(max(blue, dark), light) * scale + offset


@kernel(f"void({_READ}, {_READ}, {_READ}, i8, i8, f4[:, ::1], f4[:, ::1], f4, f4, f4[:, :, ::1])")
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

    Bilinear where the crop is about as fine as the picture or finer; where it is coarser, luma is
    halved first, as often as it takes, and chroma is the mean of several samples. Beyond the
    picture's edge the edge goes on. Chroma is taken to lie where MPEG-2 and later codecs put it:
    on the even luma columns, in 4:2:0 between two luma rows.

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
    xx, xy, x0 = np.float64(affine[0, 0]), np.float64(affine[0, 1]), np.float64(affine[0, 2])
    yx, yy, y0 = np.float64(affine[1, 0]), np.float64(affine[1, 1]), np.float64(affine[1, 2])
    scratch = out[1:].reshape(out[1:].size).view(np.uint8)  # chroma comes there afterwards
    _gather_luma(y, width, height, xx, xy, x0, yx, yy, y0, scratch, out[0])
    columns, rows = (width + 1) // 2, u.shape[0]
    xx, xy, x0 = xx / 2, xy / 2, x0 / 2
    if rows < height:
        yx, yy, y0 = yx / 2, yy / 2, y0 / 2 - 0.25
    taps = max(1, int(min(np.sqrt(abs(xx * yy - xy * yx)) / 1.5, 8.0) + 0.5))
    _gather(u, columns, rows, xx, xy, x0, yx, yy, y0, taps, out[1])
    _gather(v, columns, rows, xx, xy, x0, yx, yy, y0, taps, out[2])
    _colour(coefficients, scale, offset, out)
