"""The reference pictures of an enrolment: cut out, and kept only if they are good enough."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.geometry import crop_affine, five_points, invert, transform
from swapcast.kernels.warp import sample
from swapcast.realtime.enrol_challenges import Moment
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.sharpness import sharpness

SIDE, TEMPLATE = 512, "ffhq_512"
NAMES = ("front", "left", "right", "up", "down", "mouth", "smile")

_SMALLEST = 90.0
"""Pixels from brows to chin, or the width of the jaw, whichever is more."""
_SHARP = 0.2
"""Least share of fine detail: see `swapcast.realtime.extract.sharpness`."""
_DARKEST, _BRIGHTEST = 45.0, 215.0
"""Mean of the luma over the face."""
_BLOWN = 0.15
"""Most of the face that may be black or white."""


def fault(moment: Moment) -> str:
    """Say what is to be mended before a picture is good enough; empty: nothing.

    Only size and light: sharpness is judged on the cut picture.
    """
    face, frame = moment.face, moment.frame
    low, high = face.landmarks.min(0), face.landmarks.max(0)
    if float((high - low).max()) < _SMALLEST:
        return "come closer"
    if low.min() < 0 or high[0] >= frame.width or high[1] >= frame.height:
        return "move so that your whole face is in the picture"
    (left, top), (right, bottom) = low.astype(int), high.astype(int)
    luma = frame.y[top : bottom + 1 : 2, left : right + 1 : 2]
    mean = float(luma.mean())
    if mean < _DARKEST:
        return "more light on your face"
    if mean > _BRIGHTEST:
        return "less light on your face"
    if float(((luma < 20) | (luma > 250)).mean()) > _BLOWN:
        return "softer light, without glare or hard shadows"
    return ""


@dataclass
class References:
    """The best picture of each pose so far; in memory only."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    """JPEG, `SIDE` pixels square, aligned to `TEMPLATE`, by name."""
    sharpness: dict[str, float] = field(default_factory=dict)

    def offer(self, name: str, moment: Moment) -> str:
        """Take a picture if it is good enough and sharper than the one of that name.

        Returns
        -------
        str
            What is to be mended, while none of that name is good enough; else empty.
        """
        wrong = fault(moment)
        if wrong:
            return "" if name in self.pictures else wrong
        crop = _cut(moment)
        affine = crop_affine(five_points(moment.face.landmarks), TEMPLATE, SIDE)
        sharp = sharpness(crop.mean(0), transform(invert(affine), moment.face.landmarks))
        if sharp < max(_SHARP, self.sharpness.get(name, 0.0)):
            return "" if name in self.pictures else "hold still, and wipe the lens"
        bgr = (crop[::-1].transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
        if not done:
            raise SwapcastError("a reference picture cannot be made a JPEG; install OpenCV again")
        self.pictures[name], self.sharpness[name] = bytes(data), sharp
        return ""

    def take(self, name: str, others: "References") -> None:
        """Take another collection's picture of that name if it is there and sharper."""
        if name in others.pictures and others.sharpness[name] > self.sharpness.get(name, 0.0):
            self.pictures[name] = others.pictures[name]
            self.sharpness[name] = others.sharpness[name]


def _cut(moment: Moment) -> NDArray[np.float32]:
    """Return the face, float32 [3, SIDE, SIDE] RGB 0…1."""
    frame = moment.frame
    affine = crop_affine(five_points(moment.face.landmarks), TEMPLATE, SIDE)
    out = np.zeros((3, SIDE, SIDE), np.float32)
    matrix = rgb_from_yuv(frame.colour.matrix, frame.colour.full_range)
    sample(frame.y, frame.u, frame.v, frame.width, frame.height, matrix, affine, 1.0, 0.0, out)
    return np.clip(out, 0, 1)
