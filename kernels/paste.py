"""Put a swapped face back where its crop came from, straight into the planes."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_SPANS = 2  # which of the three scratch planes keeps where each row of the mask begins and ends


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4, f4, f4, f4, i8, f4[:, ::1], f4[:, ::1])", fastmath=True
)
def _shrink(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    red: float,
    green: float,
    blue: float,
    black: float,
    block: int,
    levels: NDArray[np.float32],
    shares: NDArray[np.float32],
) -> None:
    """Write one channel's levels of the face, and the mask, as means of block × block pixels."""
    rows, columns = face.shape[1] // block, face.shape[2] // block
    part = np.float32(1.0) / np.float32(block * block)
    for i in range(rows):
        level_line, share_line = levels[i], shares[i]
        if block == 1:
            r, g, b, m = face[0, i], face[1, i], face[2, i], mask[i]
            for j in range(columns):
                level_line[j] = red * r[j] + green * g[j] + blue * b[j] + black
                share_line[j] = m[j]
            continue
        level_line[:columns] = black
        share_line[:columns] = np.float32(0.0)
        for k in range(block):
            row = block * i + k
            r, g, b, m = face[0, row], face[1, row], face[2, row], mask[row]
            for j in range(columns):
                level, share = np.float32(0.0), np.float32(0.0)
                for n in range(block * j, block * j + block):
                    level += red * r[n] + green * g[n] + blue * b[n]
                    share += m[n]
                level_line[j] += part * level
                share_line[j] += part * share


@kernel("void(f4[:, ::1], i8, i8, f4[:, ::1])")
def _find_spans(
    shares: NDArray[np.float32], rows: int, columns: int, spans: NDArray[np.float32]
) -> None:
    """Write the first and the last column where each row of the mask is not 0 to ``spans``."""
    for i in range(rows):
        first, last = 0, columns - 1
        while first <= last and shares[i, first] == 0:
            first += 1
        while last > first and shares[i, last] == 0:
            last -= 1
        spans[0, i], spans[1, i] = np.float32(first), np.float32(last)


@kernel("UniTuple(i8, 2)(i8, i8, i8, i8, i8, i8)")
def _within(start: int, step: int, low: int, high: int, first: int, end: int) -> tuple[int, int]:
    """Narrow first ≤ j < end to where low ≤ start + step · j ≤ high."""
    if step < 0:
        start, step, low, high = -start, -step, -high, -low
    if step == 0:
        return (first, end) if low <= start <= high else (first, first)
    return max(first, -((start - low) // step)), min(end, (high - start) // step + 1)


@kernel("void(u1[::1], f4[:, ::1], f4[:, ::1], i8, i8, i8, i8)", fastmath=True)
def _blend_row(
    line: NDArray[np.uint8],
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
        after = before + share * (level - before) + np.float32(0.5)
        line[j] = np.uint8(min(max(after, np.float32(0.0)), np.float32(255.0)))


@kernel("void(u1[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i8, i8, f8, f8, f8, f8, f8, f8)")
def _blend_plane(
    plane: NDArray[np.uint8],
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
    one = 1 << 16
    determinant = xx * yy - xy * yx
    top, bottom = plane.shape[0] + 0.0, -1.0
    for corner in range(4):  # of the crop, in rows of the plane
        x, y = (corner & 1) * (columns - 1) - x0, (corner >> 1) * (rows - 1) - y0
        row = (xx * y - yx * x) / determinant
        top, bottom = min(top, row), max(bottom, row)
    step_x, step_y = int(np.rint(xx * one)), int(np.rint(yx * one))
    for i in range(int(max(top, 0.0)), int(min(bottom + 2, float(plane.shape[0])))):
        x, y = int(np.rint((xy * i + x0) * one)), int(np.rint((yy * i + y0) * one))
        first, end = _within(x, step_x, 0, (columns - 1) * one - 1, 0, plane.shape[1])
        first, end = _within(y, step_y, 0, (rows - 1) * one - 1, first, end)
        if end <= first:
            continue
        ends = (y + step_y * first) >> 16, (y + step_y * (end - 1)) >> 16
        left, right = np.float32(columns), np.float32(-1.0)
        for k in range(min(ends[0], ends[1]), max(ends[0], ends[1]) + 2):
            if spans[0, k] <= spans[1, k]:
                left, right = min(left, spans[0, k]), max(right, spans[1, k])
        first, end = _within(x, step_x, (int(left) - 1) * one, (int(right) + 1) * one, first, end)
        if end <= first:
            continue
        line = plane[i, first:end]
        _blend_row(line, levels, shares, x + step_x * first, y + step_y * first, step_x, step_y)


@kernel(
    "void(f4[:, :, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, :, ::1], "
    "u1[:, ::1], u1[:, ::1], u1[:, ::1])"
)
def paste(
    face: NDArray[np.float32],
    mask: NDArray[np.float32],
    affine: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    scratch: NDArray[np.float32],
    y: NDArray[np.uint8],
    u: NDArray[np.uint8],
    v: NDArray[np.uint8],
) -> None:
    """Blend a face into a picture, in place.

    Each pixel becomes ``before + mask · (face - before)``, rounded to nearest, with bilinear
    samples of mask and face; where the picture is coarser than the crop, of their means. Pixels
    outside the crop, and where the mask is 0, keep their value exactly. Chroma lies as for
    `swapcast.kernels.warp.sample`.

    Parameters
    ----------
    face : float32 [3, S, S], RGB, 0…1
    mask : float32 [S, S], 0…1
        0 keeps the picture, 1 takes the face.
    affine : float32 [2, 3]
        Maps (x, y, 1) of the crop to (x, y) of luma.
    coefficients : float32 [3, 4]
        From RGB 0…1 to levels of (Y, U, V): `swapcast.kernels.colour.yuv_from_rgb`.
    scratch : float32 [3, S, S], S ≥ 2
        Overwritten.
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
    shares, block = mask, 0
    for channel in range(3):
        plane = y if channel == 0 else (u if channel == 1 else v)
        if channel == 1:  # from here on in pixels of chroma
            x0, y0 = x0 + xy / 2, y0 + yy / 2
            xx, xy, yx, yy = 2 * xx, 2 * xy, 2 * yx, 2 * yy
        coarser = 1
        while abs(xx * yy - xy * yx) > 2.0 * coarser * coarser and 4 * coarser <= mask.shape[0]:
            coarser *= 2
        shares = scratch[1]
        red, green, blue, black = coefficients[channel]
        _shrink(face, mask, red, green, blue, black, coarser, scratch[0], shares)
        rows, columns = mask.shape[0] // coarser, mask.shape[1] // coarser
        if coarser != block:
            _find_spans(shares, rows, columns, scratch[_SPANS])
            block = coarser
        shift = (coarser - 1) / 2
        _blend_plane(
            plane,
            scratch[0],
            shares,
            scratch[_SPANS],
            rows,
            columns,
            xx / coarser,
            xy / coarser,
            (x0 - shift) / coarser,
            yx / coarser,
            yy / coarser,
            (y0 - shift) / coarser,
        )
