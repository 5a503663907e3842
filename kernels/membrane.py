"""Solve Poisson's equation within an outline: the smooth sheet that a border's differences span.

Gradient-domain blending (Pérez, Gangnet, Blake, "Poisson Image Editing", SIGGRAPH 2003) adds to the
swapped face a membrane that is harmonic inside and equals the difference to the camera's picture on
the border. One full-multigrid pass (Brandt, Math. Comp. 31, 1977) and a few V-cycles find it. On
coarse grids the outline lies between nodes; each node knows how far it is from it, as in the
symmetric scheme of Gibou, Fedkiw, Cheng and Kang (J. Comput. Phys. 176, 2002): only the diagonal of
the operator changes.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.multigrid import copy_border, prolong, residual, restrict, smooth

_COARSEST = 9  # nodes along a side, or fewer, on the last grid
_COARSEST_SWEEPS = 12


def room(size: int) -> tuple[int, int]:
    """Say how much scratch `solve` needs: floats, and whole numbers.

    Parameters
    ----------
    size : int
        Side of the crop, pixels.
    """
    sides = [size]
    while sides[-1] > _COARSEST:
        sides.append(sides[-1] // 2 + 1)
    return 4 * sum(side * side for side in sides), 4 * sum(sides)


@kernel("void(f4[:, ::1], f4, i4[:, ::1])")
def outline(mask: NDArray[np.float32], least: float, spans: NDArray[np.int32]) -> None:
    """Find the part of a crop where a mask is: from where to where in each row and column.

    Parameters
    ----------
    mask : float32 [S, S]
    least : float
        A pixel belongs to the part if the mask is larger here; those at the crop's border never do.
    spans : int32 [4, S]
        Overwritten: first and end column of each row, first and end row of each column; first and
        end are the same where there is none. What lies between counts as inside.
    """
    size = mask.shape[0]
    spans[:] = np.int32(0)
    for j in range(size):
        spans[2, j] = size
    for i in range(1, size - 1):
        first, last = 1, size - 2
        while first <= last and mask[i, first] <= least:
            first += 1
        while last >= first and mask[i, last] <= least:
            last -= 1
        if last < first:
            continue
        spans[0, i], spans[1, i] = first, last + 1
        for j in range(first, last + 1):
            spans[2, j] = min(spans[2, j], i)
            spans[3, j] = i + 1
    for j in range(size):
        if spans[3, j] == 0:
            spans[2, j] = 0


@kernel("void(i4[:, ::1], i8, i4[:, ::1])")
def _coarser(spans: NDArray[np.int32], level: int, out: NDArray[np.int32]) -> None:
    """Find the spans of a coarse grid's nodes."""
    step = 1 << level
    out[:] = np.int32(0)
    for half in range(2):
        for i in range(out.shape[1]):
            if i << level < spans.shape[1]:
                for end in range(2):
                    place = spans[2 * half + end, i << level]
                    out[2 * half + end, i] = (place + step - 1) >> level


@kernel("void(f4[:, ::1], i4[:, ::1], i8, f4, i4[:, ::1], f4[:, ::1], f4[:, ::1])")
def _meet_border(
    border: NDArray[np.float32],
    finest: NDArray[np.int32],
    level: int,
    screen: np.float32,
    spans: NDArray[np.int32],
    share: NDArray[np.float32],
    f: NDArray[np.float32],
) -> None:
    """Write one over the diagonal of a coarse grid, and take the border's levels into ``f``."""
    step = np.float32(1 << level)
    share[:] = np.float32(4.0) + screen * step * step
    for k in range(spans.shape[1]):
        fine = k << level
        if spans[0, k] < spans[1, k]:
            first, last = spans[0, k], spans[1, k] - 1
            begin, end = finest[0, fine] - 1, finest[1, fine]  # columns of the border
            near = step / np.float32((first << level) - begin)
            if near >= 1:
                share[k, first] += near - np.float32(1.0)
                f[k, first] -= near * border[fine, begin]
            near = step / np.float32(end - (last << level))
            if near >= 1:
                share[k, last] += near - np.float32(1.0)
                f[k, last] -= near * border[fine, end]
        if spans[2, k] < spans[3, k]:
            first, last = spans[2, k], spans[3, k] - 1
            begin, end = finest[2, fine] - 1, finest[3, fine]  # rows of the border
            near = step / np.float32((first << level) - begin)
            if near >= 1:
                share[first, k] += near - np.float32(1.0)
                f[first, k] -= near * border[begin, fine]
            near = step / np.float32(end - (last << level))
            if near >= 1:
                share[last, k] += near - np.float32(1.0)
                f[last, k] -= near * border[end, fine]
    for i in range(share.shape[0]):
        for j in range(share.shape[1]):
            share[i, j] = np.float32(1.0) / share[i, j]


@kernel("void(f4[:, ::1], i4[:, ::1], i8, i4[:, ::1], f4[:, ::1])")
def _hold_border(
    border: NDArray[np.float32],
    finest: NDArray[np.int32],
    level: int,
    spans: NDArray[np.int32],
    u: NDArray[np.float32],
) -> None:
    """Give the nodes just outside a coarse grid the border's levels."""
    size = u.shape[0]
    for k in range(size):
        fine = k << level
        if spans[2, k] < spans[3, k]:
            above = border[finest[2, fine] - 1, fine]
            below = border[finest[3, fine], fine]
            for n in range(2):
                u[max(spans[2, k] - 1 - n, 0), k] = above
                u[min(spans[3, k] + n, size - 1), k] = below
    for k in range(size):
        fine = k << level
        if spans[0, k] < spans[1, k]:
            left = border[fine, finest[0, fine] - 1]
            right = border[fine, finest[1, fine]]
            for n in range(2):
                u[k, max(spans[0, k] - 1 - n, 0)] = left
                u[k, min(spans[1, k] + n, size - 1)] = right


