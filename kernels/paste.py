"""Put a swapped face back where its crop came from, straight into the planes."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.enlarge import LINES, enlarge
from swapcast.kernels.spans import ONE, find_spans, row_span

_LARGE = 0.3  # pixels of the crop for one of luma, below which the picture is much finer
_SHARES, _SPARE = 3, 5  # scratch: three of levels, two of shares, room for rows and their ends
PLANES = 6
"""Of scratch."""


@kernel("void(f4[:, :, ::1], f4[:, ::1], f4[::1], f4[:, ::1])", fastmath=True)
def _weigh(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    weights: NDArray[np.float32],
    levels: NDArray[np.float32],
) -> None:
    """Write one channel's levels of a face, times the mask, from RGB and a row of coefficients."""
    r, g, b, black = weights[0], weights[1], weights[2], weights[3]
    pixels = levels.size
    red, green, blue = face[0].reshape(pixels), face[1].reshape(pixels), face[2].reshape(pixels)
    target, share = levels.reshape(pixels), mask.reshape(pixels)
    for k in range(pixels):
        target[k] = share[k] * (r * red[k] + g * green[k] + b * blue[k] + black)


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, :, ::1], f4[:, ::1], f4[::1], f4[:, ::1], f4[:, ::1])",
    fastmath=True,
)
def _weigh_against(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    coarse: NDArray[np.float32],
    gate: NDArray[np.float32],
    weights: NDArray[np.float32],
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
) -> None:
    """As `_weigh`, for a face that lets a gate's share of the picture's detail through."""
    r, g, b, black = weights[0], weights[1], weights[2], weights[3]
    pixels = levels.size
    red, green, blue = face[0].reshape(pixels), face[1].reshape(pixels), face[2].reshape(pixels)
    rough, target, covered = (
        coarse.reshape((3, pixels)),
        levels.reshape(pixels),
        mask.reshape(pixels),
    )
    part, rest = gate.reshape(pixels), shares.reshape(pixels)
    for k in range(pixels):
        open_, share = part[k], covered[k]
        level = r * (red[k] - open_ * rough[0, k]) + g * (green[k] - open_ * rough[1, k])
        level += b * (blue[k] - open_ * rough[2, k])
        closed = share - share * open_
        target[k] = share * level + closed * black
        rest[k] = closed


