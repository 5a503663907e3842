"""Put a swapped face back where its crop came from, straight into the planes."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.enlarge import LINES, blend, blend_chroma, enlarge
from swapcast.kernels.lines import Way
from swapcast.kernels.spans import ONE, bounds, find_spans, row_span, shrink_spans
from swapcast.kernels.table import mix_four, mix_two, shrink_table

_LARGE = 0.3  # pixels of the crop for one of luma, below which the picture is much finer
_SPANS = 4  # rows of the scratch's plane of spans; behind them is room
_CHUNK = 512  # samples that are mixed and then blended
PLANES = 8
"""Of scratch: two for luma's table, four for chroma's, one for spans and lines, one for samples."""


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, ::1], UniTuple(i8, 4), f4[:, ::1], f4[:, ::1])",
    fastmath=True,
)
def _weigh(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    box: tuple[int, int, int, int],
    luma: NDArray[np.float32],
    chroma: NDArray[np.float32],
) -> None:
    """Write tables of (share, Y) and (share, U, V, 0), levels times share, within a box."""
    m = coefficients
    yr, yg, yb, y1 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    ur, ug, ub, u1 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    vr, vg, vb, v1 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    part, columns = slice(box[2], box[3]), box[3] - box[2]
    for i in range(box[0], box[1]):
        red, green, blue = face[0, i, part], face[1, i, part], face[2, i, part]
        shares, pairs, fours = mask[i, part], luma[i, 2 * box[2] :], chroma[i, 4 * box[2] :]
        for j in range(columns):  # one loop a table: with more arrays it is no vector code
            share = shares[j]
            pairs[2 * j] = share
            pairs[2 * j + 1] = share * (yr * red[j] + yg * green[j] + yb * blue[j] + y1)
        for j in range(columns):
            share, r, g, b = shares[j], red[j], green[j], blue[j]
            fours[4 * j] = share
            fours[4 * j + 1] = share * (ur * r + ug * g + ub * b + u1)
            fours[4 * j + 2] = share * (vr * r + vg * g + vb * b + v1)
            fours[4 * j + 3] = np.float32(0.0)


@kernel(
    "void(f4[:, ::1], f4[:, :, ::1], f4[:, ::1], f4[::1], UniTuple(i8, 4), f4[:, ::1])",
    fastmath=True,
)
def _let_through(
    mask: NDArray[np.float32],
    coarse: NDArray[np.float32],
    gate: NDArray[np.float32],
    weights: NDArray[np.float32],
    box: tuple[int, int, int, int],
    luma: NDArray[np.float32],
) -> None:
    """Let a gate's share of the picture's detail through: change luma's table from `_weigh`."""
    r, g, b, black = weights[0], weights[1], weights[2], weights[3]
    part, columns = slice(box[2], box[3]), box[3] - box[2]
    for i in range(box[0], box[1]):
        red, green, blue = coarse[0, i, part], coarse[1, i, part], coarse[2, i, part]
        shares, open_, pairs = mask[i, part], gate[i, part], luma[i, 2 * box[2] :]
        for j in range(columns):
            through = shares[j] * open_[j]
            pairs[2 * j] -= through
            pairs[2 * j + 1] -= through * (r * red[j] + g * green[j] + b * blue[j] + black)


@kernel("void(f4[::1], i1[::1], u1[::1])", fastmath=True)
def _blend_luma(
    samples: NDArray[np.float32], marks: NDArray[np.int8], line: NDArray[np.uint8]
) -> None:
    """Blend pixels of luma, marked, with samples of (share, level)."""
    for j in range(line.size):
        share = samples[2 * j]
        level = samples[2 * j + 1] + share * np.float32(marks[j])
        line[j] = blend(line[j], share, level)


@kernel("UniTuple(i8, 2)(i8, i8, UniTuple(f8, 6))")
def _rows(rows: int, columns: int, way: Way) -> tuple[int, int]:
    """Find which rows of a plane a crop reaches: the first, and the one after the last."""
    xx, xy, x0, yx, yy, y0 = way
    top, bottom = 1e9, -1e9
    for corner in range(4):
        x, y = (corner & 1) * (columns - 1) - x0, (corner >> 1) * (rows - 1) - y0
        row = (xx * y - yx * x) / (xx * yy - xy * yx)
        top, bottom = min(top, row), max(bottom, row)
    return int(max(top, -1e9)), int(min(bottom, 1e9)) + 2


@kernel("i8(f8, i8)")
def _block(pixels: float, size: int) -> int:
    """Return of how many pixels of the crop, squared, means are taken.

    ``pixels`` of the crop lie under one of the plane.
    """
    block = 1
    while pixels > 2.0 * block * block and 4 * block <= size:
        block *= 2
    return block


