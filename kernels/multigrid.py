"""The steps of a multigrid solver on the grids of an outline: smooth, restrict, interpolate.

All grids are float32 [n, n]; the four-neighbour sum at each node inside, less the node over its
share, shall become what is wanted. ``spans`` int32 [4, n] holds the inside: the first and the end
column of each row, the first and the end row of each column.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

# Two Jacobi steps that damp the upper three quarters of the spectrum evenly: the roots of the
# Chebyshev polynomial over the eigenvalues 0.5…2, inverted (Saad, Iterative Methods, 12.3).
_FIRST_STEP = np.float32(1 / (1.25 - 0.75 * 0.5**0.5))
_SECOND_STEP = np.float32(1 / (1.25 + 0.75 * 0.5**0.5))


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i4[:, ::1], f4)", fastmath=True)
def _step(
    u: NDArray[np.float32],
    f: NDArray[np.float32],
    share: NDArray[np.float32],
    out: NDArray[np.float32],
    spans: NDArray[np.int32],
    by: np.float32,
) -> None:
    """Make a damped Jacobi step from ``u`` to ``out``."""
    for i in range(1, u.shape[0] - 1):
        first, end = np.uint64(spans[0, i]), np.uint64(spans[1, i])
        above, here, below = u[i - 1], u[i], u[i + 1]
        target, wanted, part = out[i], f[i], share[i]
        for j in range(first, end):
            around = above[j] + below[j] + here[j - 1] + here[j + 1] - wanted[j]
            target[j] = here[j] + by * (around * part[j] - here[j])


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i4[:, ::1])")
def smooth(
    u: NDArray[np.float32],
    f: NDArray[np.float32],
    share: NDArray[np.float32],
    spare: NDArray[np.float32],
    spans: NDArray[np.int32],
) -> None:
    """Smooth the error of ``u``; ``spare`` must equal ``u`` outside."""
    _step(u, f, share, spare, spans, _FIRST_STEP)
    _step(spare, f, share, u, spans, _SECOND_STEP)


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i4[:, ::1])", fastmath=True)
def residual(
    u: NDArray[np.float32],
    f: NDArray[np.float32],
    share: NDArray[np.float32],
    out: NDArray[np.float32],
    spans: NDArray[np.int32],
) -> None:
    """Write what is missing to ``f``; 0 outside."""
    out[:] = np.float32(0.0)
    for i in range(1, u.shape[0] - 1):
        first, end = np.uint64(spans[0, i]), np.uint64(spans[1, i])
        above, here, below = u[i - 1], u[i], u[i + 1]
        target, wanted, part = out[i], f[i], share[i]
        for j in range(first, end):
            around = above[j] + below[j] + here[j - 1] + here[j + 1]
            target[j] = wanted[j] - around + here[j] / part[j]


@kernel("void(f4[:, ::1], f4[:, ::1], i4[:, ::1])", fastmath=True)
def restrict(
    fine: NDArray[np.float32], coarse: NDArray[np.float32], spans: NDArray[np.int32]
) -> None:
    """Write the weighted mean of nine, times 4 for the wider steps, where the coarse grid is."""
    coarse[:] = np.float32(0.0)
    edge, corner = np.float32(0.5), np.float32(0.25)
    for i in range(1, coarse.shape[0]):
        first, end = np.uint64(spans[0, i]), np.uint64(spans[1, i])
        if first >= end:
            continue
        above, here, below = fine[2 * i - 1], fine[2 * i], fine[2 * i + 1]
        target = coarse[i]
        for j in range(first, end):
            k = 2 * j
            crosswise = here[k - 1] + here[k + 1] + above[k] + below[k]
            diagonal = above[k - 1] + above[k + 1] + below[k - 1] + below[k + 1]
            target[j] = here[k] + edge * crosswise + corner * diagonal


@kernel("void(f4[:, ::1], f4[:, ::1], i4[:, ::1])", fastmath=True)
def prolong(
    coarse: NDArray[np.float32],
    fine: NDArray[np.float32],
    spans: NDArray[np.int32],
) -> None:
    """Interpolate a coarse grid between its nodes, and add it to the inside of a fine one."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    for i in range(1, fine.shape[0] - 1):
        first, end = int(spans[0, i]), int(spans[1, i])
        if first >= end:
            continue
        above, below, target = coarse[i >> 1], coarse[(i + 1) >> 1], fine[i]
        for j in range((first + 1) >> 1, (end + 1) >> 1):
            target[2 * j] += half * (above[j] + below[j])
        for j in range(first >> 1, end >> 1):
            mean = above[j] + below[j] + above[j + 1] + below[j + 1]
            target[2 * j + 1] += quarter * mean


@kernel("void(f4[:, ::1], f4[:, ::1], i4[:, ::1])")
def copy_border(
    u: NDArray[np.float32], spare: NDArray[np.float32], spans: NDArray[np.int32]
) -> None:
    """Give the pixels around the inside the same levels in both."""
    for k in range(1, u.shape[0] - 1):
        if spans[0, k] < spans[1, k]:
            left, right = spans[0, k] - 1, spans[1, k]
            spare[k, left], spare[k, right] = u[k, left], u[k, right]
        if spans[2, k] < spans[3, k]:
            top, bottom = spans[2, k] - 1, spans[3, k]
            spare[top, k], spare[bottom, k] = u[top, k], u[bottom, k]
