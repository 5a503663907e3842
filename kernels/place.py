"""Move the corners of a mesh and see where they fall in a picture."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

Floats = NDArray[np.float32]


@kernel("void(f4[:, ::1], f4[:, :, ::1], f4[::1], f4[:, ::1])", fastmath=True)
def move(shape: Floats, movements: Floats, strengths: Floats, out: Floats) -> None:
    """Add movements, each at its strength, to a shape.

    Parameters
    ----------
    shape : float32 [n, 3]
    movements : float32 [k, n, 3]
    strengths : float32 [k]
        Those of 0 cost nothing.
    out : float32 [n, 3]
        Overwritten.
    """
    out[:] = shape
    for k in range(strengths.size):
        strength = strengths[k]
        if strength == 0:
            continue
        for n in range(shape.shape[0]):
            for c in range(3):
                out[n, c] += strength * movements[k, n, c]


@kernel("void(f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1])", fastmath=True)
def turn(points: Floats, matrix: Floats, shift: Floats, out: Floats) -> None:
    """Turn points by a matrix and shift them.

    Parameters
    ----------
    points : float32 [n, 3]
    matrix : float32 [3, 3]
        Multiplied from the left.
    shift : float32 [3]
    out : float32 [n, 3]
        Overwritten; may be ``points``.
    """
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for c in range(3):
            out[n, c] = matrix[c, 0] * x + matrix[c, 1] * y + matrix[c, 2] * z + shift[c]


@kernel("void(f4[:, ::1], f4, f4[:, ::1], f4[:, ::1])", fastmath=True)
def project(points: Floats, focal: float, crop: Floats, out: Floats) -> None:
    """Project camera points through a pinhole, then map the picture by an affine.

    Parameters
    ----------
    points : float32 [n, 3]
        x right, y down, z away from the camera.
    focal : float
        Pixels.
    crop : float32 [2, 3]
        From pixels around the camera's axis to the picture's.
    out : float32 [n, 3]
        Overwritten with (x, y) in pixels and z.
    """
    for n in range(points.shape[0]):
        z = points[n, 2]
        x, y = points[n, 0] / z * focal, points[n, 1] / z * focal
        out[n, 0] = crop[0, 0] * x + crop[0, 1] * y + crop[0, 2]
        out[n, 1] = crop[1, 0] * x + crop[1, 1] * y + crop[1, 2]
        out[n, 2] = z


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1])", fastmath=True)
def between(points: Floats, others: Floats, share: Floats) -> None:
    """Move points towards others, in place.

    Parameters
    ----------
    points, others : float32 [n, 3]
    share : float32 [n, 1], 0…1
        How far.
    """
    for n in range(points.shape[0]):
        for c in range(3):
            points[n, c] += share[n, 0] * (others[n, c] - points[n, c])
