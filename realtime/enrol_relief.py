"""Tell a head that turns from a picture that is turned: what is nearer moves further.

Points of the skin are followed from frame to frame by their looks alone (Lucas and Kanade 1981,
in pyramids after Bouguet 2000), not by the landmark network, which has only ever seen heads and
finds one in a photograph too. What a print or a screen does, tilted, seen in perspective or bent,
is close to a polynomial of second degree in the picture. What such a polynomial cannot explain
must be a nose.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.frame import Frame, Points
from swapcast.realtime.head_pose import HEAD, HeadPose, Reals

_SIDE = 320  # pixels of the picture in which points are followed
_ROOM = 1.7  # its side over the face's
_STEP = 6  # pixels between two points
_WINDOW = (17, 17)
_LOST = 1.0  # pixels by which a point followed there and back may miss itself
_FEWEST = 100  # points
_MOVING = (slice(36, 42), slice(42, 48), slice(48, 60))  # eyes and mouth move by themselves

_DEPTH = (
    (0.7, 0.7, 0.7, 0.6, 0.5, 0.2, -0.2, -1.0),
    (0.6, 0.5, 0.4, 0.1, -0.1, -0.3, -0.4, -1.0),
    (0.7, 0.5, -0.2, -0.6, -0.7, -0.7, -0.7, -1.5),
    (1.4, 1.1, 0.3, -0.4, -0.6, -0.6, -0.8, -1.7),
    (2.2, 1.9, 1.1, 0.3, -0.2, -0.5, -0.8, -1.3),
    (2.9, 2.7, 2.2, 0.8, 0.2, -0.2, -0.6, -1.1),
    (2.9, 2.7, 0.3, 1.6, 0.2, 0.0, -0.4, -1.1),
    (1.5, 1.4, 1.1, 0.7, 0.4, 0.0, -0.4, -1.3),
    (1.7, 1.7, 1.5, 1.2, 0.8, 0.2, -0.5, -1.5),
    (1.2, 1.1, 0.9, 0.8, 0.6, 0.1, -0.7, -1.9),
    (1.5, 1.5, 1.3, 1.0, 0.6, -0.2, -0.9, -2.3),
    (0.9, 0.8, 0.7, 0.5, 0.3, -0.4, -1.4, -3.1),
)
"""Depth of a mean face in centimetres, 5 to -6 cm up in rows, the columns of `_ASIDE`.

