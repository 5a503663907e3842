"""Slide what a face does: a code from which attributes cannot be told, a decoder that is told them.

Lample et al., "Fader Networks: Manipulating Images by Sliding Attributes", 2017. An encoder makes a
code; a discriminator tries to tell the attributes from the code, and the encoder learns to leave it
nothing to tell them by; the decoder gets the attributes beside the code, in every layer. So it must
take them from there, and they can be changed: light from the left or the right, a smile. The
weight of the adversary grows along a schedule, as published, or the encoder would give up early.

Ours: identity is one of the attributes, so that the same network swaps faces; the others are
numbers, of which the discriminator has to tell the sign; and a small head reads them off the
picture, so that a slider adds to what the face does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.attributes import NAMES
from swapcast.models.blocks import SLOPE, Down, Up, init_weights
from swapcast.models.faces import Batch, FaceSet
from swapcast.models.losses import dssim, weighted_l1
from swapcast.models.swap_model import Made, ModelSettings, Standard, SwapModel


@dataclass(frozen=True, kw_only=True)
class FaderSettings(ModelSettings):
    """Form and loss of a Fader network."""

    slides: tuple[str, ...] = ("light_side", "light_top", "smile")
    """Attributes that are kept out of the code; names in `swapcast.models.attributes.NAMES`."""
    encoder: tuple[int, ...] = (32, 64, 128, 192)
    """Channels after each halving; the last are the code's."""
    decoder: tuple[int, ...] = (128, 64, 32)
    """Channels after each doubling but the last, which makes colours and mask."""
    adversary: float = 0.05
    """Largest weight of the discriminator's failure in the encoder's loss."""
    schedule: int = 10_000
    """Steps over which that weight grows from 0."""
    reading: float = 0.1
    """Weight of reading the attributes off the picture."""
    dssim: float = 0.5
    """Weight of structural dissimilarity beside L1."""
    outside: float = 0.2
    """Weight of a pixel outside the face's mask; inside it is 1."""
    features: float = 4.0
    """Further weight of a pixel at the eyes or the mouth."""

    def __post_init__(self) -> None:
        unknown = set(self.slides) - set(NAMES)
        if unknown or not self.slides:
            raise ValueError(
                f"slides {', '.join(sorted(unknown)) or 'are none'}; choose of {', '.join(NAMES)}"
            )
        if len(self.encoder) != len(self.decoder) + 1:
            raise ValueError(
                f"{len(self.encoder)} halvings and {len(self.decoder) + 1} doublings; "
                "give as many of each"
            )
        if self.size < 8 or self.size % max(8, 1 << len(self.encoder)):
            raise ValueError(
                f"size {self.size} cannot be halved {len(self.encoder)} times; "
                f"choose a multiple of {max(8, 1 << len(self.encoder))}"
            )


class Decoder(nn.Module):
    """Write a face from a code, told the attributes in every layer."""

    def __init__(self, settings: FaderSettings, condition: int) -> None:
        super().__init__()
        widths = (settings.encoder[-1], *settings.decoder)
        self.up = nn.ModuleList(Up(a + condition, b) for a, b in pairwise(widths))
        self.out = nn.Conv2d(widths[-1] + condition, 16, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, code: Tensor, condition: Tensor) -> Made:
        """Return face and mask for float [n, c, h, w] and float [n, condition]."""
        planes = condition[:, :, None, None]
        for layer in self.up:
            code = layer(torch.cat([code, planes.expand(-1, -1, *code.shape[2:]).to(code)], 1))
        told = torch.cat([code, planes.expand(-1, -1, *code.shape[2:]).to(code)], 1)
        made = torch.sigmoid(self.shuffle(self.out(told)).float())
        return Made(made[:, :3], made[:, 3:])


class Told(nn.Module):
    """Tries to tell attributes and identity from a code."""

    def __init__(self, settings: FaderSettings, identities: int) -> None:
        super().__init__()
        channels = settings.encoder[-1]
        side = settings.size >> len(settings.encoder)
        self.down = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)
        )
        half = (side + 1) // 2
        self.dense = nn.Sequential(nn.Linear(channels * half**2, 128), nn.LeakyReLU(SLOPE))
        self.drop = nn.Dropout(0.3)
        self.signs = nn.Linear(128, len(settings.slides))
        self.who = nn.Linear(128, identities)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of each attribute's being above its mean, and of the identities."""
        features = self.dense(self.drop(self.down(code).flatten(1)))
        return self.signs(features).float(), self.who(features).float()


