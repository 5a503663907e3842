"""Memory for pictures and crops that is used again as soon as nobody else holds it."""

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Buffers:
    """Arrays that are used again as soon as nobody else holds them.

    A live stream makes a picture of the same size thirty times a second; fresh memory for each
    would cost more than filling it. An array counts as free when only this pool refers to it, which
    CPython's reference counts tell; views of an array, and what native code borrows, hold it too.

    Parameters
    ----------
    most : int
        Arrays that are kept; what is taken beyond that is not used again.
    """

    def __init__(self, most: int = 24) -> None:
        self._kept: list[NDArray[Any]] = []
        self._most = most

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of any content."""
        kept = self._kept
        for k in range(len(kept)):
            # Two references to a free one: the list's, and the argument's of getrefcount.
            if sys.getrefcount(kept[k]) == 2 and kept[k].shape == shape and kept[k].dtype == dtype:
                return kept[k]
        fresh = np.empty(shape, dtype)
        if len(kept) == self._most:
            kept.pop(0)
        kept.append(fresh)
        return fresh