@kernel("UniTuple(f8, 6)(UniTuple(f8, 6), i8)")
def _in_blocks(way: Way, block: int) -> Way:
    """Give the way to a crop that is shrunk by ``block``."""
    xx, xy, x0, yx, yy, y0 = way
    shift = (block - 1) / 2
    x0, y0 = (x0 - shift) / block, (y0 - shift) / block
    return xx / block, xy / block, x0, yx / block, yy / block, y0


@kernel(
    "void(f4[:, ::1], i8, f4[:, ::1], UniTuple(f8, 6), f4[::1], i1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def _paste_rows(
    table: NDArray[np.float32],
    side: int,
    spans: NDArray[np.float32],
    way: Way,
    samples: NDArray[np.float32],
    mark: NDArray[np.int8],
    plane: NDArray[np.uint8],
    other: NDArray[np.uint8],
) -> None:
    """Blend a table into luma, or into both planes of chroma, with a sample for each pixel.

    ``side`` is how much of the table counts; ``other`` is empty for luma.
    """
    xx, xy, x0, yx, yy, y0 = way
    step_x, step_y = int(np.rint(xx * ONE)), int(np.rint(yx * ONE))
    first_row, end_row = _rows(side, side, way)
    chunk = min(_CHUNK, samples.size >> 2)
    for i in range(max(first_row, 0), min(end_row, plane.shape[0])):
        x, y = int(np.rint((xy * i + x0) * ONE)), int(np.rint((yy * i + y0) * ONE))
        first, end = row_span(x, y, step_x, step_y, plane.shape[1], spans, side, side)
        while first < end:
            last = min(first + chunk, end)
            place = x + step_x * first, y + step_y * first, step_x, step_y
            if other.size:
                mix_four(table, *place, last - first, samples)
                blend_chroma(samples, plane[i, first:last], other[i, first:last])
            else:
                mix_two(table, *place, last - first, samples)
                _blend_luma(samples, mark[i % mark.shape[0], first:last], plane[i, first:last])
            first = last


@kernel(
    "void(f4[:, ::1], i8, i8, UniTuple(i8, 4), f4[:, ::1], UniTuple(f8, 6), f4[::1], "
    "i1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def _paste_small(
    table: NDArray[np.float32],
    values: int,
    block: int,
    box: tuple[int, int, int, int],
    spans: NDArray[np.float32],
    way: Way,
    samples: NDArray[np.float32],
    mark: NDArray[np.int8],
    plane: NDArray[np.uint8],
    other: NDArray[np.uint8],
) -> None:
    """As `_paste_rows`, of the means of block × block pixels of a table."""
    size = spans.shape[1]
    if block == 1:
        _paste_rows(table, size, spans, way, samples, mark, plane, other)
        return
    side = size // block
    small = box[0] // block, min(box[1] // block, side), box[2] // block, min(box[3] // block, side)
    shrink_table(table, values, block, small)
    shrink_spans(spans, side, side, block)
    _paste_rows(table, side, spans[2:], _in_blocks(way, block), samples, mark, plane, other)


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
    scratch : float32 [`PLANES`, S, S], S ≥ 4
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
    size, pixels = mask.shape[0], abs(xx * yy - xy * yx)
    luma, chroma = scratch[:2].reshape((size, 2 * size)), scratch[2:6].reshape((size, 4 * size))
    spans, samples = scratch[6, :_SPANS], scratch[7].reshape(size * size)
    lines = scratch[6, _SPANS:].reshape((size - _SPANS) * size)
    find_spans(mask, size, size, spans)
    block = _block(4 * pixels, size)
    box = bounds(spans, size, size, block)
    _weigh(face, mask, coefficients, box, luma, chroma)
    if gate.size == mask.size:
        _let_through(mask, coarse, gate, coefficients[0], box, luma)
    # In pixels of chroma, which lie on luma's even columns and between two of its rows.
    way = 2 * xx, 2 * xy, x0 + xy / 2, 2 * yx, 2 * yy, y0 + yy / 2
    columns = u.shape[1] + 2
    if pixels < _LARGE and lines.size >= LINES * columns and samples.size >= 6 * columns:
        rows = _rows(size, size, way)
        room = lines[: LINES * columns].reshape((LINES, columns))
        enlarge(luma, chroma, spans, way, room, samples, *rows, mark, y, u, v)
        return
    to_luma, nothing = (xx, xy, x0, yx, yy, y0), y[:0]
    place = box, spans, to_luma, samples, mark, y, nothing
    _paste_small(luma, 2, _block(pixels, size), *place)
    _paste_small(chroma, 4, block, box, spans, way, samples, mark, u, v)
