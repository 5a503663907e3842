"""A drawn face that moves, speaks and blinks before a wall: a source that needs nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.errors import SettingError
from swapcast.realtime.frame import Colour, Frame, Points
from swapcast.realtime.pace import wait_until

_SKIN, _SHADE = np.array((150.0, 178.0, 222.0)), np.array((104.0, 128.0, 172.0))  # BGR, as all here
_HAIR, _BROW, _LIP = (40, 52, 70), (48, 60, 84), (102, 98, 178)
_MOUTH, _WHITE, _IRIS, _PUPIL = (30, 24, 60), (232, 236, 238), (104, 82, 58), (24, 20, 18)
_DEEP = 0.85  # depth of the head in half-widths of the face


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """A face that is drawn, with 68 landmarks known to a fraction of a pixel.

    The same number always gives the same picture. Drawn live, each frame comes when it is due.
    Colours are BT.601, limited range.
    """

    width: int = 1280
    """Pixels; may be odd."""
    height: int = 720
    fps: float = 30.0
    seconds: float | None = None
    """``None``: without end."""
    live: bool = False
    stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    name: str = "synthetic"
    _wall: NDArray[np.uint8] = field(init=False, repr=False)
    """uint8 [even height, even width, 3], BGR."""

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 32 or max(self.width, self.height) > 8192:
            raise SettingError(
                f"the synthetic face cannot be drawn {self.width}×{self.height}; "
                "width and height are 32…8192"
            )
        if not 0 < self.fps <= 1000:
            raise SettingError(f"fps is {self.fps}; it must be more than 0 and at most 1000")
        object.__setattr__(self, "_wall", _wall(self.width, self.height))

    @property
    def length(self) -> int | None:
        """How many frames there are; ``None``: without end."""
        return None if self.seconds is None else max(1, round(self.seconds * self.fps))

    def frames(self) -> Iterator[Frame]:
        """Draw one frame after the other; a live frame more than a period late is left out."""
        rows, columns = self._wall.shape[:2]
        empty = _i420(self._wall)
        begins, period, length = self.clock() if self.live else 0.0, 1 / self.fps, self.length
        for number in takewhile(lambda n: length is None or n < length, count()):
            due = begins + number * period
            if self.stop():
                return
            if self.live:
                if self.clock() - due > period:
                    continue
                if not wait_until(due, self.stop, self.clock):
                    return
            points, box, patch = self._drawn(number * period)
            planes = [plane.copy() for plane in empty]
            left, top, right, bottom = box
            for plane, new, half in zip(planes, _i420(patch), (1, 2, 2), strict=True):
                plane[top // half : bottom // half, left // half : right // half] = new
            y, u, v = planes[0][: self.height], planes[1], planes[2]
            assert (y.shape[1], u.shape[0]) == (columns, rows // 2)
            yield Frame(
                y, u, v, self.width, self.height, Colour("bt601"), number, due, period,
                {"landmarks": points},
            )  # fmt: skip

    def _drawn(self, at: float) -> tuple[Points, tuple[int, int, int, int], NDArray[np.uint8]]:
        """Draw the face at a time: its landmarks, its box (even numbers), the pixels in the box."""
        size = 0.24 * min(self.height, self.width)
        centre = np.array(
            (
                self.width * (0.5 + 0.14 * np.sin(0.9 * at)),
                self.height * (0.5 + 0.05 * np.sin(1.7 * at + 1)),
            )
        )
        pose = _Pose(
            centre, size * (1 + 0.06 * np.sin(0.6 * at)), 0.14 * np.sin(1.1 * at),
            0.32 * np.sin(0.8 * at + 0.5),
        )  # fmt: skip
        face = _Face.at(0.5 + 0.5 * np.sin(9.0 * at) * np.sin(1.3 * at), float(at % 3.1 < 0.13))
        reach = 1.75 * pose.size
        rows, columns = self._wall.shape[:2]
        left, top = (np.maximum(0, centre - reach).astype(int) // 2 * 2).tolist()
        right = min(columns, int(centre[0] + reach) // 2 * 2)
        bottom = min(rows, int(centre[1] + reach) // 2 * 2)
        patch = self._wall[top:bottom, left:right].copy()
        _paint(patch, face, pose, np.array((left, top)))
        points = np.ascontiguousarray(pose(face.landmarks), np.float32)
        return points, (left, top, right, bottom), patch


@dataclass(frozen=True, slots=True)
class _Pose:
    """Where the head is: from face units (half its width; y down, 0 amid the face) to pixels."""

    centre: NDArray[np.float64]
    size: float
    roll: float
    yaw: float

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn points that lie on the head as on an ellipsoid; its outline stays where it is."""
        x, y = points[:, 0], points[:, 1] / 1.3
        edge = _narrowing(y)
        depth = np.sqrt(np.maximum(0, 1 - (x / edge) ** 2 - y**2))
        x = x + depth * (_DEEP * np.sin(self.yaw) - x * (1 - np.cos(self.yaw)))
        y = points[:, 1]
        cosine, sine = np.cos(self.roll) * self.size, np.sin(self.roll) * self.size
        return np.stack((x * cosine - y * sine, x * sine + y * cosine), 1) + self.centre


