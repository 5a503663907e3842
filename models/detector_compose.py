"""Compose training pictures for the detector, each one new.

A training picture is a background with none, one or several labelled pictures laid over it, each
turned, scaled and flipped, then partly hidden, re-lit and spoiled as cameras and codecs do.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from swapcast.models.detector_clutter import Pixels, buttons, clutter
from swapcast.models.detector_covers import occlude, sidelight
from swapcast.models.detector_data import Labelled, Material
from swapcast.models.detector_spoil import spoil

SHAPES = ((240, 320), (192, 320), (192, 256), (160, 224), (224, 160), (128, 128))
"""Height and width of training pictures, drawn with equal chance for a whole batch."""

_MIRRORED = [1, 0, 2, 4, 3]  # the five points after a flip


def _placed(
    faces: NDArray[np.float32], affine: NDArray[np.float64], flipped: bool
) -> NDArray[np.float32]:
    """Carry faces [n, 14] through an affine map; a turned box bounds the turned oval in it."""
    out = faces.copy()
    linear = affine[:, :2]
    centre = (faces[:, :2] + faces[:, 2:4]) / 2 @ linear.T + affine[:, 2]
    radii = (faces[:, 2:4] - faces[:, :2]) / 2
    reach = np.sqrt((radii**2) @ (linear.T**2))
    out[:, :2], out[:, 2:4] = centre - reach, centre + reach
    points = faces[:, 4:].reshape(-1, 5, 2) @ linear.T + affine[:, 2]
    if flipped:
        points = points[:, _MIRRORED]
    out[:, 4:] = points.reshape(-1, 10)
    return out


class Composer:
    """Makes training pictures out of material and chance."""

    def __init__(self, material: Material, random: np.random.Generator) -> None:
        self._material, self._random = material, random

    def _any(self) -> Labelled:
        return self._material.faces[self._random.integers(len(self._material.faces))]

    def background(self, height: int, width: int) -> Pixels:
        """Make a picture without a face: clutter, or what lies around the faces of the material."""
        random = self._random
        chance = random.random()
        if chance < 0.4 and self._material.hard:
            picture = self._material.hard[random.integers(len(self._material.hard))]
            if random.random() < 0.5:
                picture = picture[:, ::-1]
            return np.ascontiguousarray(cv2.resize(picture, (width, height)))
        if chance < 0.55:
            return clutter(height, width, random)
        return self._faceless(height, width)

    def _faceless(self, height: int, width: int) -> Pixels:
        """Cut a random part of a labelled picture after its faces are gone."""
        random, source = self._random, self._any()
        picture = source.levels[1].copy()
        for box in np.concatenate([source.faces[:, :4], source.unsure]) / 2:
            _erase(picture, box, random)
        if random.random() < 0.3:
            picture = np.ascontiguousarray(np.rot90(picture, int(random.integers(4))))
        rows, columns = picture.shape[:2]
        side = random.uniform(0.25, 1.0)
        part_h, part_w = int(rows * side), int(min(columns, rows * side * width / height))
        top = int(random.integers(0, rows - part_h + 1))
        left = int(random.integers(0, columns - part_w + 1))
        part = picture[top : top + part_h, left : left + part_w]
        out = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        out = np.ascontiguousarray(out[:, ::-1] if random.random() < 0.5 else out)
        if random.random() < 0.3:
            buttons(out, random)
        return out

    def __call__(
        self, height: int, width: int
    ) -> tuple[Pixels, NDArray[np.float32], NDArray[np.float32]]:
        """Make one training picture.

        Returns
        -------
        picture : uint8 [height, width, 3], RGB
        faces : float32 [n, 14]
            Boxes and points in pixels, whole also where the picture cuts them.
        unsure : float32 [m, 4]
            Boxes in which a face is neither right nor wrong.
        """
        random = self._random
        out = self.background(height, width)
        owner = np.zeros((height, width), np.int16)
        faces = np.zeros((0, 14), np.float32)
        unsure = np.zeros((0, 4), np.float32)
        owners: list[int] = []
        chance = random.random()
        many = 0 if chance < 0.25 else 1 if chance < 0.75 else int(random.integers(2, 7))
        for number in range(1, many + 1):
            new, doubt = self._lay(out, owner, number, alone=many == 1)
            faces, unsure = np.concatenate([faces, new]), np.concatenate([unsure, doubt])
            owners += [number] * len(new)
        for face in faces:
            if random.random() < 0.3:
                owner[occlude(out, face, random)] = -1
        if len(faces) and random.random() < 0.2:
            sidelight(out, faces[0], random)
        seen = np.array(
            [_visible(owner, box, k) for box, k in zip(faces[:, :4], owners, strict=True)]
        )
        size = (faces[:, 2:4] - faces[:, :2]).max(1, initial=0.0)
        keep = (seen > 0.55) & (size >= 14)
        unsure = np.concatenate([unsure, faces[~keep & (seen > 0.1), :4]])
        return spoil(out, random), faces[keep], unsure

    def _lay(
        self, out: Pixels, owner: NDArray[np.int16], number: int, *, alone: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lay one labelled picture over ``out``; return its faces and unsure boxes there."""
        random, source = self._random, self._any()
        height, width = out.shape[:2]
        box = source.faces[0, :4]
        size = float(max(box[2] - box[0], box[3] - box[1]))
        largest = 1.1 * min(height, width) if alone else 0.4 * min(height, width)
        wanted = float(np.exp(random.uniform(np.log(15), np.log(largest))))
        chance = random.random()
        if chance < 0.3:  # as small as faces across a room are in the small picture
            wanted = float(random.uniform(15, 36))
        elif alone and chance < 0.5:
            wanted = float(random.uniform(min(90.0, 0.5 * largest), largest))
        scale = wanted / size
        angle = float(np.radians(np.clip(random.normal(0, 20), -55, 55)))
        flip = bool(random.random() < 0.5)
        stretch = float(np.exp(random.normal(0, 0.06)))
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = linear @ np.diag([(-1.0 if flip else 1.0) * stretch, 1 / stretch])
        reach = 0.5 * wanted * (0.5 if random.random() < 0.25 else 1.0)
        centre = [
            random.uniform(min(reach, end / 2), max(end - reach, end / 2))
            for end in (width, height)
        ]
        shift = np.array(centre) - linear @ ((box[:2] + box[2:4]) / 2)
        affine = np.concatenate([linear, shift[:, None]], 1)
        level = int(np.clip(np.floor(-np.log2(max(scale, 1e-3))), 0, 3))
        _paste(out, owner, source.levels[level], affine, 2**level, number, random)
        doubtful = np.zeros((len(source.unsure), 14), np.float32)
        doubtful[:, :4] = source.unsure
        return _placed(source.faces, affine, flip), _placed(doubtful, affine, flip)[:, :4]


