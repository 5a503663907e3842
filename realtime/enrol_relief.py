"""Tell a head that turns from a picture that is turned: what is nearer moves further.

Points of the skin are followed from frame to frame by their looks alone (Lucas and Kanade 1981,
in pyramids after Bouguet 2000), not by the landmark network, which has only ever seen heads and
finds one in a photograph too. What a flat thing does is, to a good approximation, one affine map
of all points; what remains must be the depth of a head times the turn.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.frame import Frame, Points
from swapcast.realtime.head_pose import HEAD, HeadPose, Reals

_SIDE = 192  # pixels of the picture in which points are followed
_ROOM = 1.7  # its side over the face's
_STEP = 5  # pixels between two points
_LOST = 1.0  # pixels by which a point followed there and back may miss itself
_MOVING = (slice(36, 42), slice(42, 48), slice(48, 60))  # eyes and mouth move by themselves
_RIGID = np.r_[0:4, 13:17, 27:36, 36, 39, 42, 45, 48, 54]


@dataclass(frozen=True, slots=True)
class Relief:
    """How much of a head's depth a turn has shown."""

    depth: float
    """Measured over that of a mean head: about 1 for a head, about 0 for a flat picture."""
    points: int
    """Of the skin that were followed all the way."""
    turned: float
    """Degrees between the first and the last frame, by the landmarks."""


class SkinTracks:
    """Follows points of the skin from one frame on.

    Parameters
    ----------
    frame : Frame
    landmarks : float32 [68, 2]
        Of the face in it.
    pose : HeadPose
        Of that face.
    """

    def __init__(self, frame: Frame, landmarks: Points, pose: HeadPose) -> None:
        low, high = landmarks.min(0), landmarks.max(0)
        scale = _SIDE / (_ROOM * max(float((high - low).max()), 1.0))
        shift = _SIDE / 2 - (low + high) / 2 * scale
        self._crop = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
        self._unit = scale * pose.scale  # pixels of the crop per centimetre
        self._pose, self._marks = pose, landmarks * np.float32(scale) + shift.astype(np.float32)
        self._last = self._seen(frame)
        self._first = _skin(self._marks)
        self._now = self._first.copy()
        self._kept = np.ones(len(self._first), bool)

    def _seen(self, frame: Frame) -> NDArray[np.uint8]:
        luma = frame.y[: frame.height, : frame.width]
        crop = cv2.warpAffine(luma, self._crop, (_SIDE, _SIDE), flags=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), 0.8), np.uint8)

    def follow(self, frame: Frame) -> None:
        """Follow the points into the next frame."""
        if not len(self._now):
            return
        seen, window = self._seen(frame), {"winSize": (17, 17), "maxLevel": 3}
        here = self._now[:, None]
        there, found, _ = cv2.calcOpticalFlowPyrLK(self._last, seen, here, None, **window)
        back, again, _ = cv2.calcOpticalFlowPyrLK(seen, self._last, there, None, **window)
        miss = np.linalg.norm((back - here)[:, 0], axis=1)
        self._kept &= (found[:, 0] > 0) & (again[:, 0] > 0) & (miss < _LOST)
        self._now, self._last = there[:, 0], seen

    def relief(self, pose: HeadPose) -> Relief:
        """Compare what the points did with what a head's would have done, turned to ``pose``."""
        relative = pose.turn @ self._pose.turn.T
        course = np.array([relative[0, 2], -relative[1, 2]])  # where depth leads, x and y
        size = float(np.hypot(*course))
        turned = float(np.degrees(np.arcsin(min(size, 1.0))))
        count = int(self._kept.sum())
        if count < 40 or size < 0.05:
            return Relief(0.0, count, turned)
        depths = _depths(self._marks, self._pose, self._first[self._kept])
        start = self._first[self._kept].astype(np.float64) / self._unit
        moved = self._now[self._kept] / self._unit - start
        flat = np.linalg.qr(np.column_stack([np.ones(count), start]))[0]
        depths = depths - flat @ (flat.T @ depths)
        remains = moved - flat @ (flat.T @ moved)
        slope = depths @ remains / max(float(depths @ depths), 1e-9)
        return Relief(float(slope @ course) / size**2, count, turned)


def _skin(marks: Points) -> Points:
    """Return points on the skin within the landmarks, float32 [n, 2], in a grid."""
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillConvexPoly(mask, _hull(marks), 1)
    mask = cv2.erode(mask, np.ones((7, 7), np.uint8))
    for part in _MOVING:
        hole = np.zeros_like(mask)
        cv2.fillConvexPoly(hole, _hull(marks[part]), 1)
        mask[cv2.dilate(hole, np.ones((7, 7), np.uint8)) > 0] = 0
    rows, columns = np.nonzero(mask[::_STEP, ::_STEP])
    return (np.stack([columns, rows], 1) * _STEP).astype(np.float32)


def _hull(points: Points) -> NDArray[np.int32]:
    return np.asarray(cv2.convexHull(points), np.int32)


def _depths(marks: Points, pose: HeadPose, points: Points) -> Reals:
    """Return the depth of a mean head, turned to ``pose``, at points: float64 [n], centimetres.

    Between the landmarks it is a thin plate through their depths (Duchon 1977).
    """
    size = float(np.ptp(marks, 0).max())
    marks, points = marks / size, points / size
    known = np.zeros((71, 71))
    known[:68, :68] = _plate(marks, marks) + 1e-3 * np.eye(68)
    known[:68, 68:] = np.column_stack([np.ones(68), marks])
    known[68:, :68] = known[:68, 68:].T
    solved = np.linalg.solve(known, np.r_[HEAD @ pose.turn[2], np.zeros(3)])
    line = np.column_stack([np.ones(len(points)), points])
    out: Reals = _plate(points, marks) @ solved[:68] + line @ solved[68:]
    return out


def _plate(a: Points, b: Points) -> Reals:
    square = ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(2)
    out: Reals = square * np.log(np.maximum(square, 1e-12))
    return out


def rank_ratio(faces: NDArray[np.float32]) -> float:
    """Say how far the landmarks of a turn are from those of a flat thing.

    Seen from afar, the points of a rigid thing in many frames, each less its middle, make a matrix
    of rank 3; those of a flat one, of rank 2 (Tomasi and Kanade, IJCV 9, 1992).

    Parameters
    ----------
    faces : float32 [n ≥ 2, 68, 2]

    Returns
    -------
    float
        The third singular value over the second.
    """
    points = faces[:, _RIGID].astype(np.float64)
    points = points - points.mean(1, keepdims=True)
    points /= np.sqrt((points**2).mean((1, 2), keepdims=True))
    values = np.linalg.svd(points.transpose(0, 2, 1).reshape(-1, len(_RIGID)), compute_uv=False)
    return float(values[2] / max(values[1], 1e-9))
