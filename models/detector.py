"""A small network that finds faces: for each cell of three grids a score, a box and five points.

Anchor-free and one-stage like FCOS (Tian et al. 2019) and SCRFD (Guo et al. 2021), with a top-down
path like FPN (Lin et al. 2017). Ours: plain 3×3 convolutions throughout, because ONNX Runtime
runs them at several times the arithmetic rate of depthwise ones, and few layers above stride 8.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDES = (8, 16, 32)
"""Pixels of the network's input between two cells of each output grid."""

CHANNELS = 15
"""Of each grid: score, centre x, y, log width, log height, then x, y of five points."""


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """How large the network is."""

    widths: tuple[int, int, int, int, int] = (16, 32, 48, 64, 64)
    """Channels at strides 2, 4, 8, 16 and 32."""
    depths: tuple[int, int, int] = (1, 1, 2)
    """Residual blocks at strides 8, 16 and 32."""
    neck: int = 48
    """Channels of the grids that the heads read."""

    def __post_init__(self) -> None:
        if min(*self.widths, *self.depths, self.neck) < 1:
            raise ValueError(f"widths, depths and neck must be positive, not {self}")


class Convolution(nn.Module):
    """A convolution with batch statistics, rectified: [B, C, H, W] -> [B, D, H/s, W/s]."""

    def __init__(self, inside: int, outside: int, *, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.filter = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(outside)

    def linear(self, x: Tensor) -> Tensor:
        """Filter and normalise ``x``."""
        x = self.filter(x)
        return x if self.norm is None else self.norm(x)

    def fold(self) -> None:
        """Take the batch statistics into the filter, for a network that only runs."""
        if self.norm is not None:
            self.filter, self.norm = fuse_conv_bn_eval(self.filter, self.norm), None

    def forward(self, x: Tensor) -> Tensor:
        """Filter, normalise and rectify ``x``."""
        return functional.relu(self.linear(x))


class Residual(nn.Module):
    """Two convolutions beside the identity: [B, C, H, W] -> [B, C, H, W]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width)
        self.second = Convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Refine ``x``."""
        return functional.relu(x + self.second.linear(self.first(x)))


def _stage(inside: int, outside: int, depth: int) -> nn.Sequential:
    return nn.Sequential(
        Convolution(inside, outside, stride=2), *(Residual(outside) for _ in range(depth))
    )


def _doubled(grid: Tensor, like: Tensor) -> Tensor:
    """Show each cell of ``grid`` twice either way, cut to the size of ``like``."""
    grown = functional.interpolate(grid, scale_factor=2.0, mode="nearest")
    return grown[:, :, : like.shape[2], : like.shape[3]]


class Detector(nn.Module):
    """Faces of a picture: float32 [B, 3, H, W] RGB 0…1 -> three grids, at strides 8, 16 and 32.

    H and W are multiples of 16. Each grid is float32 [B, 15, H/s, W/s], where a part of a cell
    at the right and lower edge counts as a whole one: the score's logit; the
    box's centre, in strides from the cell's centre; the logarithms of its width and height in
    strides; x and y of the five points, in strides from the cell's centre. The cell in row i,
    column j has its centre at ((j + 0.5) · s - 0.5, (i + 0.5) · s - 0.5), where integers are
    pixel centres.
    """

    def __init__(self, *, settings: DetectorSettings | None = None) -> None:
        super().__init__()
        settings = settings or DetectorSettings()
        half, quarter, eighth, sixteenth, last = settings.widths
        neck = settings.neck
        self.stem = nn.Sequential(
            Convolution(3, half, stride=2), Convolution(half, quarter, stride=2)
        )
        self.fine = _stage(quarter, eighth, settings.depths[0])
        self.middle = _stage(eighth, sixteenth, settings.depths[1])
        self.coarse = _stage(sixteenth, last, settings.depths[2])
        self.sides = nn.ModuleList(
            Convolution(width, neck, size=1) for width in (eighth, sixteenth, last)
        )
        self.smooth = nn.ModuleList(Convolution(neck, neck) for _ in STRIDES)
        self.heads = nn.ModuleList(nn.Conv2d(neck, CHANNELS, 1) for _ in STRIDES)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise: convolutions by He's rule, scores at one face in a hundred cells."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        for head in self.heads:
            assert isinstance(head, nn.Conv2d)
            nn.init.normal_(head.weight, std=0.01)
            assert head.bias is not None
            nn.init.zeros_(head.bias)
            with torch.no_grad():
                head.bias[0] = -4.6
                head.bias[3:5] = 1.2  # a face three or four cells wide

    def fold(self) -> None:
        """Take all batch statistics into the filters; the network must be in evaluation mode."""
        for module in list(self.modules()):
            if isinstance(module, Convolution):
                module.fold()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the grids, finest first."""
        fine = self.fine(self.stem(x))  # [B, C, H/8, W/8]
        middle = self.middle(fine)  # [B, C, H/16, W/16]
        coarse = self.coarse(middle)  # [B, C, H/32, W/32]
        side = [net(grid) for net, grid in zip(self.sides, (fine, middle, coarse), strict=True)]
        side[1] = side[1] + _doubled(side[2], side[1])
        side[0] = side[0] + _doubled(side[1], side[0])
        grids = [
            head(smooth(grid))
            for head, smooth, grid in zip(self.heads, self.smooth, side, strict=True)
        ]
        return grids[0], grids[1], grids[2]
