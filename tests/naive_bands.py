"""Slow twins of the kernels that relight crops and take them apart into bands."""

import numpy as np

TAPS = np.array([1, 4, 6, 4, 1]) / 16


def sum_cells(true, made, trust, cells):
    """float64 [3, cells, cells]."""
    size, out = len(true), np.zeros((3, cells, cells))
    for i in range(size):
        for j in range(size):
            place = i * cells // size, j * cells // size
            for k, value in enumerate((1.0, true[i, j], made[i, j])):
                out[(k, *place)] += trust[i, j] * value
    return out


def gains_of(sums, near, doubt, low, high):
    """float64 [cells, cells]."""
    weight, there, here = np.einsum("ik,jn,ckn->cij", near, near, sums)
    rest = doubt * np.maximum((there + here) / (2 * np.maximum(weight, 1e-6)), 1)
    return np.clip((there + rest) / (here + rest), low, high)


def enlarged(field, size):
    """float64 [size, size]: bilinear between the middles of cells."""
    cells = len(field)
    places = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    nodes = np.arange(cells)
    rows = np.stack([np.interp(places, nodes, field[:, k]) for k in range(cells)], 1)
    return np.stack([np.interp(places, nodes, row) for row in rows])


def halve(plane):
    """float64 [(n + 1) // 2, (n + 1) // 2]."""
    wide = np.pad(plane.astype(np.float64), 2, mode="reflect")
    size = len(plane)
    rows = sum(TAPS[k] * wide[k : k + size] for k in range(5))
    whole = sum(TAPS[k] * rows[:, k : k + size] for k in range(5))
    return whole[::2, ::2]


def doubled(small, size):
    """float64 [size, size]."""
    places = np.minimum(np.arange(size) / 2, len(small) - 1)
    nodes = np.arange(len(small))
    rows = np.stack([np.interp(places, nodes, small[:, k]) for k in range(len(small))], 1)
    return np.stack([np.interp(places, nodes, row) for row in rows])


def blend(true, mask, face, levels):
    """float64 [n, n]: one channel, blended band by band towards the inside of the mask."""
    gaps, masks = [face.astype(np.float64) - true], [mask.astype(np.float64)]
    for _ in range(levels):
        gaps.append(halve(gaps[-1]))
        masks.append(halve(masks[-1]))
    out = gaps[0] - doubled(gaps[1], len(gaps[0]))
    for k in range(1, levels + 1):
        band = gaps[k]
        if k < levels:
            band = band - doubled(gaps[k + 1], len(band))
        band = band * np.clip(2 * masks[k] - 1, 0, 1)
        for larger in range(k - 1, -1, -1):
            band = doubled(band, len(gaps[larger]))
        out = out + band
    return np.clip(true + out, 0, 1)
