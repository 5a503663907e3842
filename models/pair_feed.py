"""Batches of rendered pairs: a driver, and the exact frame in which another person does the same.

Pairs come from `swapcast.models.pairs`. What a camera and its user do to a picture (where the crop
lies, exposure and colour, softness, grain, JPEG) is done here, anew each time a pair is drawn, in
8 bits and with OpenCV, which takes a tenth of what a training step takes.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F

from swapcast.kernels.geometry import TEMPLATES, five_points
from swapcast.models.augmentation import Augmentation
from swapcast.models.pairs import SIDE, TEMPLATE, VIEW, Pairs
from swapcast.models.swap_model import Learner, Made

_KEPT = 5000  # pairs in memory, 0.66 MB each
_REFRESH = 200  # batches after which shards that were written meanwhile are taken up

Picture = NDArray[np.uint8]


class _Pair(NamedTuple):
    """What of a pair is kept in memory."""

    driver: Picture
    target: Picture
    marks: Picture
    """uint8 [side, side, 2]: 255 where a swapped face shows; and on eyes and mouth."""
    points: NDArray[np.float32]
    """float32 [5, 2], (x, y) in pixels of ``target``."""
    person: int
    """Whose face is put on."""


@dataclass(frozen=True)
class PairBatch:
    """Pairs, ready to learn from."""

    driver: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what the network sees."""
    target: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what it should make of it."""
    face: Tensor
    """float32 [n, 1, size, size], 0…1: where a swapped face shows in ``target``."""
    features: Tensor
    """float32 [n, 1, size, size], 0…1: where its eyes and its mouth are."""
    views: Tensor
    """float32 [n, 3, 112, 112], RGB, 0…1: a portrait of the person in ``target``."""
    points: Tensor
    """float32 [n, 5, 2]: eyes, nose tip, mouth corners in ``target``, (x, y) in pixels."""
    people: Tensor
    """int64 [n]: the number of the person in ``target``."""

    def window(self, left: int, top: int, side: int) -> "PairBatch":
        """Return a square part of the crops."""

        def part(pictures: Tensor) -> Tensor:
            cut = pictures[:, :, top : top + side, left : left + side]
            return cut.contiguous(memory_format=torch.channels_last)

        return PairBatch(
            part(self.driver),
            part(self.target),
            part(self.face),
            part(self.features),
            self.views,
            self.points - self.points.new_tensor([left, top]),
            self.people,
        )

    def align(self, pictures: Tensor) -> Tensor:
        """Cut portraits out of crops, float32 [n, 3, size, size]; 112 px, ``arcface_112_v2``."""
        return align(pictures, self.points)


def align(pictures: Tensor, points: Tensor) -> Tensor:
    """Cut out portraits as recognisers want them; differentiable in the pictures.

    Parameters
    ----------
    pictures : float32 [n, 3, h, h]
    points : float32 [n, 5, 2]
        (x, y) in pixels, as in `PairBatch`.

    Returns
    -------
    float32 [n, 3, 112, 112]
    """
    goal = torch.from_numpy(np.array(TEMPLATES["arcface_112_v2"])).to(points.device) * VIEW
    a = torch.view_as_complex((goal - goal.mean(0)).contiguous())
    middle = points.mean(1, keepdim=True)
    b = torch.view_as_complex((points - middle).contiguous())
    turn = (a.conj() * b).sum(1) / a.abs().square().sum()
    shift = torch.view_as_complex(middle[:, 0].contiguous()) - turn * torch.view_as_complex(
        goal.mean(0).contiguous()
    )
    # From portrait to picture; the sampling grid counts −1…1 from edge to edge.
    pixels = torch.arange(VIEW, device=points.device, dtype=points.dtype)
    z = torch.complex(pixels.repeat(VIEW), pixels.repeat_interleave(VIEW))
    places = torch.view_as_real(z * turn[:, None] + shift[:, None])
    grid = (2 * places + 1) / pictures.shape[-1] - 1
    return F.grid_sample(
        pictures, grid.view(-1, VIEW, VIEW, 2), padding_mode="border", align_corners=False
    )


class PairModel(Learner[PairBatch]):
    """A network that learns from pairs."""

    def begin(self) -> None:
        """Open what the settings name; by default nothing."""

    @abstractmethod
    def show(self, batch: PairBatch) -> Made:
        """Make of each driver the face that its pair wants."""


class PairFeed:
    """Draws endless batches from folders of pairs.

    Parameters
    ----------
    folders : of shards
    size : side of the crop, pixels
    augmentation : how pictures are changed; ``warp`` is not used
    device : where the batches are to be

    Raises
    ------
    ValueError
        If there are none, one is damaged, or the crop is larger than their pictures.
    """

    names: tuple[str, ...] = ()
    parts = 1

    def __init__(
        self,
        folders: Sequence[Path],
        size: int,
        augmentation: Augmentation,
        device: torch.device,
    ) -> None:
        if size > SIDE:
            raise ValueError(f"size {size} is larger than the pairs, which have {SIDE} pixels")
        self._sets = [Pairs(folder) for folder in folders]
        self._drawn = 0
        self._size, self._augmentation, self._device = size, augmentation, device
        self._kept: dict[tuple[int, int], _Pair] = {}

    def __len__(self) -> int:
        return sum(len(pairs) for pairs in self._sets)

    def prepare(self, model: Learner[Any]) -> None:
        """Let a network open what its settings name."""
        if isinstance(model, PairModel):
            model.begin()

    def draw(self, counts: Sequence[int], random: Generator) -> dict[str, PairBatch]:
        """Return one batch of pairs, drawn with repetition, each changed in its own way.

        Every folder is drawn from as often as any other, however many pairs it holds.
        """
        self._drawn += 1
        if self._drawn % _REFRESH == 0:
            for pairs in self._sets:
                pairs.refresh()
        chance = np.random.default_rng(int(torch.randint(1 << 62, (), generator=random)))
        ends = np.cumsum([0, *(len(pairs) for pairs in self._sets)])
        folders = chance.integers(len(self._sets), size=counts[0])
        picked = chance.integers(ends[folders], ends[folders + 1])
        return {"pairs": self.batch(picked.tolist(), chance)}

    def batch(self, picked: Sequence[int], chance: np.random.Generator | None) -> PairBatch:
        """Return some pairs, changed by chance; None: as they are."""
        drawn = [self._change(index, chance) for index in picked]
        driver, target, marks, views, points = (
            np.stack([one[part] for one in drawn]) for part in range(5)
        )

        def planar(pictures: NDArray[Any]) -> Tensor:
            tensor = torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2)
            return tensor / 255  # stays channels last in memory

        marked = planar(marks)
        return PairBatch(
            planar(driver),
            planar(target),
            marked[:, :1],
            marked[:, 1:2],
            planar(views),
            torch.from_numpy(points).to(self._device),
            torch.tensor([self._pair(index).person for index in picked], device=self._device),
        )

    def provenance(self) -> dict[str, list[dict[str, Any]]]:
        """Return where the pairs come from."""
        sets = [
            {"folder": p.folder.name, "pairs": len(p), "template": TEMPLATE} for p in self._sets
        ]
        return {"pairs": sets}

    def sheet(self, model: Learner[Any], count: int = 6) -> Picture:
        """Draw portraits, drivers, what a network makes of them, its masks, and the exact frames.

        Returns
        -------
        uint8 [5 size, count size, 3], BGR
        """
        if not isinstance(model, PairModel):
            raise TypeError(f"{model.architecture} does not learn from pairs")
        picked = np.linspace(0, len(self) - 1, count).round().astype(int)
        batch = self.batch(picked.tolist(), None)
        with torch.no_grad():
            made = model.show(batch)
        mask = torch.ones_like(batch.face) if made.mask is None else made.mask
        views = F.interpolate(batch.views, (self._size, self._size), mode="bilinear")
        rows = [views, batch.driver, made.face, mask.expand(-1, 3, -1, -1), batch.target]
        sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1).permute(1, 2, 0)
        return np.ascontiguousarray((255 * sheet.clamp(0, 1)).round().byte().numpy()[:, :, ::-1])

    def views(self, index: int) -> Picture:
        """Return portraits of the person whose face is put on, uint8 [k, 112, 112, 3], RGB."""
        folder, _ = self._place(index)
        return self._sets[folder].views(self._pair(index).person)

    def _pair(self, index: int) -> _Pair:
        """Return a pair; the first ones asked for are kept, for decoding takes longer than bending.

        Which are kept changes nothing but the time that it takes.
        """
        place = folder, number = self._place(index)
        if place in self._kept:
            return self._kept[place]
        read = self._sets[folder].read([number])
        pair = _Pair(
            read.driver[0],
            read.target[0],
            np.stack([read.face[0], np.maximum(read.mouth[0], read.eyes[0])], 2),
            five_points(read.target_landmarks[0]),
            int(read.people[0, 1]),
        )
        if len(self._kept) < _KEPT:
            self._kept[place] = pair
        return pair

    def _place(self, index: int) -> tuple[int, int]:
        """Return the folder that a pair lies in, and its number there."""
        for folder, pairs in enumerate(self._sets):
            if index < len(pairs):
                return folder, index
            index -= len(pairs)
        raise IndexError(f"no pair {index}")

    def _change(
        self, index: int, chance: np.random.Generator | None
    ) -> tuple[Picture, Picture, Picture, Picture, NDArray[np.float32]]:
        """Return driver, target, marks, a portrait and the five points, as a camera shows them."""
        pair, views, size = self._pair(index), self.views(index), self._size
        place = _placing(size, self._augmentation, chance)
        portrait = views[0 if chance is None else int(chance.integers(len(views)))]
        pictures = [
            cv2.warpAffine(one, place, (size, size), borderMode=cv2.BORDER_REFLECT_101)
            for one in (pair.driver, pair.target, pair.marks)
        ]
        driver, target, marks = (np.asarray(one, np.uint8) for one in pictures)
        points = pair.points @ place[:, :2].T + place[:, 2]
        if np.linalg.det(place[:, :2]) < 0:  # mirrored: left and right change their names
            points = points[[1, 0, 2, 4, 3]]
            portrait = portrait[:, ::-1]
        if chance is not None:
            light = _light(self._augmentation.colour, chance)
            driver, target = cv2.LUT(driver, light), cv2.LUT(target, light)
            driver = _through_camera(driver, self._augmentation, chance)
            portrait = cv2.LUT(np.ascontiguousarray(portrait), _light(0.1, chance))
        return driver, target, marks, portrait, points.astype(np.float32)


def _placing(
    size: int, augmentation: Augmentation, chance: np.random.Generator | None
) -> NDArray[np.float64]:
    """Return the way from a pair's picture to the crop in its middle, float64 [2, 3]."""
    turn, zoom, shift, mirror = 0.0, 1.0, np.zeros(2), 1.0
    if chance is not None:
        turn = math.radians(chance.uniform(-augmentation.turn, augmentation.turn))
        zoom = 1 + chance.uniform(-augmentation.zoom, augmentation.zoom)
        shift = chance.uniform(-augmentation.shift, augmentation.shift, 2) * size
        mirror = -1.0 if chance.random() < augmentation.mirror else 1.0
    c, s = zoom * math.cos(turn), zoom * math.sin(turn)
    linear = np.array([[c, -s], [s, c]]) @ np.diag([mirror, 1.0])
    middle = np.full(2, (SIDE - 1) / 2)
    return np.column_stack([linear, (size - 1) / 2 + shift - linear @ middle])


def _light(much: float, chance: np.random.Generator) -> Picture:
    """Return how another exposure and white balance change each value, uint8 [1, 256, 3]."""
    gamma = math.exp(2 * much * chance.uniform(-1, 1))
    gain = 1 + much * chance.uniform(-1, 1) + 0.5 * much * chance.uniform(-1, 1, 3)
    contrast = 1 + much * chance.uniform(-1, 1)
    bright = (np.arange(256) / 255)[:, None] ** gamma * gain
    values = 255 * (0.4 + (bright - 0.4) * contrast)
    return np.clip(values.round(), 0, 255).astype(np.uint8)[None]


def _through_camera(
    picture: Picture, augmentation: Augmentation, chance: np.random.Generator
) -> Picture:
    """Show a picture as a poor camera and its codec do: softer, grainier, in blocks."""
    size = picture.shape[1], picture.shape[0]
    if chance.random() < augmentation.blur:
        share = chance.uniform(0.18, 0.6)
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if augmentation.noise and chance.random() < 0.5:
        grain = chance.normal(0, 255 * augmentation.noise * chance.random(), picture.shape)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    if chance.random() < augmentation.codec:
        quality = int(chance.integers(25, 90))
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return picture
