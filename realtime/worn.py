"""What is remembered of one swapped face from frame to frame, and how its next picture is made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.match import apart, moments, reduce
from swapcast.kernels.occlusion import cut_out
from swapcast.kernels.steady import sure_part
from swapcast.realtime.bands import Bands
from swapcast.realtime.border import Border
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.detail import Detail
from swapcast.realtime.frame import Points
from swapcast.realtime.look import Look, Overlay
from swapcast.realtime.masks import FaceMask
from swapcast.realtime.relight import Relight
from swapcast.realtime.skin import SURE, Levels, PersonSkin, Plane
from swapcast.realtime.tone import TO_LEVELS, Crop, Tone

_BLOCK = 2  # times smaller are the levels that are compared
_SURE = 0.9  # of the mask, from where on a pixel lies well inside
_CUT = 20.0  # levels between two frames' mean colours that mean another scene
_TINTS = np.array([[0.1, 0.9, 0.2]], np.float32).T[:, :, None]  # RGB of overlays


@dataclass(frozen=True, slots=True)
class Dressed:
    """A swapped face in the true one's colours, and where it shows."""

    face: Crop
    mask: Plane
    coarse: Crop | None
    """float32 [3, S, S]: what of the true face is no detail; see `swapcast.kernels.paste`."""
    gate: Plane | None
    """float32 [S, S]: how much of the camera's detail shows."""
    whole: Plane | None
    """float32 [S, S], 0…1: the mask as if nothing lay before the face; None: it is the mask."""
    apart: float
    """How far the face between brows and lips was changed; see `swapcast.kernels.match.apart`."""


