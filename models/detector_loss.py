"""What the detector should have said, and how far it is from it.

Scores learn by focal loss (Lin et al. 2017), boxes by generalised overlap (Rezatofighi et al.
2019), points by their distance. A face belongs to the cells near its centre, on one grid or two.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from swapcast.models.detector import STRIDES

RANGES = ((0.0, 72.0), (44.0, 150.0), (100.0, 1e9))
"""Sizes of faces, √(width · height) in pixels, that each grid is to find."""

FALSE_ALARM = 2.0
"""How much more a face seen where there is none costs than a face missed."""

CORE, RING = 0.2, 0.4
"""Cells nearer to a face's centre than ``CORE`` of its sides must find it; up to ``RING`` may."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Parts of the loss, each a scalar."""

    score: Tensor
    box: Tensor
    points: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return self.score + self.box + 4.0 * self.points


def cell_centres(height: int, width: int, stride: int) -> Tensor:
    """Return float32 [height · width, 2]: x, y of the cells' centres in pixels."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([columns, rows], -1).reshape(-1, 2) + 0.5) * stride - 0.5


def assign(
    centres: Tensor, stride: int, sizes: tuple[float, float], faces: Tensor, unsure: Tensor
) -> tuple[Tensor, Tensor]:
    """Say which cell is to find which face of one picture.

    Parameters
    ----------
    centres : float32 [C, 2]
    stride : pixels between cells
    sizes : smallest and largest face of this grid
    faces : float32 [n, 14]
    unsure : float32 [m, 4]

    Returns
    -------
    face : int64 [C]
        Number of the face, -1 where there is none.
    counts : bool [C]
        False where the score may be anything.
    """
    count = len(centres)
    face = torch.full((count,), -1)
    counts = torch.ones(count, dtype=torch.bool)
    if len(unsure):
        inside = (centres >= unsure[:, None, :2]) & (centres <= unsure[:, None, 2:])
        counts &= ~inside.all(2).any(0)
    if not len(faces):
        return face, counts
    sides = faces[:, 2:4] - faces[:, :2]
    size = sides.prod(1).sqrt()
    away = (centres - ((faces[:, :2] + faces[:, 2:4]) / 2)[:, None]).abs()  # [n, C, 2]
    here = ((size >= sizes[0]) & (size < sizes[1]))[:, None]
    core = (away <= (CORE * sides).clamp(min=stride / 2)[:, None]).all(2) & here
    ring = (away <= (RING * sides).clamp(min=stride)[:, None]).all(2)
    smallest = torch.where(core, size[:, None], torch.inf).min(0)
    found = smallest.values < torch.inf
    face[found] = smallest.indices[found]
    near = ring & ((size > 0.8 * sizes[0]) & (size < 1.25 * sizes[1]))[:, None]
    return face, (counts & ~near.any(0)) | found


def _overlap(mine: Tensor, true: Tensor) -> Tensor:
    """Generalised overlap of boxes [N, 4], -1…1."""
    low, high = torch.maximum(mine[:, :2], true[:, :2]), torch.minimum(mine[:, 2:], true[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    area = (mine[:, 2:] - mine[:, :2]).prod(1) + (true[:, 2:] - true[:, :2]).prod(1) - shared
    low, high = torch.minimum(mine[:, :2], true[:, :2]), torch.maximum(mine[:, 2:], true[:, 2:])
    hull = (high - low).prod(1)
    return shared / area - (hull - area) / hull


def losses(grids: tuple[Tensor, ...], faces: Tensor, unsure: Tensor) -> Losses:
    """Compare the network's grids with the true faces.

    Parameters
    ----------
    grids : three float32 [B, 15, H/s, W/s]
    faces : float32 [N, 15], number of the picture, box and points in pixels
    unsure : float32 [M, 5], number of the picture and box
    """
    logits, wanted, found, true, at, steps = [], [], [], [], [], []
    for grid, stride, sizes in zip(grids, STRIDES, RANGES, strict=True):
        centres = cell_centres(grid.shape[2], grid.shape[3], stride)
        cells = grid.float().flatten(2).transpose(1, 2)  # [B, C, 15]
        for number, picture in enumerate(cells):
            here = faces[faces[:, 0] == number, 1:]
            doubt = unsure[unsure[:, 0] == number, 1:]
            face, counts = assign(centres, stride, sizes, here, doubt)
            positive = face >= 0
            logits.append(picture[counts, 0])
            wanted.append(positive[counts].float())
            found.append(picture[positive, 1:])
            true.append(here[face[positive]])
            at.append(centres[positive])
            steps.append(torch.full((int(positive.sum()), 1), float(stride)))
    logit, target = torch.cat(logits), torch.cat(wanted)
    cell, face_of, centre, step = torch.cat(found), torch.cat(true), torch.cat(at), torch.cat(steps)
    count = max(1, len(cell))
    wrong = torch.where(target > 0, torch.sigmoid(-logit), torch.sigmoid(logit))
    score = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    middle = centre + cell[:, :2] * step
    half = cell[:, 2:4].clamp(-3, 5).exp() * step / 2
    box = 1 - _overlap(torch.cat([middle - half, middle + half], 1), face_of[:, :4])
    points = centre.repeat(1, 5) + cell[:, 4:] * step
    size = (face_of[:, 2:4] - face_of[:, :2]).prod(1, keepdim=True).sqrt()
    away = functional.smooth_l1_loss(
        points / size, face_of[:, 4:] / size, beta=0.02, reduction="none"
    )
    weight = torch.where(target > 0, 1.0, FALSE_ALARM) * wrong**2
    return Losses((weight * score).sum() / count, box.sum() / count, away.sum() / (10 * count))
