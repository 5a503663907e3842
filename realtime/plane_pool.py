"""Planes that are used again once no frame refers to them any more."""

import sys
from collections.abc import Sequence

import numpy as np

from swapcast.realtime.frame import Plane


class PlanePool:
    """As many sets of planes as there are frames on their way, and no more.

    What it hands out are views; as long as one of them, or a view of it, lives anywhere, Python
    counts a reference to the array underneath, and the set is not given out again. So a frame's
    planes never change while somebody looks at them, and a steady stream allocates nothing.

    Parameters
    ----------
    shapes : sequence of (rows, columns)
        Of the planes of one set.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]]) -> None:
        self._shapes = tuple(shapes)
        self._sets: list[tuple[Plane, ...]] = []
        self._idle = self._references(self._new())  # what an unused set shows

    def __len__(self) -> int:
        return len(self._sets)

    def take(self) -> tuple[Plane, ...]:
        """Return a set of planes nobody else has; what is in them is left from before."""
        for planes in self._sets:
            if self._references(planes) == self._idle:
                return tuple(plane[:] for plane in planes)
        self._sets.append(self._new())
        return tuple(plane[:] for plane in self._sets[-1])

    def _new(self) -> tuple[Plane, ...]:
        return tuple(np.empty(shape, np.uint8) for shape in self._shapes)

    @staticmethod
    def _references(planes: tuple[Plane, ...]) -> list[int]:
        return [sys.getrefcount(plane) for plane in planes]
