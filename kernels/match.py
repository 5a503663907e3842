"""Compare the colours of two crops of a face, and move one towards the other."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 3, 'C', True)"  # float32 [3, S, S] that is only read; may be read-only


@kernel(f"f8({_READ}, f4[:, ::1], f8[::1])", fastmath=True)
def mean_colour(
    crop: NDArray[np.float32], mask: NDArray[np.float32], out: NDArray[np.float64]
) -> float:
    """Average the colour of a crop where a mask is.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB
    mask : float32 [S, S], 0…1
        How much each pixel counts.
    out : float64 [3], RGB
        Overwritten; 0 if the mask is empty.

    Returns
    -------
    float
        Sum of the mask.
    """
    weight = np.float64(0.0)
    out[:] = 0.0
    for i in range(mask.shape[0]):
        row = np.float32(0.0)
        for j in range(mask.shape[1]):
            row += mask[i, j]
        weight += np.float64(row)
    if weight <= 0:
        return 0.0
    for channel in range(3):
        total = np.float64(0.0)
        for i in range(mask.shape[0]):
            row = np.float32(0.0)
            for j in range(mask.shape[1]):
                row += crop[channel, i, j] * mask[i, j]
            total += np.float64(row)
        out[channel] = total / weight
    return weight


@kernel(f"void({_READ}, f4[::1], f4[::1], f4[:, :, ::1])", fastmath=True)
def adjust(
    crop: NDArray[np.float32],
    gain: NDArray[np.float32],
    offset: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write crop · gain + offset, clipped to 0…1.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
    gain, offset : float32 [3], RGB
    out : float32 [3, S, S], RGB, 0…1
        Overwritten; may be ``crop`` itself.
    """
    for channel in range(3):
        by, plus = gain[channel], offset[channel]
        for i in range(crop.shape[1]):
            for j in range(crop.shape[2]):
                value = crop[channel, i, j] * by + plus
                out[channel, i, j] = min(max(value, np.float32(0.0)), np.float32(1.0))
