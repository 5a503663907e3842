"""What is laid before faces to learn from, with exact masks; and what only looks like it."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points
from swapcast.models.landmarks_covers import blend, cover, texture, whole_pixels
from swapcast.models.landmarks_turning import Picture
from swapcast.models.occlusion_hands import Mask, lay_hand, skin_tone

Colour = tuple[float, float, float]


def lay(
    crop: Picture, points: Points, patches: Picture, rng: np.random.Generator
) -> tuple[Picture, Mask, str]:
    """Lay something of chance before a face.

    Parameters
    ----------
    crop : uint8 [S, S, 3], BGR
    points : float32 [68, 2], pixels of the crop
    patches : uint8 [n, h, w, 3], BGR
        What things may be made of.
    rng : random numbers

    Returns
    -------
    (uint8 [S, S, 3], float32 [S, S], str)
        The picture, how much of each pixel is covered, and what lies there.
    """
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if kind == "hand":
        return *lay_hand(crop, points, rng), kind
    if kind == "thing":
        mask = cover(crop.shape[0], points, rng)
        return blend(crop, texture(patches, crop, crop.shape[0], rng), mask), mask, kind
    return *_DRAWN[kind](crop, points, rng), kind


def _any_colour(rng: np.random.Generator) -> Colour:
    dark = rng.random() < 0.6
    tone = rng.uniform(0, 70) + rng.uniform(0, 20, 3) if dark else rng.uniform(0, 255, 3)
    return float(tone[0]), float(tone[1]), float(tone[2])


def _hair_colour(rng: np.random.Generator) -> NDArray[np.float32]:
    tones = np.array([(20, 22, 25), (30, 45, 70), (60, 100, 150), (120, 170, 210), (150, 150, 155)])
    tone = tones[int(rng.choice(5, p=[0.4, 0.3, 0.15, 0.08, 0.07]))]
    return np.asarray(tone * rng.uniform(0.6, 1.3), np.float32)


def _microphone(crop: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Hold a microphone before the mouth, or wear one on a thin boom."""
    side, face = crop.shape[0], float(np.ptp(points[:, 0]))
    mouth = points[48:60].mean(0) + rng.normal(0, 0.12, 2) * face
    mask = np.zeros((side, side), np.uint8)
    boom = rng.random() < 0.3
    if boom:
        ear = points[int(rng.choice([1, 15]))]
        head = mouth + 0.4 * (ear - mouth)
        thick = max(1, round(face * rng.uniform(0.015, 0.04)))
        cv2.line(mask, whole_pixels(ear), whole_pixels(head), 255, thick, cv2.LINE_AA)
        radius = face * rng.uniform(0.03, 0.09)
    else:
        angle = rng.normal(np.pi / 2, 0.6)
        head = mouth + np.array([0, face * rng.uniform(0.0, 0.3)])
        far = head + np.array([np.cos(angle), np.sin(angle)]) * 3 * side
        radius = face * rng.uniform(0.09, 0.22)
        thick = max(2, round(radius * rng.uniform(0.7, 1.5)))
        cv2.line(mask, whole_pixels(head), whole_pixels(far), 255, thick, cv2.LINE_AA)
    axes = max(1, round(radius)), max(1, round(radius * rng.uniform(0.8, 1.4)))
    turn = float(rng.uniform(0, 180))
    cv2.ellipse(mask, whole_pixels(head), axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    return _filled(crop, mask, _any_colour(rng), rng)


def _filled(
    crop: Picture, mask: Picture, colour: Colour, rng: np.random.Generator
) -> tuple[Picture, Mask]:
    """Lay a thing of one colour over a picture, round and grainy."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    reach = max(float(depth.max()), 1.0)
    light = 0.6 + 0.5 * np.sqrt(np.minimum(depth / reach, 1))
    light += rng.normal(0, rng.uniform(0.01, 0.12), mask.shape)
    thing = np.clip(np.array(colour, np.float32) * light[:, :, None], 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 1.0))).astype(np.float32) / 255
    return blend(crop, thing, soft), soft


def _glasses(crop: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Put glasses on: their frame lies before the face, and so do lenses that are dark."""
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    across = right - left
    apart = max(float(np.hypot(*across)), 4.0)
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    wide, high = apart * rng.uniform(0.32, 0.46), apart * rng.uniform(0.22, 0.4)
    thick = max(1, round(apart * rng.uniform(0.02, 0.12)))
    frame = np.zeros(crop.shape[:2], np.uint8)
    lens, boxy = np.zeros_like(frame), rng.random() < 0.5
    down = np.array([-across[1], across[0]]) * rng.uniform(0, 0.12)
    for eye, far in ((left + down, points[0]), (right + down, points[16])):
        middle = whole_pixels(eye)
        if boxy:
            box = cv2.boxPoints((tuple(map(float, eye)), (2 * wide, 2 * high), turn))
            cv2.polylines(frame, [box.astype(np.int32)], True, 255, thick, cv2.LINE_AA)
            cv2.fillPoly(lens, [box.astype(np.int32)], 255)
        else:
            axes = (round(wide), round(high))
            cv2.ellipse(frame, middle, axes, turn, 0, 360, 255, thick, cv2.LINE_AA)
            cv2.ellipse(lens, middle, axes, turn, 0, 360, 255, -1)
        edge = eye + (wide / apart) * (across if far is points[16] else -across)
        side = whole_pixels(far + 0.15 * (eye - far) * np.array([0, 1]))
        cv2.line(frame, whole_pixels(edge), side, 255, thick, cv2.LINE_AA)
    bridge = whole_pixels(left + down + across * wide / apart)
    cv2.line(frame, bridge, whole_pixels(right + down - across * wide / apart), 255, thick)
    dark = rng.random() < 0.25
    if dark:
        frame = np.maximum(frame, lens)
    else:  # clear glass shows the face, with a little glare
        glare = cv2.GaussianBlur(lens, (0, 0), apart * 0.06).astype(np.float32) / 255
        tint = np.array(_any_colour(rng), np.float32)
        share = float(rng.uniform(0, 0.25)) * glare[:, :, None]
        crop = np.clip(crop + share * (tint - crop), 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(frame, (0, 0), 0.5).astype(np.float32) / 255
    thing = np.empty_like(crop)
    thing[:] = np.array(_any_colour(rng), np.uint8)
    return blend(crop, thing, soft), soft


def _hair(crop: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Let strands or a lock of hair hang before the face."""
    side, face = crop.shape[0], float(np.ptp(points[:, 0]))
    mask = np.zeros((side, side), np.uint8)
    shade = np.ones((side, side), np.float32)
    count = int(rng.integers(2, 12) if rng.random() < 0.5 else rng.integers(15, 60))
    middle = points[27] + np.array([rng.normal(0, 0.35), -rng.uniform(0.5, 0.8)]) * face
    reach, spread = rng.uniform(0.4, 1.3) * face, rng.uniform(0.05, 0.35) * face
    lean, curl = rng.normal(0, 0.5), rng.normal(0, 0.4)
    steps = np.linspace(0, 1, 9)[:, None]
    for _ in range(count):
        start = middle + np.array([rng.normal(0, 1), rng.normal(0, 0.2)]) * spread
        angle = np.pi / 2 + lean + rng.normal(0, 0.12) + (curl + rng.normal(0, 0.1)) * steps
        way = np.concatenate([np.cos(angle), np.sin(angle)], 1) * reach / 8 * rng.uniform(0.6, 1.1)
        line = (start + np.cumsum(way, 0)).astype(np.int32)
        thick = int(rng.integers(1, max(2, round(face * 0.05))))
        cv2.polylines(mask, [line], False, 255, thick, cv2.LINE_AA)
        cv2.polylines(shade, [line], False, float(rng.uniform(0.6, 1.5)), thick)
    colour = _hair_colour(rng)
    thing = np.clip(colour * shade[:, :, None], 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 0.8))).astype(np.float32) / 255
    return blend(crop, thing, soft), soft


def _scarf(crop: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """Wear a mask of cloth over mouth and nose, or a cup before the mouth."""
    mask = np.zeros(crop.shape[:2], np.uint8)
    face = float(np.ptp(points[:, 0]))
    if rng.random() < 0.5:
        top = points[int(rng.integers(28, 31))]
        outline = np.concatenate([points[2:15], top[None]])
    else:
        wide, high = face * rng.uniform(0.15, 0.35), face * rng.uniform(0.3, 0.7)
        middle = points[62] + rng.normal(0, 0.06, 2) * face
        corners = np.array([(-1, 0), (1, 0), (rng.uniform(0.6, 1.1), 1), (-0.8, 1)]) * [wide, high]
        outline = middle + corners
    cv2.fillPoly(mask, [cv2.convexHull(outline.astype(np.int32))], 255, cv2.LINE_AA)
    return _filled(crop, mask, _any_colour(rng), rng)


def decoy(crop: Picture, points: Points, rng: np.random.Generator) -> Picture:
    """Change a face by what does not lie before it: a beard, a shadow, paint, a light."""
    kind = rng.random()
    if kind < 0.55:
        return _beard(crop, points, rng)
    side = crop.shape[0]
    if kind < 0.85:  # a shadow or a patch of sun with an edge
        mask = cover(side, points, rng)
        soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 6)))[:, :, None]
        gain = rng.uniform(0.35, 0.8) if rng.random() < 0.7 else rng.uniform(1.15, 1.6)
        return np.asarray(np.clip(crop * (1 + (gain - 1) * soft), 0, 255), np.uint8)
    painted = crop.astype(np.float32)
    tone = skin_tone(crop, points, rng)
    for _ in range(int(rng.integers(1, 25))):  # freckles, moles, red cheeks
        place = whole_pixels(points[int(rng.integers(68))] + rng.normal(0, 0.08, 2) * side)
        spot = np.zeros((side, side), np.uint8)
        cv2.circle(spot, place, int(rng.integers(1, max(2, side // 30))), 255, -1, cv2.LINE_AA)
        share = float(rng.uniform(0.2, 0.6)) * spot[:, :, None].astype(np.float32) / 255
        painted += share * (tone * rng.uniform(0.4, 1.1, 3) - painted)
    return np.asarray(np.clip(painted, 0, 255), np.uint8)


def _beard(crop: Picture, points: Points, rng: np.random.Generator) -> Picture:
    """Grow a beard, stubble or a moustache: hairs on cheeks, chin and lip, none on the lips."""
    side, face = crop.shape[0], float(np.ptp(points[:, 0]))
    area = np.zeros((side, side), np.uint8)
    low = int(rng.integers(2, 6))
    cheeks = points[low : 17 - low]
    inner = points[[54, 35, 33, 31, 48]] + np.array([0, rng.uniform(0.0, 0.06) * face])
    if rng.random() < 0.75:
        shape = np.concatenate([cheeks + np.array([0, 0.04 * face]), inner])
    else:
        shape = np.concatenate([points[48:55], points[[35, 33, 31]] + [0, 0.03 * face]])
    cv2.fillPoly(area, [shape.astype(np.int32)], 255)
    if rng.random() < 0.8:
        cv2.fillPoly(area, [cv2.convexHull(points[48:60].astype(np.int32))], 0)
    soft = cv2.GaussianBlur(area, (0, 0), float(rng.uniform(0.01, 0.05)) * face + 0.5)
    hairs = rng.normal(1, rng.uniform(0.15, 0.6), (side, side)).astype(np.float32)
    hairs = cv2.GaussianBlur(hairs, (1, 2 * int(rng.integers(0, 4)) + 1), 0)
    colour = _hair_colour(rng) * np.clip(hairs, 0.2, 2)[:, :, None]
    share = rng.uniform(0.35, 1.0) * soft[:, :, None].astype(np.float32) / 255
    if rng.random() < 0.4:  # stubble lets the skin through
        share = share * (hairs[:, :, None] < 1)
    return np.asarray(np.clip(crop + share * (colour - crop), 0, 255), np.uint8)


_DRAWN: dict[str, Callable[[Picture, Points, np.random.Generator], tuple[Picture, Mask]]] = {
    "microphone": _microphone,
    "glasses": _glasses,
    "hair": _hair,
    "scarf": _scarf,
}
SHARES = {
    "hand": 0.44, "thing": 0.12, "microphone": 0.1, "hair": 0.12, "glasses": 0.18, "scarf": 0.04,
}  # fmt: skip
"""How often each lies before a face that is covered."""
