"""The whole-frame reduction again, slow and obvious."""

import numpy as np
from numpy.typing import NDArray


def covered(length: int, count: int, step: float) -> NDArray[np.float64]:
    """float64 [count, length]: how much of each pixel each shorter pixel covers; rows sum to 1."""
    weights = np.zeros((count, length))
    for i in range(count):
        for k in range(length):
            weights[i, k] = max(0.0, min(k + 1, (i + 1) * step) - max(k, i * step))
    return weights / weights.sum(1, keepdims=True)


def shrink(
    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    size: tuple[int, int],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """float64 [3, H, W]: the picture ``size`` (columns, rows) large, in the corner of ``shape``."""
    columns, rows = size
    step_x, step_y = width / columns, height / rows
    levels = []
    for number, plane in enumerate(planes):
        halved = 1 if number == 0 else 2
        tall = number == 0 or plane.shape[0] >= height
        across = (width + halved - 1) // halved
        down = height if tall else (height + 1) // 2
        picture = plane[:down, :across].astype(float)
        left = covered(down, rows, step_y if tall else step_y / 2)
        levels.append(left @ picture @ covered(across, columns, step_x / halved).T)
    mixed = np.einsum(
        "ck,kij->cij", coefficients.astype(float), np.stack([*levels, np.ones((rows, columns))])
    )
    out = np.zeros((3, *shape))
    out[:, :rows, :columns] = np.clip(mixed, 0, 1)
    return out
