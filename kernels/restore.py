"""Compare crops cell by cell, and add what a restorer changed where they are still alike."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_CROP = "Array(f4, 3, 'C', True)"  # float32 [c, n, n] that is only read; may be read-only


@kernel(f"void({_CROP}, f4[:, :, ::1])", fastmath=True)
def mean_cells(crop: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Average a crop over cells.

    Parameters
    ----------
    crop : float32 [3, S, S]
    out : float32 [3, g, g], g ≤ S
        Overwritten.
    """
    size, cells = crop.shape[1], out.shape[1]
    for channel in range(crop.shape[0]):
        for row in range(cells):
            top, bottom = (row * size) // cells, ((row + 1) * size) // cells
            for column in range(cells):
                left, right = (column * size) // cells, ((column + 1) * size) // cells
                total = np.float32(0.0)
                for i in range(top, bottom):
                    for j in range(left, right):
                        total += crop[channel, i, j]
                out[channel, row, column] = total / np.float32((bottom - top) * (right - left))


@kernel(f"f8({_CROP}, {_CROP}, f4, f4, f4[:, ::1])")
def alike(
    then: NDArray[np.float32],
    now: NDArray[np.float32],
    low: float,
    high: float,
    out: NDArray[np.float32],
) -> float:
    """Say where the cells of two crops are alike; a cell is only as much as its neighbours are.

    Parameters
    ----------
    then, now : float32 [3, g, g]
        From `mean_cells`.
    low, high : float
        Changes of a cell's mean up to which it is the same, and from which on it is another.
    out : float32 [g, g], 0…1
        Overwritten; 1 where nothing has changed.

    Returns
    -------
    float, 0…1
        The mean.
    """
    cells, total = out.shape[0], np.float64(0.0)
    for i in range(cells):
        for j in range(cells):
            worst = np.float32(0.0)
            for k in range(max(i - 1, 0), min(i + 2, cells)):
                for n in range(max(j - 1, 0), min(j + 2, cells)):
                    for channel in range(then.shape[0]):
                        gap = abs(now[channel, k, n] - then[channel, k, n])
                        worst = max(worst, gap)
            share = min(max((high - worst) / (high - low), np.float32(0.0)), np.float32(1.0))
            out[i, j] = share
            total += np.float64(share)
    return total / np.float64(cells * cells)


@kernel(f"void({_CROP}, Array(f4, 2, 'C', True), f4[:, :, ::1])", fastmath=True)
def add_where(
    residual: NDArray[np.float32], share: NDArray[np.float32], face: NDArray[np.float32]
) -> None:
    """Add a picture's changes, as far as a coarse field says, bilinear between its cells.

    Parameters
    ----------
    residual : float32 [3, S, S]
    share : float32 [g, g], g ≥ 2
    face : float32 [3, S, S], RGB, 0…1
        Changed in place; kept within 0…1.
    """
    cells, size = share.shape[0], face.shape[1]
    step, last = np.float32(cells) / np.float32(size), np.float32(cells - 1)
    line, field = np.empty(cells, np.float32), np.empty(size, np.float32)
    for i in range(size):
        place = (np.float32(i) + np.float32(0.5)) * step - np.float32(0.5)
        place = min(max(place, np.float32(0.0)), last)
        first = min(int(place), cells - 2)
        part = place - np.float32(first)
        for k in range(cells):
            line[k] = share[first, k] + part * (share[first + 1, k] - share[first, k])
        for j in range(size):
            across = (np.float32(j) + np.float32(0.5)) * step - np.float32(0.5)
            across = min(max(across, np.float32(0.0)), last)
            left = min(int(across), cells - 2)
            rest = across - np.float32(left)
            field[j] = line[left] + rest * (line[left + 1] - line[left])
        for channel in range(3):
            target, change = face[channel, i], residual[channel, i]
            for j in range(size):
                level = target[j] + field[j] * change[j]
                target[j] = min(max(level, np.float32(0.0)), np.float32(1.0))
