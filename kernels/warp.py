"""Take the aligned face straight out of the planes into a network's tensor."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels._vectors import pair_at
from swapcast.kernels.lines import Way, colour_row, inside, look_up, look_up_two, place_row, row_at

_READ = "Array(u1, 2, 'C', True)"  # uint8 [rows, stride] that is only read; may be read-only
_WAY = "UniTuple(f8, 6)"
_FAR = 32000.0  # pixels; places up to there have 16 binary places in an int32


@kernel("u1(u2, u2)")
def _mean_of_pairs(above: np.uint16, below: np.uint16) -> np.uint16:
    byte, shift = np.uint16(255), np.uint16(8)
    total = np.uint16((above & byte) + (above >> shift))
    total += np.uint16((below & byte) + (below >> shift))
    return np.uint16(total + np.uint16(2)) >> np.uint16(2)


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
    scratch, stride, two = out[rows * columns :], np.uint64(plane.shape[1]), np.uint64(2)
    for row in range(rows):
        wide, high = columns << (halvings - 1), 1 << (halvings - 1)
        line = out[row * columns : (row + 1) * columns]
        for i in range(high):
            target = line if high == 1 else scratch[i * wide : (i + 1) * wide]
            first = np.uint64(top + 2 * (row * high + i)) * stride + np.uint64(left)
            for j in range(wide):
                place = first + two * np.uint64(j)
                target[j] = _mean_of_pairs(pair_at(plane, place), pair_at(plane, place + stride))
        while high > 1:  # in place: what is overwritten has been read
            wide, high = wide >> 1, high >> 1
            for i in range(high):
                target = line if high == 1 else scratch[i * wide : (i + 1) * wide]
                first, next_ = np.uint64(4 * i * wide), np.uint64((4 * i + 2) * wide)
                for j in range(wide):
                    above = pair_at(scratch, first + two * np.uint64(j))
                    below = pair_at(scratch, next_ + two * np.uint64(j))
                    target[j] = _mean_of_pairs(above, below)


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


@kernel(f"void({_READ}, i8, i8, {_WAY}, i8, f4[:, ::1])")
def _gather(
    plane: NDArray[np.uint8],
    width: int,
    height: int,
    way: Way,
    taps: int,
    out: NDArray[np.float32],
) -> None:
    """Give each pixel of ``out`` the mean of taps × taps bilinear samples spread evenly over it.

    The way without haste, for what `_fill_rows` does not do.
    """
    xx, xy, x0, yx, yy, y0 = way
    last_x, last_y = (width - 1) << 16, (height - 1) << 16
    step_x, step_y = int(np.rint(xx * 65536)), int(np.rint(yx * 65536))
    share = np.float32(2.0**-32 / (taps * taps))
    for i in range(out.shape[0]):
        line = out[i]
        for tap in range(taps * taps):
            row = i + (tap // taps + 0.5) / taps - 0.5
            column = (tap % taps + 0.5) / taps - 0.5
            x = int(np.rint((xx * column + xy * row + x0) * 65536))
            y = int(np.rint((yx * column + yy * row + y0) * 65536))
            for j in range(out.shape[1]):
                u, v = min(max(x, 0), last_x), min(max(y, 0), last_y)
                top, left = np.uint64(v >> 16), np.uint64(u >> 16)
                right = np.uint64(min((u >> 16) + 1, width - 1))
                bottom = np.uint64(min((v >> 16) + 1, height - 1))
                level = np.float32(_bilinear(plane, top, bottom, left, right, u, v)) * share
                x, y = x + step_x, y + step_y
                line[j] = level if tap == 0 else line[j] + level


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


@kernel(f"UniTuple(i8, 4)(i8, i8, {_WAY}, i8, f4[:, :, ::1])")
def _covered(
    width: int, height: int, way: Way, halvings: int, out: NDArray[np.float32]
) -> tuple[int, int, int, int]:
    """Give the part of a halved plane that a crop needs: left, top, columns, rows."""
    xx, xy, x0, yx, yy, y0 = way
    rows, columns, block = out.shape[1], out.shape[2], 1 << halvings
    reach_x, reach_y = abs(xx) * columns + abs(xy) * rows, abs(yx) * columns + abs(yy) * rows
    middle_x = x0 + (xx * (columns - 1) + xy * (rows - 1)) / 2
    middle_y = y0 + (yx * (columns - 1) + yy * (rows - 1)) / 2
    wide, high = width // block, height // block
    left = int(min(max((middle_x - reach_x / 2) // block - 1, 0), wide - 1))
    top = int(min(max((middle_y - reach_y / 2) // block - 1, 0), high - 1))
    right = int(min(max((middle_x + reach_x / 2) // block + 3, left + 1), wide))
    bottom = int(min(max((middle_y + reach_y / 2) // block + 3, top + 1), high))
    return left, top, right - left, bottom - top


@kernel(f"b1({_READ}, i8, i8, {_WAY}, i8)")
def _quick(plane: NDArray[np.uint8], width: int, height: int, way: Way, size: int) -> bool:
    """Tell whether `_fill_rows` can take a plane: it has neighbours, and int32 holds all places."""
    xx, xy, x0, yx, yy, y0 = way
    reach_x, reach_y = abs(xx) * size + abs(xy) * size, abs(yx) * size + abs(yy) * size
    farthest = max(abs(x0) + reach_x, abs(y0) + reach_y)
    return min(width, height) > 1 and farthest < _FAR and plane.size < 1 << 31


@kernel(
    f"void({_READ}, i8, i8, {_WAY}, {_READ}, {_READ}, i8, i8, {_WAY}, f4[:, ::1], f4, f4, "
    "f4[:, :, ::1])"
)
def _fill_rows(
    y: NDArray[np.uint8],
    width: int,
    height: int,
    way: Way,
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    columns: int,
    rows: int,
    chroma_way: Way,
    coefficients: NDArray[np.float32],
    scale: float,
    offset: float,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` with one sample of each plane for each pixel; ``y`` may lie in ``out[1:]``."""
    size, stride = out.shape[1], np.int32(y.shape[1])
    for i in range(size):
        row = row_at(width, height, way, i)
        place_row(row, inside(row, size), stride, out[0, i])
        look_up(y, out[0, i])
    stride = np.int32(u.shape[1])
    for i in range(size):
        row, chroma = row_at(width, height, way, i), row_at(columns, rows, chroma_way, i)
        within, chroma_within = inside(row, size), inside(chroma, size)
        place_row(chroma, chroma_within, stride, out[1, i])
        look_up_two(u, v, out[1, i], out[2, i])
        line = out[0, i], out[1, i], out[2, i]
        colour_row(row, within, chroma, chroma_within, coefficients, scale, offset, *line)


