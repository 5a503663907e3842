"""What differs between two faces at the border of their mask, and the sheet that evens it out."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

RAYS = 96
"""Directions in which the border is looked at."""
_INSIDE, _OUTSIDE = 28, 64  # parts of the crop about the border whose difference counts


@kernel("f4(f4, f4)")
def _direction(x: np.float32, y: np.float32) -> np.float32:
    """Return an angle's place among the rays; it rises with the angle, without trigonometry."""
    around = abs(x) + abs(y)
    if around == 0:
        return np.float32(0.0)
    quarter = y / around
    turn = np.float32(2.0) - quarter if x < 0 else quarter
    if turn < 0:
        turn += np.float32(4.0)
    return turn * np.float32(RAYS / 4)


@kernel("UniTuple(f4, 2)(i8)")
def _ray(number: int) -> tuple[float, float]:
    """Return the unit vector of a ray: the inverse of `_direction`."""
    turn = np.float32(4.0 * number / RAYS)
    x = np.float32(1.0) - turn if turn <= 2 else turn - np.float32(3.0)
    if turn <= 1:
        y = turn
    elif turn <= 3:
        y = np.float32(2.0) - turn
    else:
        y = turn - np.float32(4.0)
    length = np.sqrt(x * x + y * y)
    return x / length, y / length


@kernel("void(f4[:, :, ::1], f4[:, :, ::1], f4[:, ::1], i4[:, ::1], f4, f4, f4[:, ::1], f4[::1])")
def border_difference(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    trust: NDArray[np.float32],
    spans: NDArray[np.int32],
    x: float,
    y: float,
    out: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> None:
    """Compare two crops about the border of an outline, ray by ray.

    Parameters
    ----------
    true, made : float32 [3, n, n], Y, U, V
    trust : float32 [n, n], 0…1
        How much each pixel counts.
    spans : int32 [4, n]
        The outline: `swapcast.kernels.membrane.outline`.
    x, y : float
        Where the rays begin: a pixel inside.
    out : float32 [3, `RAYS`]
        Overwritten with means of true - made; 0 where nothing counts.
    weight : float32 [`RAYS`]
        Overwritten with how much counted.
    """
    size = trust.shape[0]
    inside, outside = max(size // _INSIDE, 1), max(size // _OUTSIDE, 1)
    for k in range(RAYS):
        across, down = _ray(k)
        length = 0
        for n in range(1, size):
            i, j = int(y + down * n + 0.5), int(x + across * n + 0.5)
            if i < 0 or j < 0 or i >= size or j >= size or j < spans[0, i] or j >= spans[1, i]:
                break
            length = n
        out[:, k], weight[k] = np.float32(0.0), np.float32(0.0)
        for n in range(max(length - inside, 1), length + outside + 1):
            i, j = int(y + down * n + 0.5), int(x + across * n + 0.5)
            if i < 0 or j < 0 or i >= size or j >= size:
                break
            share = trust[i, j]
            weight[k] += share
            for channel in range(3):
                out[channel, k] += share * (true[channel, i, j] - made[channel, i, j])
        if weight[k] > 0:
            for channel in range(3):
                out[channel, k] /= weight[k]


@kernel("f4(f4[::1], f4, f4)")
def _towards(levels: NDArray[np.float32], x: np.float32, y: np.float32) -> np.float32:
    place = _direction(x, y)
    k = int(place)
    part = place - np.float32(k)
    here, next_ = levels[k % RAYS], levels[(k + 1) % RAYS]
    return np.float32(here + part * (next_ - here))


@kernel("void(f4[::1], i4[:, ::1], f4, f4, f4[:, ::1])")
def hang(
    levels: NDArray[np.float32],
    spans: NDArray[np.int32],
    x: float,
    y: float,
    sheet: NDArray[np.float32],
) -> None:
    """Give the pixels around an outline the levels of the rays that they lie on.

    Parameters
    ----------
    levels : float32 [`RAYS`]
    spans : int32 [4, n]
    x, y : float
        Where the rays begin.
    sheet : float32 [n, n]
        Changed next to the outline only.
    """
    for k in range(sheet.shape[0]):
        line = np.float32(k)
        if spans[0, k] < spans[1, k]:
            left, right = spans[0, k] - 1, spans[1, k]
            sheet[k, left] = _towards(levels, np.float32(left) - x, line - y)
            sheet[k, right] = _towards(levels, np.float32(right) - x, line - y)
        if spans[2, k] < spans[3, k]:
            top, bottom = spans[2, k] - 1, spans[3, k]
            sheet[top, k] = _towards(levels, line - x, np.float32(top) - y)
            sheet[bottom, k] = _towards(levels, line - x, np.float32(bottom) - y)


@kernel("void(f4[:, ::1], f4[:, ::1], i4[:, ::1], f4[:, ::1])")
def hang_exactly(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    spans: NDArray[np.int32],
    sheet: NDArray[np.float32],
) -> None:
    """Give the pixels around an outline what differs in each of them.

    Parameters
    ----------
    true, made : float32 [n, n]
    spans : int32 [4, n]
    sheet : float32 [n, n]
        Changed next to the outline only.
    """
    for k in range(sheet.shape[0]):
        if spans[0, k] < spans[1, k]:
            left, right = spans[0, k] - 1, spans[1, k]
            sheet[k, left] = true[k, left] - made[k, left]
            sheet[k, right] = true[k, right] - made[k, right]
        if spans[2, k] < spans[3, k]:
            top, bottom = spans[2, k] - 1, spans[3, k]
            sheet[top, k] = true[top, k] - made[top, k]
            sheet[bottom, k] = true[bottom, k] - made[bottom, k]


@kernel("f4(f4, f4)")
def _stronger(true: np.float32, made: np.float32) -> np.float32:
    return true - made if abs(true) > abs(made) else np.float32(0.0)


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1], i8, i4[:, ::1], f4[:, ::1])")
def mixed_gradients(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    mask: NDArray[np.float32],
    block: int,
    spans: NDArray[np.int32],
    wanted: NDArray[np.float32],
) -> None:
    """Say what a sheet must do so that the stronger of two gradients remains along the edge.

    Where the mask is whole the swapped face keeps its own gradients: mixed over all of it, a soft
    swap gives way to the wearer's features, who can be recognised then.

    Parameters
    ----------
    true, made : float32 [n, n]
    mask : float32 [S, S], 0…1, S ≥ n · block
        Gradients are mixed in proportion to 1 - mask.
    block : int ≥ 1
    spans : int32 [4, n]
    wanted : float32 [n, n]
        Overwritten inside: the Laplacian of the sheet that is added to ``made``.
    """
    for i in range(1, true.shape[0] - 1):
        for j in range(spans[0, i], spans[1, i]):
            t, m = true[i, j], made[i, j]
            total = _stronger(true[i - 1, j] - t, made[i - 1, j] - m)
            total += _stronger(true[i + 1, j] - t, made[i + 1, j] - m)
            total += _stronger(true[i, j - 1] - t, made[i, j - 1] - m)
            total += _stronger(true[i, j + 1] - t, made[i, j + 1] - m)
            wanted[i, j] = (np.float32(1.0) - mask[block * i, block * j]) * total


