"""Makes the picture that leaves: the frame in the sink's colours, with swapped faces, marked."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from swapcast.kernels.colour import Coefficients, rgb_from_yuv, yuv_from_rgb, yuv_from_yuv
from swapcast.kernels.geometry import face_outline, invert, transform
from swapcast.kernels.mark import fill
from swapcast.kernels.mask import MOST_EDGES, hull
from swapcast.kernels.match import adjust, mean_colour
from swapcast.kernels.output import pixelate, render
from swapcast.kernels.paste import PLANES, paste
from swapcast.kernels.warp import sample
from swapcast.realtime.badge import Badge
from swapcast.realtime.frame import Affine, Colour, Face, Frame, Picture, Points
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_pattern import pattern

Crop = NDArray[np.float32]
"""float32 [3, S, S], RGB, 0…1."""

Mask = NDArray[np.float32]
"""float32 [S, S], 0…1: 0 is the frame, 1 the swapped face."""

Box = NDArray[np.float32]
"""float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""

_SLATE = (0.16, 0.20, 0.24)  # RGB 0…1 of the plain picture
_FOREHEAD = 0.6  # how much of the forehead wears the swap; hair begins at 1, sometimes lower
_FEATHER = 0.07  # of the crop's side: how deep the mask's soft edge is
_REACH = 1.06  # of a landmark's way from the face's middle: cheeks stand out beyond their landmarks
_HIDDEN = 0.7  # share of its way from the face's middle at which an unseen landmark counts
_TONE_RATE = 0.08  # of the way to a new difference in colour, each frame
_TONE_JUMP = 0.08  # change of a face's mean colour, 0…1, that means another light or another scene
_TONE_LIFE = 60  # pictures after which the colours of a lost track are forgotten
_NO_DETAIL = np.zeros((3, 0, 0), np.float32), np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Paste:
    """A swapped face, ready to be put into a picture."""

    face: Crop
    mask: Mask
    affine: Affine


class Buffers:
    """Arrays that are used again as soon as nobody else holds them.

    A live stream makes a picture of the same size thirty times a second; fresh memory for each
    would cost more than filling it. An array counts as free when only this pool refers to it, which
    CPython's reference counts tell; views of an array, and what native code borrows, hold it too.

    Parameters
    ----------
    most : int
        Arrays that are kept; what is taken beyond that is not used again.
    """

    def __init__(self, most: int = 16) -> None:
        self._kept: list[NDArray[Any]] = []
        self._most = most

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of any content."""
        kept = self._kept
        for k in range(len(kept)):
            # Two references to a free one: the list's, and the argument's of getrefcount.
            if sys.getrefcount(kept[k]) == 2 and kept[k].shape == shape and kept[k].dtype == dtype:
                return kept[k]
        fresh = np.empty(shape, dtype)
        if len(kept) == self._most:
            kept.pop(0)
        kept.append(fresh)
        return fresh


@dataclass(slots=True)
class _Tone:
    """How a track's swapped face differs in colour from the true one, steadied over time."""

    difference: NDArray[np.float64]
    mean: NDArray[np.float64]
    last: int


