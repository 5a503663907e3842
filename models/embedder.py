"""Who somebody is, as a direction: a small network that turns an aligned face into a vector.

A residual network after He et al., "Deep Residual Learning for Image Recognition", 2016, with the
order of layers of Duta et al., "Improved Residual Networks", 2021 (normalise, convolve, normalise,
PReLU, convolve), under 2 million parameters. It is differentiable, so that a swapper can be asked
to make a face that this network takes for the wanted person.

`AngularMargin` is the loss it learns identities by.

How to get a vector: cut the face out as `swapcast.kernels.geometry.crop_affine` does, with the
template that `EmbedderSettings.template` names, in RGB, 0…1, as float32 [n, 3, size, size], and
call the embedder: float32 [n, 256], of length 1. A crop of another template goes through `recrop`
first; that way is differentiable as well::

    embedder, provenance = read_embedder(path)
    vectors = embedder(recrop(crops, "dfl_whole_face", embedder.settings))
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.kernels.geometry import TEMPLATES, similarity


class EmbedderError(Exception):
    """An embedder's file that cannot be used. The text says why."""


@dataclass(frozen=True, kw_only=True)
class EmbedderSettings:
    """Form of an identity embedder."""

    size: int = 112
    """Side of the aligned crop, pixels; crops of another size are resampled."""
    template: str = "arcface_112_v2"
    """How crops are aligned: a name in `swapcast.kernels.geometry.TEMPLATES`."""
    widths: tuple[int, ...] = (16, 40, 80, 160)
    """Channels after each halving."""
    blocks: tuple[int, ...] = (0, 1, 2, 1)
    """Residual blocks at each size."""
    length: int = 256
    """Of the vector."""


class Residual(nn.Module):
    """Two convolutions beside a straight way."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return float of the shape of ``x``."""
        further: Tensor = self.way(x)
        return x + further


class Embedder(nn.Module):
    """Aligned faces in, unit vectors out."""

    def __init__(self, settings: EmbedderSettings) -> None:
        super().__init__()
        self.settings = settings
        layers: list[nn.Module] = []
        for (a, b), count in zip(pairwise((3, *settings.widths)), settings.blocks, strict=True):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(b), nn.PReLU(b), *(Residual(b) for _ in range(count))]
        self.features = nn.Sequential(*layers)
        side = math.ceil(settings.size / (1 << len(settings.widths)))
        # One filter a channel over the whole picture: where a feature lies says who it is.
        self.gather = nn.Conv2d(
            settings.widths[-1], settings.widths[-1], side, groups=settings.widths[-1], bias=False
        )
        self.out = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(settings.widths[-1]),
            nn.Linear(settings.widths[-1], settings.length),
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Return float32 [n, length], of length 1, for float32 [n, 3, h, w], RGB, 0…1."""
        size = self.settings.size
        if crops.shape[-1] != size:
            crops = F.interpolate(
                crops, (size, size), mode="bilinear", align_corners=False, antialias=True
            )
        vector: Tensor = self.out(self.gather(self.features(2 * crops - 1)))
        return F.normalize(vector.float(), dim=1)


def recrop(crops: Tensor, template: str, settings: EmbedderSettings) -> Tensor:
    """Cut the crop that an embedder wants out of one of another kind.

    Parameters
    ----------
    crops : float [n, 3, h, h]
    template : how they are aligned: a name in `swapcast.kernels.geometry.TEMPLATES`
    settings : of the embedder

    Returns
    -------
    float [n, 3, size, size]
        Beyond the given crop its edge goes on.
    """
    if template == settings.template:
        return crops
    # Both in fractions of their sides: where a point of the wanted crop lies in the given one.
    way = torch.from_numpy(similarity(TEMPLATES[settings.template], TEMPLATES[template]))
    finer = float(way[:, :2].norm(dim=0).mean()) * crops.shape[-1] / settings.size
    if finer > 1:
        side = max(1, round(crops.shape[-1] / finer))
        crops = F.interpolate(
            crops, (side, side), mode="bilinear", align_corners=False, antialias=True
        )
    linear, shift = way[:, :2], way[:, 2]
    theta = torch.cat([linear, (linear.sum(1) + 2 * shift - 1)[:, None]], 1).to(crops)
    shape = [len(crops), 3, settings.size, settings.size]
    grid = F.affine_grid(theta.expand(len(crops), 2, 3), shape, align_corners=False)
    return F.grid_sample(crops, grid, padding_mode="border", align_corners=False)


class AngularMargin(nn.Module):
    """The loss that pulls pictures of one person together and people apart.

    Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019.

    Parameters
    ----------
    people : how many
    length : of the vectors
    margin : radians by which a picture must be nearer to its own person than needed
    scale : of the cosines
    """

    def __init__(
        self, people: int, length: int, *, margin: float = 0.4, scale: float = 32.0
    ) -> None:
        super().__init__()
        self.centres = nn.Parameter(F.normalize(torch.randn(people, length), dim=1))
        self.margin, self.scale = margin, scale

    def forward(self, vectors: Tensor, people: Tensor) -> Tensor:
        """Return float32 [] for float32 [n, length] of length 1 and int64 [n]."""
        cosines = vectors @ F.normalize(self.centres, dim=1).mT
        own = cosines.gather(1, people[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        angle = own.acos()
        # Beyond π the cosine would rise again: there the margin is taken off the cosine itself.
        wider = torch.where(
            angle + self.margin < math.pi,
            (angle + self.margin).cos(),
            own - self.margin * math.sin(self.margin),
        )
        logits = cosines.scatter(1, people[:, None], wider) * self.scale
        return F.cross_entropy(logits, people)


def write_embedder(embedder: Embedder, provenance: Sequence[dict[str, Any]], path: Path) -> None:
    """Keep an embedder and what it was made from."""
    about = {"settings": asdict(embedder.settings), "provenance": list(provenance)}
    part = path.with_suffix(".part")
    save_file(
        {name: value.contiguous() for name, value in embedder.state_dict().items()},
        part,
        metadata={"embedder": json.dumps(about)},
    )
    part.replace(path)


def read_embedder(path: Path) -> tuple[Embedder, list[dict[str, Any]]]:
    """Open an embedder and tell what it was made from; its weights stay as they are.

    Raises
    ------
    EmbedderError
        If the file is missing, is none of ours, or does not fit its own settings.
    """
    if not path.is_file():
        raise EmbedderError(f"no embedder at {path}; mend the path")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["embedder"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in about["settings"].items()
        }
        embedder = Embedder(EmbedderSettings(**values))
        embedder.load_state_dict(tensors)
        provenance = [dict(source) for source in about["provenance"]]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise EmbedderError(f"{path} is no embedder, or a damaged one: {reason}") from error
    return embedder.eval().requires_grad_(False), provenance
