"""Steady what is seen from frame to frame, and let faces appear by degrees."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 2, 'C', True)"  # float32 [n, m] that is only read; may be read-only


@kernel(f"void(f4[:, ::1], {_READ}, f4, f4)", fastmath=True)
def approach(kept: NDArray[np.float32], new: NDArray[np.float32], up: float, down: float) -> None:
    """Go a share of the way to new levels.

    Parameters
    ----------
    kept : float32 [n, m]
        Changed in place.
    new : float32 [n, m]
    up, down : float, 0…1
        Shares where the level rises, and where it falls.
    """
    for i in range(kept.shape[0]):
        line, goal = kept[i], new[i]
        for j in range(line.size):
            gap = goal[j] - line[j]
            line[j] += (up if gap > 0 else down) * gap


@kernel(f"void({_READ}, {_READ}, f4, i8, f4[:, ::1])", fastmath=True)
def sure_part(
    likeness: NDArray[np.float32],
    mask: NDArray[np.float32],
    least: float,
    block: int,
    out: NDArray[np.float32],
) -> None:
    """Write a likeness where a larger mask is nearly whole, and 0 elsewhere.

    Parameters
    ----------
    likeness : float32 [n, n]
    mask : float32 [S, S], S ≥ n · block
    least : float
        Of the mask's pixel in the middle of each block.
    block : int
    out : float32 [n, n]
        Overwritten.
    """
    middle = block // 2
    for i in range(out.shape[0]):
        source, target, line = likeness[i], out[i], mask[block * i + middle]
        for j in range(target.size):
            inside = np.float32(line[block * j + middle] >= least)
            target[j] = inside * source[j]


@kernel(f"f8({_READ}, {_READ})", fastmath=True)
def mean_square(plane: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    """Average a plane's squares.

    Parameters
    ----------
    plane : float32 [n, m]
    weight : float32 [n, m], ≥ 0

    Returns
    -------
    float
        0 if nothing counts.
    """
    total, whole = np.float64(0.0), np.float64(0.0)
    for i in range(plane.shape[0]):
        line, part = plane[i], weight[i]
        square, share = np.float32(0.0), np.float32(0.0)
        for j in range(line.size):
            square += part[j] * line[j] * line[j]
            share += part[j]
        total += np.float64(square)
        whole += np.float64(share)
    return total / whole if whole > 0 else 0.0


@kernel("void(Array(f4, 3, 'C', True), i8, f4, f4[:, :, ::1])", fastmath=True)
def fade(crop: NDArray[np.float32], cells: int, share: float, face: NDArray[np.float32]) -> None:
    """Show a face through a mosaic of another one.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB
        The one that is made a mosaic.
    cells : int ≥ 1
        Of one colour, across.
    share : float, 0…1
        How much of ``face`` is seen.
    face : float32 [3, S, S], RGB
        Changed in place.
    """
    size = crop.shape[1]
    cell = (size + cells - 1) // cells
    rest = np.float32(1.0) - share
    for channel in range(3):
        for top in range(0, size, cell):
            bottom = min(top + cell, size)
            for left in range(0, size, cell):
                right = min(left + cell, size)
                total = np.float32(0.0)
                for i in range(top, bottom):
                    for j in range(left, right):
                        total += crop[channel, i, j]
                colour = rest * total / np.float32((bottom - top) * (right - left))
                for i in range(top, bottom):
                    for j in range(left, right):
                        face[channel, i, j] = share * face[channel, i, j] + colour
