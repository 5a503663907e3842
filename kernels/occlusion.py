"""Make a crop small enough for the occlusion network, and cut what it found out of a mask."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_PLANE = "Array(f4, 2, 'C', True)"  # float32 [n, m] that is only read; may be read-only
_CROP = "Array(f4, 3, 'C', True)"


@kernel("f4(f4, f4, f4)")
def _rise(level: np.float32, low: float, high: float) -> np.float32:
    """Rise smoothly from 0 to 1 while ``level`` goes from ``low`` to ``high``."""
    share = np.float32((level - low) / (high - low))
    share = min(max(share, np.float32(0.0)), np.float32(1.0))
    return share * share * (np.float32(3.0) - np.float32(2.0) * share)


@kernel(f"void({_CROP}, f4[:, ::1], f4[:, :, ::1])", fastmath=True)
def shrink(crop: NDArray[np.float32], rows: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write a smaller copy of a crop: each pixel is the mean of what it covers, parts included.

    Parameters
    ----------
    crop : float32 [3, S, S]
    rows : float32 [n, S]
        Scratch; overwritten.
    out : float32 [3, n, n]
        Overwritten. Where n is larger than S, neighbours are mixed.
    """
    size, small = crop.shape[1], out.shape[1]
    step = np.float32(size) / np.float32(small)
    for channel in range(3):
        for i in range(small):
            line = rows[i]
            line[:] = np.float32(0.0)
            start, end = np.float32(i) * step, np.float32(i + 1) * step
            for k in range(int(start), min(int(np.ceil(end)), size)):
                part = (min(end, np.float32(k + 1)) - max(start, np.float32(k))) / step
                source = crop[channel, k]
                for j in range(size):
                    line[j] += part * source[j]
        for j in range(small):
            start, end = np.float32(j) * step, np.float32(j + 1) * step
            first, last = int(start), min(int(np.ceil(end)), size)
            for i in range(small):
                total = np.float32(0.0)
                for k in range(first, last):
                    part = min(end, np.float32(k + 1)) - max(start, np.float32(k))
                    total += part * rows[i, k]
                out[channel, i, j] = total / step


@kernel(f"void({_PLANE}, f4, f4, f4[:, ::1])")
def bareness(cover: NDArray[np.float32], low: float, high: float, out: NDArray[np.float32]) -> None:
    """Say where nothing lies before a face.

    Parameters
    ----------
    cover : float32 [n, n], 0…1
        How likely something does.
    low, high : float
        Likelihoods up to which a pixel is bare, and from which on it is covered.
    out : float32 [n, n], 0…1
        Overwritten; 1 is bare.
    """
    for i in range(out.shape[0]):
        line, target = cover[i], out[i]
        for j in range(target.size):
            target[j] = np.float32(1.0) - _rise(line[j], low, high)


_BARE = 0.9  # from where on a pixel shows nothing of what a cover leaves out


@kernel(f"f8({_PLANE}, {_PLANE}, f4)")
def hidden_share(bare: NDArray[np.float32], outline: NDArray[np.float32], least: float) -> float:
    """Say how much of the inner face is covered, in part or wholly: what shines through counts too.

    Parameters
    ----------
    bare : float32 [n, n], 0…1
    outline : float32 [S, S], 0…1
        Where the face is.
    least : float
        Of the outline, from where on a pixel belongs to the inner face.

    Returns
    -------
    float, 0…1
        0 if there is no inner face.
    """
    small, size = bare.shape[0], outline.shape[0]
    inside, seen = np.float64(0.0), np.float64(0.0)
    for i in range(small):
        line = outline[(2 * i + 1) * size // (2 * small)]
        for j in range(small):
            if line[(2 * j + 1) * size // (2 * small)] >= least:
                inside += 1.0
                seen += np.float64(bare[i, j] >= np.float32(_BARE))
    return 1.0 - seen / inside if inside > 0 else 0.0


@kernel(f"void({_PLANE}, f4[:, ::1])", fastmath=True)
def cut_out(bare: NDArray[np.float32], mask: NDArray[np.float32]) -> None:
    """Multiply a mask by a smaller or larger plane, bilinear; the plane's edge goes on.

    Parameters
    ----------
    bare : float32 [n, n], n ≥ 2
    mask : float32 [S, S]
        Changed in place.
    """
    small, size = bare.shape[0], mask.shape[0]
    step = np.float32(small) / np.float32(size)
    line = np.empty(small, np.float32)
    last = np.float32(small - 1)
    for i in range(size):
        place = (np.float32(i) + np.float32(0.5)) * step - np.float32(0.5)
        place = min(max(place, np.float32(0.0)), last)
        first = min(int(place), small - 2)
        share = place - np.float32(first)
        above, below = bare[first], bare[first + 1]
        for k in range(small):
            line[k] = above[k] + share * (below[k] - above[k])
        target = mask[i]
        for j in range(size):
            across = (np.float32(j) + np.float32(0.5)) * step - np.float32(0.5)
            across = min(max(across, np.float32(0.0)), last)
            left = min(int(across), small - 2)
            part = across - np.float32(left)
            target[j] *= line[left] + part * (line[left + 1] - line[left])
