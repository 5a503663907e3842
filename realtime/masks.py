"""Decides where in a crop the swapped face is shown.

One rule: the outline (hull or ellipse), times the swapper's own mask, times the skin above the
brows, less a kept mouth and kept eyes, less what lies before the face. Outlines follow the
landmarks, which are steady already; what networks and colours say is steadied here, in the crop,
which moves with the face: a filter there makes nothing swim.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.detail import expand
from swapcast.kernels.geometry import face_outline
from swapcast.kernels.mask import MOST_EDGES, ellipse, hull
from swapcast.kernels.occlusion import bareness, cut_out, hidden_share
from swapcast.kernels.steady import approach
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.frame import Points
from swapcast.realtime.look import Look
from swapcast.realtime.skin import RULES, Levels, PersonSkin, Plane

_REACH = 1.06  # of a landmark's way from the face's middle: cheeks stand out beyond their landmarks
_HIDDEN = 0.7  # share of its way from the face's middle at which an unseen landmark counts
_RAMP = 0.06  # of the crop's side, above the brows: where skin begins to decide
_CLOSING = 2.0  # times as fast does a mask give way to what comes before the face
_BARE, _COVERED = 0.5, 0.8  # likelihoods of a cover: up to where none is, and from where one is
_INNER = 0.9  # of the outline, from where on a pixel belongs to the inner face
_MOST, _AGAIN = 0.5, 0.42  # of the inner face that covers may open; below which they are believed


class FaceMask:
    """Where one person's swap is shown, and the parts of that decision.

    Parameters
    ----------
    size : int
        Side of the crop, pixels.
    block : int
        How many times smaller the masks are that need no sharp edge.
    """

    def __init__(self, size: int, block: int) -> None:
        small = (size // block, size // block)
        self._size, self._block = size, block
        self._edges: NDArray[np.float32] = np.zeros((5, MOST_EDGES), np.float32)
        self._part = np.zeros((size, size), np.float32)
        self._rows = np.arange(small[0], dtype=np.float32)
        self._below: Plane = np.zeros((small[0], 1), np.float32)
        self._new_skin = np.zeros(small, np.float32)
        self.outline: Plane = np.zeros((size, size), np.float32)
        """float32 [S, S], 0…1: the hull or the ellipse."""
        self.model: Plane | None = None
        """float32 [S, S], 0…1: the swapper's own, steadied."""
        self.skin: Plane | None = None
        """float32 [n, n], 0…1: skin, or the face below the brows; steadied."""
        self.bare: Plane | None = None
        """float32 [k, k], 0…1: what nothing lies before; steadied. None: nobody looked."""
        self._new_bare: Plane = np.ones((0, 0), np.float32)
        self._believed = True

    def forget(self) -> None:
        """Let go of the past: another scene."""
        self.model = self.skin = self.bare = None

    def __call__(
        self,
        look: Look,
        landmarks: Points,
        predicted: Plane | None,
        buffers: Buffers,
    ) -> Plane:
        """Narrow the outline by the swapper's mask; skin comes after, see `narrow`.

        Parameters
        ----------
        look : Look
        landmarks : float32 [68, 2], pixels of the crop
        predicted : float32 [S, S], 0…1, or None
        buffers : Buffers

        Returns
        -------
        float32 [S, S], 0…1
        """
        out: Plane = buffers.take(self.outline.shape, np.float32)
        if predicted is None or not look.model_mask:
            self.model = None
            np.copyto(out, self.outline)
        elif look.steady >= 1:
            self.model = None
            np.multiply(self.outline, predicted, out=out)
        else:
            self.model = _steadied(self.model, predicted, look.steady)
            np.multiply(self.outline, self.model, out=out)
        for points, wanted in (
            (landmarks[48:60], look.keep_mouth),
            (landmarks[36:42], look.keep_eyes),
            (landmarks[42:48], look.keep_eyes),
        ):
            if wanted:
                self._keep(points, out)
        return out

    def draw(self, look: Look, landmarks: Points, visibility: NDArray[np.float32]) -> None:
        """Draw the outline.

        Parameters
        ----------
        look : Look
        landmarks : float32 [68, 2], pixels of the crop
        visibility : float32 [68], 0…1
            Landmarks that are not seen are drawn towards the middle of the face.
        """
        middle = landmarks.mean(0)
        reach = _REACH * (_HIDDEN + (1 - _HIDDEN) * np.minimum(2 * visibility[:, None], 1))
        points = face_outline(middle + reach * (landmarks - middle), look.forehead)
        feather = max(look.feather * self._size, 1.0)
        if look.mask == "hull":
            hull(points, feather, self._edges, self.outline)
            return
        low, high = points.min(0), points.max(0)
        x, y = (low + high) / 2
        wide, high_ = np.maximum((high - low) / 2, 1.0)
        ellipse(x, y, wide, high_, feather, self.outline)

    def _keep(self, points: Points, mask: Plane) -> None:
        """Leave a part of the face as the camera saw it."""
        middle = points.mean(0)
        grown = (middle + 1.25 * (points - middle)).astype(np.float32)
        hull(grown, max(0.02 * self._size, 1.0), self._edges, self._part)
        np.subtract(1, self._part, out=self._part)
        np.multiply(mask, self._part, out=mask)

    def leave_out(self, look: Look, cover: Plane | None, mask: Plane) -> bool:
        """Leave out what lies before the face, unless that is too much to be believed.

        The wearer must not show because a network errs: where covers would open more than half of
        the inner face, they are ignored, until they are well below that again.

        Parameters
        ----------
        look : Look
        cover : float32 [k, k], 0…1, or None
            How likely something lies before the face; None: nobody looked.
        mask : float32 [S, S], 0…1
            Changed in place.

        Returns
        -------
        bool
            Whether anything is left out.
        """
        if cover is None:
            self.bare = None
            return False
        if self._new_bare.shape != cover.shape:
            self._new_bare = np.ones(cover.shape, np.float32)
        bareness(cover, _BARE, _COVERED, self._new_bare)
        self.bare = _steadied(self.bare, self._new_bare, look.steady)
        hidden = hidden_share(self.bare, self.outline, _INNER)
        self._believed = hidden <= (_MOST if self._believed else _AGAIN)
        if not self._believed or hidden == 0 or look.overlay == "occlusion":  # that is tinted
            return False
        cut_out(self.bare, mask)
        return True

    def narrow(
        self, look: Look, levels: Levels, person: PersonSkin, landmarks: Points, mask: Plane
    ) -> None:
        """Leave out what is no skin above the brows, such as hair.

        From the brows down everything stays: a beard, lips and shadows are no skin either.

        Parameters
        ----------
        look : Look
        levels : float32 [3, n, n], Y, U, V
            The true face.
        person : PersonSkin
        landmarks : float32 [68, 2], pixels of the crop
        mask : float32 [S, S], 0…1
            Changed in place.
        """
        if look.skin == "off":
            self.skin = None
            return
        new = self._new_skin
        if look.skin == "adaptive":
            person.likeness(levels, new)
        else:
            RULES[look.skin](levels, new)
        side = self._size / self._block
        brows = float(landmarks[17:27, 1].mean()) / self._block
        self._below[:, 0] = np.clip((self._rows - brows) / (_RAMP * side) + 1.5, 0, 1)
        np.maximum(new, self._below, out=new)
        self.skin = _steadied(self.skin, new, look.steady)
        expand(self.skin, self._block, 1.0, mask, True)


def _steadied(before: Plane | None, new: Plane, share: float) -> Plane:
    """Go a share of the way to what is new, faster where the mask closes."""
    if before is None or before.shape != new.shape:
        return new.copy()
    approach(before, new, share, min(_CLOSING * share, 1.0))
    return before
