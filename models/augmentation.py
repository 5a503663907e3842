"""The bent, turned and dimmed copies of a face that a network learns from."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How faces are changed before a network sees them; the defaults are the published ones."""

    turn: float = 10.0
    """Largest turn to either side, degrees. Network and target get it alike, as the next four."""
    zoom: float = 0.05
    """Largest change of scale, as a share."""
    shift: float = 0.05
    """Largest shift, as a share of the crop's side."""
    mirror: float = 0.4
    """Share of faces that are mirrored."""
    colour: float = 0.0
    """Largest change of gains, contrast and gamma, as a share."""
    warp: float = 1 / 32
    """Standard deviation of the 5×5 grid's points, as a share of the side. Only the network sees
    it, as the next two."""
    blur: float = 0.0
    """Share of faces that are seen as if from a small picture."""
    noise: float = 0.0
    """Largest standard deviation of the grain that the network sees, 0…1."""
    codec: float = 0.0
    """Share of faces that are seen through JPEG. Of rendered pairs only."""


def resample(pictures: Tensor, grid: Tensor) -> Tensor:
    """Take pictures float32 [n, c, h, w] apart at the places of a grid; edges are mirrored."""
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def warp_grids(
    count: int, size: int, augmentation: Augmentation, random: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Make the published random warp, and the target that fits it best without bending.

    A grid of 5×5 points over the crop is disturbed, each point alone, and the crop is bent along
    with it. The target is the straight crop under the similarity that fits the disturbed points
    best (Umeyama), so that the network is asked to straighten a face, not to move it. A random
    turn, zoom, shift and mirror image are common to both. Points are complex numbers here.

    Parameters
    ----------
    count : pictures
    size : pixels, a multiple of 8
    augmentation : how much
    random : source of all numbers

    Returns
    -------
    seen, wanted : float32 [count, size, size, 2]
        Where each pixel is taken from, (x, y), −1…1 from edge to edge: bent, and straight.
    mirrored : bool [count]
    """

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, 1, generator=random) - 1) * limit

    line = torch.linspace(-1, 1, 5)
    points = torch.complex(line.repeat(5), line.repeat_interleave(5)).expand(count, 25)
    noise = torch.randn(2, count, 25, generator=random) * (2 * augmentation.warp)
    bent = points + torch.complex(noise[0], noise[1])

    turn = torch.polar(1 + uniform(augmentation.zoom), torch.deg2rad(uniform(augmentation.turn)))
    shift = torch.complex(uniform(2 * augmentation.shift), uniform(2 * augmentation.shift))
    mirrored = torch.rand(count, 1, generator=random) < augmentation.mirror

    def place(z: Tensor) -> Tensor:
        z = torch.where(mirrored, -z.conj(), z)
        return z * turn + shift

    # Least squares from the bent points (mean m) to the straight ones (mean 0), then its inverse.
    middle = bent.mean(1, keepdim=True)
    spread = bent - middle
    fit = (spread.conj() * points).sum(1, keepdim=True) / spread.abs().square().sum(1, keepdim=True)

    pixels = (torch.arange(size) + 0.5) * (2 / size) - 1
    straight = torch.complex(pixels.repeat(size), pixels.repeat_interleave(size)).expand(count, -1)
    wanted = torch.view_as_real(place(straight / fit + middle)).view(count, size, size, 2)

    control = torch.view_as_real(place(bent)).view(count, 5, 5, 2).permute(0, 3, 1, 2)
    smooth = F.interpolate(control, size=size + size // 4, mode="bilinear", align_corners=False)
    edge = size // 8
    seen = smooth[:, :, edge:-edge, edge:-edge].permute(0, 2, 3, 1)
    return seen, wanted, mirrored[:, 0]


def relight(
    faces: Tensor, targets: Tensor, augmentation: Augmentation, random: Generator
) -> tuple[Tensor, Tensor]:
    """Show faces and what is to be made of them in another light.

    Both change alike: a swapped face is to stand in the light that the camera's picture has.

    Parameters
    ----------
    faces, targets : float32 [n, 3, h, w], RGB, 0…1
    augmentation : how much
    random : source of all numbers

    Returns
    -------
    two of float32 [n, 3, h, w], 0…1
    """
    much = augmentation.colour
    if not much:
        return faces, targets

    def around(*shape: int) -> Tensor:
        return 2 * torch.rand(len(faces), *shape, generator=random).to(faces.device) - 1

    gamma = torch.exp(2 * much * around(1, 1, 1))
    contrast = 1 + much * around(1, 1, 1)
    gain = 1 + much * around(1, 1, 1) + 0.5 * much * around(3, 1, 1)

    def change(pictures: Tensor) -> Tensor:
        bright = pictures.clamp(1e-4, 1).pow(gamma) * gain
        return (0.4 + (bright - 0.4) * contrast).clamp(0, 1)

    return change(faces), change(targets)


def coarsen(faces: Tensor, augmentation: Augmentation, random: Generator) -> Tensor:
    """Show faces as a poor camera would: softer, grainier.

    Parameters
    ----------
    faces : float32 [n, 3, h, w], 0…1
    augmentation : how much
    random : source of all numbers

    Returns
    -------
    float32 [n, 3, h, w], 0…1
    """
    soft = torch.rand(len(faces), generator=random) < augmentation.blur
    if soft.any():
        soft = soft.to(faces.device)
        share = 1 / (2 + 2 * float(torch.rand(1, generator=random)))
        small = F.interpolate(faces[soft], scale_factor=share, mode="bilinear", antialias=True)
        faces = faces.clone()
        faces[soft] = F.interpolate(small, size=faces.shape[2:], mode="bilinear")
    if augmentation.noise:
        much = torch.rand(len(faces), 1, 1, 1, generator=random) * augmentation.noise
        faces = faces + (torch.randn(faces.shape, generator=random) * much).to(faces.device)
    return faces.clamp(0, 1)
