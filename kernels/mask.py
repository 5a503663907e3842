"""Draw where in a crop the face is: soft shapes that end before the crop does."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

MOST_EDGES = 80
"""Points that `hull` takes at most."""


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

    An edge is (a, b, c); a·x + b·y + c is how many pixels inside of it a point lies. Gift wrapping,
    after R. A. Jarvis (Information Processing Letters 2, 1973).
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
        edges[found, 0], edges[found, 1] = a, b
        edges[found, 2] = -(a * points[here, 0] + b * points[here, 1])
        found += 1
        here = best
        if points[here, 0] == points[start, 0] and points[here, 1] == points[start, 1]:
            break
    return found


@kernel("void(f4[:, ::1], f4, f4[:, ::1], f4[:, ::1])", fastmath=True)
def hull(
    points: NDArray[np.float32],
    feather: float,
    edges: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Draw the convex hull of points, soft towards its inside, and 0 at the crop's border.

    Parameters
    ----------
    points : float32 [n, 2], n ≤ `MOST_EDGES`
        (x, y) in pixels of the crop, finite; may lie outside it.
    feather : float > 0, pixels
        How far inside its outline, and inside the crop's border, the mask is whole.
    edges : float32 [`MOST_EDGES`, 3]
        Scratch; overwritten.
    out : float32 [S, S], 0…1
        Overwritten. 0 everywhere if the points span no area.
    """
    count, size = _wrap(points, edges), out.shape[0]
    per_pixel = np.float32(1.0) / feather
    for i in range(size):
        for j in range(size):
            out[i, j] = _from_border(i, j, size, feather)
        for k in range(count):
            slope = edges[k, 0] * per_pixel
            start = (edges[k, 1] * np.float32(i) + edges[k, 2]) * per_pixel
            for j in range(size):
                out[i, j] = min(out[i, j], slope * np.float32(j) + start)
        for j in range(size):
            out[i, j] = _soft(out[i, j]) if count > 2 else np.float32(0.0)


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
