"""Slow twins of the kernels on crops of faces: NumPy in float64, as the formulas read."""

import numpy as np

from tests.naive_planes import blocks, lerp2


def reduce(crop, coefficients, block):
    """Y, U, V of means of block × block pixels."""
    small = np.stack([blocks(plane.astype(float), block) for plane in crop])
    return np.einsum("ck,kij->cij", coefficients[:, :3], small) + coefficients[:, 3, None, None]


def moments(levels, weight):
    """Means, variances, covariances."""
    pixels, w = levels.reshape(3, -1).astype(float), weight.reshape(-1) / weight.sum()
    mean = pixels @ w
    spread = (pixels - mean[:, None]) * w @ (pixels - mean[:, None]).T
    return np.array([*mean, *np.diag(spread), spread[0, 1], spread[0, 2], spread[1, 2]])


def rgb(levels):
    """R, G, B of BT.601, full range, 0…255."""
    y, u, v = levels.astype(float) - np.array([0, 128, 128])[:, None, None]
    return y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u


def rgb_rule(levels):
    r, g, b = rgb(levels)
    most, least = np.maximum(np.maximum(r, g), b), np.minimum(np.minimum(r, g), b)
    day = (r > 95) & (g > 40) & (b > 20) & (most - least > 15)
    flash = (r > 220) & (g > 210) & (b > 170)
    return (r > g) & (r > b) & (np.abs(r - g) > 15) & (day | flash)


def hsv_rule(levels):
    """By way of hue and saturation, as it was published."""
    r, g, b = rgb(levels)
    most, least = np.maximum(np.maximum(r, g), b), np.minimum(np.minimum(r, g), b)
    with np.errstate(divide="ignore", invalid="ignore"):
        hue = 60 * (g - b) / (most - least)
        saturation = (most - least) / most
    return (most == r) & (hue >= 0) & (hue <= 50) & (saturation >= 0.23) & (saturation <= 0.68)


def ycrcb_rule(levels):
    _, u, v = levels
    return (u >= 77) & (u <= 127) & (v >= 133) & (v <= 173)


def likeness(levels, mean, spread, near, far):
    away = levels.reshape(3, -1).astype(float) - mean[:, None]
    squared = (away * (np.linalg.inv(spread) @ away)).sum(0)
    return np.clip((far - squared) / (far - near), 0, 1).reshape(levels.shape[1:])


def band(luma):
    """What [1 4 6 4 1] / 16 both ways takes away; 0 near the border."""
    weights, size = np.array([1, 4, 6, 4, 1]) / 16, luma.shape[0]
    out = np.zeros((size, size))
    for i in range(2, size - 2):
        for j in range(2, size - 2):
            part = luma[i - 2 : i + 3, j - 2 : j + 3]
            out[i, j] = luma[i, j] - weights @ part @ weights
    return out


def box(plane, reach):
    """Sums of windows."""
    size, out = plane.shape[0], np.zeros(plane.shape)
    for i in range(size):
        for j in range(size):
            rows = slice(max(i - reach, 0), i + reach + 1)
            out[i, j] = plane[rows, max(j - reach, 0) : j + reach + 1].sum()
    return out


def agreement(true, made, trust, grain, reach):
    alike, apart = box(true * made, reach), box(true**2 + made**2, reach)
    seen = np.sort(apart[1::3, 1::3][trust[1::3, 1::3] > 0.5])
    floor = grain * (seen[len(seen) // 4] if len(seen) else 0) + 1e-3
    return np.clip((2 * alike + floor) / (apart + floor), 0, 1) ** 2


def expand(small, block, size):
    """Bilinear; a node is the middle of its block, and the edge goes on."""
    out, last = np.zeros((size, size)), small.shape[0] - 1
    for i in range(size):
        for j in range(size):
            y, x = (min(max((k + 0.5) / block - 0.5, 0), last) for k in (i, j))
            out[i, j] = lerp2(small.astype(float), x, y)
    return out


def mixed(true, made, mask, inside):
    """The divergence of the stronger gradients, less the Laplacian of ``made``."""
    wanted = np.zeros(true.shape)
    for i, j in zip(*np.nonzero(inside), strict=True):
        for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            t = true[i + di, j + dj] - true[i, j]
            m = made[i + di, j + dj] - made[i, j]
            wanted[i, j] += (1 - mask[i, j]) * ((t if abs(t) > abs(m) else m) - m)
    return wanted


def fade(crop, cells, share, face):
    out, cell = face.astype(float), -(-crop.shape[1] // cells)
    for top in range(0, crop.shape[1], cell):
        for left in range(0, crop.shape[1], cell):
            part = np.s_[:, top : top + cell, left : left + cell]
            mean = crop[part].mean((1, 2), keepdims=True)
            out[part] = share * face[part] + (1 - share) * mean
    return out