class Worn:
    """One person who wears the swap.

    Parameters
    ----------
    size : int
        Side of the crop, pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        side = size // _BLOCK
        self._true: Levels = np.zeros((3, side, side), np.float32)
        self._made: Levels = np.zeros((3, side, side), np.float32)
        self._inside: Plane = np.zeros((side, side), np.float32)
        self._all: Plane = np.ones((side, side), np.float32)
        self._trust: Plane = np.zeros((side, side), np.float32)
        self._likeness: Plane = np.zeros((side, side), np.float32)
        self._mean, self._before = np.zeros(9), np.zeros(3)
        self.mask = FaceMask(size, _BLOCK)
        self.skin, self.tone = PersonSkin(), Tone()
        self.light = Relight()
        self.border: Border | None = None
        self.bands: Bands | None = None
        self.detail = Detail(size, _BLOCK)
        self.shown = 0
        """Frames in a row in which it was worn."""
        self.last = 0
        """The frame in which it was worn last, counted by the compositor."""

    def forget(self) -> None:
        """Let go of what the past looked like: another scene, or nobody's own past."""
        self.mask.forget()
        self.skin.forget()
        self.tone.forget()
        self.light.forget()
        self.detail.forget()
        if self.border is not None:
            self.border.forget()

    def __call__(  # noqa: PLR0913 - what one frame brings
        self,
        look: Look,
        crops: tuple[Crop, Crop],
        predicted: Plane | None,
        landmarks: Points,
        visibility: NDArray[np.float32],
        buffers: Buffers,
        *,
        cover: Plane | None = None,
        fine: float = 1.0,
        steady: bool = True,
    ) -> Dressed:
        """Dress the next frame's swapped face.

        Parameters
        ----------
        look : Look
        crops : two float32 [3, S, S], RGB, 0…1
            The true and the swapped face.
        predicted : float32 [S, S], 0…1, or None
            The swapper's own mask.
        landmarks : float32 [68, 2], pixels of the crop
        visibility : float32 [68], 0…1
        buffers : Buffers
        cover : float32 [k, k], 0…1, or None
            How likely something lies before the face.
        fine : float, 0…1
            How much of the look's detail the picture has to give.
        steady : bool
            Whether the past counts.
        """
        true, picture = crops
        reduce(true, TO_LEVELS, _BLOCK, self._true)
        reduce(picture, TO_LEVELS, _BLOCK, self._made)
        self.mask.draw(look, landmarks, visibility)
        sure_part(self._all, self.mask.outline, _SURE, _BLOCK, self._inside)
        if self._changed() or not steady:
            self.forget()
        mask = self.mask(look, landmarks, predicted, buffers)
        whole = self._leave_out(look, cover, mask, buffers)
        sure_part(self._all, mask, _SURE, _BLOCK, self._inside)
        self.skin.learn(self._true, (landmarks / _BLOCK).astype(np.float32))
        self.skin.likeness(self._true, self._likeness, SURE)
        if whole is not None and self.mask.bare is not None:
            cut_out(self.mask.bare, self._likeness)
        np.multiply(self._likeness, self._inside, out=self._trust)
        self.tone.look(self._true, self._made, self._trust, self._inside)
        self.mask.narrow(look, self._true, self.skin, landmarks, mask)
        face: Crop = buffers.take(picture.shape, np.float32)
        self.tone.apply(look.colour, picture, (self._true, self._made), self._trust, face)
        if look.relight > 0:
            reduce(face, TO_LEVELS, _BLOCK, self._made)
            levels = self._true, self._made
            self.light(look.relight, levels, self._trust, self.tone.rate, face)
        self._blend(look, true, mask if whole is None else whole, face)
        coarse = gate = None
        reduce(face, TO_LEVELS, _BLOCK, self._made)
        change = apart(self._true[0], self._made[0], mask, _BLOCK, *_middle(landmarks))
        share = look.detail * fine
        if share > 0:
            levels = self._true, self._made
            coarse, gate = self.detail(share, (true, face), levels, self._trust, buffers)
        if look.overlay != "none":
            self._tint(look.overlay, face)
        return Dressed(face, mask, coarse, gate, whole, change)

    def _leave_out(
        self, look: Look, cover: Plane | None, mask: Plane, buffers: Buffers
    ) -> Plane | None:
        """Take out of the mask what lies before the face; return the mask before, if that was."""
        if cover is None:
            self.mask.leave_out(look, None, mask)
            return None
        whole: Plane = buffers.take(mask.shape, np.float32)
        np.copyto(whole, mask)
        return whole if self.mask.leave_out(look, cover, mask) else None

    def _changed(self) -> bool:
        """Tell whether the true face has other colours than a moment ago: another scene."""
        if not moments(self._true, self._inside, self._mean):
            return False
        jump = float(np.abs(self._mean[:3] - self._before).max())
        self._before[:] = self._mean[:3]
        return jump > _CUT

    def _blend(self, look: Look, true: Crop, mask: Plane, face: Crop) -> None:
        """Change the face so that its mask's edge is not seen."""
        if look.blend == "feather":
            return
        if look.blend == "multiband":
            if self.bands is None:
                self.bands = Bands(self.size)
            self.bands.apply(true, mask, face)
            return
        if self.border is None:
            self.border = Border(self.size)
        reduce(face, TO_LEVELS, _BLOCK, self._made)
        levels = self._true, self._made
        self.border.apply(look, true, levels, self._likeness, self.mask.outline, face)

    def _hidden(self) -> Plane | None:
        """Return where something lies before the face."""
        return None if self.mask.bare is None else 1 - self.mask.bare

    def _tint(self, overlay: Overlay, face: Crop) -> None:
        """Tint the swapped face where a mask is."""
        planes: dict[str, Plane | None] = {
            "outline": self.mask.outline,
            "model": self.mask.model,
            "skin": self.mask.skin,
            "occlusion": self._hidden(),
            "trust": self._trust,
            "detail": self.detail.gate,
        }
        plane = planes.get(overlay)
        if overlay == "mask":
            plane = np.ones(face.shape[1:], np.float32)
        if plane is None:
            return
        if plane.shape != face.shape[1:]:
            grown = np.ones(face.shape[1:], np.float32)
            cut_out(np.ascontiguousarray(plane), grown)
            plane = grown
        face += np.float32(0.5) * plane * (_TINTS - face)


def _middle(landmarks: Points) -> tuple[int, int, int, int]:
    """Return the box of a face between its brows, the outer corners of its eyes and its lips.

    In blocks: left, top, right, bottom.
    """
    landmarks = landmarks / np.float32(_BLOCK)
    left, right = landmarks[36, 0], landmarks[45, 0]
    wide = 0.1 * (right - left)
    top, bottom = landmarks[17:27, 1].min(), landmarks[48:60, 1].max()
    return int(left - wide), int(top), int(right + wide) + 1, int(bottom) + 1
