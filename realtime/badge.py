"""The visible badge: a small sign in a corner that says that the picture was made by AI."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import yuv_from_rgb
from swapcast.kernels.mark import stamp
from swapcast.realtime.badge_choice import BadgeCorner, BadgeStyle
from swapcast.realtime.frame import Colour, Picture

_TEXTS = {"label": "AI face", "letters": "AI"}
_HEIGHT = 1 / 22  # of the picture's shorter side
_LEAST = 16  # pixels; smaller letters cannot be read
_GAP = 0.5  # of the badge's height, to the picture's edges
_PLATE = (0.05, 0.05, 0.05)  # RGB 0…1
_INK = (1.0, 1.0, 1.0)
_OPAQUE = 0.7  # of the plate; letters are wholly so
_FINER = 4  # times in which it is drawn, and then made small: soft edges

_Drawn: TypeAlias = tuple[
    NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]
]


class Badge:
    """Draws the badge once for each size and colour of picture and blends it into each.

    Parameters
    ----------
    style : BadgeStyle
        Not ``off``.
    corner : BadgeCorner
    """

    def __init__(self, style: BadgeStyle = "label", corner: BadgeCorner = "bottom-right") -> None:
        self._style, self._corner = style, corner
        self._drawn: dict[tuple[int, Colour], _Drawn] = {}

    def stamp(self, picture: Picture, mark: NDArray[np.int8]) -> None:
        """Blend the badge into a picture; only its own patch is touched.

        Parameters
        ----------
        picture : Picture
            Changed in place. One that is too small for the badge is left as it is.
        mark : int8 [side, columns]
            The invisible mark, which the badge carries too.
        """
        shorter = min(picture.width, picture.height)
        height = 2 * round(max(_LEAST, shorter * _HEIGHT) / 2)
        key = height, picture.colour
        if key not in self._drawn:
            self._drawn[key] = _levels(*_draw(self._style, height), picture.colour)
        luma, chroma, share, chroma_share = self._drawn[key]
        gap = 2 * round(_GAP * height / 2)
        tall, wide = share.shape
        if wide + gap > picture.width or tall + gap > picture.height:
            return
        left = gap if self._corner.endswith("left") else picture.width - gap - wide
        top = gap if self._corner.startswith("top") else picture.height - gap - tall
        stamp(luma, chroma, share, chroma_share, left, top, mark, *picture.planes)


def _draw(style: BadgeStyle, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a badge: how much ink (0…1) and how opaque it is (0…1), float32 [height, width]."""
    fine = height * _FINER
    text = _TEXTS.get(style, "")
    font, weight = cv2.FONT_HERSHEY_SIMPLEX, max(1, fine // 11)
    scale = cv2.getFontScaleFromHeight(font, round(0.5 * fine), weight)
    (letters, _), _ = cv2.getTextSize(text, font, scale, weight)
    wide = fine if not text else letters + fine * 7 // 10
    wide = -(-wide // (2 * _FINER)) * 2 * _FINER
    ink, plate = (np.zeros((fine, wide), np.uint8) for _ in range(2))
    half = fine // 2
    for x in (half, wide - 1 - half):
        cv2.circle(plate, (x, half), half - 1, 255, -1)
    cv2.rectangle(plate, (half, 1), (wide - 1 - half, fine - 2), 255, -1)
    if text:
        place = (wide - letters) // 2, half + round(0.25 * fine)
        cv2.putText(ink, text, place, font, scale, 255, weight, cv2.LINE_AA)
    else:
        cv2.circle(ink, (half, half), fine * 3 // 10, 255, weight, cv2.LINE_AA)
        cv2.circle(ink, (half, half), fine // 8, 255, -1, cv2.LINE_AA)
    size = wide // _FINER, height
    small = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (ink, plate)]
    inked, plated = (np.asarray(part, np.float32) / np.float32(255) for part in small)
    return inked, np.maximum(inked, np.float32(_OPAQUE) * plated)


def _levels(ink: NDArray[np.float32], opaque: NDArray[np.float32], colour: Colour) -> _Drawn:
    """Return luma, chroma and their shares as `stamp` takes them."""
    whole = np.maximum(opaque, 1e-3)
    rgb = [
        (ink * one + np.maximum(opaque - ink, 0) * plate) / whole
        for one, plate in zip(_INK, _PLATE, strict=True)
    ]
    planes = np.einsum(
        "ck,kij->cij", yuv_from_rgb(colour.matrix, colour.full_range), [*rgb, np.ones_like(ink)]
    )
    levels = np.clip(np.rint(planes), 0, 255).astype(np.uint8)
    halves = [np.ascontiguousarray(levels[k, ::2, ::2]) for k in (1, 2)]
    share = np.rint(255 * opaque).astype(np.uint8)
    chroma_share = np.rint(
        255 * opaque.reshape(opaque.shape[0] // 2, 2, -1, 2).mean((1, 3))
    ).astype(np.uint8)
    return levels[:1].copy(), np.stack(halves), share, chroma_share
