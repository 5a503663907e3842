"""People mixed from several: shapes in parts, skin region by region, other tones and ages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from swapcast.models.head import Floats, Head
from swapcast.models.head_draw import Person
from swapcast.models.head_skin import landmarks_in_texture
from swapcast.models.head_swap import MIDDLE, SIDE, Face, coarse, find_borders, marked
from swapcast.models.people import Common, open_person

MIXED = 1000
"""Numbers from here on are mixed people; smaller ones are those of pictures."""
VILLAGE = 400
"""People whose numbers follow each other that are mixed from one pool of pictures."""
POOL = 40
"""Pictures in a pool: few enough to be held in memory, for opening one takes a while."""
_MELANIN = np.array([-0.35, -0.62, -0.9], np.float32)
_AROUND = 40
"""Texels around a face that its tone at the border is taken from."""
_ONE_BEARD = 0.8
"""How often mouth, chin and cheeks are of one picture."""
_CHEEKS = np.s_[150:300, 140:372]
_BLOOD = np.array([0.05, -0.25, -0.2], np.float32)


Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class _Parent:
    person: Person
    low: Floats
    """float32 [128, 128, 3]: logarithm of the tone."""
    detail: Floats
    """float32 [512, 512, 3]: logarithm of the skin against its tone."""


class People:
    """Everybody who can be put on a head: the people of some pictures, and mixtures of them."""

    def __init__(self, common: Common, folder: Path, numbers: Sequence[str], seed: int) -> None:
        """Use the kept people ``numbers`` of a folder.

        Raises
        ------
        ValueError
            If there are fewer than three.
        """
        if len(numbers) < 3:
            raise ValueError(f"only {len(numbers)} people in {folder}; at least 3 are mixed")
        self._common, self._folder, self._seed = common, folder, seed
        self.numbers = tuple(sorted(numbers))
        self.parent = lru_cache(64)(self._open)
        self._regions = find_regions(common.head)
        self.borders = find_borders(common.head)
        rows, columns = self.borders.box
        self._face_box = (
            slice(max(rows.start - _AROUND, 0), rows.stop + _AROUND),
            slice(max(columns.start - _AROUND, 0), columns.stop + _AROUND),
        )

    @property
    def head(self) -> Head:
        """Everybody's."""
        return self._common.head

    def person(self, number: str) -> Person:
        """Return somebody found in a picture, whole."""
        return self.parent(number).person

    def _open(self, number: str) -> _Parent:
        kept = open_person(self._common, self._folder / f"{number}.npz")
        person = marked(kept, self.borders)
        low = np.log(coarse(person.skin.texture))
        detail = np.log(np.maximum(person.skin.texture, 2e-3)) - _enlarge(low)
        grey = detail.mean(2, keepdims=True)
        spread = float(np.percentile(np.abs(grey[_CHEEKS]), 80))
        hues = np.clip(detail - grey, -0.3, 0.3)
        detail = grey * np.float32(min(1.0 / max(spread, 1e-3), 1)) + hues  # hard light is hard
        return _Parent(person, low, detail)

    def parents(self, number: int) -> tuple[str, ...]:
        """Return the pictures a person is made of; the first one gives the head."""
        if number < MIXED:
            return (f"{number:04d}",)
        rng = np.random.default_rng([self._seed, number])
        pool = self.pool((number - MIXED) // VILLAGE)
        return tuple(str(n) for n in rng.choice(pool, min(3, len(pool)), replace=False))

    def pool(self, village: int) -> tuple[str, ...]:
        """Return the pictures that a village's people are mixed from."""
        rng = np.random.default_rng([self._seed, village, 2])
        pool = rng.choice(self.numbers, min(POOL, len(self.numbers)), replace=False)
        return tuple(str(number) for number in pool)

    def face(self, number: int) -> Face:
        """Return a person's face; the same for the same number, people and seed."""
        names = self.parents(number)
        found = [self.parent(name) for name in names]
        if number < MIXED:
            person = found[0].person
            known = np.ascontiguousarray(person.skin.shares[..., 0])
            tone, texture = np.exp(found[0].low), person.skin.texture
            return Face(number, person.shape, texture, known, tone, person.skin.colours[:2])
        rng = np.random.default_rng([self._seed, number, 1])
        return self._mix(number, found, rng)

    def _mix(self, number: int, parents: Sequence[_Parent], rng: np.random.Generator) -> Face:
        parts = rng.dirichlet([1.2, 0.8, 0.8]).astype(np.float32)
        low = sum(part * parent.low for part, parent in zip(parts, parents, strict=True))
        low = low + _MELANIN * rng.normal(0, 0.3) + _BLOOD * rng.normal(0, 0.35)
        middle = low[MIDDLE].mean()
        low = low + (np.clip(middle, np.log(0.02), np.log(0.55)) - middle)
        picked = [parents[int(rng.integers(len(parents)))] for _ in range(4)]
        if rng.random() < _ONE_BEARD:
            picked[-1] = picked[-2]
        *inner, rest = picked
        detail, known = rest.detail.copy(), rest.person.skin.shares[..., 0].copy()
        for (share, box), parent in zip(self._regions, inner, strict=True):
            if parent is not rest:
                detail[box] += share[..., None] * (parent.detail[box] - detail[box])
                known[box] += share * (parent.person.skin.shares[box][..., 0] - known[box])
        texture, face = rest.person.skin.texture.copy(), self._face_box
        logs = _enlarge(np.asarray(low, np.float32))[face]
        logs += detail[face] * np.float32(rng.uniform(0.5, 1.1))
        np.minimum(np.exp(logs), 0.95, out=texture[face])
        shape = self._shape(parents, rng)
        eyes = picked[0].person.skin.colours[:2] * np.exp(rng.normal(0, [[0.25], [0.05]]))
        return Face(number, shape, texture, known, coarse(texture), eyes.astype(np.float32))

    def _shape(self, parents: Sequence[_Parent], rng: np.random.Generator) -> Floats:
        parts = rng.dirichlet([1.0, 1.0, 1.0])
        mixed = sum(
            part * parent.person.fit.shape for part, parent in zip(parts, parents, strict=True)
        )
        # A mean of three is nearer to everybody's mean than any of them; this takes it back.
        mixed = mixed / np.sqrt((parts**2).sum()) + rng.normal(0, 0.2, np.shape(mixed))
        return self._common.head.shape(np.clip(mixed, -2.5, 2.5))


def _enlarge(low: Floats) -> Floats:
    return np.asarray(cv2.resize(low, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


def find_regions(head: Head) -> list[tuple[Floats, Box]]:
    """Return where eyes and brows, nose, and mouth and chin are; all else is one more region.

    Returns
    -------
    list of (float32 [h, w], rows and columns)
        The share of each region, 0…1, in its part of a texture of 512 pixels.
    """
    place = landmarks_in_texture(head) * (SIDE - 1) / 1023
    groups = (place[17:27], place[36:48]), (place[27:36],), (place[48:60], place[6:11] - [0, 8])
    masks = []
    for group in groups:
        drawn = np.zeros((SIDE, SIDE), np.uint8)
        hull = cv2.convexHull(np.rint(np.concatenate(group)).astype(np.int32))
        cv2.fillPoly(drawn, [hull], 1)
        drawn = cv2.dilate(drawn, np.ones((21, 21), np.uint8))
        masks.append(cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 14))
    total = np.maximum(sum(masks), 1)
    found = []
    for mask in masks:
        rows, columns = (np.flatnonzero((mask > 1e-3).any(axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        found.append((np.asarray((mask / total)[box], np.float32), box))
    return found
