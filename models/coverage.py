"""Tells whether a face set shows enough of what a face does to learn it from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swapcast.models.attributes import NAMES

LEAST = 200
"""Faces below which a set is too small, whatever they do."""
_SHARE, _FEW = 0.02, 5
"""Share of the faces, and their least number, that must show a thing for it to count."""
# On 500 drawn faces of known pose, yaw grew by 0.0147 a degree (r = 0.99) and pitch by 0.0083
# (0.96), counted from the person's own middle.
_TURN, _NOD = 15 * 0.0147, 10 * 0.0083
_OPEN, _SHUT, _WIDE = 0.2, 0.12, 0.07


@dataclass(frozen=True)
class Coverage:
    """What a face set shows and what it lacks."""

    faces: int
    shares: Mapping[str, float]
    """Of the faces that show each thing, 0…1."""
    missing: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``good enough``, or what more is needed."""
        lacks = [f"{LEAST - self.faces} more faces"] if self.faces < LEAST else []
        lacks += self.missing
        return f"more data needed: {', '.join(lacks)}" if lacks else "good enough"


def cover(attributes: NDArray[np.float32]) -> Coverage:
    """Look which turns of the head and which expressions a face set shows.

    Left and right are the picture's.

    Parameters
    ----------
    attributes : float32 [n, 7]
        As `swapcast.models.attributes.measure` reads them.
    """
    column = dict(zip(NAMES, attributes.T, strict=True))
    nods = column["pitch"] - np.median(column["pitch"])
    seen: Mapping[str, NDArray[np.bool_]] = {
        "looking left": column["yaw"] < -_TURN,
        "looking right": column["yaw"] > _TURN,
        "looking up": nods < -_NOD,
        "looking down": nods > _NOD,
        "mouth open": column["mouth"] > _OPEN,
        "mouth shut": column["mouth"] < _OPEN / 4,
        "a broad smile": column["smile"] > np.median(column["smile"]) + _WIDE,
        "eyes shut": column["eyes"] < _SHUT,
    }
    count = len(attributes)
    least = max(_FEW, _SHARE * count)
    missing = tuple(name for name, found in seen.items() if np.count_nonzero(found) < least)
    return Coverage(count, {name: float(found.mean()) for name, found in seen.items()}, missing)


def advise(named: Sequence[tuple[str, NDArray[np.float32]]]) -> list[str]:
    """Return a line for each identity: how many faces it has, and whether they will do."""
    return [f"{name}: {len(found)} faces, {cover(found).verdict}" for name, found in named]
