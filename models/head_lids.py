"""Lids and lashes of a face whose picture shows the eyes open.

An open eye hides most of the upper lid, so that its place in the texture shows the eye. When the
lid closes, that would be seen on it.
"""

import cv2
import numpy as np

from swapcast.models.head import Floats, Head
from swapcast.models.head_skin import fill, in_texture, landmarks_in_texture

_UPPER, _LOWER = 0.72, 0.4
"""How much darker lashes make the edge of the upper and the lower lid."""


def paint_lids(head: Head, texture: Floats) -> None:
    """Give the lids the skin around them, and their edges lashes; in place.

    Parameters
    ----------
    texture : float32 [side, side, 3], linear
    """
    side = len(texture)
    scale = side / 512
    blinks = [head.movements[head.names.index(f"eyeBlink_{k}")] for k in "LR"]
    moved = np.linalg.norm(sum(blinks), axis=1, keepdims=True).astype(np.float32)
    maps, _ = in_texture(head, moved)
    lid = cv2.resize(maps[..., 0], (side, side), interpolation=cv2.INTER_AREA)
    place = landmarks_in_texture(head) * (side - 1) / (len(maps) - 1)
    left, top = (place[36:48].min(0) - 30 * scale).astype(int)
    right, bottom = (place[36:48].max(0) + 30 * scale).astype(int)
    box = np.s_[top:bottom, left:right]
    hidden = (lid[box] > 0.3).astype(np.uint8)
    lashes = np.zeros((2, *hidden.shape), np.float32)
    for first in (36, 42):
        eye = place[first : first + 6] - [left, top]
        cv2.fillPoly(hidden, [np.rint(eye).astype(np.int32)], 1)
        out = np.array([0, 2 * scale], np.float32)  # the landmarks are on the rim that is wet
        edges = (eye[:4] - out, eye[[0, 5, 4, 3]] + out)
        for canvas, edge in zip(lashes, edges, strict=True):
            points = np.rint(edge * 16).astype(np.int32)
            cv2.polylines(canvas, [points], False, 1.0, max(round(3 * scale), 1), cv2.LINE_AA, 4)
    reach = round(7 * scale) | 1
    grown = cv2.dilate(hidden, np.ones((reach, reach), np.uint8)).astype(np.float32)
    skin = fill(np.ascontiguousarray(texture[box]), 1 - grown)
    share = cv2.GaussianBlur(grown, (0, 0), 2.5 * scale)[..., None]
    upper, lower = (cv2.GaussianBlur(lash, (0, 0), 0.9 * scale)[..., None] for lash in lashes)
    painted = texture[box] + (skin - texture[box]) * share
    texture[box] = painted * (1 - _UPPER * np.minimum(upper * 1.6, 1)) * (1 - _LOWER * lower)
