"""Makes the picture that leaves: the frame in the sink's colours, with swapped faces, marked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import Coefficients, rgb_from_yuv, yuv_from_rgb, yuv_from_yuv
from swapcast.kernels.geometry import invert, transform
from swapcast.kernels.mark import fill
from swapcast.kernels.output import pixelate, render
from swapcast.kernels.paste import PLANES, paste
from swapcast.kernels.steady import fade
from swapcast.kernels.warp import sample
from swapcast.realtime.badge import Badge
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.frame import Affine, Colour, Face, Frame, Picture
from swapcast.realtime.head_pose import head_pose
from swapcast.realtime.look import Look, to_the_hair
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_pattern import pattern
from swapcast.realtime.worn import Worn

Crop = NDArray[np.float32]
"""float32 [3, S, S], RGB, 0…1."""

Mask = NDArray[np.float32]
"""float32 [S, S], 0…1: 0 is the frame, 1 the swapped face."""

Box = NDArray[np.float32]
"""float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""

_SLATE = (0.16, 0.20, 0.24)  # RGB 0…1 of the plain picture
_LIFE = 60  # frames after which what is remembered of a lost track is forgotten
_FRESH = 2  # frames without it after which a face fades in again
_FADE_TURN = 12.0  # degrees of turning over which a face fades out
_SMALL = 0.5  # pixels of the frame for one of the crop, up to which no detail is taken over
_CELLS = 8  # across the crop, of the mosaic that a face fades from and into
_NO_COARSE, _NO_GATE = np.zeros((3, 0, 0), np.float32), np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Paste:
    """A swapped face, ready to be put into a picture."""

    face: Crop
    mask: Mask
    affine: Affine
    coarse: Crop | None = None
    """float32 [3, S, S]: the true face without the detail that shows."""
    gate: Mask | None = None
    """float32 [S, S], 0…0.95: how much of the picture's detail shows; None: nothing."""
    whole: Mask | None = None
    """float32 [S, S]: the mask as if nothing lay before the face; None: it is the mask."""
    opacity: float = 1.0
    """0…1: how much of it is seen in a mosaic of the true face; at 0 there is no swap."""
    apart: float = math.inf
    """How far it is from the true face; see `swapcast.kernels.match.apart`."""


