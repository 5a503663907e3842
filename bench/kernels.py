"""What a frame costs outside the networks, on one core, beside the same steps made with OpenCV."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.blending import blending
from swapcast.bench.peers import rows
from swapcast.bench.roofline import Work, crop_work, paste_work, render_work, roofline
from swapcast.bench.timing import Result, compare, metadata, publish
from swapcast.kernels.colour import yuv_from_rgb
from swapcast.kernels.geometry import TEMPLATES, invert, transform
from swapcast.kernels.paste import PLANES, paste
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.look import Look, find_look
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_pattern import pattern

Levels = NDArray[np.uint8]
"""uint8 [h, w, 3], BGR."""

Floats = NDArray[np.float32]

SIZE = 256
"""Side of the crops."""

PLAIN = Look(colour="average", detail=0.0, model_mask=False)
"""What the steps by OpenCV do: the hull, the average colour, a soft edge."""

_PLACES = ((1920, 1080, 560), (1280, 720, 373), (1280, 720, 256))  # width, height, side of the crop


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """Measure what a frame costs outside the networks; the last line printed is JSON."""

    json: Path | None = None
    """Write the results to this file as well."""
    repeats: int = 200
    """Calls of each step that count."""
    against: Literal["steps", "opencv"] = "steps"
    """steps: each step beside the same one made with OpenCV; opencv: the whole frame beside what
    other programs do with OpenCV to put a face back, on one and on two threads."""
    roofline: bool = False
    """Say how near each kernel comes to this processor's bandwidth and peak, instead."""


def main(settings: Kernels) -> dict[str, Any]:
    """Measure, print and write the results; times of steps are this thread's processor time.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […]}``.
    """
    if settings.roofline:
        return _roofline(settings)
    results: list[Result] = []
    if settings.against == "opencv":
        for place in _PLACES:
            results += rows(*place, SIZE, settings.repeats)
        return publish(results, settings.json, clock="see bench/peers.py", crop=SIZE)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for width, height, side in _PLACES:
            scene = _Scene(width, height, side)
            results += _steps(scene, settings.repeats)
        repeats = max(settings.repeats // 8, 1)  # OpenCV's takes a tenth of a second
        results += blending(scene.crop, scene.swapped, scene.paste.mask, repeats)
    finally:
        cv2.setNumThreads(threads)
    return publish(results, settings.json, threads=1, clock="thread_time", crop=SIZE)


def _roofline(settings: Kernels) -> dict[str, Any]:
    """Print and write where the kernels lie under the roof."""
    things: dict[str, tuple[Callable[[], object], Work]] = {}
    for width, height, side in _PLACES:
        scene, zoom = _Scene(width, height, side), side / SIZE
        share = float((scene.paste.mask > 0).mean())
        works = {
            "crop": crop_work(SIZE, zoom),
            "paste": paste_work(SIZE, zoom, share),
            "render": render_work(width, height),
        }
        things |= {f"{step}, {scene.name}": (scene.ours[step], one) for step, one in works.items()}
    bandwidth, peak, found = roofline(things, repeats=settings.repeats)
    print(f"a copy moves {bandwidth:.1f} GB/s, a loop of FMA does {peak:.1f} Gop/s; one thread")
    wide = max(len(one.name) for one in found)
    for one in found:
        print(
            f"{one.name:{wide}}  {one.milliseconds:7.3f} ms  {one.gigabytes:6.1f} GB/s "
            f"{one.of_bandwidth:4.0%}  {one.gigaflops:6.1f} Gop/s {one.of_peak:4.0%}"
        )
    whole = {
        "metadata": metadata() | {"threads": 1, "clock": "thread_time", "crop": SIZE},
        "bandwidth_gb_s": round(bandwidth, 2),
        "peak_gop_s": round(peak, 2),
        "roofline": [asdict(one) for one in found],
        "results": [],
    }
    text = dumps(whole)
    if settings.json is not None:
        settings.json.write_text(text + "\n")
    print(text)
    return whole


def _steps(scene: "_Scene", repeats: int) -> list[Result]:
    results: list[Result] = []
    for step, ours in scene.ours.items():
        name, twin = f"{step}, {scene.name}", f"{step} by OpenCV, {scene.name}"
        things = {name: ours}
        if step in scene.twins:
            things[twin] = scene.twins[step]
        results += compare(
            things,
            against=twin if step in scene.twins else None,
            repeats=repeats,
            clock=time.thread_time,
        )
    return results


class _Scene:
    """A picture with one face, and each step on it: ours and OpenCV's."""

    def __init__(self, width: int, height: int, side: int) -> None:
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        self.bgr = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        self.i420 = cv2.cvtColor(self.bgr, cv2.COLOR_BGR2YUV_I420)
        flat = self.i420.reshape(-1)
        luma, chroma = width * height, width * height // 4
        half = height // 2, width // 2
        planes = (
            flat[:luma].reshape(height, width),
            flat[luma : luma + chroma].reshape(half),
            flat[luma + chroma :].reshape(half),
        )
        self.frame = Frame(*planes, width, height, Colour("bt601", False), 0, 0.0)
        self.name = f"{height}p, face of {side} px"
        zoom, turn = side / SIZE, np.radians(6)
        a, b = zoom * np.cos(turn), zoom * np.sin(turn)
        left, top = (width - side) / 2, (height - side) / 2
        self.affine = np.array([[a, -b, left + side * 0.05], [b, a, top - side * 0.05]], np.float32)
        self.face = _face(self.affine)
        self.crop = np.empty((3, SIZE, SIZE), np.float32)
        self.swapped = rng.random((3, SIZE, SIZE), np.float32)
        self.compositor = Compositor(look=PLAIN)
        self.compositor.crop(self.frame, self.affine, self.crop)
        self.paste = self._dress(self.compositor)
        self.picture = (255 * self.swapped.transpose(1, 2, 0)[..., ::-1]).astype(np.uint8)
        compositor, full = self.compositor, Colour("bt601", True)
        alone = compositor.finish(self.frame, (), ())
        mark = pattern(Payload(), width, height)
        levels, scratch = yuv_from_rgb("bt601", False), np.empty((PLANES, SIZE, SIZE), np.float32)
        nothing = np.zeros((3, 0, 0), np.float32), np.zeros((0, 0), np.float32)
        paste_of = self.paste.face, self.paste.mask, *nothing, self.paste.affine
        detailed = self._dress(Compositor(look=find_look("natural")))
        assert detailed.coarse is not None
        assert detailed.gate is not None
        detail_of = detailed.face, detailed.mask, detailed.coarse, detailed.gate, detailed.affine
        self.ours: dict[str, Callable[[], object]] = {
            "crop": lambda: compositor.crop(self.frame, self.affine, self.crop),
            "mask and colour": partial(self._dress, compositor),
            "render": lambda: compositor.finish(self.frame, (), ()),
            "range": lambda: compositor.finish(self.frame, (), (), full),
            "paste": lambda: paste(*paste_of, levels, scratch, mark, *alone.planes),
            "paste with detail": lambda: paste(*detail_of, levels, scratch, mark, *alone.planes),
            "whole frame": partial(self._frame_ours, compositor),
        }
        for name in ("natural", "seamless", "performance"):
            one = Compositor(look=find_look(name))
            self.ours[f"masks, colour and blend of look {name}"] = partial(self._dress, one)
            self.ours[f"whole frame in look {name}"] = partial(self._frame_ours, one)
        frame_bgr = self.bgr.copy()
        mask = _cv_mask(self.face.landmarks, self.affine)
        copy = np.empty_like(self.i420)
        self.twins: dict[str, Callable[[], object]] = {
            "crop": lambda: _cv_crop(frame_bgr, self.affine),
            "mask and colour": self._dress_twin,
            "render": lambda: np.copyto(copy, self.i420),
            "paste": lambda: _cv_paste(frame_bgr, self.picture, mask, self.affine),
            "whole frame": self._frame_twin,
        }

    def _dress(self, compositor: Compositor) -> Paste:
        return compositor.paste(self.face, self.crop, self.swapped, None, self.affine)

    def _dress_twin(self) -> object:
        return _cv_colour(self.crop, self.picture, _cv_mask(self.face.landmarks, self.affine))

    def _frame_ours(self, compositor: Compositor) -> object:
        compositor.crop(self.frame, self.affine, self.crop)
        return compositor.finish(self.frame, (self._dress(compositor),), ())

    def _frame_twin(self) -> object:
        frame = cv2.cvtColor(self.i420, cv2.COLOR_YUV2BGR_I420)
        crop = _cv_crop(frame, self.affine)
        mask = _cv_mask(self.face.landmarks, self.affine)
        picture = _cv_colour(crop, self.picture, mask)
        _cv_paste(frame, picture, mask, self.affine)
        return cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)


