"""Read faces out of a detector's grids."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel


@kernel("i8(f4[:, :, ::1], i8, f4, i8, f4[:, ::1])")
def collect(
    grid: NDArray[np.float32],
    stride: int,
    threshold: float,
    count: int,
    found: NDArray[np.float32],
) -> int:
    """Append the cells of one grid that see a face; when ``found`` is full, the weakest gives way.

    Parameters
    ----------
    grid : float32 [15, h, w]
        Score's logit; centre x, y in strides from the cell's centre; log width, log height in
        strides; x, y of five points in strides from the cell's centre.
    stride : pixels between two cells
        The cell in row i, column j has its centre at ((j + 0.5) · stride - 0.5, the same of i).
    threshold : float, logit
        Cells below are left out.
    count : rows of ``found`` that are taken already
    found : float32 [N, 15]
        Score 0…1, left, top, right, bottom, five points, in pixels. Changed in place.

    Returns
    -------
    int
        Rows of ``found`` that are taken now.
    """
    half, one, pitch = np.float32(0.5), np.float32(1.0), np.float32(stride)
    for i in range(grid.shape[1]):
        for j in range(grid.shape[2]):
            logit = grid[0, i, j]
            if not logit >= threshold:
                continue
            score, row = one / (one + np.exp(-logit)), count
            if count < found.shape[0]:
                count += 1
            else:
                row = int(np.argmin(found[:, 0]))
                if found[row, 0] >= score:
                    continue
            x, y = (np.float32(j) + half) * pitch - half, (np.float32(i) + half) * pitch - half
            centre_x, centre_y = x + pitch * grid[1, i, j], y + pitch * grid[2, i, j]
            across = half * pitch * np.exp(min(grid[3, i, j], np.float32(6.0)))
            down = half * pitch * np.exp(min(grid[4, i, j], np.float32(6.0)))
            found[row, 0] = score
            found[row, 1], found[row, 2] = centre_x - across, centre_y - down
            found[row, 3], found[row, 4] = centre_x + across, centre_y + down
            for k in range(5):
                found[row, 5 + 2 * k] = x + pitch * grid[5 + 2 * k, i, j]
                found[row, 6 + 2 * k] = y + pitch * grid[6 + 2 * k, i, j]
    return count


@kernel("f4(f4[::1], f4[::1])")
def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Shared area of two rows' boxes over the area they cover together."""
    zero = np.float32(0.0)
    across = max(min(a[3], b[3]) - max(a[1], b[1]), zero)
    down = max(min(a[4], b[4]) - max(a[2], b[2]), zero)
    first, second = (a[3] - a[1]) * (a[4] - a[2]), (b[3] - b[1]) * (b[4] - b[2])
    return float(across * down / max(first + second - across * down, np.float32(1e-6)))


@kernel("void(f4[:, ::1], i8, i8)")
def _best_first(found: NDArray[np.float32], start: int, count: int) -> None:
    """Swap the row with the highest score among ``start``…``count`` to ``start``."""
    best = start
    for row in range(start + 1, count):
        if found[row, 0] > found[best, 0]:
            best = row
    for k in range(15):
        found[start, k], found[best, k] = found[best, k], found[start, k]


@kernel("i8(f4[:, ::1], i8, f4, f4[::1])")
def suppress(
    found: NDArray[np.float32], count: int, overlap: float, spare: NDArray[np.float32]
) -> int:
    """Leave one row for each face, best first: the mean of the rows that agree with the best one.

    Greedy suppression; the kept box and points are averaged by score over the suppressed rows
    that cover nearly the same (as BlazeFace does, Bazarevsky et al. 2019), which steadies them.

    Parameters
    ----------
    found : float32 [N, 15], as `collect` leaves it
        Changed in place.
    count : rows that are taken
    overlap : 0…1
        Rows whose boxes share more of their joint area than this show the same face.
    spare : float32 [15]
        Working space, overwritten.

    Returns
    -------
    int
        Rows that are left.
    """
    same = np.float32(0.6)
    kept = 0
    while kept < count:
        _best_first(found, kept, count)
        for k in range(15):
            spare[k] = found[kept, 0] * found[kept, k]
        total, left = found[kept, 0], kept + 1
        for row in range(kept + 1, count):
            shared = _overlap(found[kept], found[row])
            if shared > same:
                total += found[row, 0]
                for k in range(1, 15):
                    spare[k] += found[row, 0] * found[row, k]
            if shared <= overlap:
                for k in range(15):
                    found[left, k] = found[row, k]
                left += 1
        for k in range(1, 15):
            found[kept, k] = spare[k] / total
        count = left
        kept += 1
    return kept
