"""Make stored faces look as cameras, hands and trackers make them look, for identity training."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points
from swapcast.models.embedder_data import INNER, RIM, SIDE, TURNS, People, to_judge
from swapcast.models.landmarks_augment import spoil
from swapcast.models.landmarks_covers import blend, cover, hand, texture
from swapcast.models.landmarks_turning import Picture

_EASY = 0.4  # share of pictures that are only shifted, turned and scaled
_SWAPPED = [1, 0, 2, 4, 3]  # the five points of a mirrored picture


@dataclass(frozen=True)
class Clean:
    """A face before a camera took it."""

    picture: Picture
    """uint8 [SIDE, SIDE, 3], BGR."""
    points: Points
    """float32 [5, 2], pixels of it."""


class Crowd:
    """Everybody there is, and the people who can be mixed from them.

    Parameters
    ----------
    people : with views of nobody real, or of whoever may train
    mixtures : int
        How many lasting people are mixed from two others each.
    """

    def __init__(self, people: People, mixtures: int = 0) -> None:
        self._people, self._rows = people, _rows(people)
        # Only who has every view can be mixed: the poses of both must agree.
        self._whole = [k for k, rows in enumerate(self._rows) if len(rows) == len(TURNS)]
        self.mixtures = mixtures
        patches = np.random.default_rng(0).integers(0, 256, (64, 5, 5, 3), np.uint8)
        self.patches = np.stack([cv2.resize(p, (112, 112), interpolation=2) for p in patches])

    def __len__(self) -> int:
        return len(self._rows) + self.mixtures

    def one(self, number: int, rng: np.random.Generator) -> Clean:
        """Return a view of one person; the numbers beyond the given people are mixtures."""
        if number < len(self._rows):
            row = int(rng.choice(self._rows[number]))
            return _mirrored(Clean(self._people.pictures[row], self._people.points[row]), rng)
        own = np.random.default_rng([7, number])  # who it is: the same at every call
        view = int(rng.integers(len(TURNS)))
        return _mirrored(self._mixed(view, own), rng)

    def anybody(self, rng: np.random.Generator) -> Clean:
        """Return a person as they are, or somebody mixed for this one time."""
        if rng.random() < 0.6:
            return self.one(int(rng.integers(len(self._rows))), rng)
        return _mirrored(self._mixed(int(rng.integers(len(TURNS))), rng), rng)

    def _mixed(self, view: int, rng: np.random.Generator) -> Clean:
        first, second = rng.choice(self._whole, 2, replace=False)
        a, b = self._rows[int(first)][view], self._rows[int(second)][view]
        pictures, points = self._people.pictures, self._people.points
        share = _share(rng)
        mixed = blend(pictures[a], pictures[b], share)
        mean = float(share[RIM:-RIM, RIM:-RIM].mean())
        return _bent(Clean(mixed, points[a] + np.float32(mean) * (points[b] - points[a])), rng)


def _rows(people: People) -> list[list[int]]:
    order = np.lexsort((people.view, people.person))
    rows: list[list[int]] = [[] for _ in people.names]
    for row in order:
        rows[people.person[row]].append(int(row))
    return rows


def _share(rng: np.random.Generator) -> NDArray[np.float32]:
    """How much of each pixel the second person gives, float32 [SIDE, SIDE]: even, or by regions."""
    if rng.random() < 0.4:
        return np.full((SIDE, SIDE), rng.uniform(0.25, 0.75), np.float32)
    coarse = rng.normal(0, 2.5, (4, 3)).astype(np.float32)
    field = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1 / (1 + np.exp(-field)), np.float32)


def _bent(clean: Clean, rng: np.random.Generator) -> Clean:
    """Give the face other proportions: a smooth field of shifts of some pixels."""
    shifts = cv2.resize(
        rng.normal(0, 3.0, (4, 4, 2)).astype(np.float32),
        (SIDE, SIDE),
        interpolation=cv2.INTER_CUBIC,
    )
    columns, rows = np.meshgrid(
        np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32)
    )
    bent = cv2.remap(
        clean.picture, columns + shifts[..., 0], rows + shifts[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    at = np.clip(clean.points.round().astype(int), 0, SIDE - 1)
    return Clean(np.asarray(bent, np.uint8), clean.points - shifts[at[:, 1], at[:, 0]])


def _mirrored(clean: Clean, rng: np.random.Generator) -> Clean:
    if rng.random() < 0.5:
        return clean
    points = clean.points[_SWAPPED] * np.array([-1, 1], np.float32)
    points[:, 0] += SIDE - 1
    return Clean(np.ascontiguousarray(clean.picture[:, ::-1]), points)


def cut(
    clean: Clean,
    size: int,
    shift: NDArray[np.float64] | tuple[float, float] = (0.0, 0.0),
    zoom: float = 1.0,
    angle: float = 0.0,
) -> Picture:
    """Cut out the aligned face, uint8 [size, size, 3] BGR, or beside it.

    Parameters
    ----------
    clean : Clean
    size : pixels
    shift : of the crop's sides
    zoom : above 1 the face is smaller
    angle : radians
    """
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) * (zoom * INNER / size)
    middle = np.full(2, (SIDE - 1) / 2) + np.asarray(shift) * INNER
    way = np.column_stack([linear, middle - linear @ np.full(2, (size - 1) / 2)])
    crop = cv2.warpAffine(
        clean.picture,
        way,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, np.uint8)


def taken(
    clean: Clean, size: int, patches: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Take a picture of a face with a poor camera, and cut it out with a poor tracker.

    Returns
    -------
    float32 [3, size, size]
        RGB, 0…1.
    """
    rough = 2.0 if rng.random() < 0.25 else 1.0
    shift, zoom = rng.normal(0, 0.015 * rough, 2), float(np.exp(rng.normal(0, 0.04 * rough)))
    angle = float(np.radians(rng.normal(0, 3 * rough)))
    crop = cut(clean, size, shift, zoom, angle)
    if rng.random() < _EASY:
        return rgb(crop)
    kind = rng.random()
    if kind < 0.22:
        around = np.tile(clean.points, (14, 1)) - RIM
        around = (around * np.float32(size / INNER)).astype(np.float32)
        if kind < 0.08:
            crop = hand(crop, around, rng)[0]
        else:
            crop = blend(crop, texture(patches, crop, size, rng), cover(size, around, rng))
    return rgb(spoil(crop, rng))


def rgb(crop: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a crop [s, s, 3], BGR 0…255, as float32 [3, s, s], RGB, 0…1."""
    planes = crop[:, :, ::-1].transpose(2, 0, 1) / np.float32(255)
    return np.ascontiguousarray(np.clip(planes, 0, 1), np.float32)


def seen_by(clean: Clean, template: Points, side: int) -> NDArray[np.float32]:
    """Cut a clean face as another recogniser wants it: float32 [3, side, side], BGR, 0…255."""
    way = to_judge(clean.points, template, side)
    crop = cv2.warpAffine(
        clean.picture,
        way,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32)
