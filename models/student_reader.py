"""What the compact student is told of an identity, and the network that reads it from portraits."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.kernels.geometry import TEMPLATES, similarity
from swapcast.models.embedder import Embedder, EmbedderSettings
from swapcast.models.pairs import VIEW
from swapcast.models.student_layers import SLOPE
from swapcast.models.student_settings import StudentSettings


class Identities(NamedTuple):
    """What the generator is told."""

    vectors: Tensor
    """float32 [n, vector], of length 1."""
    maps: Tensor
    """float32 [n, channels, size / 4, size / 4]."""

    def window(self, left: int, top: int, side: int) -> "Identities":
        """Return what belongs to a square part of the crop; all three are multiples of 4 pixels."""
        rows, columns = slice(top // 4, (top + side) // 4), slice(left // 4, (left + side) // 4)
        return Identities(self.vectors, self.maps[:, :, rows, columns])


class Portraits(nn.Module):
    """Reads from aligned portraits who somebody is, and what the face looks like place by place.

    The map lies in the frame of the crop: a portrait's features are moved from where
    ``arcface_112_v2`` has the eyes to where ``dfl_whole_face`` has them.

    Parameters
    ----------
    settings : form
    recogniser : form of the recogniser that knows people already; None: there is none
    """

    grid: Tensor

    def __init__(self, settings: StudentSettings, recogniser: EmbedderSettings | None) -> None:
        super().__init__()
        a, b, c = settings.portrait
        self.settings = settings
        act = nn.LeakyReLU(SLOPE)
        self.stem: nn.Module = nn.Identity()
        self.look: nn.Conv2d | None = None
        first: tuple[nn.Module, ...] = (nn.PixelUnshuffle(4), nn.Conv2d(48, a, 3, padding=1), act)
        if settings.channels:
            self.stem = nn.Sequential(
                nn.PixelUnshuffle(2),
                *(nn.Conv2d(12, a // 2, 3, padding=1), act),
                *(nn.Conv2d(a // 2, a // 2, 3, padding=1), act),
            )
            self.look = nn.Conv2d(a // 2, settings.channels, 1)
            first = (nn.Conv2d(a // 2, a, 3, stride=2, padding=1), act)
        self.layers = nn.Sequential(
            *first,
            *(nn.Conv2d(a, b, 3, stride=2, padding=1), act),
            *(nn.Conv2d(b, b, 3, padding=1), act),
            *(nn.Conv2d(b, c, 3, stride=2, padding=1), act),
            *(nn.Conv2d(c, c, 3, padding=1), act),
            *(nn.Conv2d(c, 32, 1), act),
            nn.Flatten(),
            nn.Linear(32 * (VIEW // 16) ** 2, settings.vector),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        self.register_buffer("grid", _grid(settings.size // 4), persistent=False)
        self.recogniser = None if recogniser is None else Embedder(recogniser)
        known = 0
        if self.recogniser is not None:
            self.recogniser.eval().requires_grad_(False)
            known = self.recogniser.settings.length
        self.mix = nn.Linear(settings.vector + known, settings.vector)

    def train(self, mode: bool = True) -> "Portraits":
        """Set the mode of all but the recogniser, which stays as it was learned."""
        super().train(mode)
        if self.recogniser is not None:
            self.recogniser.eval()
        return self

    def forward(self, views: Tensor) -> Tensor:
        """Return what is read, float32 [n, m], for float32 [n, 3, 112, 112], RGB, 0…1.

        The first ``vector`` numbers are a direction, of length 1; the rest are the map.
        """
        fine = self.stem(2 * views - 1)
        read = [self.layers(fine).float()]
        if self.recogniser is not None:
            with torch.no_grad():
                known = self.recogniser(views)
            read.append(known * math.sqrt(known.shape[1]))
        vector = F.normalize(self.mix(torch.cat(read, 1)).float(), dim=1)
        if self.look is None:
            return vector
        grid = self.grid.expand(len(views), -1, -1, -1)
        look = F.grid_sample(self.look(fine).float(), grid, align_corners=False)
        return torch.cat([vector, look.flatten(1)], 1)

    def split(self, read: Tensor) -> Identities:
        """Take apart what was read, float32 [n, m]."""
        settings, side = self.settings, self.settings.size // 4
        vectors, maps = read[:, : settings.vector], read[:, settings.vector :]
        return Identities(vectors, maps.reshape(len(read), settings.channels, side, side))


def _grid(side: int) -> Tensor:
    """Return where in a portrait each place of a crop lies, float32 [1, side, side, 2], −1…1."""
    way = similarity(TEMPLATES["dfl_whole_face"], TEMPLATES["arcface_112_v2"])
    line = (torch.arange(side) + 0.5) / side
    places = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    linear, shift = torch.from_numpy(way[:, :2].copy()), torch.from_numpy(way[:, 2].copy())
    return (2 * (places @ linear.mT + shift) - 1)[None]
