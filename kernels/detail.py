"""Compare the fine structure of two crops, and split one crop into structure and detail."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_READ = "Array(f4, 3, 'C', True)"  # float32 [3, S, S] that is only read; may be read-only


@kernel("void(f4[:, ::1], f4[:, ::1], f4[:, ::1])", fastmath=True)
def band(luma: NDArray[np.float32], scratch: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write what a binomial blur of five pixels takes away; 0 within two pixels of the border.

    Parameters
    ----------
    luma : float32 [n, n]
    scratch : float32 [n, n]
        Overwritten.
    out : float32 [n, n]
        Overwritten.
    """
    size = luma.shape[0]
    four, six, part = np.float32(4.0), np.float32(6.0), np.float32(1 / 256)
    out[:] = np.float32(0.0)
    first, end = np.uint64(2), np.uint64(size - 2)
    for i in range(2, size - 2):
        a, b, c, d, e = luma[i - 2], luma[i - 1], luma[i], luma[i + 1], luma[i + 2]
        line, target = scratch[i], out[i]
        for j in range(size):
            line[j] = a[j] + e[j] + four * (b[j] + d[j]) + six * c[j]
        for j in range(first, end):
            total = line[j - 2] + line[j + 2] + four * (line[j - 1] + line[j + 1]) + six * line[j]
            target[j] = c[j] - part * total


