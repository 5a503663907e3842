"""Where the 68 points of a face lie in a crop, which are seen, and whether it is a face at all.

Ours: a plain convolution net (3×3 throughout: faster than separable ones on a processor at this
size), whose points are the centres of mass of 68 heat maps ("integral regression", Sun et al.,
ECCV 2018, arXiv:1711.08229) plus a correction from the whole picture, which also reaches points
outside the crop. Whether a point is seen is read off the features where its heat lies.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POINTS = 68


@dataclass(frozen=True, kw_only=True)
class LandmarkConfig:
    """Size of the network."""

    size: int = 112
    """Side of the crop, pixels; a multiple of 16."""
    widths: tuple[int, ...] = (16, 32, 64, 80)
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the crop's side."""
    depths: tuple[int, ...] = (0, 1, 2, 1)
    """Residual blocks at each of these."""
    squeeze: int = 12
    """Channels from which the whole picture is read."""


def _conv(before: int, width: int, *, side: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolve and normalise; the export folds both into one convolution."""
    conv = nn.Conv2d(before, width, side, stride=stride, padding=side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


class Residual(nn.Module):
    """Two 3×3 convolutions and a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Refine a map of features; its shape stays."""
        refined: Tensor = self.second(F.relu(self.first(x)))
        return F.relu(x + refined)


def _stage(before: int, width: int, depth: int) -> nn.Sequential:
    down = _conv(before, width, stride=2)
    return nn.Sequential(down, nn.ReLU(), *(Residual(width) for _ in range(depth)))


class LandmarkModel(nn.Module):
    """From crops to points, presence and visibility.

    Parameters
    ----------
    config : LandmarkConfig
    """

    grid: Tensor

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        widths = (3, *config.widths)
        self.stages = nn.ModuleList(
            _stage(before, width, depth)
            for (before, width), depth in zip(pairwise(widths), config.depths, strict=True)
        )
        fine, middle, coarse = config.widths[1:]
        self.to_middle = _conv(coarse, middle, side=1)
        self.to_fine = _conv(middle, fine, side=1)
        self.merge = _conv(fine, fine)
        self.heat = nn.Conv2d(fine, POINTS, 1)
        self.seen = nn.Conv2d(fine, POINTS, 1)
        self.squeeze = _conv(coarse, config.squeeze, side=1)
        cells = (config.size // 16) ** 2 * config.squeeze
        self.whole = nn.Linear(cells, 3 * POINTS + 1)
        side = config.size // 4
        centres = torch.arange(side) * 4 + 1.5
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        grid = torch.stack([columns, rows], -1).reshape(-1, 2)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read the faces in ``crops``.

        Parameters
        ----------
        crops : float32 [n, 3, S, S], RGB, 0…1

        Returns
        -------
        points : float32 [n, 68, 2], (x, y) in pixels of the crop
            Integers are pixel centres; Multi-PIE order.
        presence : float32 [n, 1], log-odds that this is a face
        visibility : float32 [n, 68], log-odds that the point is seen
        """
        x = self.stages[0](crops - 0.5)  # [n, 16, S/2, S/2]
        quarter = self.stages[1](x)  # [n, 32, S/4, S/4]
        eighth = self.stages[2](quarter)  # [n, 64, S/8, S/8]
        coarse = self.stages[3](eighth)  # [n, 80, S/16, S/16]
        whole = self.whole(F.relu(self.squeeze(coarse)).flatten(1)).float()  # [n, 205]
        eighth = F.relu(eighth + _double(self.to_middle(coarse)))
        quarter = F.relu(quarter + _double(self.to_fine(eighth)))
        quarter = F.relu(self.merge(quarter))
        heat = self.heat(quarter).flatten(2).float().softmax(-1)  # [n, 68, S/4 · S/4]
        points = heat @ self.grid + whole[:, : 2 * POINTS].unflatten(1, (POINTS, 2))
        seen = (heat * self.seen(quarter).flatten(2).float()).sum(-1)
        return points, whole[:, -1:], seen + whole[:, 2 * POINTS : 3 * POINTS]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