class Compositor:
    """Crops faces out of frames and puts swapped ones back.

    Everything that decides how the face looks happens at the crop's size; each picture is walked
    through once as a whole. Every picture carries the invisible mark; nothing turns it off.

    Parameters
    ----------
    payload : what the mark says; nothing given: that it is nobody's
    badge : drawn into a corner of every picture, or None
    look : how faces are put in; may be changed between two frames
    occlusion : says what lies before a face, or None: nobody looks
    """

    def __init__(
        self,
        payload: Payload | None = None,
        badge: Badge | None = None,
        look: Look | None = None,
        occlusion: Callable[[Crop], Mask | None] | None = None,
    ) -> None:
        self.look, self._occlusion = look or Look(), occlusion
        self._payload, self._badge = payload or Payload(), badge
        self._marks: dict[tuple[int, int], NDArray[np.int8]] = {}
        self.full_frame_passes = 0
        """How often all pixels of a frame were read and written: once for each picture."""
        self._buffers = Buffers()
        self._ways: dict[tuple[object, ...], Coefficients] = {}
        self._worn: dict[int, Worn] = {}
        self._frames, self._number = 0, -1

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

    def covers(self, crop: Crop) -> Mask | None:
        """Say how likely something lies before each part of a face, if the look asks for it.

        Returns
        -------
        float32 [k, k], 0…1, or None if nobody looked
            Overwritten by the next call.
        """
        if self._occlusion is None or self.look.occlusion == "off":
            return None
        return self._occlusion(crop)

    def paste(
        self,
        face: Face,
        crop: Crop,
        picture: Crop,
        predicted: Mask | None,
        affine: Affine,
        *,
        cover: Mask | None = None,
        frame: Frame | None = None,
        hairline: bool = False,
    ) -> Paste:
        """Prepare a swapped face: where it goes, and in the colours of the true one.

        Parameters
        ----------
        face : Face
            A track of -1 has no past.
        crop : float32 [3, S, S], RGB, 0…1
            The true face.
        picture : float32 [3, S, S], RGB, 0…1
            The swapped one. It is copied.
        predicted : float32 [S, S], 0…1, or None
            The swapper's own mask; narrows the one of the landmarks.
        affine : float32 [2, 3]
            Maps the crop to the frame.
        cover : float32 [k, k], 0…1, or None
            How likely something lies before the face, from `covers`.
        frame : what it is put into, or None
            Without it nothing fades: neither a face that begins, nor one that turns away.
        hairline : bool
            Whether the swapper's own mask ends at the hair.

        Raises
        ------
        ValueError
            If the landmarks or the affine are not finite.
        """
        if not (np.isfinite(face.landmarks).all() and np.isfinite(face.visibility).all()):
            raise ValueError("a landmark is not a finite number")
        look, side = self.look, crop.shape[1]
        if hairline and look.model_mask and predicted is not None:
            look = to_the_hair(look)
        worn = self._worn.get(face.track)
        if worn is None or worn.size != side:
            worn = self._worn[face.track] = Worn(side)
        worn.shown = worn.shown + 1 if self._frames - worn.last <= _FRESH else 1
        worn.last = self._frames
        dressed = worn(
            look,
            (crop, picture),
            predicted,
            transform(invert(affine), face.landmarks),
            face.visibility,
            self._buffers,
            cover=cover,
            fine=_fineness(affine),
            steady=face.track >= 0,
        )
        opacity = 1.0
        if frame is not None:
            opacity = min((look.widest - _turned(face, frame)) / _FADE_TURN, 1.0)
            if face.track >= 0:
                opacity = min(opacity, worn.shown / look.fade_frames)
        opacity = max(opacity, 0.0)
        made, mask, whole, far = dressed.face, dressed.mask, dressed.whole, dressed.apart
        if opacity == 1:
            return Paste(made, mask, affine, dressed.coarse, dressed.gate, whole, apart=far)
        fade(crop, _CELLS, opacity, made)
        return Paste(made, mask, affine, whole=whole, opacity=opacity, apart=far)

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
        if frame.number != self._number:  # one frame may become pictures in several colours
            self._number = frame.number
            self._frames += 1
            self._forget()
        if slate:
            self._plain(picture, mark)
        else:
            way = self._way(yuv_from_yuv, frame.colour, wanted)
            render(frame.y, frame.u, frame.v, frame.width, frame.height, way, mark, *planes)
            self.put_in(pastes, boxes, picture, mark)
        if self._badge is not None:
            self._badge.stamp(picture, mark)
        return picture

    def _plain(self, picture: Picture, mark: NDArray[np.int8]) -> None:
        y, u, v = picture.planes
        levels = self._way(yuv_from_rgb, picture.colour) @ (*_SLATE, 1.0)
        fill(y, round(levels[0]), mark)
        u.fill(round(levels[1]))
        v.fill(round(levels[2]))

    def put_in(
        self,
        pastes: Sequence[Paste],
        boxes: Sequence[Box],
        picture: Picture,
        mark: NDArray[np.int8],
    ) -> None:
        """Put faces into a picture and cover what must not be seen; a part of `finish`."""
        way, planes = self._way(yuv_from_rgb, picture.colour), picture.planes
        for one in pastes:
            coarse, gate = one.coarse, one.gate
            if coarse is None or gate is None:
                coarse, gate = _NO_COARSE, _NO_GATE
            scratch = self._buffers.take((PLANES, *one.mask.shape), np.float32)
            paste(one.face, one.mask, coarse, gate, one.affine, way, scratch, mark, *planes)
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
        oldest = self._frames - _LIFE
        for track in [track for track, worn in self._worn.items() if worn.last < oldest]:
            del self._worn[track]


def _fineness(affine: Affine) -> float:
    """Say how much detail a frame has that its crop has not, 0…1.

    Where a face is smaller in the frame than in the crop, the swap is no softer than the frame,
    and what the camera saw would only show who is below.
    """
    scale = math.sqrt(abs(float(np.linalg.det(affine[:, :2]))))
    return min(max((scale - _SMALL) / (1 - _SMALL), 0.0), 1.0)


def _turned(face: Face, frame: Frame) -> float:
    """Return how far a head is turned away from the camera, degrees."""
    pose = head_pose(face.landmarks, frame.width, frame.height, rounds=1)
    return float(np.degrees(np.arccos(np.clip(pose.turn[2, 2], -1, 1))))
