"""Slow twins of the kernels around the occlusion network."""

import numpy as np


def overlap(size: int, small: int) -> np.ndarray:
    """float64 [small, size]: which part of each large pixel lies in each small one."""
    step = size / small
    out = np.zeros((small, size))
    for i in range(small):
        for k in range(size):
            out[i, k] = max(min((i + 1) * step, k + 1) - max(i * step, k), 0) / step
    return out


def shrink(crop: np.ndarray, small: int) -> np.ndarray:
    """float64 [3, small, small]."""
    part = overlap(crop.shape[1], small)
    return np.einsum("ik,ckn,jn->cij", part, crop.astype(np.float64), part)


def bareness(cover, low, high):
    """float64 [n, n]."""
    share = np.clip((cover.astype(np.float64) - low) / (high - low), 0, 1)
    return 1 - share * share * (3 - 2 * share)


def hidden_share(bare, outline, least):
    """Return the share of the inner face that is covered, in part or wholly."""
    small, size = len(bare), len(outline)
    places = [(2 * i + 1) * size // (2 * small) for i in range(small)]
    within = outline[np.ix_(places, places)] >= least
    return 1 - (bare[within] >= np.float32(0.9)).mean() if within.any() else 0.0


def cut_out(bare: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """float64 [S, S]."""
    small, size = len(bare), len(mask)
    places = np.clip((np.arange(size) + 0.5) * small / size - 0.5, 0, small - 1)
    nodes = np.arange(small)
    rows = np.stack([np.interp(places, nodes, bare[:, k]) for k in range(small)], 1)
    return mask * np.stack([np.interp(places, nodes, row) for row in rows])
