"""Single pictures as frames, and the faces on them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.analyser import Analyser
from swapcast.realtime.detector import detector
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.landmarks import landmark_net

Image = NDArray[np.uint8]


class Faces:
    """The product's own networks, on pictures that have nothing to do with each other."""

    def __init__(self) -> None:
        self._detect, self._look = detector(), landmark_net()

    def largest(self, frame: Frame) -> Face | None:
        """Return the largest face, or None if there is none."""
        with Analyser(self._detect, self._look, self._look.size, detached=False) as analyse:
            faces = analyse(frame)
        return max(faces, key=lambda one: float(np.prod(one.box[2:] - one.box[:2])), default=None)


def frame_of(picture: Image, number: int) -> Frame:
    """Make a frame of a picture: uint8 [h, w, 3] RGB, even sides."""
    height, width = picture.shape[:2]
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, half = width * height, (height // 2, width // 2)
    quarter = half[0] * half[1]
    return Frame(
        np.ascontiguousarray(flat[:luma].reshape(height, width)),
        np.ascontiguousarray(flat[luma : luma + quarter].reshape(half)),
        np.ascontiguousarray(flat[luma + quarter :].reshape(half)),
        *(width, height, Colour("bt601", False), number, number / 30),
    )