@kernel("void(f4[:, ::1], i8, f4[::1], f4[:, ::1])", fastmath=True)
def _box(
    plane: NDArray[np.float32], reach: int, line: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Sum up windows of 2 · reach + 1 pixels; beyond the border there is 0."""
    size = plane.shape[0]
    line[:] = np.float32(0.0)
    for i in range(min(reach, size)):
        line += plane[i]
    for i in range(size):
        if i + reach < size:
            line += plane[i + reach]
        if i > reach:
            line -= plane[i - reach - 1]
        total, target = np.float32(0.0), out[i]
        for j in range(min(reach, size)):
            total += line[j]
        for j in range(size):
            if j + reach < size:
                total += line[j + reach]
            if j > reach:
                total -= line[j - reach - 1]
            target[j] = total


@kernel("f4(f4[:, ::1], f4[:, ::1], f4[::1])")
def _quiet(
    energy: NDArray[np.float32], trust: NDArray[np.float32], spare: NDArray[np.float32]
) -> float:
    """Return the lower quartile of the energies that count, of one pixel in nine; 0 if none do."""
    found = 0
    for i in range(1, energy.shape[0], 3):
        for j in range(1, energy.shape[1], 3):
            if trust[i, j] > np.float32(0.5):
                spare[found] = energy[i, j]
                found += 1
    if found == 0:
        return 0.0
    return float(np.partition(spare[:found], found // 4)[found // 4])


@kernel(
    "void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4, i8, f4[:, :, ::1], f4[:, ::1])", fastmath=True
)
def agreement(
    true: NDArray[np.float32],
    made: NDArray[np.float32],
    trust: NDArray[np.float32],
    grain: float,
    reach: int,
    scratch: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Say where two bands show the same structure, or none beyond grain.

    The structure term of Wang et al. ("Image Quality Assessment", IEEE TIP 13, 2004) over windows:
    (2 Σab + g) / (Σaa + Σbb + g), squared. It is near 1 where both are quiet or alike, and near 0
    where one has lines that the other has not. Grain is what the quietest quarter of the skin
    shows.

    Parameters
    ----------
    true, made : float32 [n, n]
        Bands, as from `band`.
    trust : float32 [n, n]
        Skin is where it is above a half.
    grain : float > 0
        g, in multiples of the quiet skin's energy.
    reach : int
        The windows are 2 · reach + 1 pixels wide.
    scratch : float32 [4, n, n]
        Overwritten.
    out : float32 [n, n], 0…1
        Overwritten.
    """
    pixels = true.size
    a, b, target = true.reshape(pixels), made.reshape(pixels), out.reshape(pixels)
    alike, apart = scratch[0].reshape(pixels), scratch[1].reshape(pixels)
    for k in range(pixels):
        alike[k] = a[k] * b[k]
        apart[k] = a[k] * a[k] + b[k] * b[k]
    _box(scratch[0], reach, scratch[3, 0], scratch[2])
    _box(scratch[1], reach, scratch[3, 0], scratch[0])
    floor = grain * _quiet(scratch[0], trust, scratch[3].reshape(pixels)) + np.float32(1e-3)
    alike, apart = scratch[2].reshape(pixels), scratch[0].reshape(pixels)
    for k in range(pixels):
        share = (np.float32(2.0) * alike[k] + floor) / (apart[k] + floor)
        share = min(max(share, np.float32(0.0)), np.float32(1.0))
        target[k] = share * share


@kernel("void(f4[:, ::1], i8, f4, f4[::1])", fastmath=True)
def _between(
    small: NDArray[np.float32], block: int, place: np.float32, line: NDArray[np.float32]
) -> None:
    """Interpolate a row of a grid, each of whose nodes stands for block × block pixels."""
    rows, columns = small.shape
    down = min(max(place, np.float32(0.0)), np.float32(rows - 1))
    top = min(int(down), rows - 2)
    lower = np.float32(down - top)
    upper = np.float32(1.0) - lower
    above, below = small[top], small[top + 1]
    if block == 2:
        near, far = np.float32(0.75), np.float32(0.25)
        for j in range(1, columns):
            left = upper * above[j - 1] + lower * below[j - 1]
            right = upper * above[j] + lower * below[j]
            line[2 * j - 1] = near * left + far * right
            line[2 * j] = far * left + near * right
        line[0] = upper * above[0] + lower * below[0]
        for j in range(2 * columns - 1, line.size):
            line[j] = upper * above[columns - 1] + lower * below[columns - 1]
        return
    for j in range(line.size):
        across = (np.float32(j) + np.float32(0.5)) / np.float32(block) - np.float32(0.5)
        across = min(max(across, np.float32(0.0)), np.float32(columns - 1))
        k = min(int(across), columns - 2)
        part = np.float32(across - k)
        left = upper * above[k] + lower * below[k]
        line[j] = left + part * (upper * above[k + 1] + lower * below[k + 1] - left)


@kernel("void(f4[:, ::1], i8, f4, f4[:, ::1], b1)", fastmath=True)
def expand(
    small: NDArray[np.float32], block: int, by: float, out: NDArray[np.float32], times: bool
) -> None:
    """Write or multiply a crop-sized plane by a smaller one, bilinear.

    Parameters
    ----------
    small : float32 [n, n], n ≥ 2
        Each node is the middle of block × block pixels.
    block : int ≥ 1
    by : float
        What the levels are multiplied by.
    out : float32 [S, S], S ≥ n · block
        Overwritten, or multiplied if ``times``.
    times : bool
    """
    line = np.empty(out.shape[1], np.float32)
    for i in range(out.shape[0]):
        place = (np.float32(i) + np.float32(0.5)) / np.float32(block) - np.float32(0.5)
        _between(small, block, place, line)
        target = out[i]
        if times:
            for j in range(target.size):
                target[j] *= by * line[j]
        else:
            for j in range(target.size):
                target[j] = by * line[j]


@kernel(f"f8({_READ}, f4[::1], f4[:, ::1], f4[:, ::1], i8, i8)", fastmath=True)
def fine_energy(
    crop: NDArray[np.float32],
    weights: NDArray[np.float32],
    small: NDArray[np.float32],
    trust: NDArray[np.float32],
    block: int,
    every: int,
) -> float:
    """Measure what a crop shows beyond its smaller copy: the mean square in luma.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
    weights : float32 [4]
        From RGB 0…1 to levels of Y.
    small : float32 [n, n]
        The crop's Y, each level the mean of block × block pixels.
    trust : float32 [n, n]
        How much each of them counts.
    block : int
    every : int
        Only each so many-th row of the crop is looked at.

    Returns
    -------
    float
        Levels of Y, squared; 0 if nothing counts.
    """
    r, g, b, black = weights
    line, total, whole = np.empty(crop.shape[2], np.float32), np.float64(0.0), np.float64(0.0)
    for i in range(0, small.shape[0] * block, every):
        place = (np.float32(i) + np.float32(0.5)) / np.float32(block) - np.float32(0.5)
        _between(small, block, place, line)
        red, green, blue, share = crop[0, i], crop[1, i], crop[2, i], trust[i // block]
        for j in range(line.size):
            line[j] = r * red[j] + g * green[j] + b * blue[j] + black - line[j]
        for j in range(share.size):
            square = np.float32(0.0)
            for k in range(block * j, block * j + block):
                square += line[k] * line[k]
            total += np.float64(share[j] * square)
            whole += np.float64(share[j] * np.float32(block))
    return total / whole if whole > 0 else 0.0


@kernel(f"void({_READ}, f4[::1], f4[:, ::1], f4[:, ::1], i8, f4, f4, f4[:, :, ::1])", fastmath=True)
def coarsen(
    crop: NDArray[np.float32],
    weights: NDArray[np.float32],
    small: NDArray[np.float32],
    middle: NDArray[np.float32],
    block: int,
    fine: float,
    mid: float,
    out: NDArray[np.float32],
) -> None:
    """Take shares of two bands of luma out of a crop.

    Parameters
    ----------
    crop : float32 [3, S, S], RGB, 0…1
    weights : float32 [4]
        From RGB 0…1 to levels of Y.
    small : float32 [n, n]
        The crop's Y, each level the mean of block × block pixels; the fine band is the crop's Y
        less this.
    middle : float32 [n, n]
        `band` of ``small``.
    block : int
    fine, mid : float, 0…1
        How much of the two bands goes.
    out : float32 [3, S, S], RGB
        Overwritten.
    """
    r, g, b, black = weights
    unit = np.float32(1.0) / (r + g + b)  # levels of Y to grey
    low, high = np.empty(crop.shape[2], np.float32), np.empty(crop.shape[2], np.float32)
    for i in range(crop.shape[1]):
        place = (np.float32(i) + np.float32(0.5)) / np.float32(block) - np.float32(0.5)
        _between(small, block, place, low)
        _between(middle, block, place, high)
        red, green, blue = crop[0, i], crop[1, i], crop[2, i]
        for j in range(low.size):
            level = r * red[j] + g * green[j] + b * blue[j] + black
            high[j] = unit * (fine * (level - low[j]) + mid * high[j])
        for channel in range(3):
            source, target = crop[channel, i], out[channel, i]
            for j in range(target.size):
                target[j] = source[j] - high[j]