@kernel("void(f4[:, ::1], i8, f4[:, ::1])", fastmath=True)
def _shrink(source: NDArray[np.float32], block: int, target: NDArray[np.float32]) -> None:
    """Write means of block × block pixels; ``target`` may be ``source``."""
    part = np.float32(1.0) / np.float32(block * block)
    for i in range(source.shape[0] // block):
        for j in range(source.shape[1] // block):
            total = np.float32(0.0)
            for k in range(block * i, block * i + block):
                for n in range(block * j, block * j + block):
                    total += source[k, n]
            target[i, j] = part * total


@kernel("void(u1[::1], i1[::1], f4, f4[:, ::1], f4[:, ::1], i8, i8, i8, i8)", fastmath=True)
def _blend_row(
    line: NDArray[np.uint8],
    marks: NDArray[np.int8],
    strength: np.float32,
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    x: int,
    y: int,
    step_x: int,
    step_y: int,
) -> None:
    """Blend pixels along a line into a row; x, y and the steps have 16 binary places."""
    place, one = np.float32(2.0**-16), np.uint64(1)
    for j in range(line.size):
        top, left = np.uint64(y >> 16), np.uint64(x >> 16)
        bottom, right = top + one, left + one
        fx, fy = np.float32(x & 0xFFFF) * place, np.float32(y & 0xFFFF) * place
        x, y = x + step_x, y + step_y
        share, below = shares[top, left], shares[bottom, left]
        share += fx * (shares[top, right] - share)
        below += fx * (shares[bottom, right] - below)
        share += fy * (below - share)
        level, below = levels[top, left], levels[bottom, left]
        level += fx * (levels[top, right] - level)
        below += fx * (levels[bottom, right] - below)
        level += fy * (below - level)
        before = np.float32(line[j])
        unmarked = before - strength * np.float32(marks[j])
        after = before + level - share * unmarked + np.float32(0.5)
        line[j] = np.uint8(min(max(after, np.float32(0.0)), np.float32(255.0)))


@kernel("UniTuple(i8, 2)(i8, i8, f8, f8, f8, f8, f8, f8)")
def _rows(
    rows: int, columns: int, xx: float, xy: float, x0: float, yx: float, yy: float, y0: float
) -> tuple[int, int]:
    """Find which rows of a plane a crop reaches: the first, and the one after the last."""
    top, bottom = 1e9, -1e9
    for corner in range(4):
        x, y = (corner & 1) * (columns - 1) - x0, (corner >> 1) * (rows - 1) - y0
        row = (xx * y - yx * x) / (xx * yy - xy * yx)
        top, bottom = min(top, row), max(bottom, row)
    return int(max(top, -1e9)), int(min(bottom, 1e9)) + 2


@kernel(
    "void(u1[:, ::1], i1[:, ::1], f4, f4[:, ::1], f4[:, ::1], f4[:, ::1], i8, i8, "
    "f8, f8, f8, f8, f8, f8)"
)
def _blend_plane(
    plane: NDArray[np.uint8],
    mark: NDArray[np.int8],
    strength: np.float32,
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    spans: NDArray[np.float32],
    rows: int,
    columns: int,
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
) -> None:
    """Blend into one plane; column j, row i of it lies at (xx·j + xy·i + x0, …) of the crop."""
    step_x, step_y = int(np.rint(xx * ONE)), int(np.rint(yx * ONE))
    first_row, end_row = _rows(rows, columns, xx, xy, x0, yx, yy, y0)
    for i in range(max(first_row, 0), min(end_row, plane.shape[0])):
        x, y = int(np.rint((xy * i + x0) * ONE)), int(np.rint((yy * i + y0) * ONE))
        first, end = row_span(x, y, step_x, step_y, plane.shape[1], spans, rows, columns)
        if first < end:
            x, y, line = x + step_x * first, y + step_y * first, plane[i, first:end]
            marks = mark[i % mark.shape[0], first:end]
            _blend_row(line, marks, strength, levels, shares, x, y, step_x, step_y)


@kernel(
    "void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i1[:, ::1], f4, "
    "f8, f8, f8, f8, f8, f8, u1[:, ::1])"
)
def _paste_plane(
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    shrunk: NDArray[np.float32],
    spans: NDArray[np.float32],
    mark: NDArray[np.int8],
    strength: np.float32,
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    plane: NDArray[np.uint8],
) -> None:
    """Blend into one plane, with a sample of the crop, marked, for each of its pixels."""
    size, block = shares.shape[0], 1
    while abs(xx * yy - xy * yx) > 2.0 * block * block and 4 * block <= size:
        block *= 2
    side = size // block
    if block > 1:
        _shrink(levels, block, levels)
        _shrink(shares, block, shrunk)
        shares = shrunk
    find_spans(shares, side, side, spans)
    shift = (block - 1) / 2
    xx, xy, x0 = xx / block, xy / block, (x0 - shift) / block
    yx, yy, y0 = yx / block, yy / block, (y0 - shift) / block
    _blend_plane(plane, mark, strength, levels, shares, spans, side, side, xx, xy, x0, yx, yy, y0)


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i1[:, ::1], "
    "f8, f8, f8, f8, f8, f8, u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def _paste_large(
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
    mask: NDArray[np.float32],
    spans: NDArray[np.float32],
    mark: NDArray[np.int8],
    xx: float,
    xy: float,
    x0: float,
    yx: float,
    yy: float,
    y0: float,
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
) -> None:
    """Blend into all planes, with a sample of the crop for each pixel of chroma."""
    size, columns = mask.shape[0], u.shape[1] + 2
    find_spans(mask, size, size, spans)
    first, end = _rows(size, size, xx, xy, x0, yx, yy, y0)
    spare = spans[2:].reshape((size - 2) * size)
    lines = spare[: LINES * columns].reshape((LINES, columns))
    way = xx, xy, x0, yx, yy, y0
    enlarge(levels, shares, mask, spans, *way, lines, first, end, mark, y, u, v)


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, :, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], "
    "f4[:, :, ::1], i1[:, ::1], u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def paste(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    coarse: NDArray[np.float32],
    gate: NDArray[np.float32],
    affine: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    scratch: NDArray[np.float32],
    mark: NDArray[np.int8],
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
) -> None:
    """Blend a face into a picture that is marked already, in place; the face is marked too.

    Each pixel becomes ``before + mask · (face + detail + mark - before)``, rounded to nearest, with
    bilinear samples of the crop; where the picture is coarser than the crop, of their means. The
    detail is ``gate · (picture - coarse)`` in luma: what the camera's picture shows beyond a coarse
    crop of itself. Pixels outside the crop, and where the mask is 0, keep their value exactly.
    Chroma lies as for `swapcast.kernels.warp.sample`.

    Parameters
    ----------
    face : float32 [3, S, S], RGB, 0…1
    mask : float32 [S, S], 0…1
        0 keeps the picture, 1 takes the face.
    coarse : float32 [3, S, S], RGB, 0…1, or [3, 0, 0]
        The true face, as far as it is not detail.
    gate : float32 [S, S], 0…0.95, or [0, 0]
        How much of the picture's detail the face takes over; empty: none.
    affine : float32 [2, 3]
        Maps (x, y, 1) of the crop to (x, y) of luma.
    coefficients : float32 [3, 4]
        From RGB 0…1 to levels of (Y, U, V): `swapcast.kernels.colour.yuv_from_rgb`.
    scratch : float32 [`PLANES`, S, S], S ≥ 2
        Overwritten.
    mark : int8 [side, columns ≥ width]
        Levels that are in the picture's luma, and in the face's afterwards; row i takes row
        ``i % side``.
    y : uint8 [height, width], even height and width
        Changed in place.
    u, v : uint8 [height / 2, width / 2]
        Changed in place.

    Raises
    ------
    ValueError
        If the affine is not finite, or flat.
    """
    a, b, c = np.float64(affine[0, 0]), np.float64(affine[0, 1]), np.float64(affine[0, 2])
    d, e, f = np.float64(affine[1, 0]), np.float64(affine[1, 1]), np.float64(affine[1, 2])
    determinant = a * e - b * d
    if not (abs(determinant) > 1e-9 and np.isfinite(determinant + c + f)):
        raise ValueError("the affine of a crop is not finite, or flat")
    xx, xy, yx, yy = e / determinant, -b / determinant, -d / determinant, a / determinant
    x0, y0 = -(xx * c + xy * f), -(yx * c + yy * f)
    size, none, one = mask.shape[0], np.float32(0.0), np.float32(1.0)  # chroma has no mark
    levels, shrunk, spans, shares = scratch[:3], scratch[_SHARES + 1], scratch[_SPARE], mask
    if gate.size == mask.size:
        shares = scratch[_SHARES]
        _weigh_against(face, mask, coarse, gate, coefficients[0], levels[0], shares)
    else:
        _weigh(face, mask, coefficients[0], levels[0])
    for k in range(1, 3):
        _weigh(face, mask, coefficients[k], levels[k])
    large = abs(xx * yy - xy * yx) < _LARGE and (size - 2) * size >= LINES * (u.shape[1] + 2)
    if not large:
        way = xx, xy, x0, yx, yy, y0
        _paste_plane(levels[0], shares, shrunk, spans, mark, one, *way, y)
    x0, y0 = x0 + xy / 2, y0 + yy / 2  # from here on in pixels of chroma
    way = 2 * xx, 2 * xy, x0, 2 * yx, 2 * yy, y0
    if large:
        _paste_large(levels, shares, mask, spans, mark, *way, y, u, v)
    else:
        _paste_plane(levels[1], mask, shrunk, spans, mark, none, *way, u)
        _paste_plane(levels[2], mask, shrunk, spans, mark, none, *way, v)
