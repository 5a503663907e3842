"""The small picture of a face that stands in its pack."""

from importlib import resources

import cv2
import numpy as np

from swapcast.kernels.geometry import crop_affine
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.identity import Identity
from swapcast.realtime.sources import SourceSettings, open_source
from swapcast.realtime.swapper import Swapper


def draw_thumbnail(face: Identity) -> bytes:
    """Draw the bundled clip's first face as the new one wears it, a JPEG.

    Raises
    ------
    ConsentError
        If the face may not be used.
    SwapcastError
        If its network makes no picture.
    """
    with (
        resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip,
        open_analyser("own", detached=False) as analyse,
        Swapper(face, uses=()) as swap,
    ):
        source = open_source(
            str(clip), SourceSettings(), stop=lambda: False, on_event=lambda _: None
        )
        for frame in source.frames():
            for found in analyse(frame)[:1]:
                affine = crop_affine(found.points, swap.template, swap.size)
                Compositor().crop(frame, affine, swap.crop[0])
                rgb, mask = swap()
                worn = rgb if mask is None else swap.crop[0] + mask * (rgb - swap.crop[0])
                picture = np.clip(worn.transpose(1, 2, 0)[:, :, ::-1] * 255, 0, 255)
                done, data = cv2.imencode(".jpg", picture.astype(np.uint8))
                if done:
                    return bytes(data)
    raise SwapcastError("no thumbnail could be drawn of the new face")
