"""What the invisible mark adds to the pass that writes the sink's picture."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from swapcast.bench.timing import Result, compare
from swapcast.kernels._jit import kernel
from swapcast.kernels.colour import yuv_from_yuv
from swapcast.kernels.output import render
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_pattern import pattern

_SIZES = ((1920, 1080), (1280, 720))


@kernel("void(u1[:, ::1], u1[:, ::1])")
def _copy(plane: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            target[i, j] = plane[i, j]


def costs(repeats: int = 200) -> list[Result]:
    """Time the marked pass and the same one without the mark, in turns; processor time."""
    results: list[Result] = []
    same = yuv_from_yuv("bt709", False, "bt709", False)
    for width, height in _SIZES:
        rng = np.random.default_rng(0)
        shapes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
        y, u, v = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)
        out = np.empty_like(y), np.empty_like(u), np.empty_like(v)
        mark = pattern(Payload(), width, height)
        bare, marked = f"render unmarked, {height}p", f"render marked, {height}p"
        things = {
            bare: partial(_copy_all, (y, u, v), out),
            marked: partial(render, y, u, v, width, height, same, mark, *out),
        }
        results += compare(things, against=bare, repeats=repeats, clock=time.thread_time)
    return results


def _copy_all(planes: Sequence[NDArray[np.uint8]], out: Sequence[NDArray[np.uint8]]) -> None:
    for plane, target in zip(planes, out, strict=True):
        _copy(plane, target)
