"""Find the part of a picture's row that a masked crop can change."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

ONE = 1 << 16
"""Places in a crop have 16 binary places."""


@kernel("void(f4[:, ::1], i8, i8, f4[:, ::1])")
def find_spans(
    shares: NDArray[np.float32], rows: int, columns: int, spans: NDArray[np.float32]
) -> None:
    """Find where each row of a mask begins and ends.

    Parameters
    ----------
    shares : float32 [≥ rows, ≥ columns], 0…1
    rows, columns : int
        The part of ``shares`` that counts.
    spans : float32 [≥ 2, ≥ rows]
        Gets the first and the last column that is not 0; the first is larger if there is none.
    """
    for i in range(rows):
        first, last, line = np.int32(columns), np.int32(-1), shares[i]
        for j in range(columns):  # without an end half way, so that it becomes vector code
            place, some = np.int32(j), line[j] != 0
            first = min(first, place if some else np.int32(columns))
            last = max(last, place if some else np.int32(-1))
        spans[0, i], spans[1, i] = np.float32(first), np.float32(last)


@kernel("UniTuple(i8, 4)(f4[:, ::1], i8, i8, i8)")
def bounds(
    spans: NDArray[np.float32], rows: int, columns: int, block: int
) -> tuple[int, int, int, int]:
    """Give a box around a mask that holds all neighbours of the places from `row_span`.

    Parameters
    ----------
    spans : float32 [≥ 2, ≥ rows]
        From `find_spans`.
    rows, columns : int
        Size of the crop.
    block : int
        The box begins and ends at multiples of it, as far as whole blocks go.

    Returns
    -------
    tuple of int
        First row, end row, first column, end column; all 0 if the mask is empty.
    """
    top, bottom, left, right = rows, -1, columns, -1
    for i in range(rows):
        if spans[0, i] <= spans[1, i]:
            top, bottom = min(top, i), i
            left, right = min(left, int(spans[0, i])), max(right, int(spans[1, i]))
    if bottom < 0:
        return 0, 0, 0, 0
    return (
        max(top // block - 1, 0) * block,
        min((bottom // block + 3) * block, rows),
        max(left // block - 1, 0) * block,
        min((right // block + 3) * block, columns),
    )


@kernel("void(f4[:, ::1], i8, i8, i8)")
def shrink_spans(spans: NDArray[np.float32], rows: int, columns: int, block: int) -> None:
    """Write the spans of a mask that is shrunk by ``block`` behind those of the mask.

    Parameters
    ----------
    spans : float32 [4, ≥ rows]
        Two rows from `find_spans`; the other two get spans that are as wide or a bit wider than
        those that it finds in the shrunk mask.
    rows, columns : int
        Size of the shrunk crop.
    block : int
    """
    for i in range(rows):
        left, right = np.float32(columns * block), np.float32(-1.0)
        for k in range(block * i, block * i + block):
            if spans[0, k] <= spans[1, k]:
                left, right = min(left, spans[0, k]), max(right, spans[1, k])
        spans[2, i] = np.float32(int(left) // block)
        spans[3, i] = np.float32(min(int(right) // block, columns - 1))


@kernel("UniTuple(i8, 2)(i8, i8, i8, i8, i8, i8)")
def _within(start: int, step: int, low: int, high: int, first: int, end: int) -> tuple[int, int]:
    """Narrow first ≤ j < end to where low ≤ start + step · j ≤ high."""
    if step < 0:
        start, step, low, high = -start, -step, -high, -low
    if step == 0:
        return (first, end) if low <= start <= high else (first, first)
    return max(first, -((start - low) // step)), min(end, (high - start) // step + 1)


@kernel("UniTuple(i8, 2)(i8, i8, i8, i8, i8, f4[:, ::1], i8, i8)")
def row_span(
    x: int,
    y: int,
    step_x: int,
    step_y: int,
    end: int,
    spans: NDArray[np.float32],
    rows: int,
    columns: int,
) -> tuple[int, int]:
    """Find which columns 0 ≤ j < end of a picture's row may lie on the mask.

    All of them have four neighbours in the crop.

    Parameters
    ----------
    x, y, step_x, step_y : int, 16 binary places
        Column j lies at (x + step_x · j, y + step_y · j) of the crop.
    end : int
    spans : float32 [≥ 2, ≥ rows]
        From `find_spans`.
    rows, columns : int
        Size of the crop.

    Returns
    -------
    tuple of int
        The first, and the one after the last; the same if there is none.
    """
    first, end = _within(x, step_x, 0, (columns - 1) * ONE - 1, 0, end)
    first, end = _within(y, step_y, 0, (rows - 1) * ONE - 1, first, end)
    if end <= first:
        return 0, 0
    ends = (y + step_y * first) >> 16, (y + step_y * (end - 1)) >> 16
    left, right, top, bottom = np.float32(columns), np.float32(-1.0), rows, -1
    for k in range(min(ends[0], ends[1]), max(ends[0], ends[1]) + 2):
        if spans[0, k] <= spans[1, k]:
            left, right = min(left, spans[0, k]), max(right, spans[1, k])
            top, bottom = min(top, k), k
    first, end = _within(x, step_x, (int(left) - 1) * ONE, (int(right) + 1) * ONE, first, end)
    first, end = _within(y, step_y, (top - 1) * ONE, (bottom + 1) * ONE, first, end)
    return (first, end) if end > first else (0, 0)