def _face(affine: Floats) -> Face:
    """Return a face whose landmarks lie around the middle of the crop."""
    points = np.empty((68, 2), np.float32)
    around = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([0.5 + 0.22 * np.cos(around), 0.5 + 0.32 * np.sin(around)], 1)
    points[17:27] = np.stack([np.linspace(0.3, 0.7, 10), np.full(10, 0.33)], 1)
    points[27:] = (0.5, 0.55)
    points[36:42], points[42:48], points[33] = (0.4, 0.4), (0.6, 0.4), (0.5, 0.56)
    points = transform(affine, points * SIZE)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    five = transform(affine, TEMPLATES["dfl_whole_face"] * SIZE)
    return Face(box, 1.0, five, points, np.ones(68, np.float32), 1)


def _cv_crop(frame: Levels, affine: Floats) -> Floats:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(frame, affine, (SIZE, SIZE), flags=way)
    blob: Floats = cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True)[0]
    return blob


def _cv_mask(landmarks: Floats, affine: Floats) -> Floats:
    points = transform(invert(affine), landmarks)
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points).astype(np.int32), 1.0)
    blurred: Floats = cv2.blur(mask, (19, 19))
    return blurred


def _cv_colour(crop: Floats, picture: Levels, mask: Floats) -> Levels:
    """Shift the picture's mean colour to the crop's."""
    inside = cv2.compare(mask, 0.5, cv2.CMP_GT)
    true = [255 * cv2.mean(channel, inside)[0] for channel in crop[::-1]]
    swapped = cv2.mean(picture, inside)[:3]
    shift = [a - b for a, b in zip(true, swapped, strict=True)]
    moved: Levels = cv2.add(picture, (*shift, 0.0))
    return moved


def _cv_paste(frame: Levels, picture: Levels, mask: Floats, affine: Floats) -> None:
    """Blend within the box of the crop only, in uint8 with a float mask."""
    ends = (0, 0), (SIZE - 1, 0), (SIZE - 1, SIZE - 1), (0, SIZE - 1)
    left, top, wide, high = cv2.boundingRect(transform(affine, np.array(ends, np.float32)))
    part = frame[max(top, 0) : top + high, max(left, 0) : left + wide]
    way = affine.copy()
    way[:, 2] -= max(left, 0), max(top, 0)
    size = part.shape[1], part.shape[0]
    share = cv2.warpAffine(mask, way, size)
    part[:] = cv2.blendLinear(cv2.warpAffine(picture, way, size), part, share, 1 - share)
