"""Hands to be laid before a face: drawn limb by limb, round, creased, in the colours of skin."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points
from swapcast.models.landmarks_covers import whole_pixels
from swapcast.models.landmarks_turning import Picture

Mask = NDArray[np.float32]
"""float32 [S, S], 0…1."""
_Limb = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""From, to, and how thick."""

_FINGERS = ((-0.19, 0.40), (-0.065, 0.47), (0.065, 0.45), (0.19, 0.35))
"""Of a hand of length 1: where across a finger begins, and how long it is."""
_KNUCKLES, _WIDE = 0.5, 0.125
"""Of a hand of length 1: how far from the wrist the fingers begin, and how wide they are."""
_GOALS = (62, 66, 33, 30, 48, 54, 8, 4, 12, 36, 45, 21, 22, 57)
"""Landmarks that hands go to: mouth, nose, chin, cheeks, eyes, forehead."""


def skin_tone(crop: Picture, points: Points, rng: np.random.Generator) -> NDArray[np.float32]:
    """Choose a colour, float32 [3] BGR: mostly this face's own, else anybody's, or a glove's."""
    kind = rng.random()
    if kind < 0.08:
        return rng.uniform(10, 250, 3).astype(np.float32)
    if kind < 0.3:
        light = float(rng.uniform(60, 255))
        tone = np.array([0.55, 0.72, 1.0]) * light * rng.uniform(0.88, 1.12, 3)
        return np.asarray(tone, np.float32)
    cheeks = np.concatenate([points[[2, 3, 31, 48]], points[[13, 14, 35, 54]]])
    x, y = np.clip(cheeks.round().astype(int), 0, crop.shape[0] - 1).T
    own = np.median(crop[y, x], 0) * rng.uniform(0.85, 1.4) * rng.uniform(0.95, 1.05, 3)
    return np.asarray(own, np.float32)


