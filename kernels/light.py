"""Light on the corners of a mesh, and the picture around a face under another light."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.raster import corner_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]


@kernel(
    "void(f4[:, ::1], i4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1])",
    fastmath=True,
)
def light_corners(
    points: Floats, triangles: Ints, coefficients: Floats, normals: Floats, out: Floats
) -> None:
    """Find the light on every corner, from nine patterns over the directions it can face.

    Parameters
    ----------
    points : float32 [n, 3]
        Camera axes, centimetres; the camera at the origin.
    triangles : int32 [m, 3]
    coefficients : float32 [9, 3]
        Of each pattern, as `swapcast.models.head_light.patterns` orders them; linear.
    normals : float32 [n, 3]
        Overwritten with the corners' directions.
    out : float32 [n, 4]
        Red, green, blue ≥ 0.05, linear; and > 0 where the corner looks away from the camera.
    """
    corner_normals(points, triangles, normals)
    one, three, least = np.float32(1.0), np.float32(3.0), np.float32(0.05)
    for n in range(points.shape[0]):
        x, y, z = normals[n, 0], normals[n, 1], normals[n, 2]
        for c in range(3):
            k = coefficients[:, c]
            level = k[0] + k[1] * x + k[2] * y + k[3] * z + k[4] * x * y + k[5] * y * z
            level += k[6] * (three * z * z - one) + k[7] * x * z + k[8] * (x * x - y * y)
            out[n, c] = max(level, least)
        out[n, 3] = x * points[n, 0] + y * points[n, 1] + z * points[n, 2]


@kernel(
    "void(i4[:, ::1], f4[:, :, ::1], i4[:, ::1], f4[:, ::1], f4[:, ::1], u1[:, :, ::1], "
    "f4[:, :, ::1])",
    fastmath=True,
)
def shade_sheet(
    index: Ints,
    weights: Floats,
    triangles: Ints,
    places: Floats,
    ratio: Floats,
    picture: Bytes,
    out: Floats,
) -> None:
    """Colour the sheet around a face.

    Parameters
    ----------
    index, weights : int32 [h, w], float32 [h, w, 2]
        As `swapcast.kernels.raster.rasterise` leaves them.
    triangles : int32 [m, 3]
    places : float32 [n, 2]
        (x, y) of each corner in ``picture``.
    ratio : float32 [n, 3], ≥ 0
        Light at each corner against that of the picture.
    picture : uint8 [r, c, 4]
        Red, green, blue, and share.
    out : float32 [h, w, 4]
        Overwritten with linear red, green, blue (the square of the picture's), and share, 0…1.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    bottom, right = np.float32(picture.shape[0] - 1.001), np.float32(picture.shape[1] - 1.001)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                out[y, x] = zero
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            w = one - u - v
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            p = u * places[i, 0] + v * places[j, 0] + w * places[k, 0]
            q = u * places[i, 1] + v * places[j, 1] + w * places[k, 1]
            p, q = min(max(p, zero), right), min(max(q, zero), bottom)
            left, top = np.int64(p), np.int64(q)
            p, q = p - np.float32(left), q - np.float32(top)
            e, f, g, h = (one - p) * (one - q), p * (one - q), (one - p) * q, p * q
            for c in range(4):
                level = (
                    e * np.float32(picture[top, left, c])
                    + f * np.float32(picture[top, left + 1, c])
                    + g * np.float32(picture[top + 1, left, c])
                    + h * np.float32(picture[top + 1, left + 1, c])
                ) * np.float32(1 / 255)
                out[y, x, c] = level
            for c in range(3):
                light = u * ratio[i, c] + v * ratio[j, c] + w * ratio[k, c]
                out[y, x, c] *= out[y, x, c] * light