Of the mean head of ICT-FaceKit (© 2020 USC Institute for Creative Technologies, MIT licence), in
the axes of `HEAD`.
"""
_ASIDE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
_FACE: Reals = np.array(
    [
        (side * x, 5.0 - row, depth)
        for row, depths in enumerate(_DEPTH)
        for x, depth in zip(_ASIDE, depths, strict=True)
        for side in ((1, -1) if x else (1,))
    ]
)
"""float64 [180, 3]: points of the mean face."""


@dataclass(frozen=True, slots=True)
class Relief:
    """How much of a head's depth a turn has shown."""

    depth: float
    """The nose's, over a mean head's: about 0.7 for a head, about 0 for a print, bent or not."""
    rank: float
    """Third singular value of the points' tracks over the second; near 0 for a flat thing."""
    points: int
    """Of the skin that were followed all the way."""


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
        self._pose = pose
        self._marks = (landmarks * scale + shift).astype(np.float32)
        self._last = self._seen(frame)
        self._tracks = [_skin(self._marks)]
        self._kept = np.ones(len(self._tracks[0]), bool)

    def _seen(self, frame: Frame) -> NDArray[np.uint8]:
        luma = frame.y[: frame.height, : frame.width]
        crop = cv2.warpAffine(luma, self._crop, (_SIDE, _SIDE), flags=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), 0.8), np.uint8)

    def follow(self, frame: Frame) -> None:
        """Follow the points into the next frame."""
        if not self._kept.any():
            return
        seen, here = self._seen(frame), self._tracks[-1][:, None]
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            self._last, seen, here, None, winSize=_WINDOW, maxLevel=3
        )
        back, again, _ = cv2.calcOpticalFlowPyrLK(
            seen, self._last, there, None, winSize=_WINDOW, maxLevel=3
        )
        miss = np.linalg.norm((back - here)[:, 0], axis=1)
        self._kept &= (found[:, 0] > 0) & (again[:, 0] > 0) & (miss < _LOST)
        self._tracks.append(there[:, 0])
        self._last = seen

    def relief(self, pose: HeadPose) -> Relief:
        """Compare what the points did with what a head's would have done, turned to ``pose``."""
        relative = pose.turn @ self._pose.turn.T
        course = np.array([relative[0, 2], -relative[1, 2]])  # where depth leads, x and y
        size, count = float(np.hypot(*course)), int(self._kept.sum())
        if count < _FEWEST or size < 0.05:
            return Relief(0.0, 0.0, count)
        first, last = (self._tracks[k][self._kept].astype(np.float64) for k in (0, -1))
        start = first / self._unit
        x, y = (start - start.mean(0)).T
        sheet = np.linalg.qr(np.stack([np.ones(count), x, y, x * x, x * y, y * y], 1))[0]
        nose, moved = self._depths(first), (last - first) @ course / (self._unit * size)
        nose, moved = nose - sheet @ (sheet.T @ nose), moved - sheet @ (sheet.T @ moved)
        depth = float(nose @ moved) / (size * max(float(nose @ nose), 1e-9))
        tracks = np.stack([track[self._kept] for track in self._tracks])
        return Relief(depth, rank_ratio(tracks), count)

    def _depths(self, points: Reals) -> Reals:
        """Return the depth of a mean head there, float64 [n], centimetres.

        The mean face is laid under the landmarks by an affine map. Between its points it is a
        thin plate (Duchon 1977).
        """
        known = [_across(part, self._pose) for part in (HEAD, _FACE)]
        lay = np.linalg.lstsq(known[0], self._marks, rcond=None)[0]
        places, size = known[1] @ lay, float(_SIDE)
        places, points = places / size, points / size
        count = len(places)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _plate(places, places)
        system[:count, count:] = np.column_stack([np.ones(count), places])
        system[count:, :count] = system[:count, count:].T
        solved = np.linalg.solve(system, np.r_[_FACE @ self._pose.turn[2], np.zeros(3)])
        line = np.column_stack([np.ones(len(points)), points])
        out: Reals = _plate(points, places) @ solved[:count] + line @ solved[count:]
        return out


def _across(points: Reals, pose: HeadPose) -> Reals:
    """Return x and y of points of the head, turned, and a column of ones."""
    return np.column_stack([points @ pose.turn[:2].T, np.ones(len(points))])


def _plate(a: Reals, b: Reals) -> Reals:
    square = ((a[:, None] - b[None]) ** 2).sum(2)
    out: Reals = square * np.log(np.maximum(square, 1e-12))
    return out


def _skin(marks: Points) -> Points:
    """Return points on the skin within the landmarks, float32 [n, 2], in a grid."""
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillConvexPoly(mask, _hull(marks), 1)
    mask = np.asarray(cv2.erode(mask, np.ones((9, 9), np.uint8)), np.uint8)
    for part in _MOVING:
        hole = np.zeros_like(mask)
        cv2.fillConvexPoly(hole, _hull(marks[part]), 1)
        mask[np.asarray(cv2.dilate(hole, np.ones((11, 11), np.uint8))) > 0] = 0
    rows, columns = np.nonzero(mask[::_STEP, ::_STEP])
    return (np.stack([columns, rows], 1) * _STEP).astype(np.float32)


def _hull(points: Points) -> NDArray[np.int32]:
    hull: NDArray[np.int32] = np.rint(cv2.convexHull(points)).astype(np.int32)
    return hull


def rank_ratio(tracks: NDArray[np.float32]) -> float:
    """Say how far points that were followed are from those of a flat thing.

    Seen from afar, the places of a rigid thing's points in many pictures, each less its middle,
    make a matrix of rank 3; those of a flat thing, of rank 2 (Tomasi and Kanade, IJCV 9, 1992).

    Parameters
    ----------
    tracks : float32 [pictures, points, 2]

    Returns
    -------
    float
        The third singular value over the second; 0 where there are too few of either.
    """
    if min(tracks.shape[0] * 2, tracks.shape[1]) < 3:
        return 0.0
    places = tracks.astype(np.float64) - tracks.mean(1, keepdims=True)
    matrix = places.transpose(0, 2, 1).reshape(-1, tracks.shape[1])
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix @ matrix.T)[::-1], 0))
    return float(values[2] / max(values[1], 1e-9))
