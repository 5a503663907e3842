"""Slow twin of the membrane: one sparse system of equations, solved directly."""

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve


def solve(
    sheet: np.ndarray, wanted: np.ndarray, inside: np.ndarray, screen: float = 0.0
) -> np.ndarray:
    """float64 [S, S]: as ``sheet``, with the (screened) Laplacian that is wanted inside."""
    rows, columns = np.nonzero(inside)
    number = np.full(inside.shape, -1)
    number[rows, columns] = here = np.arange(len(rows))
    right = wanted[rows, columns].astype(np.float64)
    entries = [(here, here, np.full(len(here), -4.0 - screen))]
    for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = rows + down, columns + across
        there = number[beside]
        known = there < 0
        right[known] -= sheet[beside][known]
        entries.append((here[~known], there[~known], np.ones(np.count_nonzero(~known))))
    i, j, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    out = sheet.astype(np.float64)
    out[rows, columns] = spsolve(csc_matrix((values, (i, j))), right)
    return out


def inside(spans: np.ndarray) -> np.ndarray:
    """bool [S, S]: what row spans hold."""
    size = spans.shape[1]
    columns = np.arange(size)
    return (columns >= spans[0][:, None]) & (columns < spans[1][:, None])
