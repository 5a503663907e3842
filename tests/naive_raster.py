"""Slow twins of the drawing kernels."""

import numpy as np


def rasterise(points, triangles, height, width):
    """Return depth, index and weights by asking every triangle at every pixel centre."""
    depth = np.full((height, width), np.inf)
    index = np.full((height, width), -1)
    weights = np.zeros((height, width, 2))
    for t, corners in enumerate(triangles):
        a, b, c = points[corners].astype(np.float64)
        system = np.array([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [1, 1, 1]])
        if abs(np.linalg.det(system)) < 1e-9 or min(a[2], b[2], c[2]) <= 0:
            continue
        for y in range(height):
            for x in range(width):
                share = np.linalg.solve(system, [x, y, 1])
                z = share @ [a[2], b[2], c[2]]
                if share.min() >= 0 and z < depth[y, x]:
                    depth[y, x], index[y, x], weights[y, x] = z, t, share[:2]
    return depth, index, weights