@kernel(
    f"void({_READ}, i8, i8, {_WAY}, i8, {_READ}, {_READ}, i8, i8, {_WAY}, f4[:, ::1], f4, f4, "
    "f4[:, :, ::1])"
)
def _fill(
    y: NDArray[np.uint8],
    width: int,
    height: int,
    way: Way,
    luma_taps: int,
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    columns: int,
    rows: int,
    chroma_way: Way,
    coefficients: NDArray[np.float32],
    scale: float,
    offset: float,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out``, the quick way if it can be gone; ``y`` may lie in ``out[1:]``."""
    size = out.shape[1]
    xx, xy, _, yx, yy, _ = chroma_way
    taps = max(1, int(min(np.sqrt(abs(xx * yy - xy * yx)) / 1.5, 8.0) + 0.5))
    single = taps == 1 and luma_taps == 1 and u.shape[1] == v.shape[1]
    quick = single and _quick(y, width, height, way, size)
    if quick and _quick(u, columns, rows, chroma_way, size):
        colours = coefficients, scale, offset
        _fill_rows(y, width, height, way, u, v, columns, rows, chroma_way, *colours, out)
        return
    _gather(y, width, height, way, luma_taps, out[0])
    _gather(u, columns, rows, chroma_way, taps, out[1])
    _gather(v, columns, rows, chroma_way, taps, out[2])
    _colour(coefficients, scale, offset, out)


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
    columns, rows = (width + 1) // 2, u.shape[0]
    chroma = xx / 2, xy / 2, x0 / 2, yx, yy, y0
    if rows < height:
        chroma = xx / 2, xy / 2, x0 / 2, yx / 2, yy / 2, y0 / 2 - 0.25
    rest = u, v, columns, rows, chroma, coefficients, scale, offset, out
    halvings = 0
    while abs(xx * yy - xy * yx) > 2.0 * 4.0**halvings and min(width, height) >> (halvings + 1):
        halvings += 1
    left, top, wide, high = _covered(width, height, (xx, xy, x0, yx, yy, y0), halvings, out)
    scratch = out[1:].reshape(out[1:].size).view(np.uint8)  # chroma comes there afterwards
    if halvings == 0 or wide * high + (wide << (2 * halvings - 2)) > scratch.size:
        _fill(y, width, height, (xx, xy, x0, yx, yy, y0), max(1, min(1 << halvings, 8)), *rest)
        return
    block = 1 << halvings
    _halve(y, left * block, top * block, wide, high, halvings, scratch)
    x0 = (x0 - (block - 1) / 2) / block - left
    y0 = (y0 - (block - 1) / 2) / block - top
    way = xx / block, xy / block, x0, yx / block, yy / block, y0
    _fill(scratch[: wide * high].reshape((high, wide)), wide, high, way, 1, *rest)
