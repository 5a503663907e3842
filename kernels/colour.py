"""What the numbers of a picture's planes mean: matrices between YUV and RGB, and YUV and YUV."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Coefficients: TypeAlias = NDArray[np.float32]
"""float32 [3, 4]: each output channel's weights of the three input channels, and a constant."""

_RED_BLUE = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
}  # shares in luma; ITU-R BT.601, 709


def _from_rgb(matrix: str, full_range: bool) -> NDArray[np.float64]:
    """Return float64 [4, 4]: RGB 0…1 and 1 to the levels of Y, U, V and 1."""
    if matrix not in _RED_BLUE:
        raise ValueError(f"no colour matrix {matrix!r}; there are {', '.join(_RED_BLUE)}")
    red, blue = _RED_BLUE[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    black, white, swing = (0.0, 255.0, 255.0) if full_range else (16.0, 219.0, 224.0)
    whole = np.eye(4)
    whole[0, :3] = luma * white
    whole[1, :3] = (np.array([0, 0, 1]) - luma) / (2 - 2 * blue) * swing
    whole[2, :3] = (np.array([1, 0, 0]) - luma) / (2 - 2 * red) * swing
    whole[:3, 3] = black, 128, 128
    return whole


def yuv_from_rgb(matrix: str, full_range: bool) -> Coefficients:
    """Give the way from RGB to the levels of the planes.

    Parameters
    ----------
    matrix : ``"bt601"`` or ``"bt709"``
    full_range : bool
        Y, U and V use 0…255; otherwise Y is 16…235 and U, V are 16…240.

    Returns
    -------
    float32 [3, 4]
        Maps (R, G, B, 1), 0…1, to (Y, U, V), 0…255.
    """
    return _from_rgb(matrix, full_range)[:3].astype(np.float32)


def rgb_from_yuv(matrix: str, full_range: bool) -> Coefficients:
    """Give the way from the levels of the planes to RGB.

    Parameters
    ----------
    matrix, full_range : as for `yuv_from_rgb`

    Returns
    -------
    float32 [3, 4]
        Maps (Y, U, V, 1), 0…255, to (R, G, B), 0…1 (not clipped).
    """
    return np.linalg.inv(_from_rgb(matrix, full_range))[:3].astype(np.float32)


def yuv_from_yuv(
    matrix: str, full_range: bool, matrix_to: str, full_range_to: bool
) -> Coefficients:
    """Give the way from one meaning of the planes to another.

    Parameters
    ----------
    matrix, full_range : what the planes mean
    matrix_to, full_range_to : what they shall mean

    Returns
    -------
    float32 [3, 4]
        Maps (Y, U, V, 1) to (Y, U, V), both 0…255 (not clipped). Exactly the identity if nothing
        changes; luma has no weight in chroma, and chroma none in luma if only the range changes.
    """
    there = _from_rgb(matrix_to, full_range_to) @ np.linalg.inv(_from_rgb(matrix, full_range))
    there[abs(there) < 1e-9] = 0  # what is nothing shall read as nothing
    return there[:3].astype(np.float32)