@dataclass(frozen=True, slots=True)
class _Face:
    """What the head does: where its 68 landmarks lie on it."""

    landmarks: NDArray[np.float64]
    """float64 [68, 2], face units."""
    lids: float
    """Half the height of the open eye, in face units."""

    @staticmethod
    def at(opening: float, blink: float) -> "_Face":
        """Open the mouth by 0…1 and close the eyes by 0…1."""
        lids = 0.085 * (1 - 0.9 * blink)
        arc = np.linspace(0, np.pi, 5)
        left_brow = np.stack((-0.78 + 0.145 * np.arange(5), -0.40 - 0.10 * np.sin(arc * 0.8)), 1)
        lash = np.array((-1, -0.45, 0.45, 1, 0.45, -0.45))
        lift = np.array((0, -1, -1, 0, 1, 1))
        eye = np.stack((0.19 * lash, lids * lift), 1)
        bridge = np.stack((np.zeros(4), np.linspace(-0.16, 0.24, 4)), 1)
        wings = np.stack((np.linspace(-0.17, 0.17, 5), 0.34 + 0.05 * np.sin(arc)), 1)
        turn = np.linspace(np.pi, -np.pi, 13)[:12]  # from the corner on the left, over the top
        drop = 0.16 * opening
        lips = np.stack((np.cos(turn), -np.sin(turn)), 1) * (0.34, 0.105 + drop) + (0, 0.66)
        turn = np.linspace(np.pi, -np.pi, 9)[:8]
        gap = np.stack((np.cos(turn), -np.sin(turn)), 1) * (0.27, 0.012 + drop) + (0, 0.66)
        points = (
            _outline(np.linspace(np.pi, 0, 17)), left_brow, left_brow[::-1] * (-1, 1), bridge,
            wings, eye - (0.42, 0.15), eye + np.array((0.42, -0.15)), lips, gap,
        )  # fmt: skip
        return _Face(np.concatenate(points), lids)


def _outline(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of the head's outline; 90° is the chin."""
    down = np.sin(angles)
    return np.stack((np.cos(angles) * _narrowing(down), 1.3 * down), 1)


def _narrowing(down: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much narrower than an ellipse the face is, from its middle (0) to the chin (1)."""
    return 1 - 0.14 * np.clip(down, 0, 1) ** 2


def _paint(patch: NDArray[np.uint8], face: _Face, pose: _Pose, corner: NDArray[np.int64]) -> None:
    """Draw the face into its part of the picture, whose top left pixel is ``corner``."""

    def fill(points: NDArray[np.float64], colour: tuple[float, ...]) -> None:
        pixels = np.rint((pose(points) - corner) * 16).astype(np.int32)
        cv2.fillPoly(patch, [pixels], colour, cv2.LINE_AA, 4)

    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    head, points = _outline(around), face.landmarks
    fill(head * (1.14, 1.16) - (0, 0.08), _HAIR)
    for step in np.linspace(0, 1, 10):
        fill(
            head * (1 - 0.6 * step) - (0.1 * step, 0.12 * step),
            tuple(_SHADE + step * (_SKIN - _SHADE)),
        )
    for brow in (points[17:22], points[22:27]):
        fill(np.concatenate((brow, brow[::-1] - (0, -0.07))), _BROW)
    circle = np.stack((np.cos(around), np.sin(around)), 1)
    for eye in (points[36:42], points[42:48]):
        middle = eye.mean(0)
        fill(eye, _WHITE)
        for radius, colour in ((0.085, _IRIS), (0.04, _PUPIL)):
            disc = circle * radius
            disc[:, 1] = np.clip(disc[:, 1], -face.lids, face.lids)
            fill(middle + disc, colour)
    fill(np.concatenate((points[27:28], points[31:34], points[30:31])), tuple(_SHADE))
    for nostril in (points[32], points[34]):
        fill(nostril + circle * (0.05, 0.025), _MOUTH)
    fill(points[48:60], _LIP)
    fill(points[60:68], _MOUTH)


def _wall(width: int, height: int) -> NDArray[np.uint8]:
    """Draw a wall with a soft light and a pattern; BGR, as large as the next even numbers."""
    rows, columns = (height + 1) // 2 * 2, (width + 1) // 2 * 2
    y, x = np.ogrid[0:rows, 0:columns]
    unit = max(rows, columns) / 40
    pattern = np.sin(x / unit) * np.sin(y / unit) * 9 + ((x // (6 * unit)) % 2) * 12
    light = 150 - 60 * np.hypot(x / columns - 0.35, y / rows - 0.3) + pattern
    wall = light[..., None] * (1.02, 0.97, 0.86)
    drawn: NDArray[np.uint8] = np.clip(wall, 0, 255).astype(np.uint8)
    return drawn


def _i420(picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Convert BGR of even width and height to Y, U and V."""
    rows, columns = picture.shape[:2]
    packed = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8).reshape(-1)
    luma, chroma = rows * columns, rows * columns // 4
    return [
        packed[:luma].reshape(rows, columns),
        packed[luma : luma + chroma].reshape(rows // 2, columns // 2),
        packed[luma + chroma :].reshape(rows // 2, columns // 2),
    ]
