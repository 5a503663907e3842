"""What hides a part of a face in the detector's training pictures: hands, glasses, brims, shade."""

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.models.detector_clutter import Pixels, clutter, hand, skin

Face = NDArray[np.float32]
"""float32 [14]: left, top, right, bottom, then five points (eyes, nose tip, mouth corners)."""


def _frame_of(face: Face) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Give the middle between the eyes, the direction from one to the other, and a unit length.

    The unit is the distance of the eyes as it would be seen from the front, in pixels.
    """
    left, right = face[4:6].astype(np.float64), face[6:8].astype(np.float64)
    along = right - left
    distance = float(np.linalg.norm(along))
    unit = max(distance, 0.38 * float(face[2] - face[0]), 1.0)
    across = along / distance if distance > 1 else np.array([1.0, 0.0])
    return (left + right) / 2, across, unit


def _dark(random: np.random.Generator) -> tuple[int, int, int]:
    if random.random() < 0.7:
        red, green, blue = (random.uniform(0, 70) + random.uniform(0, 25, 3)).astype(int)
    else:
        red, green, blue = random.integers(0, 200, 3)
    return int(red), int(green), int(blue)


def glasses(out: Pixels, face: Face, random: np.random.Generator) -> None:
    """Put dark glasses over the eyes: two lenses, a bridge, sides that go to the ears."""
    middle, across, unit = _frame_of(face)
    colour, rim = _dark(random), _dark(random)
    wide, high = unit * random.uniform(0.3, 0.5), unit * random.uniform(0.2, 0.42)
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    down = np.array([-across[1], across[0]])
    thick = max(1, int(unit * random.uniform(0.02, 0.09)))
    lenses = out.copy()
    eyes = face[4:8].astype(np.float64).reshape(2, 2)
    narrow = np.clip(float(np.linalg.norm(eyes[1] - eyes[0])) / unit, 0.4, 1.0)
    for side, eye in zip((-1, 1), eyes, strict=True):
        centre = eye + down * 0.05 * unit
        axes = (max(1, int(wide * narrow)), max(1, int(high)))
        place = (int(centre[0]), int(centre[1]))
        if random.random() < 0.7:
            cv2.ellipse(lenses, place, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
            cv2.ellipse(lenses, place, axes, turn, 0, 360, rim, thick, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints((place, (2.0 * axes[0], 2.0 * axes[1]), turn)).astype(np.int32)
            cv2.fillPoly(lenses, [corners], colour, cv2.LINE_AA)
        end = middle + across * side * unit * random.uniform(1.0, 1.4)
        cv2.line(lenses, place, (int(end[0]), int(end[1])), rim, thick, cv2.LINE_AA)
    ends = [(int(x), int(y)) for x, y in eyes]
    cv2.line(lenses, ends[0], ends[1], rim, thick, cv2.LINE_AA)
    share = random.uniform(0.7, 1.0)
    cv2.addWeighted(lenses, share, out, 1 - share, 0.0, dst=out)


def brim(out: Pixels, face: Face, random: np.random.Generator) -> None:
    """Put a hat on: a crown, a brim down to the brows or the eyes, and its shade below."""
    middle, across, unit = _frame_of(face)
    down = np.array([-across[1], across[0]])
    height, width = out.shape[:2]
    turn = float(np.degrees(np.arctan2(across[1], across[0]) + random.normal(0, 0.12)))
    edge = middle - down * unit * random.uniform(0.05, 0.6)  # where the brim ends
    _shade(out, edge, down, unit * random.uniform(0.3, 1.6), random)
    cloth = clutter(height, width, random) if random.random() < 0.4 else None
    mask = np.zeros((height, width), np.uint8)
    thick = unit * random.uniform(0.08, 0.4)
    centre = edge - down * thick
    axes = (int(unit * random.uniform(1.0, 2.2)) + 1, int(thick) + 1)
    cv2.ellipse(mask, (int(centre[0]), int(centre[1])), axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    if random.random() < 0.75:
        crown = centre - down * unit * random.uniform(0.2, 0.8)
        axes = (int(unit * random.uniform(0.8, 1.15)) + 1, int(unit * random.uniform(0.5, 1.1)) + 1)
        cv2.ellipse(mask, (int(crown[0]), int(crown[1])), axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    if cloth is None:
        tone = random.integers(0, 256, 3) * random.uniform(0.2, 1.0)
        cloth = np.empty_like(out)
        cloth[:] = np.clip(tone, 0, 255).astype(np.uint8)
    cv2.copyTo(cloth, mask, out)


def _shade(
    out: Pixels,
    start: NDArray[np.float64],
    down: NDArray[np.float64],
    reach: float,
    random: np.random.Generator,
) -> None:
    """Darken what lies up to ``reach`` pixels from ``start`` in the direction ``down``."""
    height, width = out.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    along = (columns - start[0]) * down[0] + (rows - start[1]) * down[1]
    soft = max(1.0, reach * random.uniform(0.05, 0.6))
    dim = 1 / (1 + np.exp(np.clip((along - reach) / soft, -30, 30)))
    level = random.uniform(0.15, 0.75)
    light = 1 - (1 - level) * dim * (along > -2 * reach)
    np.copyto(out, (out * light[..., None]).astype(np.uint8))


def sidelight(out: Pixels, face: Face, random: np.random.Generator) -> None:
    """Light a face hard from one side: beyond a line through it, the picture lies in shade."""
    angle = random.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    size = float(face[2] - face[0])
    centre = (face[:2] + face[2:4]).astype(np.float64) / 2 + random.normal(0, 0.15 * size, 2)
    _shade(out, centre - way * 10 * size, way, 10 * size, random)


def occlude(out: Pixels, face: Face, random: np.random.Generator) -> NDArray[np.bool_]:
    """Hide a part of a face behind a hand, a hat, dark glasses or a piece of clutter, in place.

    Parameters
    ----------
    out : uint8 [height, width, 3], RGB
    face : float32 [14]
    random : source of chance

    Returns
    -------
    bool [height, width], true where an object now hides what was there. Glasses and hats belong
    to a head: they are not counted.
    """
    left, top, right, bottom = face[:4]
    width, height = float(right - left), float(bottom - top)
    chance = random.random()
    before = out.copy()
    if chance < 0.3:
        glasses(out, face, random)
        return np.zeros(out.shape[:2], np.bool_)
    if chance < 0.6:
        brim(out, face, random)
        if random.random() < 0.3:
            glasses(out, face, random)
        return np.zeros(out.shape[:2], np.bool_)
    centre = (float(random.uniform(left, right)), float(random.uniform(top, bottom)))
    if chance < 0.8:
        hand(out, centre, float(random.uniform(0.25, 0.6) * width), random)
    else:
        half = np.array([width, height]) * random.uniform(0.08, 0.34, 2)
        x0, y0 = np.maximum(np.array(centre) - half, 0).astype(int)
        x1, y1 = np.minimum(np.array(centre) + half, out.shape[1::-1]).astype(int)
        if x1 - x0 > 2 and y1 - y0 > 2:
            tone = np.array(skin(random), np.uint8) if random.random() < 0.2 else None
            out[y0:y1, x0:x1] = clutter(y1 - y0, x1 - x0, random) if tone is None else tone
    return np.asarray((out != before).any(2), np.bool_)
