"""The membrane on the outlines and borders of real faces, against a direct solver."""

from itertools import islice

import numpy as np
import pytest

from swapcast.bench.takes import takes
from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.kernels.match import reduce
from swapcast.kernels.membrane import outline, room, solve
from swapcast.kernels.seam import hang_exactly
from swapcast.kernels.warp import sample
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.look import Look
from swapcast.realtime.masks import FaceMask
from swapcast.realtime.tone import TO_LEVELS
from tests import naive_membrane as naive

CLIPS = (
    *("grid/bbaf2n.mpg", "grid/lwbsza.mpg", "grid/swiz3n.mpg", "pyfeat/WolfgangLanger_Pexels.mp4"),
    *("pyfeat/single_face.mp4", "internal/s32.mp4", "internal/d19.mp4"),
    *("intel/head-pose-face-detection-female.gif", "intel/head-pose-face-detection-male.gif"),
)


def borders(shared, size):
    """The hull of each face, and what differs there, pixel by pixel: the roughest border."""
    paths = [shared / "data" / "clips" / name for name in CLIPS]
    for take in takes(paths, "demo", 12):
        for shot in take.shots[::2]:
            affine = crop_affine(shot.face.points, "dfl_whole_face", size)
            true, made = np.empty((2, 3, size, size), np.float32)
            Compositor().crop(shot.frame, affine, true)
            small = shot.made.shape[1]
            grow = np.array([[small / size, 0, 0], [0, small / size, 0]], np.float32)
            levels = np.empty((2, 3, size, size), np.float32)
            planes = np.ascontiguousarray((255 * np.clip(shot.made, 0, 1)).astype(np.uint8))
            same = np.eye(3, 4, dtype=np.float32) / 255
            sample(*planes, small, small, same, grow, 1.0, 0.0, made)
            for crop, out in zip((true, made), levels, strict=True):
                reduce(crop, TO_LEVELS, 1, out)
            mask = FaceMask(size, 2)
            points = transform(invert(affine), shot.face.landmarks)
            mask.draw(Look(), points, shot.face.visibility)
            spans = np.zeros((4, size), np.int32)
            outline(mask.outline, 0.0, spans)
            yield levels, spans


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 128])
def test_the_worst_of_fifty_real_hulls_is_right_to_a_level_from_a_cold_start(shared, size):
    floats, places = room(size)
    work, whole = np.zeros(floats, np.float32), np.zeros(places, np.int32)
    zero, worst = np.zeros((size, size), np.float32), []
    for (true, made), spans in islice(borders(shared, size), 50):
        sheet, inside = np.zeros((size, size), np.float32), naive.inside(spans)
        channel = 0 if size == 256 else 1 + len(worst) % 2
        hang_exactly(true[channel], made[channel], spans, sheet)
        expected = naive.solve(sheet, zero, inside)
        solve(sheet, zero, 0.0, spans, False, 3, work, whole)
        worst.append(np.abs(sheet - expected)[inside].max())
    assert len(worst) == 50
    assert max(worst) < 1