@kernel("f4[:, ::1](f4[::1], i8, i8, i8)")
def _grid(work: NDArray[np.float32], kind: int, level: int, size: int) -> NDArray[np.float32]:
    """Return one of a level's four grids: 0 what is sought, 1 spare, 2 wanted, 3 the shares."""
    start, side = 0, size
    for _ in range(level):
        start += 4 * side * side
        side = side // 2 + 1
    start += kind * side * side
    return work[start : start + side * side].reshape((side, side))


@kernel("i4[:, ::1](i4[::1], i8, i8)")
def _spans(whole: NDArray[np.int32], level: int, size: int) -> NDArray[np.int32]:
    start, side = 0, size
    for _ in range(level):
        start += 4 * side
        side = side // 2 + 1
    return whole[start : start + 4 * side].reshape((4, side))


@kernel("i8(i8)")
def _depth(size: int) -> int:
    """Count the grids."""
    count = 1
    while size > _COARSEST:
        size = size // 2 + 1
        count += 1
    return count


@kernel("void(f4[::1], i4[::1], i8, i8)")
def _cycle(work: NDArray[np.float32], whole: NDArray[np.int32], size: int, top: int) -> None:
    """Make one V-cycle over the grids from ``top`` on."""
    last = _depth(size) - 1
    for level in range(top, last):
        u, spare = _grid(work, 0, level, size), _grid(work, 1, level, size)
        f, share = _grid(work, 2, level, size), _grid(work, 3, level, size)
        spans = _spans(whole, level, size)
        if level > top:
            u[:] = np.float32(0.0)
            spare[:] = np.float32(0.0)
        smooth(u, f, share, spare, spans)
        residual(u, f, share, spare, spans)
        restrict(spare, _grid(work, 2, level + 1, size), _spans(whole, level + 1, size))
    u, spare = _grid(work, 0, last, size), _grid(work, 1, last, size)
    f, share = _grid(work, 2, last, size), _grid(work, 3, last, size)
    if last > top:
        u[:] = np.float32(0.0)
    spare[:] = np.float32(0.0)
    for _ in range(_COARSEST_SWEEPS):
        smooth(u, f, share, spare, _spans(whole, last, size))
    for level in range(last - 1, top - 1, -1):
        u, spare = _grid(work, 0, level, size), _grid(work, 1, level, size)
        spans = _spans(whole, level, size)
        prolong(_grid(work, 0, level + 1, size), u, spans)
        copy_border(u, spare, spans)
        smooth(u, _grid(work, 2, level, size), _grid(work, 3, level, size), spare, spans)


@kernel("void(f4[:, ::1], f4[:, ::1], f4, i4[:, ::1], b1, i8, f4[::1], i4[::1])")
def solve(
    sheet: NDArray[np.float32],
    wanted: NDArray[np.float32],
    screen: float,
    spans: NDArray[np.int32],
    warm: bool,
    cycles: int,
    work: NDArray[np.float32],
    whole: NDArray[np.int32],
) -> None:
    """Fill the inside so that its Laplacian, less a share of itself, is as wanted there.

    Parameters
    ----------
    sheet : float32 [S, S]
        Changed in place inside; its pixels next to the inside are the border's levels. If ``warm``
        the inside is a first guess, otherwise it may be anything.
    wanted : float32 [S, S]
        Sum of the four neighbours less 4 + ``screen`` times the pixel; 0 for a membrane.
    screen : float ≥ 0
        0 for a membrane proper. A screened one (Bhat et al., "Fourier Analysis of the 2D Screened
        Poisson Equation", ECCV 2008) falls to 0 within about 1 / √screen pixels of the border.
    spans : int32 [4, S]
        The inside, from `outline`; rows and columns are inside from end to end.
    warm : bool
    cycles : int ≥ 1
        V-cycles on the finest grid.
    work : float32 [n], whole : int32 [m]
        Scratch: n and m are `room`; overwritten.
    """
    size = sheet.shape[0]
    last = _depth(size) - 1
    _spans(whole, 0, size)[:] = spans
    u, spare = _grid(work, 0, 0, size), _grid(work, 1, 0, size)
    u[:] = sheet
    if not warm:
        for i in range(size):
            u[i, spans[0, i] : spans[1, i]] = np.float32(0.0)
    copy_border(u, spare, spans)
    _grid(work, 2, 0, size)[:] = wanted
    _grid(work, 3, 0, size)[:] = np.float32(1.0) / (np.float32(4.0) + screen)
    for level in range(1, last + 1):
        coarse = _spans(whole, level, size)
        _coarser(spans, level, coarse)
        f = _grid(work, 2, level, size)
        restrict(_grid(work, 2, level - 1, size), f, coarse)
    for level in range(last, 0, -1):
        f, share = _grid(work, 2, level, size), _grid(work, 3, level, size)
        _meet_border(sheet, spans, level, np.float32(screen), _spans(whole, level, size), share, f)
    if not warm:
        for level in range(last, 0, -1):
            coarse, u = _spans(whole, level, size), _grid(work, 0, level, size)
            if level == last:
                u[:] = np.float32(0.0)
            _cycle(work, whole, size, level)
            _hold_border(sheet, spans, level, coarse, u)
            fine = _grid(work, 0, level - 1, size)
            if level > 1:
                fine[:] = np.float32(0.0)
                _grid(work, 1, level - 1, size)[:] = np.float32(0.0)
            prolong(u, fine, _spans(whole, level - 1, size))
    for _ in range(cycles):
        _cycle(work, whole, size, 0)
    sheet[:] = _grid(work, 0, 0, size)
