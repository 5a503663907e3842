"""Frames made of pictures and clips."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import yuv_from_rgb
from swapcast.realtime.frame import Colour, Frame


def frame_of(picture: NDArray[np.uint8], colour: Colour | None = None, pad: int = 0) -> Frame:
    """Make a 4:2:0 frame of an RGB picture, its rows ``pad`` bytes longer than needed."""
    colour = colour or Colour()
    height, width = picture.shape[:2]
    weights = yuv_from_rgb(colour.matrix, colour.full_range)
    levels = picture.astype(np.float32) / 255 @ weights[:, :3].T + weights[:, 3]
    even = np.pad(levels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    quarter = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    planes = [
        np.pad(np.clip(plane + 0.5, 0, 255).astype(np.uint8), ((0, 0), (0, pad)))
        for plane in (levels[..., 0], quarter[..., 1], quarter[..., 2])
    ]
    return Frame(*planes, width, height, colour, 0, 0.0)


def pictures_of(clip: Path, every: int) -> list[NDArray[np.uint8]]:
    """Each ``every``-th picture of a clip, RGB."""
    reader, pictures, number = cv2.VideoCapture(str(clip)), [], 0
    while reader.grab():
        if number % every == 0:
            picture = reader.retrieve()[1]
            pictures.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))
        number += 1
    reader.release()
    return pictures


def frames_of(clip: Path, every: int) -> list[Frame]:
    """Each ``every``-th frame of a clip."""
    return [frame_of(picture) for picture in pictures_of(clip, every)]