class FaderNet(SwapModel):
    """Encoder, decoder, and the adversary that keeps attributes out of the code.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people
    """

    architecture = "fader_net"

    def __init__(self, *, settings: FaderSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        self.sliders = settings.slides
        self.columns = [NAMES.index(name) for name in settings.slides]
        widths = settings.encoder
        self.encoder = nn.Sequential(*(Down(a, b) for a, b in pairwise((3, *widths))))
        self.read = nn.Linear(widths[-1] * (settings.size >> len(widths)) ** 2, len(self.columns))
        self.decoder = Decoder(settings, len(self.columns) + len(self.identities))
        self.standard = Standard()
        init_weights(self)
        self.told = Told(settings, len(self.identities))

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Let the adversary and the autoencoder learn by turns."""
        return {"adversary": [self.told], "faces": [self.encoder, self.read, self.decoder]}

    def prepare(self, sets: Sequence[FaceSet]) -> None:
        """Take the attributes' mean and deviation from the faces to be learned."""
        self.standard.learn(sets)

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        """Play one turn: tell attributes from codes, or write faces from codes without them."""
        code = self.encoder(torch.cat([batch.warped for batch in batches.values()]))
        slides = torch.cat([self._slides(batch) for batch in batches.values()])
        who = torch.cat([self.one_hot(name, b.attributes) for name, b in batches.items()])
        signs = (slides > 0).float()
        if player == "adversary":
            told, told_who = self.told(code.detach())
            return {
                "told signs": F.binary_cross_entropy_with_logits(told, signs),
                "told who": F.cross_entropy(told_who, who),
            }
        settings = self.settings
        told, told_who = self.told(code)
        # As published the wrong answer is wished for; among many people any other one is wrong.
        wrong = (1 - who) / max(1, len(self.identities) - 1)
        fooled = F.binary_cross_entropy_with_logits(told, 1 - signs)
        if len(self.identities) > 1:
            fooled = fooled + F.cross_entropy(told_who, wrong)
        weight = settings.adversary * min(1.0, step / max(1, settings.schedule))
        read = self.read(code.detach().flatten(1)).float()
        return {
            **self._written(batches, code, torch.cat([slides, who], 1)),
            "adversary": weight * fooled,
            "reading": settings.reading * F.smooth_l1_loss(read, slides),
        }

    def _slides(self, batch: Batch) -> Tensor:
        standard: Tensor = self.standard(batch.attributes)
        return standard[:, self.columns]

    def _written(
        self, batches: Mapping[str, Batch], code: Tensor, condition: Tensor
    ) -> dict[str, Tensor]:
        """Compare the faces written from codes with those they are of."""
        settings = self.settings
        target, mask, features = (
            torch.cat([getattr(batch, part) for batch in batches.values()])
            for part in ("target", "mask", "features")
        )
        made: Made = self.decoder(code, condition)
        assert made.mask is not None
        weight = settings.outside + (1 - settings.outside) * mask + settings.features * features
        grey, wanted = made.face.mean(1, keepdim=True), target.mean(1, keepdim=True)
        return {
            "l1": weighted_l1(made.face, target, weight),
            "dssim": settings.dssim * dssim(grey, wanted, weight),
            "mask": 0.1 * (made.mask - mask).abs().mean(),
        }

    def swap(self, crops: Tensor, identity: str) -> Made:
        """Write what the encoder reads with another identity, all sliders in the middle."""
        return self.slide(crops, identity, crops.new_zeros(len(crops), len(self.columns)))

    def slide(self, crops: Tensor, identity: str, sliders: Tensor) -> Made:
        """Write faces with another identity and other attributes.

        Parameters
        ----------
        crops : float32 [n, 3, size, size], RGB, 0…1
        identity : whose face is written
        sliders : float32 [n, slides]
            What is added to each attribute, in standard deviations.
        """
        code = self.encoder(crops)
        slides = (self.read(code.flatten(1)).float() + sliders).clamp(-3, 3)
        condition = torch.cat([slides, self.one_hot(identity, slides)], 1)
        made: Made = self.decoder(code, condition)
        return made

    def swapper(self, identity: str) -> nn.Module:
        """Return the network from crop and sliders to face and mask."""
        return Sliding(self, identity)


class Sliding(nn.Module):
    """A Fader network for one identity: crop and sliders in, face and mask out."""

    def __init__(self, model: FaderNet, identity: str) -> None:
        super().__init__()
        self.encoder, self.read, self.decoder = model.encoder, model.read, model.decoder
        self.where, self.identities = model.identities.index(identity), len(model.identities)

    def forward(self, crop: Tensor, sliders: Tensor) -> tuple[Tensor, ...]:
        """Return (face, mask).

        Parameters
        ----------
        crop : float32 [1, 3, size, size], RGB, 0…1
        sliders : float32 [1, slides]
            What is added to each attribute, in standard deviations.
        """
        code = self.encoder(crop)
        slides = (self.read(code.flatten(1)) + sliders).clamp(-3, 3)
        who = F.one_hot(torch.tensor([self.where]), self.identities).to(crop)
        made: Made = self.decoder(code, torch.cat([slides, who], 1))
        assert made.mask is not None
        return made.face, made.mask