def _paste(
    out: Pixels,
    owner: NDArray[np.int16],
    picture: Pixels,
    affine: NDArray[np.float64],
    step: int,
    number: int,
    random: np.random.Generator,
) -> None:
    """Warp ``picture``, ``step`` times smaller than the affine map expects, over ``out``."""
    height, width = owner.shape
    here = affine.copy()
    here[:, 2] += here[:, :2] @ np.array([(step - 1) / 2, (step - 1) / 2])
    here[:, :2] *= step
    whole = random.random() < 0.3  # the edge goes on to the canvas's border
    size = (width, height)
    warped = cv2.warpAffine(
        picture, here, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if whole:
        out[:], owner[:] = warped, number
        return
    sheet = np.full(picture.shape[:2], 255, np.uint8)
    covered = cv2.warpAffine(sheet, here, size, flags=cv2.INTER_NEAREST)
    cv2.copyTo(warped, covered, out)
    owner[covered > 0] = number


def _erase(picture: Pixels, box: NDArray[np.float32], random: np.random.Generator) -> None:
    """Take the face in ``box`` out of ``picture``: filled in, scrambled, or flat skin."""
    centre, radii = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * random.uniform(1.15, 1.4)
    left, top = np.maximum(centre - radii, 0).astype(int)
    right, bottom = np.minimum(centre + radii, picture.shape[1::-1]).astype(int)
    part = picture[top:bottom, left:right]
    if min(part.shape[:2]) < 8:
        return
    height, width = part.shape[:2]
    kind = random.random()
    if kind < 0.45:
        small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
        mask = np.zeros((64, 64), np.uint8)
        scale = 64 / np.array(picture.shape[1::-1])
        (x0, y0), (x1, y1) = (
            (np.array(end) * scale).astype(int) for end in ((left, top), (right, bottom))
        )
        mask[y0 : y1 + 1, x0 : x1 + 1] = 255
        filled = cv2.inpaint(small, mask, 3, cv2.INPAINT_TELEA)
        fill = cv2.resize(filled, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)[
            top:bottom, left:right
        ]
    elif kind < 0.53:
        fill = _scrambled(part, random)
    elif kind < 0.73:
        tone = np.median(part.reshape(-1, 3), 0)
        fill = np.clip(tone + random.normal(0, 6, part.shape), 0, 255).astype(np.uint8)
    else:
        fill = clutter(height, width, random)
    if random.random() < 0.5:
        np.copyto(part, fill)
        return
    oval = np.zeros((height, width), np.float32)
    cv2.ellipse(oval, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 1.0, -1)
    oval = cv2.GaussianBlur(oval, (0, 0), max(1.0, width / 24))[..., None]
    np.copyto(part, (part + oval * (fill.astype(np.float32) - part)).astype(np.uint8))


def _scrambled(part: Pixels, random: np.random.Generator) -> Pixels:
    """Cut ``part`` into pieces of a quarter to a sixth of its side and mix them up."""
    pieces = int(random.integers(4, 7))
    rows, columns = part.shape[0] // pieces, part.shape[1] // pieces
    out, count = part.copy(), pieces * pieces
    order = random.permutation(count)
    order = np.where(order == np.arange(count), (order + count // 2) % count, order)
    for to, taken in enumerate(order):
        piece = part[taken // pieces * rows :, taken % pieces * columns :][:rows, :columns]
        if random.random() < 0.5:
            piece = piece[::-1]
        out[to // pieces * rows :, to % pieces * columns :][:rows, :columns] = piece
    return out


def _visible(owner: NDArray[np.int16], box: NDArray[np.float32], number: int) -> float:
    """Give the share of ``box`` that shows picture ``number``."""
    left, top = np.maximum(np.floor(box[:2]), 0).astype(int)
    right, bottom = np.maximum(np.ceil(box[2:4]), 0).astype(int)
    shown = np.count_nonzero(owner[top:bottom, left:right] == number)
    return float(shown / max(1.0, (box[2] - box[0]) * (box[3] - box[1])))


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""uint8 [B, 3, H, W] RGB; faces float32 [N, 15] and unsure boxes float32 [M, 5], each row led by
the number of its picture in the batch."""


def _numbered(rows: list[NDArray[np.float32]]) -> torch.Tensor:
    numbers = np.concatenate([np.full((len(part), 1), k) for k, part in enumerate(rows)])
    return torch.from_numpy(np.hstack([numbers, np.concatenate(rows)]).astype(np.float32))


class Batches(IterableDataset[Batch]):
    """An endless row of training batches; each start draws its own."""

    def __init__(self, material: Material, size: int, seed: int) -> None:
        self._material, self._size, self._seed = material, size, seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches for ever."""
        cv2.setNumThreads(1)
        worker = get_worker_info()
        compose = Composer(
            self._material, np.random.default_rng([self._seed, worker.id if worker else 0])
        )
        shapes = np.random.default_rng(self._seed)
        while True:
            shape = SHAPES[shapes.integers(len(SHAPES))]
            made = [compose(*shape) for _ in range(self._size)]
            pictures = np.stack([picture.transpose(2, 0, 1) for picture, _, _ in made])
            yield (
                torch.from_numpy(pictures),
                _numbered([faces for _, faces, _ in made]),
                _numbered([unsure for _, _, unsure in made]),
            )
