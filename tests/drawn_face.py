"""A face of 68 points that tests can move about, and a look that sees it where it is."""

from dataclasses import dataclass, field

import numpy as np

from swapcast.kernels.geometry import invert, transform
from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.landmarks import Landmarks


def shape() -> np.ndarray:
    """float32 [68, 2]: a frontal face about (0, 0), one unit between the outer eye corners."""

    def arc(count, x, y, width, height, start, end):
        turn = np.radians(np.linspace(start, end, count))
        return np.stack([x + width * np.cos(turn), y + height * np.sin(turn)], 1)

    jaw = arc(17, 0, 0, 0.78, 1.0, 180, 0)
    brows = [arc(5, x, -0.18, 0.26, 0.1, 180, 360) for x in (-0.36, 0.36)]
    bridge = np.stack([np.zeros(4), np.linspace(0, 0.38, 4)], 1)
    nostrils = np.stack([np.linspace(-0.14, 0.14, 5), [0.46, 0.49, 0.5, 0.49, 0.46]], 1)
    angles = np.radians([180, 240, 300, 0, 60, 120])
    eyes = [np.stack([x + 0.15 * np.cos(angles), 0.05 * np.sin(angles)], 1) for x in (-0.35, 0.35)]
    outer = np.radians(180 + 30 * np.arange(12))
    inner = np.radians(180 + 45 * np.arange(8))
    lips = [
        np.stack([0.28 * np.cos(outer), 0.72 + 0.1 * np.sin(outer)], 1),
        np.stack([0.2 * np.cos(inner), 0.72 + 0.04 * np.sin(inner)], 1),
    ]
    return np.concatenate([jaw, *brows, bridge, nostrils, *eyes, *lips]).astype(np.float32)


def placed(x: float, y: float, size: float = 60.0, degrees: float = 0.0) -> np.ndarray:
    """float32 [68, 2]: the face at (x, y), ``size`` pixels between the outer eye corners."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]]) * size
    return (shape() @ turn.T + [x, y]).astype(np.float32)


def frame(number: int, *, width: int = 640, height: int = 360, rate: float = 30.0) -> Frame:
    """Give an empty picture; the look below knows what is in it."""
    y = np.zeros((height, width), np.uint8)
    u = np.zeros(((height + 1) // 2, (width + 1) // 2), np.uint8)
    return Frame(y, u, u.copy(), width, height, Colour(), number, number / rate, 1 / rate)


def detection(landmarks: np.ndarray) -> Detection:
    """Give what a detector says of a face: a box from the hair line down, five points."""
    low, high = landmarks.min(0), landmarks.max(0)
    low = low - np.float32([0, 0.25 * (high[1] - low[1])])
    points = [landmarks[36:42].mean(0), landmarks[42:48].mean(0), *landmarks[[30, 48, 54]]]
    return Detection(np.concatenate([low, high]), 0.9, np.stack(points).astype(np.float32))


@dataclass
class Sees:
    """Reads the landmarks of whichever known face lies well in the crop; else of none."""

    size: int = 112
    noise: float = 0.0
    """Standard deviation of what it reads, pixels of the crop."""
    faces: list[np.ndarray] = field(default_factory=list)
    looks: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __call__(self, frame: Frame, affine: np.ndarray) -> Landmarks:
        self.looks += 1
        for face in self.faces:
            inside = transform(invert(affine), face)
            off = np.abs(inside.mean(0) - self.size / 2).max() / self.size
            share = np.ptp(inside, axis=0).max() / self.size
            if off < 0.25 and 0.4 < share < 1.0:
                read = inside + self.rng.normal(0, self.noise, (68, 2)).astype(np.float32)
                return Landmarks(transform(affine, read), np.ones(68, np.float32), 0.99)
        middle = np.full((68, 2), self.size / 2, np.float32) + shape() * 40
        return Landmarks(transform(affine, middle), np.zeros(68, np.float32), 0.02)

    def detect(self, frame: Frame) -> tuple[Detection, ...]:
        """Find every known face."""
        return tuple(detection(face) for face in self.faces)