class Compositor:
    """Crops faces out of frames and puts swapped ones back.

    Everything that decides how the face looks happens at the crop's size; each picture is walked
    through once as a whole. Every picture carries the invisible mark; nothing turns it off.

    Parameters
    ----------
    payload : what the mark says; nothing given: that it is nobody's
    badge : drawn into a corner of every picture, or None
    """

    def __init__(self, payload: Payload | None = None, badge: Badge | None = None) -> None:
        self._payload, self._badge = payload or Payload(), badge
        self._marks: dict[tuple[int, int], NDArray[np.int8]] = {}
        self.full_frame_passes = 0
        """How often all pixels of a frame were read and written: once for each picture."""
        self._buffers = Buffers()
        self._ways: dict[tuple[object, ...], Coefficients] = {}
        self._edges = np.zeros((5, MOST_EDGES), np.float32)
        self._tones: dict[int, _Tone] = {}
        self._pictures = 0

    def crop(
        self, frame: Frame, affine: Affine, out: Crop, *, scale: float = 1.0, offset: float = 0.0
    ) -> None:
        """Fill ``out`` with the part of a frame that a crop covers.

        Parameters
        ----------
        frame : Frame
        affine : float32 [2, 3]
            From `swapcast.kernels.geometry.crop_affine`.
        out : float32 [3, S, S]
            Overwritten with RGB 0…1 · scale + offset.

        Raises
        ------
        ValueError
            If ``out`` has another shape, or the affine is not finite.
        """
        if out.ndim != 3 or out.shape[0] != 3 or out.shape[1] != out.shape[2]:
            raise ValueError(f"a crop is [3, S, S], got {list(out.shape)}")
        way = self._way(rgb_from_yuv, frame.colour)
        planes = frame.y, frame.u, frame.v
        sample(*planes, frame.width, frame.height, way, affine, scale, offset, out)

    def paste(
        self, face: Face, crop: Crop, picture: Crop, predicted: Mask | None, affine: Affine
    ) -> Paste:
        """Prepare a swapped face: where it goes, and in the colours of the true one.

        Parameters
        ----------
        face : Face
        crop : float32 [3, S, S], RGB, 0…1
            The true face.
        picture : float32 [3, S, S], RGB, 0…1
            The swapped one. It is copied.
        predicted : float32 [S, S], 0…1, or None
            The swapper's own mask; narrows the one of the landmarks.
        affine : float32 [2, 3]
            Maps the crop to the frame.

        Raises
        ------
        ValueError
            If the landmarks or the affine are not finite.
        """
        mask = self.mask(face.landmarks, face.visibility, affine, crop.shape[1])
        if predicted is not None:
            np.multiply(mask, predicted, out=mask)
        matched = self.match(face.track, crop, picture, mask)
        return Paste(matched, mask, affine)

    def mask(
        self, landmarks: Points, visibility: NDArray[np.float32], affine: Affine, size: int
    ) -> Mask:
        """Draw where in a crop the face is: from the chin to the middle of the forehead.

        Parameters
        ----------
        landmarks : float32 [68, 2], pixels of the frame
        visibility : float32 [68], 0…1
            Landmarks that are not seen are drawn towards the middle of the face.
        affine : float32 [2, 3]
            Maps the crop to the frame.
        size : int
            Side of the crop, pixels.

        Returns
        -------
        float32 [size, size], 0…1

        Raises
        ------
        ValueError
            If the landmarks or the affine are not finite.
        """
        if not (np.isfinite(landmarks).all() and np.isfinite(visibility).all()):
            raise ValueError("a landmark is not a finite number")
        middle = landmarks.mean(0)
        reach = _REACH * (_HIDDEN + (1 - _HIDDEN) * np.minimum(2 * visibility[:, None], 1))
        outline = face_outline(middle + reach * (landmarks - middle), _FOREHEAD)
        points = transform(invert(affine), outline)
        out: Mask = self._buffers.take((size, size), np.float32)
        hull(points, max(_FEATHER * size, 1.0), self._edges, out)
        return out

    def match(self, track: int, crop: Crop, picture: Crop, mask: Mask) -> Crop:
        """Give a swapped face the average colour of the true one.

        The difference is steadied from frame to frame, so that it does not flicker, and taken anew
        when the true face's colour jumps.

        Parameters
        ----------
        track : int
            Of the face; -1 is not steadied.
        crop, picture : float32 [3, S, S], RGB, 0…1
            The true face and the swapped one.
        mask : float32 [S, S], 0…1
            Where colours are compared.

        Returns
        -------
        float32 [3, S, S], RGB, 0…1
            A copy of ``picture`` in new colours.
        """
        true, swapped = np.zeros(3), np.zeros(3)
        tone = self._tones.get(track)
        if mean_colour(crop, mask, true) > 0.01 * mask.size:
            mean_colour(picture, mask, swapped)
            if tone is None or track < 0 or np.abs(true - tone.mean).max() > _TONE_JUMP:
                tone = _Tone(true - swapped, true, self._pictures)
                self._tones[track] = tone
            else:
                tone.difference += _TONE_RATE * (true - swapped - tone.difference)
                tone.mean += 0.5 * (true - tone.mean)
        if tone is not None:
            tone.last = self._pictures
        by = np.zeros(3) if tone is None else tone.difference
        out: Crop = self._buffers.take(picture.shape, np.float32)
        adjust(picture, np.ones(3, np.float32), by.astype(np.float32), out)
        return out

    def finish(
        self,
        frame: Frame,
        pastes: Sequence[Paste],
        boxes: Sequence[Box],
        colour: Colour | None = None,
        *,
        slate: bool = False,
    ) -> Picture:
        """Make the picture that leaves.

        Parameters
        ----------
        frame : Frame
        pastes : swapped faces, put in one after the other
        boxes : parts that are covered by at most eight cells across, after the faces
            One that is not finite covers the whole picture.
        colour : what the sink's readers assume, or None for the frame's own
        slate : whether the picture is plain, without frame and faces

        Returns
        -------
        Picture
            Nobody else holds its memory; it is used again when it is let go of.
        """
        wanted = colour or frame.colour
        width, height = frame.width + frame.width % 2, frame.height + frame.height % 2
        data = self._buffers.take((width * height * 3 // 2,), np.uint8)
        mark = self._mark(width, height)
        picture = Picture(
            data, width, height, wanted, frame.number, frame.captured_at, frame.period, mark
        )
        planes = picture.planes
        self.full_frame_passes += 1
        self._pictures += 1
        self._forget()
        if slate:
            self._plain(picture, mark)
        else:
            way = self._way(yuv_from_yuv, frame.colour, wanted)
            render(frame.y, frame.u, frame.v, frame.width, frame.height, way, mark, *planes)
            self._put_in(pastes, boxes, picture, mark)
        if self._badge is not None:
            self._badge.stamp(picture, mark)
        return picture

    def _plain(self, picture: Picture, mark: NDArray[np.int8]) -> None:
        y, u, v = picture.planes
        levels = self._way(yuv_from_rgb, picture.colour) @ (*_SLATE, 1.0)
        fill(y, round(levels[0]), mark)
        u.fill(round(levels[1]))
        v.fill(round(levels[2]))

    def _put_in(
        self,
        pastes: Sequence[Paste],
        boxes: Sequence[Box],
        picture: Picture,
        mark: NDArray[np.int8],
    ) -> None:
        """Put faces into a picture and cover what must not be seen."""
        way, planes = self._way(yuv_from_rgb, picture.colour), picture.planes
        for one in pastes:
            scratch = self._buffers.take((PLANES, *one.mask.shape), np.float32)
            paste(one.face, one.mask, *_NO_DETAIL, one.affine, way, scratch, mark, *planes)
        everything = 0.0, 0.0, picture.width, picture.height
        for box in boxes:
            pixelate(mark, *planes, *(box if np.isfinite(box).all() else everything))

    def _mark(self, width: int, height: int) -> NDArray[np.int8]:
        if (width, height) not in self._marks:
            self._marks[width, height] = pattern(self._payload, width, height)
        return self._marks[width, height]

    def _way(self, make: Callable[..., Coefficients], *colours: Colour) -> Coefficients:
        key = (make, *colours)
        if key not in self._ways:
            words = [word for colour in colours for word in (colour.matrix, colour.full_range)]
            self._ways[key] = make(*words)
        return self._ways[key]

    def _forget(self) -> None:
        oldest = self._pictures - _TONE_LIFE
        for track in [track for track, tone in self._tones.items() if tone.last < oldest]:
            del self._tones[track]