@kernel("void(f4[:, ::1], f4[:, :, ::1], f4[:, ::1], i4[:, ::1], f4[:, :, ::1])", fastmath=True)
def lift(
    luma: NDArray[np.float32],
    chroma: NDArray[np.float32],
    matrix: NDArray[np.float32],
    spans: NDArray[np.int32],
    face: NDArray[np.float32],
) -> None:
    """Add sheets to a face, where its outline is.

    Parameters
    ----------
    luma : float32 [S, S], levels of Y
    chroma : float32 [2, n, n], levels of U and V; n = S // 2
        Each stands for 2 × 2 pixels.
    matrix : float32 [3, 4]
        From levels of Y, U, V to RGB 0…1; its constants do not count.
    spans : int32 [4, S]
    face : float32 [3, S, S], RGB, 0…1
        Changed in place.
    """
    ry, ru, rv = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    gy, gu, gv = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    by, bu, bv = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    near, far = np.float32(0.75), np.float32(0.25)
    dark, light, last = np.float32(0.0), np.float32(1.0), chroma.shape[1] - 1
    for i in range(1, luma.shape[0] - 1):
        here = min(i >> 1, last)
        other = min(max(here + 2 * (i & 1) - 1, 0), last)
        us, vs, us_, vs_ = chroma[0, here], chroma[1, here], chroma[0, other], chroma[1, other]
        red, green, blue = face[0, i], face[1, i], face[2, i]
        for j in range(spans[0, i], spans[1, i]):
            k = min(j >> 1, last)
            n = min(max(k + 2 * (j & 1) - 1, 0), last)
            y = luma[i, j]
            u = near * (near * us[k] + far * us[n]) + far * (near * us_[k] + far * us_[n])
            v = near * (near * vs[k] + far * vs[n]) + far * (near * vs_[k] + far * vs_[n])
            red[j] = min(max(red[j] + ry * y + ru * u + rv * v, dark), light)
            green[j] = min(max(green[j] + gy * y + gu * u + gv * v, dark), light)
            blue[j] = min(max(blue[j] + by * y + bu * u + bv * v, dark), light)
