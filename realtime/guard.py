"""What leaves the program when a face that should be swapped is not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.frame import Face

GuardMode = Literal["blur", "freeze", "slate", "pass"]
"""``blur``: at most eight cells across where the face is or may be. ``freeze``: the last good
picture. ``slate``: a plain picture. ``pass``: the true face."""

Box = NDArray[np.float32]

_CLEAN = 15  # frames in a row without any face after which a lost one counts as gone
_GROWTH = 0.08  # of its size, how much the region of a lost face grows each frame
_LARGEST = 1.2  # times its size at most, on each side
_MARGIN = 0.25  # of its size, added around the box of a face: hair line, chin and ears


@dataclass(slots=True)
class _Lost:
    box: Box
    frames: int = 0


class Guard:
    """Remembers the faces that wore a swap and where they may be while nobody sees them."""

    def __init__(self) -> None:
        self._wearing: dict[int, Box] = {}
        self._lost: dict[int, _Lost] = {}

    def regions(self, swapped: tuple[Face, ...], failed: tuple[Face, ...]) -> tuple[Box, ...]:
        """Return where a true face is, or may be, in this frame.

        Parameters
        ----------
        swapped : faces that wear their swap in this frame
        failed : faces that should, but could not be given it

        Returns
        -------
        tuple of float32 [4]
            Boxes (left, top, right, bottom) in pixels of the frame, already enlarged; they may
            reach over its edges.
        """
        here = {face.track: face.box for face in (*swapped, *failed)}
        for track, box in self._wearing.items():
            if track not in here:
                self._lost.setdefault(track, _Lost(box))
        self._wearing = here
        for track, lost in list(self._lost.items()):
            lost.frames += 1
            found = any(_centre_inside(face.box, _grown(lost)) for face in swapped)
            if track in here or found or lost.frames > _CLEAN:
                del self._lost[track]
        return (
            *(enlarge(face.box, _MARGIN) for face in failed),
            *(_grown(lost) for lost in self._lost.values()),
        )


def enlarge(box: Box, margin: float) -> Box:
    """Return a box that is larger by ``margin`` times its size on each side."""
    by = np.array([box[2] - box[0], box[3] - box[1]], np.float32) * np.float32(margin)
    return np.concatenate((box[:2] - by, box[2:] + by)).astype(np.float32)


def _grown(lost: _Lost) -> Box:
    return enlarge(lost.box, min(_MARGIN + _GROWTH * lost.frames, _LARGEST))


def _centre_inside(box: Box, region: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])
