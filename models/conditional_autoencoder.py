"""One decoder for everybody: what a face does and whose it is are given as numbers beside a code.

A conditional variational autoencoder: Sohn, Lee and Yan, "Learning Structured Output Representation
using Deep Conditional Generative Models", 2015, after Kingma and Welling, "Auto-Encoding
Variational Bayes", 2014. Encoder and decoder get the attributes; what they say need not be in the
code, and the code pays for every bit (Kullback-Leibler divergence from a normal distribution), so
that it keeps what is left: background, hair, clothes. Swapping is writing the same attributes with
another identity.

Ours: the identity that the encoder is told is left out for half of the faces, so that it can read
people whom it does not know, and a small head reads the attributes off the picture itself, so that
the exported network needs nothing but the crop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.attributes import NAMES
from swapcast.models.blocks import Down, Up, init_weights
from swapcast.models.faces import Batch, FaceSet
from swapcast.models.losses import dssim, weighted_l1
from swapcast.models.swap_model import Made, ModelSettings, Standard, SwapModel


@dataclass(frozen=True, kw_only=True)
class ConditionalSettings(ModelSettings):
    """Form and loss of a conditional autoencoder."""

    encoder: tuple[int, ...] = (32, 64, 128, 192)
    """Channels after each halving."""
    latent: int = 128
    """Length of the code."""
    decoder: tuple[int, ...] = (192, 128, 64, 32)
    """Channels before each doubling; the last doubling makes colours and mask."""
    divergence: float = 2e-4
    """Weight of the code's Kullback-Leibler divergence, in nats."""
    reading: float = 0.1
    """Weight of reading the attributes off the picture."""
    dssim: float = 0.5
    """Weight of structural dissimilarity beside L1."""
    outside: float = 0.2
    """Weight of a pixel outside the face's mask; inside it is 1."""
    features: float = 4.0
    """Further weight of a pixel at the eyes or the mouth."""

    def __post_init__(self) -> None:
        if len(self.encoder) != len(self.decoder):
            raise ValueError(
                f"{len(self.encoder)} halvings and {len(self.decoder)} doublings; "
                "give as many of each"
            )
        if self.size < 8 or self.size % max(8, 1 << len(self.encoder)):
            raise ValueError(
                f"size {self.size} cannot be halved {len(self.encoder)} times; "
                f"choose a multiple of {max(8, 1 << len(self.encoder))}"
            )


class Code(NamedTuple):
    """What the encoder says of a picture."""

    mean: Tensor
    """float32 [n, latent]."""
    log_variance: Tensor
    """float32 [n, latent]."""
    attributes: Tensor
    """float32 [n, 7]: as read off the picture, in standard deviations from the mean."""


class Encoder(nn.Module):
    """Read a face: picture and identity to code and attributes."""

    def __init__(self, settings: ConditionalSettings, identities: int) -> None:
        super().__init__()
        widths = settings.encoder
        self.down = nn.Sequential(*(Down(a, b) for a, b in pairwise((3, *widths))))
        features = widths[-1] * (settings.size >> len(widths)) ** 2
        self.read = nn.Linear(features, len(NAMES))
        self.code = nn.Linear(features + len(NAMES) + identities, 2 * settings.latent)

    def forward(self, crops: Tensor, identity: Tensor, given: Tensor | None = None) -> Code:
        """Return the code of float [n, 3, size, size]; ``given`` stands for attributes read off."""
        features = self.down(crops).flatten(1).float()
        read = self.read(features)
        attributes = read.detach() if given is None else given
        both = self.code(torch.cat([features, attributes, identity], 1)).float()
        mean, log_variance = both.chunk(2, 1)
        return Code(mean, log_variance.clamp(-8, 8), read.float())


class Decoder(nn.Module):
    """Write a face from a code, attributes and an identity."""

    def __init__(self, settings: ConditionalSettings, identities: int) -> None:
        super().__init__()
        widths = settings.decoder
        self.side = settings.size >> len(widths)
        self.channels = widths[0]
        given = settings.latent + len(NAMES) + identities
        self.unfold = nn.Linear(given, widths[0] * self.side**2)
        self.up = nn.Sequential(*(Up(a, b) for a, b in pairwise(widths)))
        self.out = nn.Conv2d(widths[-1], 16, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, code: Tensor, attributes: Tensor, identity: Tensor) -> Made:
        """Return face and mask for float [n, latent], [n, 7] and [n, identities]."""
        seed = self.unfold(torch.cat([code, attributes, identity], 1))
        seed = seed.unflatten(1, (self.channels, self.side, self.side))
        made = torch.sigmoid(self.shuffle(self.out(self.up(seed))).float())
        return Made(made[:, :3], made[:, 3:])


