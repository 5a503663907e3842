"""Where faces and hits lie to each other, by their boxes and five points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Face, Points

Box = NDArray[np.float32]
"""float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""

# How a hit's points may differ from those of the swap that covers it. On the test clips they lie
# 0.23 of its size apart at most, spread 0.86 to 1.44 times as far, and are turned by 40° at most.
_POINTS, _SPREAD, _ALIKE, _TURN = 0.3, 1.7, 0.75, np.radians(55)
_HAIR = 0.6  # of the landmarks' height, that detectors' boxes may reach higher
_PART, _WITHIN = 0.6, 0.8  # of the face's area at most; of its own area at least
_PLANE = np.array([1, 1j])  # (x, y) as one complex number


def covers(face: Face, hit: Detection) -> bool:
    """Tell whether a face sits where a hit is: their five points agree.

    They must lie near each other, be of one size, and form the same figure turned by little: the
    mean of any points that make no sense lies in the middle of the face as well.
    """
    if not gap(face, hit, hit.points) < _POINTS:
        return False
    ours, theirs = (points @ _PLANE for points in (face.points, hit.points))
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    spread, wanted = np.linalg.norm(ours), np.linalg.norm(theirs)
    alike = np.vdot(ours, theirs) / max(float(spread * wanted), 1e-9)
    turn = abs(float(np.angle(alike)))
    return bool(wanted / _SPREAD < spread < wanted * _SPREAD and abs(alike) > _ALIKE) and (
        turn < _TURN
    )


def gap(face: Face, hit: Detection, points: Points) -> float:
    """Return the mean distance of five points from those of a face, in sizes of the hit's box."""
    size = float(np.sqrt(np.prod(np.maximum(hit.box[2:] - hit.box[:2], 1))))
    return float(np.hypot(*(face.points - points).T).mean()) / size


def nearest(faces: Sequence[Face], points: Points) -> tuple[Face | None, float]:
    """Return the face whose five points lie nearest, and their mean distance in its own sizes."""
    best: Face | None = None
    least = np.inf
    for face in faces:
        size = float(np.sqrt(np.prod(np.maximum(face.box[2:] - face.box[:2], 1))))
        off = float(np.hypot(*(face.points - points).T).mean()) / size
        if off < least:
            best, least = face, off
    return best, least


def enlarge(box: Box, margin: float) -> Box:
    """Return a box that is larger by ``margin`` times its size on each side."""
    by = np.array([box[2] - box[0], box[3] - box[1]], np.float32) * np.float32(margin)
    return np.concatenate((box[:2] - by, box[2:] + by)).astype(np.float32)


def head(box: Box) -> Box:
    """Return the box of a face's landmarks, raised by forehead and hair, as detectors draw it."""
    return box - np.array([0, _HAIR * (box[3] - box[1]), 0, 0], np.float32)


def same_place(a: Box, b: Box) -> bool:
    """Tell whether two boxes are about one thing: the middle of each lies within the other."""
    return centre_inside(a, b) and centre_inside(b, a)


def centre_inside(box: Box, region: Box) -> bool:
    """Tell whether the middle of a box lies within a region."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])


def overlap(a: Box, b: Box) -> bool:
    """Tell whether two boxes have a place in common."""
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


def part_of(hit: Detection, whole: Detection) -> bool:
    """Tell whether a hit may be a part of a face, such as its mouth: smaller, and mostly within."""
    low, high = np.maximum(hit.box[:2], whole.box[:2]), np.minimum(hit.box[2:], whole.box[2:])
    own, larger = (float(np.prod(one.box[2:] - one.box[:2])) for one in (hit, whole))
    common = float(np.prod(np.maximum(high - low, 0)))
    return own < _PART * larger and common > _WITHIN * own