def lay_hand(crop: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Lay a hand and its arm before a face, with the shade that it throws.

    Parameters
    ----------
    crop : uint8 [S, S, 3], BGR
    points : float32 [68, 2], pixels of the crop
    rng : random numbers

    Returns
    -------
    (uint8 [S, S, 3], float32 [S, S])
        The picture, and how much of each pixel is hand, 0…1.
    """
    side = crop.shape[0]
    length = float(np.ptp(points[:, 0])) * rng.uniform(0.75, 1.35)
    fingers, arm = _limbs(rng)
    place = _placing(points, length, rng)
    tone, whole = skin_tone(crop, points, rng), np.zeros((side, side), np.float32)
    hand = np.zeros((side, side, 3), np.float32)
    field = _field(side, rng)
    sleeve = rng.uniform(0, 255, 3).astype(np.float32) if rng.random() < 0.4 else None
    for k, (root, tip, thick) in enumerate([arm, *fingers]):
        limb = np.zeros((side, side), np.uint8)
        ends = np.array([root, tip]) @ place[:, :2].T + place[:, 2]
        pixels = max(2, round(thick * length))
        cv2.line(limb, whole_pixels(ends[0]), whole_pixels(ends[1]), 255, pixels, cv2.LINE_AA)
        depth = cv2.distanceTransform(limb, cv2.DIST_L2, 3) * np.float32(2 / pixels)
        light = field * (0.62 + 0.38 * np.sqrt(np.minimum(depth, 1)))
        mask = limb.astype(np.float32) / 255
        colour = tone if k or sleeve is None else sleeve
        hand += mask[:, :, None] * (colour * light[:, :, None] - hand)
        whole = np.maximum(whole, mask)
        if k and rng.random() < 0.5:
            _crease(hand, ends, pixels, rng)
    soft = cv2.GaussianBlur(whole, (0, 0), float(rng.uniform(0.5, 1.1)))
    below = _shaded(crop, soft, rng)
    grain = rng.normal(0, rng.uniform(0.5, 4), (side, side, 1)).astype(np.float32)
    laid = below + soft[:, :, None] * (hand + grain - below)
    return np.clip(laid, 0, 255).astype(np.uint8), soft


def _limbs(rng: np.random.Generator) -> tuple[list[_Limb], _Limb]:
    """Draw up a hand of length 1 that points up, its wrist at the origin."""
    wide = _WIDE * rng.uniform(0.8, 1.15)
    spread = rng.uniform(0.85, 1.25)
    kind, limbs = rng.random(), []
    folded = rng.random(4) < (0.9 if kind < 0.2 else 0.15 if kind < 0.8 else 0.5)
    for x in (-0.13, 0.0, 0.13):  # the palm, or the back of the hand
        top = np.array([x * spread, -_KNUCKLES + 0.06])
        limbs.append((np.array([0.75 * x, -0.05]), top, 2.0 * wide))
    for (across, long), fold in zip(_FINGERS, folded, strict=True):
        root = np.array([across * spread, -_KNUCKLES])
        half = long / 2 * (rng.uniform(0.1, 0.35) if fold else rng.uniform(0.75, 1.05))
        lean = across * rng.uniform(0, 1.2) * (spread - 0.8) + rng.normal(0, 0.06)
        middle = root + half * np.array([np.sin(lean), -np.cos(lean)])
        lean += rng.normal(0, 0.2)
        tip = middle + half * np.array([np.sin(lean), -np.cos(lean)])
        limbs += [(root, middle, wide), (middle, tip, 0.9 * wide)]
    angle = rng.uniform(0.1, 1.1)
    root = np.array([-0.2, -0.15])
    bend = root + 0.22 * np.array([-np.sin(angle), -np.cos(angle)])
    angle -= rng.uniform(0, 0.6)
    tip = bend + 0.18 * np.array([-np.sin(angle), -np.cos(angle)])
    limbs += [(root, bend, 1.35 * wide), (bend, tip, 1.1 * wide)]
    arm = np.array([0.0, 0.05]), np.array([rng.normal(0, 0.3), 2.5]), float(rng.uniform(0.3, 0.45))
    return limbs, arm


def _placing(points: Points, length: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the way from a hand of length 1 to the crop: it comes from below or from a side."""
    goal = points[int(rng.choice(_GOALS))] + rng.normal(0, 0.15, 2) * length
    angle = rng.normal(0, 1.1)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    flat = np.diag([rng.choice([-1, 1]) * rng.uniform(0.55, 1.0), rng.uniform(0.8, 1.0)])
    linear = length * turned @ flat
    held = np.array([rng.uniform(-0.15, 0.15), -rng.uniform(0.3, 0.95)])  # what lies at the goal
    return np.column_stack([linear, goal - linear @ held])


def _field(side: int, rng: np.random.Generator) -> Mask:
    """Light a hand: from one side, and never evenly."""
    coarse = rng.normal(1, 0.1, (4, 4)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    line = np.linspace(-1, 1, side, dtype=np.float32)
    across, down = rng.normal(0, 0.2, 2).astype(np.float32)
    return np.asarray(field * (1 + across * line) * (1 + down * line[:, None]), np.float32)


def _crease(
    hand: NDArray[np.float32],
    ends: NDArray[np.float64],
    thick: int,
    rng: np.random.Generator,
) -> None:
    """Darken a fold of skin across a limb, or give its end a nail."""
    along = ends[1] - ends[0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * thick / 2
    if rng.random() < 0.3:
        colour = hand[tuple(np.clip(ends[1].astype(int)[::-1], 0, len(hand) - 1))] * 1.12
        axes = (max(1, thick // 3), max(1, thick // 4))
        turn = float(np.degrees(np.arctan2(along[1], along[0])))
        shown = tuple(float(v) for v in colour)
        cv2.ellipse(hand, whole_pixels(ends[1]), axes, turn, 0, 360, shown, -1, cv2.LINE_AA)
        return
    colour = hand[tuple(np.clip(ends[0].astype(int)[::-1], 0, len(hand) - 1))] * 0.72
    shown = tuple(float(v) for v in colour)
    ways = whole_pixels(ends[0] - 0.8 * across), whole_pixels(ends[0] + 0.8 * across)
    cv2.line(hand, *ways, shown, 1, cv2.LINE_AA)


def _shaded(crop: Picture, mask: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the picture in the shade of what lies before it, float32 [S, S, 3]."""
    below = crop.astype(np.float32)
    if rng.random() < 0.4:
        return below
    side = crop.shape[0]
    across, down = rng.normal(0, 0.03, 2) * side
    shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
    moved = cv2.warpAffine(mask, shift, (side, side))
    soft = cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(0.01, 0.05)) * side)
    return np.asarray(below * (1 - rng.uniform(0.1, 0.55) * soft)[:, :, None], np.float32)
