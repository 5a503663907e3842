"""Turn what cameras pack into one row into planes of Y, U and V, without passing through RGB."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel


@kernel("void(u1[:, ::1], u1[:, ::1], u1[:, ::1])")
def split_pairs(pairs: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> None:
    """Part the chroma plane of NV12 into U and V.

    Parameters
    ----------
    pairs : uint8 [rows, 2 · columns or more], U and V by turns
    u, v : uint8 [rows, columns]
        Overwritten.
    """
    rows, columns = u.shape
    for i in range(rows):
        both, blue, red = pairs[i], u[i], v[i]
        for j in range(columns):
            blue[j] = both[2 * j]
            red[j] = both[2 * j + 1]


@kernel("u2(u1, u1)")
def _mean(a: np.uint8, b: np.uint8) -> np.uint16:
    return (np.uint16(a) + np.uint16(b) + np.uint16(1)) >> np.uint16(1)


@kernel("void(u1[:, ::1], u1[:, ::1], u1[:, ::1], u1[:, ::1])")
def unpack_yuyv(
    packed: NDArray[np.uint8], y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]
) -> None:
    """Part YUYV (YUY2) into 4:2:0 planes in one pass; chroma is the rounded mean of two rows.

    Parameters
    ----------
    packed : uint8 [height, 2 · width or more], (Y, U, Y, V) by turns
    y : uint8 [height, width], width even
        Overwritten.
    u, v : uint8 [(height + 1) // 2, width // 2]
        Overwritten. Of an odd height, the last row is its own.
    """
    height, columns = y.shape[0], u.shape[1]
    for i in range(u.shape[0]):
        top, bottom = 2 * i, min(2 * i + 1, height - 1)
        above, below = packed[top], packed[bottom]
        first, second, blue, red = y[top], y[bottom], u[i], v[i]
        for j in range(2 * columns):  # one loop a plane: only so do they become vector code
            first[j] = above[2 * j]
        for j in range(2 * columns):
            second[j] = below[2 * j]
        for j in range(columns):
            blue[j] = _mean(above[4 * j + 1], below[4 * j + 1])
        for j in range(columns):
            red[j] = _mean(above[4 * j + 3], below[4 * j + 3])
