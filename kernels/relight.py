"""Compare the light on two crops of a face, part by part, and give one the other's."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 2, 'C', True)"  # float32 [n, m] that is only read; may be read-only


@kernel(f"void({_READ}, {_READ}, {_READ}, f4[:, :, ::1])", fastmath=True)
def sum_cells(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    trust: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Sum luma over cells, as far as pixels are trusted.

    Parameters
    ----------
    true, made : float32 [n, n], levels of Y
    trust : float32 [n, n], 0…1
    out : float32 [3, g, g], g ≤ n
        Overwritten: sums of trust, of trusted ``true`` and of trusted ``made``.
    """
    size, cells = true.shape[0], out.shape[1]
    out[:] = np.float32(0.0)
    for i in range(size):
        row = i * cells // size
        for cell in range(cells):
            first = (cell * size + cells - 1) // cells
            end = ((cell + 1) * size + cells - 1) // cells
            weight, there, here = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for j in range(first, end):
                weight += trust[i, j]
                there += trust[i, j] * true[i, j]
                here += trust[i, j] * made[i, j]
            out[0, row, cell] += weight
            out[1, row, cell] += there
            out[2, row, cell] += here


@kernel("void(f4[:, :, ::1], f4[:, ::1], f4, f4, f4, f4[:, ::1])")
def gains_of(
    sums: NDArray[np.float32],
    near: NDArray[np.float32],
    doubt: float,
    low: float,
    high: float,
    out: NDArray[np.float32],
) -> None:
    """Find by how much each cell of one crop is lighter than the other's, smoothly.

    Parameters
    ----------
    sums : float32 [3, g, g]
        From `sum_cells`.
    near : float32 [g, g]
        How much a cell counts for another so many rows (or columns) away; row i, column j is for
        cells i and j.
    doubt : float > 0
        Trusted pixels of no difference that are added everywhere: where little is known, there is
        little change.
    low, high : float
        Bounds of the gain.
    out : float32 [g, g]
        Overwritten with gains.
    """
    cells = out.shape[0]
    for i in range(cells):
        for j in range(cells):
            weight, there, here = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for k in range(cells):
                for n in range(cells):
                    part = near[i, k] * near[j, n]
                    weight += part * sums[0, k, n]
                    there += part * sums[1, k, n]
                    here += part * sums[2, k, n]
            level = (there + here) / (np.float32(2.0) * max(weight, np.float32(1e-6)))
            rest = doubt * max(level, np.float32(1.0))
            gain = (there + rest) / (here + rest)
            out[i, j] = np.float32(min(max(np.float64(gain), low), high))


@kernel(f"void({_READ}, f4[:, :, ::1])", fastmath=True)
def relight(gains: NDArray[np.float32], face: NDArray[np.float32]) -> None:
    """Multiply a crop by a coarse field of gains, bilinear; its edge goes on.

    Parameters
    ----------
    gains : float32 [g, g], g ≥ 2
    face : float32 [3, S, S], RGB, 0…1
        Changed in place; kept within 0…1.
    """
    cells, size = gains.shape[0], face.shape[1]
    step, last = np.float32(cells) / np.float32(size), np.float32(cells - 1)
    line, field = np.empty(cells, np.float32), np.empty(size, np.float32)
    for i in range(size):
        place = (np.float32(i) + np.float32(0.5)) * step - np.float32(0.5)
        place = min(max(place, np.float32(0.0)), last)
        first = min(int(place), cells - 2)
        share = place - np.float32(first)
        for k in range(cells):
            line[k] = gains[first, k] + share * (gains[first + 1, k] - gains[first, k])
        for j in range(size):
            across = (np.float32(j) + np.float32(0.5)) * step - np.float32(0.5)
            across = min(max(across, np.float32(0.0)), last)
            left = min(int(across), cells - 2)
            part = across - np.float32(left)
            field[j] = line[left] + part * (line[left + 1] - line[left])
        for channel in range(3):
            target = face[channel, i]
            for j in range(size):
                lit = target[j] * field[j]
                target[j] = min(max(lit, np.float32(0.0)), np.float32(1.0))
