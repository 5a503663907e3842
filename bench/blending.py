"""What blending one swapped crop costs: ours, and the ways of OpenCV and of other programs."""

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.timing import Result, compare
from swapcast.kernels.match import reduce
from swapcast.realtime.bands import Bands
from swapcast.realtime.border import Border
from swapcast.realtime.look import Look
from swapcast.realtime.relight import Relight
from swapcast.realtime.tone import TO_LEVELS

Floats = NDArray[np.float32]
Levels = NDArray[np.uint8]


def blending(true: Floats, made: Floats, mask: Floats, repeats: int) -> list[Result]:
    """Time gradient-domain and multi-band blending of one crop against OpenCV's and plain NumPy.

    Parameters
    ----------
    true, made : float32 [3, S, S], RGB, 0…1
    mask : float32 [S, S], 0…1
    repeats : calls of each that count

    Returns
    -------
    list of Result
        All against `cv2.seamlessClone`.
    """
    size = true.shape[1]
    levels = tuple(np.empty((3, size // 2, size // 2), np.float32) for _ in range(2))
    for crop, out in zip((true, made), levels, strict=True):
        reduce(crop, TO_LEVELS, 2, out)
    pair = levels[0], levels[1]
    trust, face = np.ones(pair[0].shape[1:], np.float32), made.copy()
    looks = {
        "membrane, steady border": Look(blend="poisson"),
        "membrane that stays near the border": Look(blend="poisson", spread=0.15),
        "membrane, exact border": Look(blend="poisson", border="exact"),
        "membrane, rectangle": Look(blend="poisson", bound="rectangle", border="exact"),
        "mixed gradients in the edge": Look(blend="mixed"),
    }
    things: dict[str, Callable[[], object]] = {}
    for name, look in looks.items():
        border = Border(size)

        def ours(border: Border = border, look: Look = look) -> None:
            np.copyto(face, made)
            border.apply(look, true, pair, trust, mask, face)

        things[name] = ours
    first = Border(size)

    def cold() -> None:
        first.forget()
        np.copyto(face, made)
        first.apply(looks["membrane, steady border"], true, pair, trust, mask, face)

    things["membrane, steady border, cold"] = cold
    bands, light = Bands(size), Relight()

    def multiband() -> None:
        np.copyto(face, made)
        bands.apply(true, mask, face)

    def relit() -> None:
        np.copyto(face, made)
        light(1.0, pair, trust, 0.1, face)

    things |= {"multi-band": multiband, "light, part by part": relit}
    camera, swapped = _levels(true), _levels(made)
    hull = np.where(mask > 0, 255, 0).astype(np.uint8)
    clone, alpha, plain = _clone(camera, swapped, hull), mask.copy(), _plain(camera, swapped, mask)
    things["cv2.seamlessClone"] = clone
    things["alpha by cv2.blendLinear"] = lambda: cv2.blendLinear(swapped, camera, alpha, 1 - alpha)
    things["alpha in plain NumPy"] = plain
    named = {f"{name}, {size} px crop": thing for name, thing in things.items()}
    against = f"cv2.seamlessClone, {size} px crop"
    return compare(named, against=against, repeats=repeats, clock=time.thread_time)


def _levels(rgb: Floats) -> Levels:
    bgr = (255 * np.clip(rgb, 0, 1)).astype(np.uint8).transpose(1, 2, 0)[..., ::-1]
    return np.ascontiguousarray(bgr)


def seamless_clone(camera: Levels, swapped: Levels, hull: Levels) -> Levels:
    """Blend by OpenCV: uint8 [S, S, 3] BGR each; hull uint8 [S, S], 0 or 255."""
    # The hull is moved so that its box's middle lies at the point given: here, where it was.
    left, top, wide, high = cv2.boundingRect(hull)
    middle = left + wide // 2, top + high // 2
    mask = cv2.merge([hull, hull, hull])  # OpenCV 5.0 reads a mask of one channel wrongly
    return np.asarray(cv2.seamlessClone(swapped, camera, mask, middle, cv2.NORMAL_CLONE), np.uint8)


def _clone(camera: Levels, swapped: Levels, hull: Levels) -> Callable[[], object]:
    return lambda: seamless_clone(camera, swapped, hull)


def _plain(camera: Levels, swapped: Levels, mask: Floats) -> Callable[[], object]:
    """Blend as programs do that convert to float and back: no kernels, no planes."""

    def blend() -> Levels:
        share = mask[..., None]
        mixed = share * swapped.astype(np.float32) + (1 - share) * camera.astype(np.float32)
        return np.asarray(np.clip(mixed, 0, 255), np.uint8)

    return blend
