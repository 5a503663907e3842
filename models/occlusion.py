"""What lies before a face: a small network that marks hands, microphones, hair and glasses' frames.

A U-shaped network of 3×3 convolutions after Ronneberger et al., "U-Net" (MICCAI 2015), with sums
instead of stacked features (it costs half as much). The last step turns four channels into the
pixels of a picture twice as large (Shi et al., "Efficient sub-pixel convolution", CVPR 2016).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.landmarks import LandmarkModel


@dataclass(frozen=True, kw_only=True)
class OcclusionSettings:
    """Form of the network."""

    size: int = 112
    """Side of the crop, pixels; a multiple of 16."""
    template: str = "dfl_whole_face"
    """How crops are aligned; others are near enough, see the model card."""
    widths: tuple[int, ...] = (16, 32, 64, 24)
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the crop's side."""
    depths: tuple[int, ...] = (0, 1, 2, 1)
    """Residual blocks at each of these."""
    mixes: tuple[bool, ...] = (True, True, False)
    """Whether the features are convolved on the way back, at 1/2, 1/4 and 1/8."""


def _conv(before: int, width: int, *, side: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolve and normalise; the export folds both into one convolution."""
    conv = nn.Conv2d(before, width, side, stride=stride, padding=side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


class _Residual(nn.Module):
    """Two 3×3 convolutions and a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        refined: Tensor = self.second(F.relu(self.first(x)))
        return F.relu(x + refined)


class _Rise(nn.Module):
    """Twice as large, and mixed with what was seen at that size before."""

    def __init__(self, before: int, width: int, *, mix: bool) -> None:
        super().__init__()
        self.narrow = _conv(before, width, side=1)
        self.mix = nn.Sequential(_conv(width, width), nn.ReLU()) if mix else nn.Identity()

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        larger = F.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        mixed: Tensor = self.mix(F.relu(larger + beside))
        return mixed


class OcclusionModel(nn.Module):
    """From crops to the log-odds that something lies before the face.

    Parameters
    ----------
    settings : OcclusionSettings
    """

    def __init__(self, settings: OcclusionSettings) -> None:
        super().__init__()
        self.settings = settings
        widths = (3, *settings.widths)
        self.falls = nn.ModuleList(
            nn.Sequential(
                _conv(before, width, stride=2),
                nn.ReLU(),
                *(_Residual(width) for _ in range(depth)),
            )
            for (before, width), depth in zip(pairwise(widths), settings.depths, strict=True)
        )
        steps = list(zip(pairwise(settings.widths), settings.mixes, strict=True))
        self.rises = nn.ModuleList(
            _Rise(below, above, mix=mix) for (above, below), mix in reversed(steps)
        )
        self.head = nn.Conv2d(settings.widths[0], 4, 3, padding=1)

    def begin_as(self, reader: LandmarkModel) -> None:
        """Take over what a landmark network has learned to see: faces, and what hides them.

        Its first stages are these; so are the steps that lead to its heat maps.
        """
        known = reader.state_dict()
        places = {f"falls.{k}.": f"stages.{k}." for k in range(3)}
        places |= {"rises.1.narrow.": "to_fine.", "rises.1.mix.0.": "merge."}
        own = self.state_dict()
        for name in own:
            for here, there in places.items():
                if name.startswith(here):
                    own[name] = known[there + name.removeprefix(here)]
        self.load_state_dict(own)

    def train(self, mode: bool = True) -> "OcclusionModel":
        """Learn or not; the stages that `begin_as` fills keep their statistics."""
        super().train(mode)
        for part in (*self.falls[:3], self.rises[1]):
            part.eval()
        return self

    def forward(self, crops: Tensor) -> Tensor:
        """Mark what lies before the faces.

        Parameters
        ----------
        crops : float32 [n, 3, size, size], RGB, 0…1

        Returns
        -------
        float32 [n, 1, size, size], log-odds
        """
        x, seen = crops - 0.5, []
        for fall in self.falls:
            x = fall(x)
            seen.append(x)
        for rise, beside in zip(self.rises, reversed(seen[:-1]), strict=True):
            x = rise(x, beside)
        return F.pixel_shuffle(self.head(x), 2)


def write_occlusion(
    model: OcclusionModel, provenance: Sequence[dict[str, Any]], path: Path
) -> None:
    """Keep a network and what it was made from, in one step."""
    whole = {
        "settings": json.dumps(asdict(model.settings)),
        "provenance": json.dumps(list(provenance)),
        "weights": model.state_dict(),
    }
    part = path.with_suffix(".part")
    torch.save(whole, part)
    part.replace(path)


def read_occlusion(path: Path) -> tuple[OcclusionModel, list[dict[str, Any]]]:
    """Open a network that `write_occlusion` kept, and tell what it was made from.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not path.is_file():
        raise ValueError(f"no occlusion network at {path}; train one first")
    whole = torch.load(path, weights_only=True)
    form: dict[str, Any] = json.loads(whole["settings"])
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in form.items()}
    model = OcclusionModel(OcclusionSettings(**values))
    model.load_state_dict(whole["weights"])
    return model.eval().requires_grad_(False), json.loads(whole["provenance"])
