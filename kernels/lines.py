"""Bilinear samples along the rows of a crop, in three steps that are each as fast as they can be.

Where the pixels lie is reckoned for a whole row in vector code; then the four neighbours of each
pixel are looked up, one by one, with as little else as possible; then they are mixed and coloured
in vector code. Between the steps a row of the crop itself holds what is known so far: four bytes a
pixel and plane.

Places have 16 binary places. Beyond the picture's edge the edge goes on: a place out there counts
as one on the edge.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels._vectors import pair_at

_READ = "Array(u1, 2, 'C', True)"  # uint8 [rows, stride] that is only read; may be read-only
_ROW = "UniTuple(i4, 6)"

Way: TypeAlias = tuple[float, float, float, float, float, float]
"""xx, xy, x0, yx, yy, y0: column j, row i of a crop lies at (xx·j + xy·i + x0, yx·j + yy·i + y0)
of a plane."""

Row: TypeAlias = tuple[np.int32, np.int32, np.int32, np.int32, np.int32, np.int32]
"""x, y, step_x, step_y: column j lies at (x + step_x · j, y + step_y · j); and the plane's last
column and row, from 1 on."""


@kernel(f"{_ROW}(i8, i8, UniTuple(f8, 6), i8)")
def row_at(width: int, height: int, way: Way, i: int) -> Row:
    """Give the places of row i of a crop in a plane; they must lie within int32."""
    xx, xy, x0, yx, yy, y0 = way
    return (
        np.int32(np.rint((xy * i + x0) * 65536)),
        np.int32(np.rint((yy * i + y0) * 65536)),
        np.int32(np.rint(xx * 65536)),
        np.int32(np.rint(yx * 65536)),
        np.int32(width - 1),
        np.int32(height - 1),
    )


@kernel("i4(i4, i4)")
def _before(x: np.int32, last: np.int32) -> np.int32:
    """Return the pixel left of a place, or above it, so that there is a next one."""
    return min(max(x >> np.int32(16), np.int32(0)), last - np.int32(1))


@kernel("b1(i4, i4, i8, i4)")
def _within(x: np.int32, step: np.int32, count: int, last: np.int32) -> bool:
    end = np.int64(x) + np.int64(step) * (count - 1)
    return bool(min(np.int64(x), end) >= 0 and max(np.int64(x), end) < np.int64(last) << 16)


@kernel(f"b1({_ROW}, i8)")
def inside(row: Row, count: int) -> bool:
    """Tell whether ``count`` places lie within the plane, and their neighbours too."""
    return _within(row[0], row[2], count, row[4]) and _within(row[1], row[3], count, row[5])


@kernel(f"void({_ROW}, b1, i4, f4[::1])")
def place_row(row: Row, inside: bool, stride: np.int32, line: NDArray[np.float32]) -> None:
    """Write where each sample's upper left neighbour lies, counted from the plane's first pixel.

    Parameters
    ----------
    row : from `row_at`
    inside : whether all of it is `inside`
    stride : int32
        From row to row of the plane.
    line : float32 [columns]
        Gets int32.
    """
    x, y, step_x, step_y, last_x, last_y = row
    offsets, shift = line.view(np.int32), np.int32(16)
    if inside:
        for j in range(offsets.size):
            n = np.int32(j)
            offsets[j] = ((y + step_y * n) >> shift) * stride + ((x + step_x * n) >> shift)
    else:
        for j in range(offsets.size):
            n = np.int32(j)
            top, left = _before(y + step_y * n, last_y), _before(x + step_x * n, last_x)
            offsets[j] = top * stride + left


@kernel(f"void({_READ}, f4[::1])")
def look_up(plane: NDArray[np.uint8], line: NDArray[np.float32]) -> None:
    """Put four neighbours, as bytes of uint32, where `place_row` has put their offset."""
    four, below, shift = line.view(np.uint32), np.uint64(plane.shape[1]), np.uint32(16)
    for j in range(four.size):
        place = np.uint64(four[j])
        top, bottom = np.uint32(pair_at(plane, place)), np.uint32(pair_at(plane, place + below))
        four[j] = top | bottom << shift


@kernel(f"void({_READ}, {_READ}, f4[::1], f4[::1])")
def look_up_two(
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    line: NDArray[np.float32],
    other: NDArray[np.float32],
) -> None:
    """As `look_up`, in two planes of one shape; ``line`` has the offsets for both."""
    first, second = line.view(np.uint32), other.view(np.uint32)
    below, shift = np.uint64(u.shape[1]), np.uint32(16)
    for j in range(first.size):
        place = np.uint64(first[j])
        top, bottom = np.uint32(pair_at(u, place)), np.uint32(pair_at(u, place + below))
        first[j] = top | bottom << shift
        top, bottom = np.uint32(pair_at(v, place)), np.uint32(pair_at(v, place + below))
        second[j] = top | bottom << shift


@kernel("f4(i4, i4, b1)", fastmath=True)
def _share(x: np.int32, last: np.int32, inside: bool) -> np.float32:
    """Return how much the next of two neighbours counts."""
    if inside:
        part = x & np.int32(0xFFFF)
    else:
        part = x - (_before(x, last) << np.int32(16))
        part = min(max(part, np.int32(0)), np.int32(0x10000))
    return np.float32(part) * np.float32(2.0**-16)


@kernel("f4(u4, f4, f4)", fastmath=True)
def _mix(four: np.uint32, right: np.float32, below: np.float32) -> np.float32:
    byte = np.uint32(255)
    a, b = np.int32(four & byte), np.int32((four >> np.uint32(8)) & byte)
    c, d = np.int32((four >> np.uint32(16)) & byte), np.int32(four >> np.uint32(24))
    above = np.float32(a) + (np.float32(b) - np.float32(a)) * right
    under = np.float32(c) + (np.float32(d) - np.float32(c)) * right
    return above + (under - above) * below


@kernel(
    f"void({_ROW}, b1, {_ROW}, b1, f4[:, ::1], f4, f4, f4[::1], f4[::1], f4[::1])",
    fastmath=True,
)
def colour_row(
    luma: Row,
    luma_inside: bool,
    chroma: Row,
    chroma_inside: bool,
    coefficients: NDArray[np.float32],
    scale: float,
    offset: float,
    y: NDArray[np.float32],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
) -> None:
    """Mix what was looked up for a row of the crop, and turn it into RGB · scale + offset.

    Parameters
    ----------
    luma, chroma : from `row_at`
    luma_inside, chroma_inside : whether all of it is `inside`
    coefficients : float32 [3, 4]
        From levels of (Y, U, V, 1) to RGB 0…1.
    scale, offset : float
    y, u, v : float32 [columns]
        Four neighbours each, from `look_up`; get R, G and B.
    """
    x0, y0, x1, y1, x_last, y_last = luma
    u0, v0, u1, v1, u_last, v_last = chroma
    m, dark, light = coefficients, np.float32(0.0), np.float32(1.0)
    ry, ru, rv, r1 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    gy, gu, gv, g1 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    by, bu, bv, b1 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    of_y, of_u, of_v = y.view(np.uint32), u.view(np.uint32), v.view(np.uint32)
    for j in range(y.size):
        n = np.int32(j)
        right = _share(x0 + x1 * n, x_last, luma_inside)
        below = _share(y0 + y1 * n, y_last, luma_inside)
        level = _mix(of_y[j], right, below)
        right = _share(u0 + u1 * n, u_last, chroma_inside)
        below = _share(v0 + v1 * n, v_last, chroma_inside)
        blue, red = _mix(of_u[j], right, below), _mix(of_v[j], right, below)
        y[j] = min(max(ry * level + ru * blue + rv * red + r1, dark), light) * scale + offset
        u[j] = min(max(gy * level + gu * blue + gv * red + g1, dark), light) * scale + offset
        v[j] = min(max(by * level + bu * blue + bv * red + b1, dark), light) * scale + offset
