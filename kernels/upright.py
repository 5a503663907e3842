"""The crop in which the landmark network looks at a face: upright, with room around the points."""

import numpy as np

from swapcast.kernels.geometry import Affine, Points

ROOM = 1.5
"""Side of the crop over the longer side of the landmarks' upright box."""


def upright(landmarks: Points, side: float) -> Affine:
    """Place the crop on a face whose landmarks are roughly known.

    It is turned as the line from the eyes to mouth and chin is, which stays sure when the head is
    seen from the side and the eyes fall together.

    Parameters
    ----------
    landmarks : float32 [68, 2], pixels of the frame
    side : float
        Of the crop, pixels.

    Returns
    -------
    float32 [2, 3]
        Maps the crop's (x, y, 1) to the frame's (x, y).
    """
    eyes = landmarks[36:48].mean(0)
    down = landmarks[48:60].mean(0) - eyes + (landmarks[8] - eyes) * 0.5
    down = down / max(float(np.hypot(*down)), 1e-6)
    turn = np.array([[down[1], down[0]], [-down[0], down[1]]])  # its columns: right, down
    along = landmarks @ turn
    low, high = along.min(0), along.max(0)
    linear = turn * (max(float((high - low).max()), 1e-3) * ROOM / side)
    shift = turn @ ((low + high) / 2) - linear @ np.full(2, (side - 1) / 2)
    return np.column_stack([linear, shift]).astype(np.float32)
