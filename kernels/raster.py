"""Draw a triangle mesh into a picture: which triangle each pixel shows, and where in it."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@kernel("void(f4[:, ::1], i4[:, ::1], f4[:, ::1], i4[:, ::1], f4[:, :, ::1])", fastmath=True)
def rasterise(points: Floats, triangles: Ints, depth: Floats, index: Ints, weights: Floats) -> None:
    """Find the nearest triangle at every pixel centre; both sides of a triangle are seen.

    A z-buffer over bounding boxes (Pineda 1988), with weights linear in the picture: exact for
    depth written as 1 / z, and within a hundredth of a pixel for the small triangles of a head.
    Triangles with a corner at depth ≤ 0 (behind the eye) or without area are left out.

    Parameters
    ----------
    points : float32 [n, 3]
        (x, y, depth): pixels, integer coordinates are pixel centres; a smaller depth is nearer.
    triangles : int32 [m, 3]
        Corners as indices into ``points``.
    depth : float32 [h, w], in and out
        Depth already there; a pixel is only drawn if it is nearer. Start with infinity.
    index : int32 [h, w], in and out
        Triangle seen at the pixel. Start with -1.
    weights : float32 [h, w, 2], in and out
        Share of the first two corners at the pixel; the third has the rest.
    """
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
        bx, by, bz = points[j, 0], points[j, 1], points[j, 2]
        cx, cy, cz = points[k, 0], points[k, 1], points[k, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9 or min(az, bz, cz) <= 0:
            continue
        left = max(int(np.ceil(min(ax, bx, cx))), 0)
        right = min(int(np.floor(max(ax, bx, cx))), width - 1)
        top = max(int(np.ceil(min(ay, by, cy))), 0)
        bottom = min(int(np.floor(max(ay, by, cy))), height - 1)
        inverse = np.float32(1.0) / area
        for y in range(top, bottom + 1):
            first = ((bx - left) * (cy - y) - (by - y) * (cx - left)) * inverse
            second = ((cx - left) * (ay - y) - (cy - y) * (ax - left)) * inverse
            first_step, second_step = (by - cy) * inverse, (cy - ay) * inverse
            for x in range(left, right + 1):
                u = first + first_step * (x - left)
                v = second + second_step * (x - left)
                if u >= -1e-5 and v >= -1e-5 and u + v <= 1.00001:
                    z = u * az + v * bz + (1 - u - v) * cz
                    if z < depth[y, x]:
                        depth[y, x] = z
                        index[y, x] = t
                        weights[y, x, 0] = u
                        weights[y, x, 1] = v


@kernel("void(i4[:, ::1], f4[:, :, ::1], i4[:, ::1], f4[:, ::1], f4[:, :, ::1])", fastmath=True)
def interpolate(
    index: Ints, weights: Floats, corners: Ints, attributes: Floats, out: Floats
) -> None:
    """Spread what is known at the corners over the pixels that `rasterise` drew.

    Parameters
    ----------
    index : int32 [h, w]
        Triangle at the pixel, -1 where none.
    weights : float32 [h, w, 2]
    corners : int32 [m, 3]
        Rows of ``attributes`` at the corners of each triangle.
    attributes : float32 [n, k]
    out : float32 [h, w, k]
        Written where a triangle is; left alone elsewhere.
    """
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            i, j, k = corners[t, 0], corners[t, 1], corners[t, 2]
            for c in range(attributes.shape[1]):
                out[y, x, c] = (
                    u * attributes[i, c] + v * attributes[j, c] + (1 - u - v) * attributes[k, c]
                )


@kernel("void(f4[:, ::1], i4[:, ::1], f4[:, ::1])")
def corner_normals(points: Floats, triangles: Ints, out: Floats) -> None:
    """Give every corner the mean direction of the triangles around it, larger ones counting more.

    Parameters
    ----------
    points : float32 [n, 3]
    triangles : int32 [m, 3]
        Counter-clockwise seen from outside in a right-handed space.
    out : float32 [n, 3]
        Unit length; zero at points without triangles.
    """
    out[:] = 0
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1]
        vx, vy = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1]
        uz, vz = points[j, 2] - points[i, 2], points[k, 2] - points[i, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (i, j, k):
            out[corner, 0] += nx
            out[corner, 1] += ny
            out[corner, 2] += nz
    for n in range(out.shape[0]):
        length = np.sqrt(out[n, 0] ** 2 + out[n, 1] ** 2 + out[n, 2] ** 2)
        if length > 0:
            out[n, 0] /= length
            out[n, 1] /= length
            out[n, 2] /= length
