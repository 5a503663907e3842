"""Mark what is drawn into a picture after the frame: plain pictures and the visible badge."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel


@kernel("u1(i8)")
def _within(level: int) -> np.uint8:
    return np.uint8(min(max(level, 0), 255))


@kernel("void(u1[:, ::1], i8, i1[:, ::1])")
def fill(y: NDArray[np.uint8], level: int, mark: NDArray[np.int8]) -> None:
    """Make a picture plain but for its mark.

    Parameters
    ----------
    y : uint8 [height, width]
        Overwritten.
    level : int, 0…255
    mark : int8 [side, columns ≥ width]
        Levels that are added; row i takes row ``i % side``.
    """
    for i in range(y.shape[0]):
        k = i % mark.shape[0]
        for j in range(y.shape[1]):
            y[i, j] = _within(level + int(mark[k, j]))


@kernel(
    "void(u1[:, :, ::1], u1[:, :, ::1], u1[:, ::1], u1[:, ::1], i8, i8, i1[:, ::1], "
    "u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def stamp(
    luma: NDArray[np.uint8],
    chroma: NDArray[np.uint8],
    share: NDArray[np.uint8],
    chroma_share: NDArray[np.uint8],
    left: int,
    top: int,
    mark: NDArray[np.int8],
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
) -> None:
    """Blend a small drawing into a picture that is marked already; the drawing is marked too.

    Each pixel becomes ``before + share / 255 · (drawing + mark - before)``, rounded to nearest.

    Parameters
    ----------
    luma : uint8 [1, h, w], even h and w
    chroma : uint8 [2, h / 2, w / 2]
        U and V.
    share : uint8 [h, w]
        0 keeps the picture, 255 takes the drawing.
    chroma_share : uint8 [h / 2, w / 2]
    left, top : int, even, pixels of luma
        Where the drawing begins; the whole of it lies within the picture.
    mark : int8 [side, columns ≥ width]
        Levels that are added to luma; row i takes row ``i % side``.
    y : uint8 [height, width]
        Changed in place.
    u, v : uint8 [height / 2, width / 2]
        Changed in place.
    """
    for i in range(share.shape[0]):
        k = (top + i) % mark.shape[0]
        for j in range(share.shape[1]):
            part, before = int(share[i, j]), int(y[top + i, left + j])
            level = int(luma[0, i, j]) + int(mark[k, left + j])
            y[top + i, left + j] = _within((255 * before + part * (level - before) + 127) // 255)
    across, down = left // 2, top // 2
    for i in range(chroma_share.shape[0]):
        for j in range(chroma_share.shape[1]):
            part = int(chroma_share[i, j])
            before = int(u[down + i, across + j])
            mixed = (255 * before + part * (int(chroma[0, i, j]) - before) + 127) // 255
            u[down + i, across + j] = _within(mixed)
            before = int(v[down + i, across + j])
            mixed = (255 * before + part * (int(chroma[1, i, j]) - before) + 127) // 255
            v[down + i, across + j] = _within(mixed)
