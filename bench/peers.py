"""What other programs do to put a face back, beside what ours does, in one process and geometry.

Written anew from descriptions of what these programs do per frame, and tuned so that they win if
they can: buffers are kept, constant masks are made once, the fastest of several ways was taken.
They are given less to do than ours: they start from a BGR picture and leave one, which no camera
and no virtual camera speaks; no colour is matched, no skin is looked for, nothing is marked.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.timing import Result, compare
from swapcast.kernels.geometry import TEMPLATES, transform
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.look import Look

Levels = NDArray[np.uint8]
"""uint8 [h, w, 3], BGR."""

Floats = NDArray[np.float32]

OURS: Mapping[str, Look] = {
    "ours: crop, mask, skin, colour, paste, mark, output pass": Look(skin="adaptive", detail=0.0),
    "ours, look natural: the same, detail instead of skin": Look(),
}
"""What ours does for a whole frame, by name; both match colours by Reinhard's way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a swapped face goes.

    The crop's corners are outside the frame nowhere: the peers' shortcuts hold.
    """

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


def soft_mask(size: int) -> Floats:
    """Make a box with soft edges, as all three lay over the crop; float32 [size, size], 0…1."""
    edge = size // 8
    mask = np.zeros((size, size), np.float32)
    mask[edge:-edge, edge:-edge] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), edge / 2.5), np.float32)


class RoiUint8:
    """Deep-Live-Cam's shape: blend within the face's box in uint8, the soft mask kept in the crop.

    Parameters
    ----------
    copies : whole frames that are copied besides; two as the program does for one face: one where
        the swapped frame is cast, one where it is handed on
    """

    def __init__(self, place: Place, copies: int) -> None:
        self._place, self._copies = place, copies
        left, top, right, bottom = self._box = place.box
        shape = bottom - top, right - left
        alpha = np.rint(255 * soft_mask(place.size)).astype(np.uint8)
        self._alpha = cv2.merge([alpha, alpha, alpha])
        self._face, self._share, self._rest = (np.empty((*shape, 3), np.uint8) for _ in range(3))
        self._spare = np.empty((place.height, place.width, 3), np.uint8)

    def __call__(self, frame: Levels, face: Levels) -> Levels:
        """Put ``face`` into ``frame``, in place; returns the frame."""
        left, top, right, bottom = self._box
        part, way = frame[top:bottom, left:right], self._place.inside
        size = right - left, bottom - top
        cv2.warpAffine(face, way, size, dst=self._face)
        cv2.warpAffine(self._alpha, way, size, dst=self._share)
        cv2.bitwise_not(self._share, dst=self._rest)
        cv2.multiply(self._face, self._share, dst=self._face, scale=1 / 255)
        cv2.multiply(part, self._rest, dst=self._rest, scale=1 / 255)
        cv2.add(self._face, self._rest, dst=part)
        for _ in range(self._copies):
            np.copyto(self._spare, frame)
        return frame


class RoiFloat64:
    """FaceFusion's shape: blend within the face's box in float64, in a copy of the whole frame."""

    def __init__(self, place: Place) -> None:
        self._place = place
        left, top, right, bottom = self._box = place.box
        self._size = right - left, bottom - top
        self._mask = soft_mask(place.size).astype(np.float64)
        self._whole = np.empty((place.height, place.width, 3), np.uint8)
        self._wide = np.empty((bottom - top, right - left, 3), np.float64)

    def __call__(self, frame: Levels, face: Levels) -> Levels:
        """Return a copy of ``frame`` with ``face`` in it."""
        left, top, right, bottom = self._box
        way, wide = self._place.inside, self._wide
        np.copyto(self._whole, frame)
        share = cv2.warpAffine(self._mask, way, self._size)
        np.clip(share, 0, 1, out=share)
        warped = cv2.warpAffine(
            face.astype(np.float64), way, self._size, borderMode=cv2.BORDER_REPLICATE
        )
        part = self._whole[top:bottom, left:right]
        warped *= share[..., None]
        np.multiply(part, 1 - share[..., None], out=wide)
        wide += warped
        np.copyto(part, wide, casting="unsafe")
        return self._whole


class WholeFloat32:
    """insightface's shape: warp, erode, blur and blend in float32 over the whole frame."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._white = np.full((place.size, place.size), 255, np.float32)
        side = np.sqrt(abs(float(np.linalg.det(place.affine[:, :2])))) * place.size
        self._erosion = np.ones((max(int(side) // 10, 10),) * 2, np.uint8)
        self._blur = (2 * max(int(side) // 20, 5) + 1,) * 2
        self._wide = np.empty((place.height, place.width, 3), np.float32)

    def __call__(self, frame: Levels, face: Levels) -> Levels:
        """Return a frame with ``face`` in it."""
        size = self._place.width, self._place.height
        warped = cv2.warpAffine(face, self._place.affine, size, borderValue=0).astype(np.float32)
        mask = cv2.warpAffine(self._white, self._place.affine, size, borderValue=0)
        cv2.threshold(mask, 20, 255, cv2.THRESH_BINARY, dst=mask)
        cv2.erode(mask, self._erosion, dst=mask)
        cv2.GaussianBlur(mask, self._blur, 0, dst=mask)
        mask /= 255
        share = mask[..., None]
        warped *= share
        np.multiply(frame, 1 - share, out=self._wide)
        self._wide += warped
        return np.asarray(self._wide.astype(np.uint8))


def rows(width: int, height: int, side: int, size: int, repeats: int) -> list[Result]:
    """Measure ours and the peers on one picture, with one and with two threads for OpenCV.

    Parameters
    ----------
    width, height : of the frame, even, pixels
    side : of the crop in the frame, pixels
    size : of the crop, pixels
    repeats : calls of each that count

    Returns
    -------
    list of Result
        Rows of ours are held against each peer. Times are this thread's processor time; where
        OpenCV has two threads, by the clock on the wall, which other programs disturb.
    """
    results: list[Result] = []
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            where = f"{height}p, face of {side} px, OpenCV on {threads} thread"
            where += "s" if threads > 1 else ""
            things = _things(width, height, side, size)
            clock = time.thread_time if threads == 1 else time.perf_counter
            timed = compare(things, repeats=repeats, clock=clock)
            results += _against_each(timed, where)
    finally:
        cv2.setNumThreads(before)
    return results


def _against_each(timed: list[Result], where: str) -> list[Result]:
    """Hold each of ours against each peer."""
    ours = [one for one in timed if one.name in OURS]
    peers = [replace(one, name=f"{one.name}, {where}") for one in timed if one.name not in OURS]
    held = [
        replace(
            mine,
            name=f"{mine.name}, {where}, beside {peer.name.partition(':')[0]}",
            ratio=round(peer.median_ms / mine.median_ms, 3),
            against=peer.name,
        )
        for mine in ours
        for peer in peers
    ]
    return held + peers


def _things(width: int, height: int, side: int, size: int) -> Mapping[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    bgr = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    face = np.asarray(cv2.resize(small[:32, :32], (size, size)), np.uint8)
    place = Place(_affine(width, height, side, size), width, height, size)
    peers: dict[str, Callable[[Levels, Levels], Levels]] = {
        "Deep-Live-Cam: crop, blend": RoiUint8(place, copies=0),
        "Deep-Live-Cam with its copies: crop, blend": RoiUint8(place, copies=2),
        "FaceFusion: crop, blend": RoiFloat64(place),
        "insightface: crop, blend": WholeFloat32(place),
    }
    things: dict[str, Callable[[], object]] = {
        name: _ours(bgr, face, place, look) for name, look in OURS.items()
    }
    for name, put in peers.items():
        things[name] = _whole(put, bgr.copy(), face, place)
    return things


def _whole(
    put: Callable[[Levels, Levels], Levels], frame: Levels, face: Levels, place: Place
) -> Callable[[], object]:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def both() -> object:
        crop = cv2.warpAffine(frame, place.affine, (place.size, place.size), flags=way)
        cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True)
        return put(frame, face)

    return both


def _ours(bgr: Levels, face: Levels, place: Place, look: Look) -> Callable[[], object]:
    planes = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8).reshape(-1)
    luma, chroma = place.width * place.height, place.width * place.height // 4
    half = place.height // 2, place.width // 2
    frame = Frame(
        planes[:luma].reshape(place.height, place.width),
        planes[luma : luma + chroma].reshape(half),
        planes[luma + chroma :].reshape(half),
        place.width,
        place.height,
        Colour("bt601", False),
        0,
        0.0,
    )
    swapped = np.ascontiguousarray(face[..., ::-1].transpose(2, 0, 1), np.float32) / np.float32(255)
    worn, crop = _face(place), np.empty((3, place.size, place.size), np.float32)
    compositor = Compositor(look=look)

    def whole() -> object:
        compositor.crop(frame, place.affine, crop)
        one = compositor.paste(worn, crop, swapped, None, place.affine)
        return compositor.finish(frame, (one,), ())

    return whole


def _affine(width: int, height: int, side: int, size: int) -> Floats:
    zoom, turn = side / size, np.radians(6)
    a, b = zoom * np.cos(turn), zoom * np.sin(turn)
    left, top = (width - side) / 2, (height - side) / 2
    return np.array([[a, -b, left + side * 0.05], [b, a, top - side * 0.05]], np.float32)


def _face(place: Place) -> Face:
    """Return a face whose landmarks lie in the middle of the crop."""
    points = np.empty((68, 2), np.float32)
    around = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([0.5 + 0.22 * np.cos(around), 0.5 + 0.32 * np.sin(around)], 1)
    points[17:27] = np.stack([np.linspace(0.3, 0.7, 10), np.full(10, 0.33)], 1)
    points[27:] = (0.5, 0.55)
    points[36:42], points[42:48], points[33] = (0.4, 0.4), (0.6, 0.4), (0.5, 0.56)
    points = transform(place.affine, points * place.size)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    five = transform(place.affine, TEMPLATES["dfl_whole_face"] * place.size)
    return Face(box, 1.0, five, points, np.ones(68, np.float32), 1)
