"""Make a stored face look as cameras, hands and trackers make it look.

Each call cuts the face out as a tracker or a detector would (shifted, turned, too large or small),
covers parts of it, and takes away light, sharpness and colour. The points move along; points under
a cover count as not seen. Some crops show no face at all.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points, invert, transform
from swapcast.models.landmarks_covers import (
    blend,
    cover,
    hand,
    lettering,
    texture,
    whole_pixels,
)
from swapcast.models.landmarks_data import FACE, REGION
from swapcast.models.landmarks_turning import Picture

MIRRORED = np.fromstring(
    "16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 26 25 24 23 22 21 20 19 18 17 27 28 29 "
    "30 35 34 33 32 31 45 44 43 42 47 46 39 38 37 36 41 40 54 53 52 51 50 49 48 59 58 "
    "57 56 55 64 63 62 61 60 67 66 65",
    int,
    sep=" ",
)
"""Which landmark becomes which when the picture is mirrored."""

ASIDE = 0.52
"""Of faces that look aside, the eyes are less of the extent apart; of frontal ones, 0.62."""

_FLIP, _FLIPPED = np.array([-1, 1], np.float32), np.array([REGION - 1, 0], np.float32)


@dataclass(frozen=True)
class Pool:
    """Everything crops are made from."""

    pictures: NDArray[np.uint8]
    """uint8 [n, 224, 224, 3], BGR."""
    landmarks: NDArray[np.float32]
    """float32 [n, 68, 2], pixels."""
    visible: NDArray[np.uint8]
    """uint8 [n, 68]."""
    backgrounds: NDArray[np.uint8]
    """uint8 [m, 112, 112, 3], BGR, without a face."""

    @cached_property
    def aside(self) -> NDArray[np.intp]:
        """Numbers of the faces that look far to one side."""
        eyes = np.linalg.norm(self.landmarks[:, 36] - self.landmarks[:, 45], axis=1)
        return np.flatnonzero(eyes < ASIDE * np.ptp(self.landmarks, axis=1).max(1))

    def any_face(self, rng: np.random.Generator) -> int:
        """Give the number of a face; a third of them look aside, which few pictures show."""
        if len(self.aside) and rng.random() < 0.33:
            return int(rng.choice(self.aside))
        return int(rng.integers(len(self.pictures)))


@dataclass(frozen=True)
class Batch:
    """Crops and what a network should say of them."""

    crops: NDArray[np.float32]
    """float32 [n, 3, S, S], RGB, 0…1."""
    points: NDArray[np.float32]
    """float32 [n, 68, 2], pixels of the crop."""
    presence: NDArray[np.float32]
    """float32 [n]: 1 a face, 0 none."""
    visible: NDArray[np.float32]
    """float32 [n, 68]."""


def batch(pool: Pool, count: int, size: int, rng: np.random.Generator) -> Batch:
    """Make crops, a quarter of them without a face.

    Parameters
    ----------
    pool : Pool
    count : int
    size : pixels, side of the crops
    rng : random numbers
    """
    crops = np.empty((count, 3, size, size), np.float32)
    points = np.zeros((count, 68, 2), np.float32)
    presence, visible = np.zeros(count, np.float32), np.zeros((count, 68), np.float32)
    for k in range(count):
        if rng.random() < 0.25:
            crop = _no_face(pool, size, rng)
        else:
            crop, points[k], visible[k] = face(pool, size, rng)
            presence[k] = 1
        crops[k] = spoil(crop, rng)[:, :, ::-1].transpose(2, 0, 1)
        crops[k] /= 255
    return Batch(crops, points, presence, visible)


def _way(size: int, rng: np.random.Generator, *, rough: bool) -> NDArray[np.float32]:
    """Place a crop: from its pixels to those of the stored picture."""
    if rough:  # a detector's box, or a face that moved fast
        shift, zoom = rng.uniform(-0.12, 0.12, 2), np.exp(rng.uniform(-0.2, 0.2))
        angle = np.radians(rng.uniform(-30, 30))
    else:  # a tracker's guess
        shift, zoom = rng.normal(0, 0.025, 2), np.exp(rng.normal(0, 0.06))
        angle = np.radians(rng.normal(0, 5))
    cos, sin = np.cos(angle), np.sin(angle)
    shape = np.array([[np.exp(rng.normal(0, 0.04)), rng.normal(0, 0.03)], [0, 1]])
    linear = np.array([[cos, -sin], [sin, cos]]) @ shape * (zoom * FACE / size)
    middle = np.full(2, (REGION - 1) / 2) + shift * FACE
    return np.column_stack([linear, middle - linear @ np.full(2, (size - 1) / 2)]).astype(
        np.float32
    )


def _cut(picture: Picture, way: NDArray[np.float32], size: int) -> Picture:
    return np.asarray(
        cv2.warpAffine(
            picture,
            way,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def face(
    pool: Pool, size: int, rng: np.random.Generator
) -> tuple[Picture, Points, NDArray[np.float32]]:
    """Cut out one face, perhaps mirrored, perhaps partly covered."""
    number = pool.any_face(rng)
    picture, landmarks = pool.pictures[number], pool.landmarks[number]
    visible = pool.visible[number].astype(np.float32)
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        landmarks = landmarks[MIRRORED] * _FLIP + _FLIPPED
        visible = visible[MIRRORED]
    way = _way(size, rng, rough=rng.random() < 0.4)
    crop, points = _cut(picture, way, size), transform(invert(way), landmarks)
    kind = rng.random()
    if kind < 0.45:
        if kind < 0.22:
            covered, mask = hand(crop, points, rng)
        else:
            mask = cover(size, points, rng)
            covered = blend(crop, texture(pool.backgrounds, crop, size, rng), mask)
        near = np.clip(points.round().astype(int), 0, size - 1)
        hidden = mask[near[:, 1], near[:, 0]] > 0.5
        if hidden.mean() < 0.75:
            crop, visible = covered, visible * ~hidden
    inside = ((points > -1) & (points < size)).all(1)
    return crop, points, visible * inside


def _no_face(pool: Pool, size: int, rng: np.random.Generator) -> Picture:
    kind = rng.random()
    number = int(rng.integers(len(pool.pictures)))
    picture, points = pool.pictures[number], pool.landmarks[number]
    way = _way(size, rng, rough=True)
    if kind < 0.35:
        return _background(pool, size, rng)
    if kind < 0.55:  # beside the face
        angle = rng.uniform(0, 2 * np.pi)
        away = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.7, 1.1) * FACE
        way[:, 2] += away.astype(np.float32)
        return _cut(picture, way, size)
    if kind < 0.64:  # a single part of it
        part = points[int(rng.integers(68))]
        near = np.eye(2) * rng.uniform(0.15, 0.3) * FACE / size
        way = np.column_stack([near, part - near @ np.full(2, size / 2)]).astype(np.float32)
        return _cut(picture, way, size)
    if kind < 0.72:  # its parts in the wrong places
        return _jumbled(_cut(picture, way, size), int(rng.integers(3, 6)), rng)
    if kind < 0.88:
        return lettering(_background(pool, size, rng), rng)
    crop = np.full((size, size, 3), rng.uniform(0, 255, 3), np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        middle = rng.uniform(0, size, (1, 2)).repeat(68, 0).astype(np.float32)
        look = texture(pool.backgrounds, crop, size, rng)
        crop = blend(crop, look, cover(size, middle, rng))
    return crop


def _background(pool: Pool, size: int, rng: np.random.Generator) -> Picture:
    patch = pool.backgrounds[int(rng.integers(len(pool.backgrounds)))]
    side = int(rng.integers(40, patch.shape[0] + 1))
    top, left = rng.integers(0, patch.shape[0] - side + 1, 2)
    piece = patch[top : top + side, left : left + side]
    return np.asarray(cv2.resize(piece, (size, size)), np.uint8)


def _jumbled(crop: Picture, parts: int, rng: np.random.Generator) -> Picture:
    size = crop.shape[0]
    side = -(-size // parts)
    starts = [min(k * side, size - side) for k in range(parts)]
    tiles = [crop[i : i + side, j : j + side] for i in starts for j in starts]
    mixed = [tiles[k] for k in rng.permutation(len(tiles))]
    rows = [np.hstack(mixed[k * parts : (k + 1) * parts]) for k in range(parts)]
    return np.ascontiguousarray(np.vstack(rows)[:size, :size])


def _light(crop: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    mix = np.eye(3)
    if rng.random() < 0.5:  # paler or more vivid
        vivid = rng.uniform(0, 1.6)
        mix = mix * vivid + (1 - vivid) * np.array([0.114, 0.587, 0.299])
    gain = np.exp(rng.normal(0, 0.08, 3)) * np.exp(rng.normal(0, 0.25))
    if rng.random() < 0.1:
        gain = gain * rng.uniform(0.12, 0.5)
    mix = np.column_stack([mix * gain[:, None], np.full(3, rng.normal(0, 12))])
    x: NDArray[np.float32] = cv2.transform(crop, mix.astype(np.float32))
    if rng.random() < 0.3:  # from one side
        line = np.linspace(-1, 1, x.shape[0], dtype=np.float32)
        across, down = rng.uniform(-0.7, 0.7, 2).astype(np.float32)
        x *= ((1 + across * line) * (1 + down * line[:, None]))[:, :, None]
    return x


def _blur(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    size, kind = x.shape[0], rng.random()
    if kind < 0.15:
        return np.asarray(cv2.GaussianBlur(x, (0, 0), float(rng.uniform(0.4, 2.2))), np.float32)
    if kind < 0.25:
        length = int(rng.integers(3, 11))
        line = np.zeros((length, length), np.float32)
        angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
        away = np.array([np.cos(angle), np.sin(angle)]) * middle
        cv2.line(line, whole_pixels(middle - away + 0.5), whole_pixels(middle + away + 0.5), 1.0)
        return np.asarray(cv2.filter2D(x, -1, line / max(line.sum(), 1)), np.float32)
    if kind < 0.4:
        small = int(rng.integers(22, 90))
        low = cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA)
        return np.asarray(
            cv2.resize(low, (size, size), interpolation=int(rng.choice([1, 2]))), np.float32
        )
    return x


def spoil(crop: Picture, rng: np.random.Generator) -> NDArray[np.float32]:
    """Light, blur, noise and compression of poor cameras: float32 [S, S, 3], 0…255."""
    x = _blur(_light(crop.astype(np.float32), rng), rng)
    if rng.random() < 0.3:
        grain = np.empty(x.shape, np.int16)
        cv2.randn(grain, 0, 100 * rng.uniform(1, 14))
        x = x + grain * np.float32(0.01)
    x = np.clip(x, 0, 255)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(10, 80))]
        packed = cv2.imencode(".jpg", x.astype(np.uint8), quality)[1]
        x = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32)
    return x
