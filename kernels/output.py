"""Write a frame's planes as the picture a sink takes: the one pass over the whole frame."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(u1, 2, 'C', True)"  # uint8 [rows, stride] that is only read; may be read-only
_MARK = "i1[:, ::1]"  # int8 [side, columns] that is added to luma, row i % side to row i


@kernel("u1(f4)")
def _level(value: np.float32) -> np.uint8:
    value = min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0))
    return np.uint8(np.int32(value))


@kernel("u1(f4, i1)")
def _marked(value: np.float32, mark: np.int8) -> np.uint8:
    """Mark a level; one beyond black or white is brought back first, or the mark would be lost."""
    value = min(max(value, np.float32(0.0)), np.float32(255.0))
    return _level(value + np.float32(mark))


@kernel("u1(u1, i1)")
def _with_mark(level: np.uint8, mark: np.int8) -> np.uint8:
    """Add the mark within 0…255.

    With black at -128 that is the sum of two signed bytes, held within a signed byte, which
    processors do for many pixels at once.
    """
    black = np.uint8(128)
    total = np.int16(np.int8(level ^ black)) + np.int16(mark)
    return np.uint8(np.int8(min(max(total, np.int16(-128)), np.int16(127)))) ^ black


# The kernels below get a plane and a row of it: making a view of each row would take as long as
# copying it.


@kernel(f"void({_READ}, i8, i8, u1[:, ::1], i8)")
def _copy_row(
    source: NDArray[np.uint8], row: int, columns: int, target: NDArray[np.uint8], target_row: int
) -> None:
    for j in range(columns):
        target[target_row, j] = source[row, j]


@kernel(f"void({_READ}, i8, i8, {_MARK}, i8, u1[:, ::1], i8)")
def _mark_row(
    y: NDArray[np.uint8],
    row: int,
    columns: int,
    mark: NDArray[np.int8],
    mark_row: int,
    target: NDArray[np.uint8],
    target_row: int,
) -> None:
    """Copy a row of luma and add the mark."""
    for j in range(columns):
        target[target_row, j] = _with_mark(y[row, j], mark[mark_row, j])


@kernel(f"void({_READ}, i8, i8, u1[:, ::1], u1[:, ::1], f4[:, ::1], {_MARK}, i8, u1[:, ::1], i8)")
def _luma_row(
    y: NDArray[np.uint8],
    row: int,
    columns: int,
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    coefficients: NDArray[np.float32],
    mark: NDArray[np.int8],
    mark_row: int,
    target: NDArray[np.uint8],
    target_row: int,
) -> None:
    """Write the new luma of a row, marked; each two pixels share one of chroma."""
    of_y, of_u, of_v = coefficients[0, 0], coefficients[0, 1], coefficients[0, 2]
    constant, half = coefficients[0, 3], target_row >> 1
    if of_u == 0 and of_v == 0:
        for j in range(columns):
            level = np.float32(y[row, j]) * of_y + constant
            target[target_row, j] = _marked(level, mark[mark_row, j])
        return
    for j in range(columns >> 1):
        chroma = np.float32(u[half, j]) * of_u + np.float32(v[half, j]) * of_v + constant
        left, right = 2 * j, 2 * j + 1
        level = np.float32(y[row, left]) * of_y + chroma
        target[target_row, left] = _marked(level, mark[mark_row, left])
        level = np.float32(y[row, right]) * of_y + chroma
        target[target_row, right] = _marked(level, mark[mark_row, right])
    if columns & 1:
        j = columns - 1
        chroma = np.float32(u[half, j >> 1]) * of_u + np.float32(v[half, j >> 1]) * of_v + constant
        level = np.float32(y[row, j]) * of_y + chroma
        target[target_row, j] = _marked(level, mark[mark_row, j])


@kernel("void(u1[:, ::1], u1[:, ::1], i8, f4[:, ::1])")
def _change_chroma(
    u: NDArray[np.uint8], v: NDArray[np.uint8], row: int, coefficients: NDArray[np.float32]
) -> None:
    """Give a row of chroma its new meaning, in place. Luma has no share in it."""
    m = coefficients
    uu, uv, u1 = m[1, 1], m[1, 2], m[1, 3]
    vu, vv, v1 = m[2, 1], m[2, 2], m[2, 3]
    for j in range(u.shape[1]):
        a, b = np.float32(u[row, j]), np.float32(v[row, j])
        u[row, j] = _level(uu * a + uv * b + u1)
        v[row, j] = _level(vu * a + vv * b + v1)


@kernel(f"void({_READ}, b1, u1[:, ::1], i8)")
def _take_chroma(
    plane: NDArray[np.uint8], every_row: bool, target: NDArray[np.uint8], row: int
) -> None:
    """Copy a row of chroma; in 4:2:2 write the mean of two, of which the second may be missing."""
    if not every_row:
        _copy_row(plane, row, target.shape[1], target, row)
        return
    below = min(2 * row + 1, plane.shape[0] - 1)
    for j in range(target.shape[1]):
        total = np.uint16(plane[2 * row, j]) + np.uint16(plane[below, j]) + np.uint16(1)
        target[row, j] = total >> np.uint16(1)


@kernel(
    f"void({_READ}, {_READ}, {_READ}, i8, i8, f4[:, ::1], {_MARK}, "
    "u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def render(
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    mark: NDArray[np.int8],
    out_y: NDArray[np.uint8],
    out_u: NDArray[np.uint8],
    out_v: NDArray[np.uint8],
) -> None:
    """Write a frame as I420 without padding, marked, in the colours that its readers assume.

    Odd sizes grow to even ones by repeating the last column and row; 4:2:2 becomes 4:2:0 by the
    mean of two rows. Rows are copied where nothing changes but for the mark. Where the matrix
    changes, each pixel of luma takes the chroma that lies nearest.

    Parameters
    ----------
    y : uint8 [height, stride ≥ width]
    u, v : uint8 [chroma rows, stride ≥ (width + 1) // 2]
        ``(height + 1) // 2`` rows (4:2:0) or ``height`` rows (4:2:2).
    width, height : pixels of luma, may be odd
    coefficients : float32 [3, 4]
        From levels of (Y, U, V, 1) to new levels: `swapcast.kernels.colour.yuv_from_yuv`.
    mark : int8 [side, columns ≥ width]
        Levels that are added to luma, within 0…255; row i takes row ``i % side``.
    out_y : uint8 [height rounded up to even, width rounded up to even]
        Overwritten.
    out_u, out_v : uint8 [rows of ``out_y`` / 2, columns / 2]
        Overwritten.
    """
    same = True
    for i in range(3):
        for j in range(4):
            same = same and coefficients[i, j] == np.float32(i == j)
    every_row = u.shape[0] == height and height > 1
    for row in range(out_u.shape[0]):
        _take_chroma(u, every_row, out_u, row)
        _take_chroma(v, every_row, out_v, row)
        for i in range(2 * row, 2 * row + 2):
            from_row, k = min(i, height - 1), i % mark.shape[0]
            if same:
                _mark_row(y, from_row, width, mark, k, out_y, i)
            else:
                _luma_row(y, from_row, width, out_u, out_v, coefficients, mark, k, out_y, i)
            if width & 1:
                out_y[i, width] = out_y[i, width - 1]
        if not same:
            _change_chroma(out_u, out_v, row, coefficients)


@kernel("void(u1[:, ::1], i8, i8, i8, i8, i8, i1[:, ::1], i8)")
def _mosaic(
    plane: NDArray[np.uint8],
    left: int,
    top: int,
    right: int,
    bottom: int,
    cell: int,
    mark: NDArray[np.int8],
    strength: int,
) -> None:
    """Give each cell of a plane, counted from (left, top), the mean of its part of the picture.

    The mark is added ``strength`` times: luma has it, chroma does not.
    """
    rows, columns = plane.shape
    for first_row in range(top, bottom, cell):
        for first in range(left, right, cell):
            i0, i1 = max(first_row, 0), min(first_row + cell, rows)
            j0, j1 = max(first, 0), min(first + cell, columns)
            count = (i1 - i0) * (j1 - j0)
            if i1 <= i0 or j1 <= j0:
                continue
            total = 0
            for i in range(i0, i1):
                for j in range(j0, j1):
                    total += int(plane[i, j])
            mean = (total + count // 2) // count
            for i in range(i0, i1):
                for j in range(j0, j1):
                    level = mean + strength * int(mark[i % mark.shape[0], j])
                    plane[i, j] = np.uint8(min(max(level, 0), 255))


@kernel("void(i1[:, ::1], u1[:, ::1], u1[:, ::1], u1[:, ::1], f4, f4, f4, f4)")
def pixelate(
    mark: NDArray[np.int8],
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
    left: float,
    top: float,
    right: float,
    bottom: float,
) -> None:
    """Cover a part of a picture with square cells of one colour each, at most eight across.

    Parameters
    ----------
    mark : int8 [side, columns ≥ width]
        Is added to the luma of the cells, as by `render`.
    y : uint8 [height, width], even height and width
        Changed in place.
    u, v : uint8 [height / 2, width / 2]
        Changed in place.
    left, top, right, bottom : float, pixels of luma
        What must be covered; may reach over the picture's edges.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    if not np.isfinite(left + top + right + bottom):
        raise ValueError("the box to cover is not finite")
    far = np.float64(1 << 20)  # more than any picture; keeps the sums within integers
    x0, y0 = max(np.float64(left), -far), max(np.float64(top), -far)
    x1, y1 = min(np.float64(right), far), min(np.float64(bottom), far)
    first_column, first_row = int(np.floor(x0 / 2)), int(np.floor(y0 / 2))  # of chroma
    end_column, end_row = int(np.ceil((x1 + 1) / 2)), int(np.ceil((y1 + 1) / 2))
    cell = (max(end_column - first_column, end_row - first_row) + 7) // 8
    if end_column <= first_column or end_row <= first_row:
        return
    _mosaic(u, first_column, first_row, end_column, end_row, cell, mark, 0)
    _mosaic(v, first_column, first_row, end_column, end_row, cell, mark, 0)
    _mosaic(y, 2 * first_column, 2 * first_row, 2 * end_column, 2 * end_row, 2 * cell, mark, 1)
