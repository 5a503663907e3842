"""Compare the colours of two crops of a face, and move one towards the other."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 3, 'C', True)"  # float32 [3, S, S] that is only read; may be read-only


@kernel("void(Array(f4, 2, 'C', True), i8, f4[:, ::1])", fastmath=True)
def _reduce_plane(plane: NDArray[np.float32], block: int, out: NDArray[np.float32]) -> None:
    part = np.float32(1.0) / np.float32(block * block)
    for i in range(out.shape[0]):
        target = out[i]
        if block == 1:
            target[:] = plane[i, : target.size]
            continue
        if block == 2:
            above, below = plane[2 * i], plane[2 * i + 1]
            for j in range(target.size):
                pair = above[2 * j] + above[2 * j + 1]
                target[j] = part * (pair + below[2 * j] + below[2 * j + 1])
            continue
        for j in range(target.size):
            total = np.float32(0.0)
            for k in range(block * i, block * i + block):
                for n in range(block * j, block * j + block):
                    total += plane[k, n]
            target[j] = part * total


@kernel(f"void({_READ}, f4[:, ::1], i8, f4[:, :, ::1])", fastmath=True)
def reduce(
    crop: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    block: int,
    out: NDArray[np.float32],
) -> None:
    """Write a crop's levels of Y, U and V, a few times smaller.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
    coefficients : float32 [3, 4]
        From RGB 0…1 to levels: `swapcast.kernels.colour.yuv_from_rgb`.
    block : int ≥ 1
        Each level is the mean of block × block pixels.
    out : float32 [3, S // block, S // block], Y, U, V, 0…255
        Overwritten.
    """
    for channel in range(3):
        _reduce_plane(crop[channel], block, out[channel])
    m, pixels = coefficients, out[0].size
    first, second, third = out[0].reshape(pixels), out[1].reshape(pixels), out[2].reshape(pixels)
    for k in range(pixels):
        r, g, b = first[k], second[k], third[k]
        first[k] = m[0, 0] * r + m[0, 1] * g + m[0, 2] * b + m[0, 3]
        second[k] = m[1, 0] * r + m[1, 1] * g + m[1, 2] * b + m[1, 3]
        third[k] = m[2, 0] * r + m[2, 1] * g + m[2, 2] * b + m[2, 3]


@kernel("f8(f4[:, :, ::1], f4[:, ::1], f8[::1])", fastmath=True)
def moments(
    levels: NDArray[np.float32], weight: NDArray[np.float32], out: NDArray[np.float64]
) -> float:
    """Describe the colours where a weight is: their mean and how they vary together.

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V, 0…255
    weight : float32 [n, n], ≥ 0
        How much each pixel counts.
    out : float64 [9]
        Overwritten: the three means; variances of Y, U, V; covariances of YU, YV, UV. Zeros if no
        pixel counts.

    Returns
    -------
    float
        Sum of the weight.
    """
    total = np.zeros(10, np.float64)
    middle = np.float32(128.0)  # sums of squares about it stay small enough for float32 rows
    for i in range(weight.shape[0]):
        w, y, u, v = weight[i], levels[0, i], levels[1, i], levels[2, i]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = np.float32(0.0)
        for j in range(w.size):
            a, b, c = y[j] - middle, u[j] - middle, v[j] - middle
            wa, wb, wc = w[j] * a, w[j] * b, w[j] * c
            s0, s1, s2, s3 = s0 + w[j], s1 + wa, s2 + wb, s3 + wc
            s4, s5, s6 = s4 + wa * a, s5 + wb * b, s6 + wc * c
            s7, s8, s9 = s7 + wa * b, s8 + wa * c, s9 + wb * c
        sums = (s0, s1, s2, s3, s4, s5, s6, s7, s8, s9)
        for k in range(10):
            total[k] += sums[k]
    out[:] = 0.0
    if total[0] <= 0:
        return 0.0
    means = total[1:] / total[0]
    out[:3] = means[:3] + 128.0
    for k in range(3):
        out[3 + k] = max(means[3 + k] - means[k] * means[k], 0.0)
    out[6] = means[6] - means[0] * means[1]
    out[7] = means[7] - means[0] * means[2]
    out[8] = means[8] - means[1] * means[2]
    return float(total[0])


@kernel(f"void({_READ}, f4[:, ::1], f4[:, :, ::1])", fastmath=True)
def recolour(
    crop: NDArray[np.float32], matrix: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Lead every colour through one affine map, clipped to 0…1.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
    matrix : float32 [3, 4]
        Maps (R, G, B, 1) to (R, G, B).
    out : float32 [3, S, S], RGB, 0…1
        Overwritten.
    """
    dark, light = np.float32(0.0), np.float32(1.0)
    for channel in range(3):
        r, g, b, plus = matrix[channel]
        for i in range(crop.shape[1]):
            red, green, blue, target = crop[0, i], crop[1, i], crop[2, i], out[channel, i]
            for j in range(target.size):
                value = r * red[j] + g * green[j] + b * blue[j] + plus
                target[j] = min(max(value, dark), light)


@kernel(f"void({_READ}, f4[:, ::1], f4[:, :, ::1])")
def through_curves(
    crop: NDArray[np.float32], curves: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Lead each channel through a curve of its own.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
        Clipped to it.
    curves : float32 [3, n]
        Levels at n even steps from 0 to 1; straight in between.
    out : float32 [3, S, S], RGB
        Overwritten.
    """
    last = curves.shape[1] - 1
    for channel in range(3):
        for i in range(crop.shape[1]):
            for j in range(crop.shape[2]):
                place = min(max(crop[channel, i, j], np.float32(0.0)), np.float32(1.0)) * last
                k = min(int(place), last - 1)
                low, part = curves[channel, k], np.float32(place - k)
                out[channel, i, j] = low + part * (curves[channel, k + 1] - low)


@kernel(f"void({_READ}, f4[:, :, :, ::1], f4[:, :, ::1])")
def through_cube(
    crop: NDArray[np.float32], cube: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Look every colour up in a cube of colours, trilinear.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
        Clipped to it.
    cube : float32 [n, n, n, 3]
        The new RGB at n even steps of R, G and B.
    out : float32 [3, S, S], RGB
        Overwritten.
    """
    last, zero, one = cube.shape[0] - 1, np.float32(0.0), np.float32(1.0)
    for i in range(crop.shape[1]):
        for j in range(crop.shape[2]):
            r = min(max(crop[0, i, j], zero), one) * np.float32(last)
            g = min(max(crop[1, i, j], zero), one) * np.float32(last)
            b = min(max(crop[2, i, j], zero), one) * np.float32(last)
            k, m, n = min(int(r), last - 1), min(int(g), last - 1), min(int(b), last - 1)
            r, g, b = r - np.float32(k), g - np.float32(m), b - np.float32(n)
            for channel in range(3):
                near = cube[k, m, n, channel] * (one - b) + cube[k, m, n + 1, channel] * b
                far = cube[k, m + 1, n, channel] * (one - b) + cube[k, m + 1, n + 1, channel] * b
                low = near + g * (far - near)
                near = cube[k + 1, m, n, channel] * (one - b) + cube[k + 1, m, n + 1, channel] * b
                far = cube[k + 1, m + 1, n, channel] * (one - b)
                far += cube[k + 1, m + 1, n + 1, channel] * b
                out[channel, i, j] = low + r * (near + g * (far - near) - low)


_PLANE = "Array(f4, 2, 'C', True)"  # float32 [n, m] that is only read; may be read-only


@kernel(f"f8({_PLANE}, {_PLANE}, {_PLANE}, i8, i8, i8, i8, i8)", fastmath=True)
def apart(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    mask: NDArray[np.float32],
    block: int,
    left: int,
    top: int,
    right: int,
    bottom: int,
) -> float:
    """Say how far a face was changed: the mean change of brightness, over the face's own contrast.

    Of the pixels where at least half of a changed face shows.

    Parameters
    ----------
    true, made : float32 [n, n]
        Brightness before and after.
    mask : float32 [S, S], 0…1, S ≥ n · block
        How much of ``made`` shows; looked at in the middle of each block.
    block : int
    left, top, right, bottom : int
        Which pixels of ``true`` are looked at, the last ones not; cut down to what there is.

    Returns
    -------
    float
        In standard deviations of ``true``, of one level at least; infinite where nothing shows.
    """
    middle, count = block // 2, np.float32(0.0)
    total, square, change = np.float64(0.0), np.float64(0.0), np.float64(0.0)
    for i in range(max(top, 0), min(bottom, true.shape[0])):
        before, after, shown = true[i], made[i], mask[block * i + middle]
        part, power, moved = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for j in range(max(left, 0), min(right, before.size)):
            share = shown[block * j + middle]
            inside = np.float32(share >= 0.5)
            count += inside
            part += inside * before[j]
            power += inside * before[j] * before[j]
            moved += inside * share * abs(after[j] - before[j])
        total += np.float64(part)
        square += np.float64(power)
        change += np.float64(moved)
    if count == 0:
        return np.inf
    spread = max(square / count - (total / count) ** 2, 1.0)
    return float(change / count / np.sqrt(spread))
