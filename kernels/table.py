"""A crop as a table of several values a pixel, all of which are mixed in one go.

Values that belong together lie side by side: one bilinear sample of two or four values takes four
loads of a short vector instead of eight or sixteen loads. Places have 16 binary places.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels import _vectors
from swapcast.kernels._jit import kernel


@kernel("f4(i8)")
def _part(x: int) -> np.float32:
    """Return how far behind a pixel a place lies, 0…1."""
    return np.float32(np.int32(x & 0xFFFF)) * np.float32(2.0**-16)


@kernel("void(f4[:, ::1], i8, i8, i8, i8, i8, f4[::1])", fastmath=True)
def mix_two(
    table: NDArray[np.float32],
    x: int,
    y: int,
    step_x: int,
    step_y: int,
    count: int,
    line: NDArray[np.float32],
) -> None:
    """Sample two values a pixel along a line.

    Parameters
    ----------
    table : float32 [rows, 2 · columns]
    x, y, step_x, step_y : int, 16 binary places
        Sample j lies at (x + step_x · j, y + step_y · j) and has four neighbours.
    count : int
        How many samples.
    line : float32 [≥ 2 · count]
        Overwritten.
    """
    row, two = np.uint64(table.shape[1]), np.uint64(2)
    for j in range(count):
        top, target = np.uint64(y >> 16) * row + two * np.uint64(x >> 16), two * np.uint64(j)
        _vectors.mix_two(table, top, top + row, _part(x), _part(y), line, target)
        x, y = x + step_x, y + step_y


@kernel("void(f4[:, ::1], i8, i8, i8, i8, i8, f4[::1])", fastmath=True)
def mix_four(
    table: NDArray[np.float32],
    x: int,
    y: int,
    step_x: int,
    step_y: int,
    count: int,
    line: NDArray[np.float32],
) -> None:
    """As `mix_two`, of a table float32 [rows, 4 · columns]; ``line`` is float32 [≥ 4 · count]."""
    row, four = np.uint64(table.shape[1]), np.uint64(4)
    for j in range(count):
        top, target = np.uint64(y >> 16) * row + four * np.uint64(x >> 16), four * np.uint64(j)
        _vectors.mix_four(table, top, top + row, _part(x), _part(y), line, target)
        x, y = x + step_x, y + step_y


@kernel("void(f4[:, ::1], f4[:, ::1], i8, i8, i8, i8, i8, f4[::1], f4[::1])", fastmath=True)
def mix_both(
    pairs: NDArray[np.float32],
    fours: NDArray[np.float32],
    x: int,
    y: int,
    step_x: int,
    step_y: int,
    count: int,
    pair_line: NDArray[np.float32],
    four_line: NDArray[np.float32],
) -> None:
    """Do `mix_two` and `mix_four` at the same places, of two tables of one crop."""
    row, two, four = np.uint64(pairs.shape[1]), np.uint64(2), np.uint64(4)
    for j in range(count):
        top, target = np.uint64(y >> 16) * row + two * np.uint64(x >> 16), np.uint64(j)
        right, below = _part(x), _part(y)
        _vectors.mix_two(pairs, top, top + row, right, below, pair_line, two * target)
        first, next_ = two * top, two * (top + row)
        _vectors.mix_four(fours, first, next_, right, below, four_line, four * target)
        x, y = x + step_x, y + step_y


@kernel("void(f4[:, ::1], i8, i8, UniTuple(i8, 4))", fastmath=True)
def shrink_table(
    table: NDArray[np.float32], values: int, block: int, box: tuple[int, int, int, int]
) -> None:
    """Write means of block × block pixels into the table's upper left corner.

    Parameters
    ----------
    table : float32 [rows, values · columns]
        Changed in place.
    values : int
        Of a pixel.
    block : int
    box : first row, end row, first column, end column of the small table that are written
    """
    part = np.float32(1.0) / np.float32(block * block)
    for i in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            for value in range(values):
                total = np.float32(0.0)
                for k in range(block * i, block * i + block):
                    for n in range(block * j, block * j + block):
                        total += table[k, values * n + value]
                table[i, values * j + value] = part * total
