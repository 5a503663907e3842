"""Where a face lies in the pictures of the benchmarks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import TEMPLATES, transform
from swapcast.realtime.frame import Face

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a swapped face goes; the whole crop lies in the frame."""

    affine: Floats
    """float32 [2, 3]: from the crop's pixels to the frame's."""
    width: int
    height: int
    size: int
    """Side of the crop, pixels."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the crop in the frame."""
        last = self.size - 1
        ends = np.array([(0, 0), (last, 0), (last, last), (0, last)], np.float32)
        left, top, wide, high = cv2.boundingRect(transform(self.affine, ends))
        return (
            max(left, 0),
            max(top, 0),
            min(left + wide, self.width),
            min(top + high, self.height),
        )

    @property
    def inside(self) -> Floats:
        """From the crop's pixels to those of the box."""
        moved = self.affine.copy()
        moved[:, 2] -= self.box[:2]
        return moved

    def worn(self) -> Face:
        """Return a face whose landmarks lie in the middle of the crop."""
        points = np.empty((68, 2), np.float32)
        around = np.linspace(np.pi, 0, 17)
        points[:17] = np.stack([0.5 + 0.22 * np.cos(around), 0.5 + 0.32 * np.sin(around)], 1)
        points[17:27] = np.stack([np.linspace(0.3, 0.7, 10), np.full(10, 0.33)], 1)
        points[27:] = (0.5, 0.55)
        points[36:42], points[42:48], points[33] = (0.4, 0.4), (0.6, 0.4), (0.5, 0.56)
        points = transform(self.affine, points * self.size)
        box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
        five = transform(self.affine, TEMPLATES["dfl_whole_face"] * self.size)
        return Face(box, 1.0, five, points, np.ones(68, np.float32), 1)


def turned(width: int, height: int, side: int, size: int) -> Floats:
    """Place a crop of ``size`` pixels amid a frame, ``side`` pixels wide there, turned by 6°."""
    zoom, turn = side / size, np.radians(6)
    a, b = zoom * np.cos(turn), zoom * np.sin(turn)
    left, top = (width - side) / 2, (height - side) / 2
    return np.array([[a, -b, left + side * 0.05], [b, a, top - side * 0.05]], np.float32)