class ConditionalAutoencoder(SwapModel):
    """One encoder, one decoder, told whose face it is.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people
    """

    architecture = "conditional_autoencoder"

    def __init__(self, *, settings: ConditionalSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        self.encoder = Encoder(settings, len(self.identities))
        self.decoder = Decoder(settings, len(self.identities))
        self.standard = Standard()
        init_weights(self)

    def prepare(self, sets: Sequence[FaceSet]) -> None:
        """Take the attributes' mean and deviation from the faces to be learned."""
        self.standard.learn(sets)

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        """Write each warped face again with its own identity; the code pays for what it says."""
        parts: dict[str, Tensor] = {}
        for name, batch in batches.items():
            for part, value in self._losses_of(name, batch).items():
                parts[part] = parts.get(part, torch.zeros(())) + value / len(batches)
        return parts

    def _losses_of(self, name: str, batch: Batch) -> dict[str, Tensor]:
        settings, attributes = self.settings, self.standard(batch.attributes)
        who = self.one_hot(name, attributes)
        told = who * (torch.rand(len(who), 1, device=who.device) < 0.5)
        code = self.encoder(batch.warped, told, attributes)
        noise = torch.randn_like(code.mean)
        made: Made = self.decoder(
            code.mean + noise * (0.5 * code.log_variance).exp(), attributes, who
        )
        weight = settings.outside + (1 - settings.outside) * batch.mask
        weight = weight + settings.features * batch.features
        bits = code.mean.square() + code.log_variance.exp() - 1 - code.log_variance
        assert made.mask is not None
        return {
            "l1": weighted_l1(made.face, batch.target, weight),
            "dssim": settings.dssim
            * dssim(made.face.mean(1, keepdim=True), batch.target.mean(1, keepdim=True), weight),
            "mask": 0.1 * (made.mask - batch.mask).abs().mean(),
            "divergence": settings.divergence * 0.5 * bits.sum(1).mean(),
            "reading": settings.reading * F.smooth_l1_loss(code.attributes, attributes),
        }

    def swap(self, crops: Tensor, identity: str) -> Made:
        """Write what the encoder reads with another identity; the code's mean is taken."""
        unknown = torch.zeros(len(crops), len(self.identities), device=crops.device)
        code = self.encoder(crops, unknown)
        made: Made = self.decoder(
            code.mean, code.attributes.clamp(-3, 3), self.one_hot(identity, code.mean)
        )
        return made

    def sample(self, identity: str, attributes: Tensor, random: torch.Generator) -> Made:
        """Make faces of nobody's picture: a code by chance, attributes as wished.

        Parameters
        ----------
        identity : whose
        attributes : float32 [n, 7], in standard deviations from the mean
        random : source of the codes

        Returns
        -------
        Made
            n faces.
        """
        code = torch.randn(len(attributes), self.settings.latent, generator=random)
        made: Made = self.decoder(code, attributes, self.one_hot(identity, attributes))
        return made

    def swapper(self, identity: str) -> nn.Module:
        """Return the network from crop to face and mask, the identity's column folded in."""
        return Baked(self, identity)


class Baked(nn.Module):
    """A conditional autoencoder for one identity: crop in, face and mask out."""

    def __init__(self, model: ConditionalAutoencoder, identity: str) -> None:
        super().__init__()
        self.encoder, self.decoder = model.encoder, model.decoder
        self.identities = len(model.identities)
        self.where = model.identities.index(identity)

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Return (face, mask) for crop float32 [1, 3, size, size], RGB, 0…1."""
        code = self.encoder(crop, crop.new_zeros(1, self.identities))
        who = F.one_hot(torch.tensor([self.where]), self.identities).to(crop)
        made: Made = self.decoder(code.mean, code.attributes.clamp(-3, 3), who)
        assert made.mask is not None
        return made.face, made.mask
