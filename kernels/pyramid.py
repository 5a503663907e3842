"""Take pictures apart into bands of ever lower frequencies, and put them together again."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 3, 'C', True)"  # float32 [c, n, n] that is only read; may be read-only


@kernel("f4(f4[::1], i8, i8)")
def _tap(line: NDArray[np.float32], size: int, middle: int) -> np.float32:
    """Weigh five neighbours by 1, 4, 6, 4, 1; the line's ends are mirrored at their middle."""
    total = np.float32(6.0) * line[middle]
    for reach in range(1, 3):
        left, right = middle - reach, middle + reach
        left = -left if left < 0 else left
        right = 2 * size - 2 - right if right >= size else right
        weight = np.float32(4.0) if reach == 1 else np.float32(1.0)
        total += weight * (line[left] + line[right])
    return np.float32(total * np.float32(0.0625))


@kernel(f"void({_READ}, f4[::1], f4[:, :, ::1])", fastmath=True)
def halve(large: NDArray[np.float32], line: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Smooth planes by the binomial filter of five taps and keep every second pixel.

    Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans. Communications
    31(4), 1983; with a = 0.375.

    Parameters
    ----------
    large : float32 [c, n, n], n ≥ 4
    line : float32 [n] or longer
        Scratch; overwritten.
    out : float32 [c, (n + 1) // 2, (n + 1) // 2]
        Overwritten.
    """
    size = large.shape[1]
    one, four, six = np.float32(0.0625), np.float32(0.25), np.float32(0.375)
    for channel in range(large.shape[0]):
        plane, small = large[channel], out[channel]
        for i in range(small.shape[0]):
            row = 2 * i
            up, upper = abs(row - 1), abs(row - 2)
            down = row + 1 if row + 1 < size else 2 * size - 3 - row
            lower = row + 2 if row + 2 < size else 2 * size - 4 - row
            a, b, c, d, e = plane[upper], plane[up], plane[row], plane[down], plane[lower]
            for j in range(size):
                line[j] = one * (a[j] + e[j]) + four * (b[j] + d[j]) + six * c[j]
            target = small[i]
            last = target.size - 2
            for j in range(1, last):
                k = 2 * j
                target[j] = (
                    one * (line[k - 2] + line[k + 2])
                    + four * (line[k - 1] + line[k + 1])
                    + six * line[k]
                )
            target[0] = _tap(line, size, 0)
            for j in range(max(last, 1), target.size):
                target[j] = _tap(line, size, 2 * j)


@kernel(f"void({_READ}, f4, f4[::1], f4[:, :, ::1])", fastmath=True)
def add_doubled(
    small: NDArray[np.float32], sign: float, line: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Add planes of half the size, bilinear between their pixels.

    Parameters
    ----------
    small : float32 [c, (n + 1) // 2, (n + 1) // 2]
        Pixel k lies on pixel 2 k of the larger plane.
    sign : float
        What the smaller planes are multiplied by.
    line : float32 [n] or longer
        Scratch; overwritten.
    out : float32 [c, n, n]
        Changed in place.
    """
    size, half = out.shape[1], small.shape[1]
    middle = np.float32(0.5)
    for channel in range(out.shape[0]):
        for i in range(size):
            above = small[channel, i // 2]
            below = small[channel, min((i + 1) // 2, half - 1)]
            for k in range(half):
                line[k] = sign * middle * (above[k] + below[k])
            target = out[channel, i]
            for k in range(half - 1):
                target[2 * k] += line[k]
                target[2 * k + 1] += middle * (line[k] + line[k + 1])
            target[2 * half - 2] += line[half - 1]
            if 2 * half - 1 < size:
                target[2 * half - 1] += line[half - 1]


@kernel(f"void({_READ}, f4[:, :, ::1])", fastmath=True)
def weigh_inside(mask: NDArray[np.float32], band: NDArray[np.float32]) -> None:
    """Let a band through where a blurred mask is more than half, by degrees.

    A blurred mask is half at the mask's outline, so that nothing passes there or outside.

    Parameters
    ----------
    mask : float32 [1, n, n], 0…1
    band : float32 [c, n, n]
        Changed in place.
    """
    for channel in range(band.shape[0]):
        for i in range(band.shape[1]):
            weight, target = mask[0, i], band[channel, i]
            for j in range(target.size):
                share = np.float32(2.0) * weight[j] - np.float32(1.0)
                target[j] *= min(max(share, np.float32(0.0)), np.float32(1.0))
