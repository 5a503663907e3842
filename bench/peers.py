"""What other programs do to put a face back, beside what ours does, in one process and geometry.

Written anew from descriptions of what these programs do per frame, and tuned so that they win if
they can: buffers are kept, constant masks are made once, the fastest of several ways was taken.
They are given less to do than ours: no colour is matched, no skin is looked for, nothing is marked.

Two pieces of work are compared. *Putting back* is what stands between the swapper's answer and the
picture: for ours mask, skin, colours and paste, for the peers the blend of a BGR picture.
*Planes to planes* is the whole frame, from the camera's I420 to the virtual camera's: for ours
crop, putting back and the marked output pass; for the peers I420 to BGR, crop, blend, BGR to I420.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.places import Place, turned
from swapcast.bench.timing import Result, compare
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.look import Look

Levels = NDArray[np.uint8]
"""uint8 [h, w, 3], BGR."""

Floats = NDArray[np.float32]

LOOKS: Mapping[str, Look] = {
    "ours with skin": Look(skin="adaptive", detail=0.0),
    "ours, look natural": Look(),
}
"""Both match colours; the first looks for skin, the second takes over the camera's detail."""

Work = Callable[[], object]


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
    scene = _Scene(width, height, side, size)
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            clock = time.thread_time if threads == 1 else time.perf_counter
            where = f"{height}p, {side} px, OpenCV on {threads} thread{'s' if threads > 1 else ''}"
            for work, things in scene.works.items():
                timed = compare(things, repeats=repeats, clock=clock)
                results += _against_each(timed, f"{work}, {where}")
    finally:
        cv2.setNumThreads(before)
    return results


def _against_each(timed: list[Result], where: str) -> list[Result]:
    """Hold each of ours against each peer."""
    ours = [one for one in timed if one.name in LOOKS]
    peers = [replace(one, name=f"{one.name}: {where}") for one in timed if one.name not in LOOKS]
    held = [
        replace(
            mine,
            name=f"{mine.name} beside {peer.name}",
            ratio=round(peer.median_ms / mine.median_ms, 3),
            against=peer.name,
        )
        for mine in ours
        for peer in peers
    ]
    return held + peers


class _Scene:
    """One picture with one face, and all that is done to it."""

    def __init__(self, width: int, height: int, side: int, size: int) -> None:
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        self.bgr: Levels = np.asarray(cv2.resize(small, (width, height)), np.uint8)
        self.i420 = np.asarray(cv2.cvtColor(self.bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
        self.face: Levels = np.asarray(cv2.resize(small[:32, :32], (size, size)), np.uint8)
        self.place = Place(turned(width, height, side, size), width, height, size)
        peers: dict[str, Callable[[Levels, Levels], Levels]] = {
            "Deep-Live-Cam": RoiUint8(self.place, copies=0),
            "Deep-Live-Cam with its copies": RoiUint8(self.place, copies=2),
            "FaceFusion": RoiFloat64(self.place),
            "insightface": WholeFloat32(self.place),
        }
        back: dict[str, Work] = {}
        whole: dict[str, Work] = {}
        for name, look in LOOKS.items():
            back[name], whole[name] = self._ours(look)
        for name, put in peers.items():
            back[name] = partial(put, self.bgr.copy(), self.face)
            whole[name] = partial(self._planes_to_planes, put)
        self.works = {"putting back": back, "planes to planes": whole}

    def _planes_to_planes(self, put: Callable[[Levels, Levels], Levels]) -> object:
        place, way = self.place, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame = np.asarray(cv2.cvtColor(self.i420, cv2.COLOR_YUV2BGR_I420), np.uint8)
        crop = cv2.warpAffine(frame, place.affine, (place.size, place.size), flags=way)
        cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True)
        return cv2.cvtColor(put(frame, self.face), cv2.COLOR_BGR2YUV_I420)

    def _ours(self, look: Look) -> tuple[Work, Work]:
        """Return ours: putting back, and the whole frame."""
        place, planes = self.place, self.i420.reshape(-1)
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
        rgb = np.ascontiguousarray(self.face[..., ::-1].transpose(2, 0, 1), np.float32)
        swapped, worn = rgb / np.float32(255), place.worn()
        crop = np.empty((3, place.size, place.size), np.float32)
        compositor = Compositor(look=look)
        compositor.crop(frame, place.affine, crop)
        picture = compositor.finish(frame, (), ())
        assert picture.mark is not None
        mark = picture.mark

        def dressed() -> Paste:
            return compositor.paste(worn, crop, swapped, None, place.affine)

        def whole() -> object:
            compositor.crop(frame, place.affine, crop)
            return compositor.finish(frame, (dressed(),), ())

        return lambda: compositor.put_in((dressed(),), (), picture, mark), whole
