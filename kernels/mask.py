"""Draw where in a crop the face is: soft shapes that end before the crop does."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

MOST_EDGES = 84
"""Of the hull of 80 points, and of the crop."""


@kernel("f4(f4)")
def _soft(depth: np.float32) -> np.float32:
    """Rise smoothly from 0 to 1 while ``depth`` goes from 0 to 1."""
    depth = min(max(depth, np.float32(0.0)), np.float32(1.0))
    return depth * depth * (np.float32(3.0) - np.float32(2.0) * depth)


@kernel("f4(i8, i8, i8, f4)")
def _from_border(row: int, column: int, size: int, feather: float) -> np.float32:
    """Return the distance from the crop's nearest border, in units of ``feather``."""
    nearest = min(row, size - 1 - row, column, size - 1 - column)
    return np.float32(nearest) / feather


@kernel("i8(f4[:, ::1], f4[:, ::1])")
def _wrap(points: NDArray[np.float32], edges: NDArray[np.float32]) -> int:
    """Write the edges of the convex hull and return how many there are.

    An edge is a column (a, b, c); a·x + b·y + c is how many pixels inside of it a point lies.
    Gift wrapping, after R. A. Jarvis (Information Processing Letters 2, 1973).
    """
    count = points.shape[0]
    start = 0
    for k in range(count):
        left, lowest = points[k, 0], points[start, 0]
        if left < lowest or (left == lowest and points[k, 1] < points[start, 1]):
            start = k
    here, found = start, 0
    while found < count:
        best = -1
        for k in range(count):
            dx, dy = points[k, 0] - points[here, 0], points[k, 1] - points[here, 1]
            if dx == 0 and dy == 0:
                continue
            if best >= 0:
                bx, by = points[best, 0] - points[here, 0], points[best, 1] - points[here, 1]
                turn = bx * dy - by * dx
                if turn > 0 or (turn == 0 and dx * dx + dy * dy <= bx * bx + by * by):
                    continue
            best = k
        if best < 0:
            return 0
        dx, dy = points[best, 0] - points[here, 0], points[best, 1] - points[here, 1]
        length = np.sqrt(dx * dx + dy * dy)
        a, b = -dy / length, dx / length
        edges[0, found], edges[1, found] = a, b
        edges[2, found] = -(a * points[here, 0] + b * points[here, 1])
        found += 1
        here = best
        if points[here, 0] == points[start, 0] and points[here, 1] == points[start, 1]:
            break
    return found


@kernel("UniTuple(i8, 4)(f4[:, ::1], i8, i8, i8)")
def _row_parts(
    edges: NDArray[np.float32], count: int, row: int, size: int
) -> tuple[int, int, int, int]:
    """Find which columns of a row lie inside all edges, and which of them at least 1 deep.

    Returns the first of each and the one after the last.
    """
    first, end, whole, whole_end = 0.0, float(size), 0.0, float(size)
    for k in range(count):
        slope = np.float64(edges[0, k])
        depth = np.float64(edges[1, k]) * row + np.float64(edges[2, k])  # at column 0
        if slope > 0:
            first, whole = max(first, -depth / slope), max(whole, (1 - depth) / slope)
        elif slope < 0:
            end = min(end, 1 - depth / slope)
            whole_end = min(whole_end, 1 + (1 - depth) / slope)
        else:
            end = end if depth > 0 else 0.0
            whole_end = whole_end if depth >= 1 else 0.0
    return (
        min(max(int(np.ceil(first)), 0), size),
        min(max(int(end), 0), size),
        min(max(int(np.ceil(whole)), 0), size),
        min(max(int(whole_end), 0), size),
    )


@kernel("void(f4[:, ::1], i8, i8, i8, i8, f4[:, ::1])", fastmath=True)
def _slope(
    edges: NDArray[np.float32],
    count: int,
    row: int,
    first: int,
    end: int,
    out: NDArray[np.float32],
) -> None:
    """Draw the soft part of a row, whose pixels are less than 1 deep inside of a few edges only."""
    near = 0
    for k in range(count):
        slope, start = edges[0, k], edges[1, k] * np.float32(row) + edges[2, k]
        if min(slope * np.float32(first), slope * np.float32(end)) + start < 1:
            edges[3, near], edges[4, near] = slope, start
            near += 1
    for j in range(first, end):
        depth = np.float32(1.0)
        for k in range(near):
            depth = min(depth, edges[3, k] * np.float32(j) + edges[4, k])
        out[row, j] = _soft(depth)


@kernel("void(f4[:, ::1], f4, f4[:, ::1], f4[:, ::1])")
def hull(
    points: NDArray[np.float32],
    feather: float,
    edges: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Draw the convex hull of points, soft towards its inside, and 0 at the crop's border.

    Parameters
    ----------
    points : float32 [n, 2], n ≤ 80
        (x, y) in pixels of the crop, finite; may lie outside it.
    feather : float > 0, pixels
        How far inside its outline, and inside the crop's border, the mask is whole.
    edges : float32 [5, `MOST_EDGES`]
        Scratch; overwritten.
    out : float32 [S, S], 0…1
        Overwritten. 0 everywhere if the points span no area.
    """
    count, size = _wrap(points, edges), out.shape[0]
    if count < 3:
        out[:] = np.float32(0.0)
        return
    last = np.float32(size - 1)
    for side in range(4):  # the crop's border
        across, sign = side & 1, np.float32(1 - (side & 2))
        edges[0, count], edges[1, count] = sign * across, sign * (1 - across)
        edges[2, count] = np.float32(0.0) if sign > 0 else last
        count += 1
    for n in range(3):
        for k in range(count):
            edges[n, k] /= feather
    for i in range(size):
        first, end, whole, whole_end = _row_parts(edges, count, i, size)
        whole, whole_end = min(whole, end), min(whole_end, end)
        out[i, :] = np.float32(0.0)
        if whole >= whole_end:
            _slope(edges, count, i, first, end, out)
            continue
        _slope(edges, count, i, first, whole, out)
        for j in range(whole, whole_end):
            out[i, j] = np.float32(1.0)
        _slope(edges, count, i, whole_end, end, out)


@kernel("void(f4, f4, f4, f4, f4, f4[:, ::1])", fastmath=True)
def ellipse(
    x: float, y: float, wide: float, high: float, feather: float, out: NDArray[np.float32]
) -> None:
    """Draw an upright ellipse, soft towards its inside, and 0 at the crop's border.

    Parameters
    ----------
    x, y : float, pixels of the crop
        Its middle.
    wide, high : float > 0, pixels
        Its half axes.
    feather : float > 0, pixels
        About how far inside its outline, and inside the crop's border, the mask is whole.
    out : float32 [S, S], 0…1
        Overwritten.
    """
    size, depth = out.shape[0], min(wide, high) / feather
    for i in range(size):
        down = (np.float32(i) - y) / high
        for j in range(size):
            across = (np.float32(j) - x) / wide
            inside = (np.float32(1.0) - np.sqrt(across * across + down * down)) * depth
            out[i, j] = _soft(min(inside, _from_border(i, j, size, feather)))
