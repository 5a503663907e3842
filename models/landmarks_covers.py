"""What gets between a camera and a face: hands, hair, microphones, boxes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points
from swapcast.models.landmarks_turning import Picture


def hand(
    crop: Picture, points: Points, rng: np.random.Generator
) -> tuple[Picture, NDArray[np.float32]]:
    """Lay a hand over the face, in the colours of its skin: an arm, a palm, fingers, each round.

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
    size = crop.shape[0]
    width = size * rng.uniform(0.06, 0.11)
    angle = rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([-away[1], away[0]])
    start = points[int(rng.integers(17, 68))] + rng.normal(0, 0.1 * size, 2)
    palm = start + away * width * 3
    skin = _skin(crop, rng)
    whole = np.zeros((size, size), np.float32)
    crop = crop.astype(np.float32)
    spread, thumb = rng.uniform(0.85, 1.4), rng.choice([-1, 1])
    limbs = [(palm, palm + away * size * 2, width * 3), (palm, palm + away, width * 4.4)]
    for finger in rng.permutation(4)[: int(rng.integers(2, 5))]:
        across = side * (finger - 1.5) * width * spread
        bend = away + side * ((finger - 1.5) * 0.12 * spread + rng.normal(0, 0.12))
        limbs.append((palm + across, palm + across - bend * width * rng.uniform(3, 5.5), width))
    limbs.append((palm, palm + side * thumb * width * 3.4 - away * width, width * 1.1))
    for root, tip, thick in limbs:
        limb = np.zeros((size, size), np.uint8)
        cv2.line(limb, whole_pixels(root), whole_pixels(tip), 255, max(2, int(thick)), cv2.LINE_AA)
        depth = cv2.distanceTransform(limb, cv2.DIST_L2, 3) / max(thick / 2, 1)
        light = 0.55 + 0.45 * np.sqrt(np.clip(depth, 0, 1))
        mask = cv2.GaussianBlur(limb, (0, 0), 0.7).astype(np.float32) / 255
        crop += mask[:, :, None] * (skin * light[:, :, None] - crop)
        whole = np.maximum(whole, mask)
    return np.clip(crop, 0, 255).astype(np.uint8), whole


def _skin(crop: Picture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give a field of skin, float32 [S, S, 3]: like this face's, or of any tone."""
    size = crop.shape[0]
    tone = np.median(crop[size // 3 : 2 * size // 3, size // 3 : 2 * size // 3], (0, 1))
    if rng.random() < 0.3:
        tone = np.array([0.55, 0.7, 1.0]) * rng.uniform(60, 255) * rng.uniform(0.9, 1.1, 3)
    spots = rng.normal(1, 0.12, (6, 6)).astype(np.float32)
    light = cv2.resize(spots, (size, size), interpolation=cv2.INTER_CUBIC)
    field = light[:, :, None] * (tone * rng.uniform(0.75, 1.3)).astype(np.float32)
    return np.asarray(np.clip(field, 0, 255), np.float32)


def cover(size: int, points: Points, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw what may lie before a face: float32 [S, S], 0…1."""
    mask = np.zeros((size, size), np.uint8)
    x, y = points[int(rng.integers(len(points)))] + rng.normal(0, 0.08 * size, 2)
    x, y = int(x), int(y)
    kind = rng.random()
    if kind < 0.5:  # anything round
        count = int(rng.integers(5, 12))
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
        radius = size * rng.uniform(0.06, 0.3) * rng.uniform(0.6, 1.3, count)
        outline = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)
        cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
    elif kind < 0.8:  # a bar: a microphone, a strand, a cable
        angle, far = rng.uniform(0, np.pi), size * 2
        along = np.array([np.cos(angle), np.sin(angle)]) * far
        start = np.array([x, y]) - along * float(rng.random() < 0.5)
        thick = int(rng.integers(3, size // 4))
        cv2.line(mask, whole_pixels(start), whole_pixels(start + along), 255, thick)
    else:  # a box
        wide, high = (rng.uniform(0.05, 0.2, 2) * size).astype(int)
        cv2.rectangle(mask, (x - wide, y - high), (x + wide, y + high), 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 2.0)))
    return np.asarray(soft, np.float32) / np.float32(255)


def whole_pixels(point: NDArray[np.float64]) -> tuple[int, int]:
    """Cut a point down to whole pixels, as drawing wants it."""
    return int(point[0]), int(point[1])


def texture(
    backgrounds: NDArray[np.uint8], crop: Picture, size: int, rng: np.random.Generator
) -> Picture:
    """Give a cover its look: a piece of some background, skin, or noise; uint8 [S, S, 3]."""
    kind = rng.random()
    if kind < 0.4:
        patch = backgrounds[int(rng.integers(len(backgrounds)))]
        return np.asarray(cv2.resize(patch, (size, size)), np.uint8)
    if kind < 0.8:
        return _skin(crop, rng).astype(np.uint8)
    noise = rng.integers(0, 256, (int(rng.integers(1, 12)), int(rng.integers(1, 12)), 3), np.uint8)
    return np.asarray(
        cv2.resize(noise, (size, size), interpolation=int(rng.integers(0, 2))), np.uint8
    )


def blend(below: Picture, above: Picture, mask: NDArray[np.float32]) -> Picture:
    """Lay one picture over another where ``mask`` (float32 [S, S], 0…1) says so."""
    share = mask[:, :, None]
    return (below + share * (above.astype(np.float32) - below)).astype(np.uint8)


def lettering(below: Picture, rng: np.random.Generator) -> Picture:
    """Write large letters with outlines and shading over a picture: round forms, but no face."""
    size = below.shape[0]
    drawn = below.copy()
    warm = np.array([0.2, 0.6, 1.0]) * rng.uniform(120, 255)
    for _ in range(int(rng.integers(1, 4))):
        colour = warm if rng.random() < 0.5 else rng.uniform(0, 255, 3)
        signs = "".join(chr(int(c)) for c in rng.integers(48, 123, int(rng.integers(1, 6))))
        scale, font = float(rng.uniform(1.2, 4.5)), int(rng.choice([0, 2, 3, 4, 6, 7]))
        thick = int(scale * rng.uniform(2, 7))
        place = (int(rng.uniform(-0.3, 0.6) * size), int(rng.uniform(0.4, 1.2) * size))
        edge = tuple(float(v) for v in colour * rng.uniform(0, 0.6))
        cv2.putText(drawn, signs, place, font, scale, edge, thick + 4, cv2.LINE_AA)
        fill = tuple(float(v) for v in colour)
        cv2.putText(drawn, signs, place, font, scale, fill, thick, cv2.LINE_AA)
        light = (place[0], place[1] - max(1, thick // 4))
        shine = tuple(float(min(v * 1.4, 255)) for v in colour)
        cv2.putText(drawn, signs, light, font, scale, shine, max(1, thick // 3), cv2.LINE_AA)
    return drawn
