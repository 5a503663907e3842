"""Follows faces from frame to frame, so that the swap sits on the face and not behind it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import five_points, invert, transform
from swapcast.kernels.upright import upright
from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Affine, Face, Frame, Points
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.one_euro import OneEuro

Look = Callable[[Frame, Affine], Landmarks]
"""Reads the landmarks of the face in one crop of a frame: a `LandmarkNet`."""

_BORN = 0.8  # presence that makes a detection a face
_KEPT = 0.5  # presence that keeps a face once it is known
_MEMORY_S = 0.5  # a face that was not seen for so long is another one when it returns
_FAR = 0.06  # the crop lay so much of its side, or of its size, off: look again from nearer
_BOX_SIDE, _BOX_LOWER = 1.33, 0.1  # the crop's side over a detector's box; how much lower it is
_SMALLEST = 12.0  # pixels of the crop's side
_SAME = 0.3  # two boxes of this overlap show one face
_REST_HZ, _GAIN, _SPEED_HZ = 1.2, 40.0, 3.0  # of the smoothing; the gain for a side of 1 pixel


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a crop lies: its middle, the logarithm of its side, and its angle."""

    values: NDArray[np.float64]
    """float64 [4]: x, y in pixels, log of the side in pixels, radians."""

    @staticmethod
    def of(landmarks: Points, size: int) -> "Pose":
        """Return the upright crop around landmarks."""
        affine = upright(landmarks, size).astype(np.float64)
        x, y = affine[:, :2] @ np.full(2, (size - 1) / 2) + affine[:, 2]
        scale = np.hypot(affine[0, 0], affine[1, 0])
        angle = np.arctan2(affine[1, 0], affine[0, 0])
        return Pose(np.array([x, y, np.log(scale * size), angle]))

    @property
    def side(self) -> float:
        """Pixels."""
        return float(np.exp(self.values[2]))

    def affine(self, size: int) -> Affine:
        """Map a crop of ``size`` pixels to the frame."""
        x, y, _, angle = self.values
        cos, sin = np.cos(angle) * self.side / size, np.sin(angle) * self.side / size
        linear = np.array([[cos, -sin], [sin, cos]])
        shift = np.array([x, y]) - linear @ np.full(2, (size - 1) / 2)
        return np.column_stack([linear, shift]).astype(np.float32)

    def away(self, other: "Pose") -> float:
        """Return how far another crop lies off, in sides: shift, or change of size or angle."""
        gap = self.values - other.values
        gap[3] = _turn(gap[3])
        shift = float(np.hypot(gap[0], gap[1])) / max(self.side, other.side)
        return max(shift, abs(float(gap[2])) / 2, abs(float(gap[3])) / 3)


def _turn(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _smoothing(pose: Pose) -> OneEuro:
    """Near and far faces are treated alike: speed counts in sides of the crop."""
    return OneEuro(rest=_REST_HZ, gain=_GAIN / pose.side, speed_rest=_SPEED_HZ)


@dataclass(slots=True)
class _Track:
    number: int
    pose: Pose
    at: float
    seen_at: float
    seen: Landmarks
    smooth: OneEuro
    points: Points
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    carried_at: float = -np.inf

    def predicted(self, at: float) -> Pose:
        """Go on at the same speed, for at most a tenth of a second."""
        return Pose(self.pose.values + self.velocity * min(at - self.seen_at, 0.1))

    @property
    def in_sight(self) -> bool:
        """Whether the face was there when it was last looked for, one frame ago at most."""
        return self.at in (self.seen_at, self.carried_at)

    @property
    def box(self) -> NDArray[np.float32]:
        """float32 [4]: left, top, right, bottom of the points."""
        return np.concatenate([self.points.min(0), self.points.max(0)])

    def face(self) -> Face:
        return Face(
            box=self.box,
            score=self.seen.presence,
            points=five_points(self.points),
            landmarks=self.points,
            visibility=self.seen.visibility,
            track=self.number,
        )


class Tracker:
    """Keeps every face it was shown, looking for each in every frame where it should be by now.

    Parameters
    ----------
    look : callable
        Reads the landmarks of one crop.
    size : int
        Side of that crop, pixels.
    """

    def __init__(self, look: Look, size: int) -> None:
        self._look, self._size = look, size
        self._tracks: list[_Track] = []
        self._born = 0
        self._shape = (0, 0)
        self.looks = 2
        """Looks at a face in one frame, at most; the second is from nearer."""
        self.every = 1
        """2: in every other frame a face is not looked at but carried on at its speed."""

    @property
    def alive(self) -> bool:
        """Whether every face known is in sight, and there is one."""
        return bool(self._tracks) and all(track.in_sight for track in self._tracks)

    def forget(self) -> None:
        """Let go of every face; the next one gets a new number."""
        self._tracks.clear()

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """Find the faces known so far in the next frame; those out of sight are left out."""
        if (frame.width, frame.height) != self._shape:
            self._shape = (frame.width, frame.height)
            self._tracks.clear()
        at = frame.captured_at
        for track in self._tracks:
            if self.every > 1 and track.at == track.seen_at:
                self._carry(track, at)
            else:
                self._follow(track, frame)
        self._tracks = [track for track in self._tracks if at - track.seen_at <= _MEMORY_S]
        self._merge()
        return self.faces()

    def add(self, frame: Frame, detections: Iterable[Detection]) -> tuple[Face, ...]:
        """Take what a detector found in this frame or one shortly before; return all faces."""
        for detection in detections:
            if self._known(detection):
                continue
            seen, pose = closer(self._look, self._size, frame, placed(detection))
            if seen.presence >= _BORN:
                self._welcome(frame, seen, pose)
        self._merge()
        return self.faces()

    def faces(self) -> tuple[Face, ...]:
        """Return the faces in sight, the longest known first."""
        return tuple(track.face() for track in self._tracks if track.in_sight)

    def _known(self, detection: Detection) -> bool:
        in_sight = [track for track in self._tracks if track.in_sight]
        return any(_same(track.box, detection.box) for track in in_sight)

    def _welcome(self, frame: Frame, seen: Landmarks, pose: Pose) -> None:
        """Start a track, or take up the one that was lost nearest by."""
        at, smooth = frame.captured_at, _smoothing(pose)
        lost = [track for track in self._tracks if not track.in_sight]
        near = [track for track in lost if pose.away(track.pose) < 1.0]
        track = _Track(self._born, pose, at, at, seen, smooth, smooth(seen.points, at))
        if near:
            before = min(near, key=lambda track: pose.away(track.pose))
            self._tracks.remove(before)
            track.number = before.number  # it was only out of sight
        else:
            self._born += 1
        self._tracks.append(track)
        self._tracks.sort(key=lambda track: track.number)

    def _follow(self, track: _Track, frame: Frame) -> None:
        at, expected = frame.captured_at, track.predicted(frame.captured_at)
        seen, pose = closer(self._look, self._size, frame, expected, looks=self.looks)
        track.at = at
        if seen.presence < _KEPT or not self._inside(pose) or expected.away(pose) > 0.5:
            return
        velocity = pose.values - track.pose.values
        velocity[3] = _turn(velocity[3])
        velocity /= max(at - track.seen_at, 1e-3)
        track.velocity += 0.6 * (velocity - track.velocity)
        track.pose, track.seen, track.seen_at = pose, seen, at
        track.points = track.smooth(seen.points, at)

    def _carry(self, track: _Track, at: float) -> None:
        """Move a face that was seen in the frame before to where it should be by now."""
        before, now = (pose.affine(self._size) for pose in (track.pose, track.predicted(at)))
        track.points = transform(now, transform(invert(before), track.points))
        track.at = track.carried_at = at

    def _inside(self, pose: Pose) -> bool:
        x, y = pose.values[:2]
        width, height = self._shape
        return bool(0 <= x < width and 0 <= y < height and pose.side > _SMALLEST)

    def _merge(self) -> None:
        """Where two tracks came to follow one face, keep the older."""
        kept: list[_Track] = []
        for track in self._tracks:
            if not any(_same(track.box, other.box) for other in kept):
                kept.append(track)
        self._tracks = kept


def closer(
    look: Look, size: int, frame: Frame, pose: Pose, looks: int = 3
) -> tuple[Landmarks, Pose]:
    """Look where a face should be, and again from nearer as long as it lies off the middle."""
    for _ in range(looks):
        seen = look(frame, pose.affine(size))
        found = Pose.of(seen.points, size)
        off = pose.away(found)
        if seen.presence < _KEPT or off < _FAR:
            break
        pose = found
    return seen, found


def placed(detection: Detection) -> Pose:
    """Guess the crop from a detector's box, which reaches higher than the landmarks do."""
    eyes, mouth = detection.points[:2].mean(0), detection.points[3:].mean(0)
    down = (mouth - eyes).astype(np.float64)
    angle = float(np.arctan2(-down[0], down[1]))
    left, top, right, bottom = detection.box.astype(np.float64)
    side = _BOX_SIDE * np.sqrt(max(right - left, 1.0) * max(bottom - top, 1.0))
    lower = _BOX_LOWER * side * np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([left + right, top + bottom]) / 2 + lower
    return Pose(np.array([*middle, np.log(side), angle]))


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Tell whether two boxes show one face: they overlap, or one lies mostly in the other."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(float(width), 0.0) * max(float(height), 0.0)
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b)]
    return shared > _SAME * (sum(areas) - shared) or shared > 0.6 * min(areas)
