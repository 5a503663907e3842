"""Make a face from chance and attributes, and from a live performance's attributes.

A conditional generative adversarial network: Mirza and Osindero, "Conditional Generative
Adversarial Nets", 2014. The generator makes a face from noise, an identity and attributes; the
discriminator sees a picture and the same numbers, and must say whether the picture is a real one
of that (projection, hinge loss, R1 penalty every few steps).

Ours: a reader of attributes, which learns from real pictures only. The generator is also asked
that the reader finds in its faces what was ordered, and the exported network puts the reader
before the generator: a crop of anybody's face in, the identity's face in the same pose, with the
same expression, in the same light out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.adversary import Projection, hinge_of_judge, hinge_of_maker, steepness
from swapcast.models.attributes import NAMES
from swapcast.models.blocks import Down, Up, init_weights
from swapcast.models.faces import Batch, FaceSet
from swapcast.models.swap_model import Made, ModelSettings, Standard, SwapModel


@dataclass(frozen=True, kw_only=True)
class GanSettings(ModelSettings):
    """Form and loss of a conditional GAN."""

    noise: int = 64
    """Length of the vector of chance."""
    generator: tuple[int, ...] = (192, 128, 96, 48)
    """Channels before each doubling; the last doubling makes the colours."""
    judge: tuple[int, ...] = (32, 64, 128, 192)
    """Channels of the discriminator after each halving."""
    reader: tuple[int, ...] = (16, 32, 64, 96)
    """Channels of the attribute reader after each halving."""
    obedience: float = 1.0
    """Weight of the reader's finding in made faces what was ordered."""
    penalty: float = 1.0
    """Weight of the discriminator's slope at real pictures (R1)."""
    penalty_every: int = 8
    """Turns of the discriminator between two penalties, which weigh as much more."""

    def __post_init__(self) -> None:
        for widths in (self.generator, self.judge, self.reader):
            if self.size % (1 << len(widths)) or self.size >> len(widths) < 2:
                raise ValueError(
                    f"size {self.size} cannot be halved {len(widths)} times; "
                    "choose another size or fewer channels"
                )


class Generator(nn.Module):
    """Make a face from chance, attributes and an identity."""

    def __init__(self, settings: GanSettings, condition: int) -> None:
        super().__init__()
        widths = settings.generator
        self.side, self.channels = settings.size >> len(widths), widths[0]
        self.unfold = nn.Linear(settings.noise + condition, widths[0] * self.side**2)
        self.up = nn.Sequential(*(Up(a, b) for a, b in pairwise(widths)))
        self.out = nn.Conv2d(widths[-1], 12, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return float32 [n, 3, size, size], RGB, 0…1."""
        seed = self.unfold(torch.cat([noise, condition], 1))
        seed = seed.unflatten(1, (self.channels, self.side, self.side))
        made: Tensor = self.shuffle(self.out(self.up(seed)))
        return torch.sigmoid(made.float())


class Reader(nn.Module):
    """Read attributes off a picture."""

    def __init__(self, settings: GanSettings) -> None:
        super().__init__()
        widths = settings.reader
        self.down = nn.Sequential(*(Down(a, b) for a, b in pairwise((3, *widths))))
        self.out = nn.Linear(widths[-1] * (settings.size >> len(widths)) ** 2, len(NAMES))

    def forward(self, crops: Tensor) -> Tensor:
        """Return float32 [n, 7], in standard deviations from the mean, ±3 at most."""
        read: Tensor = self.out(self.down(crops).flatten(1))
        return read.float().clamp(-3, 3)


class ConditionalGan(SwapModel):
    """A generator, a discriminator and a reader of attributes.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people
    """

    architecture = "conditional_gan"

    def __init__(self, *, settings: GanSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        condition = len(NAMES) + len(self.identities)
        self.generator = Generator(settings, condition)
        self.reader = Reader(settings)
        self.standard = Standard()
        init_weights(self)
        self.judge = Projection(settings.size, settings.judge, condition)

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Let discriminator, reader and generator learn by turns."""
        return {"judge": [self.judge], "reader": [self.reader], "generator": [self.generator]}

    def prepare(self, sets: Sequence[FaceSet]) -> None:
        """Take the attributes' mean and deviation from the faces to be learned."""
        self.standard.learn(sets)

    def condition(self, identity: str, attributes: Tensor) -> Tensor:
        """Join standard attributes, float32 [n, 7], and the identity's column of ones."""
        return torch.cat([attributes, self.one_hot(identity, attributes)], 1)

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        """Play one turn, of the player named."""
        attributes = torch.cat([self.standard(batch.attributes) for batch in batches.values()])
        pictures = torch.cat([batch.target for batch in batches.values()])
        if player == "reader":
            seen = torch.cat([batch.warped for batch in batches.values()])
            read = self.reader(torch.cat([pictures, seen]))
            return {"reading": F.smooth_l1_loss(read, attributes.repeat(2, 1))}
        who = [self.one_hot(name, batch.attributes) for name, batch in batches.items()]
        condition = torch.cat([attributes, torch.cat(who)], 1)
        noise = torch.randn(len(pictures), self.settings.noise, device=pictures.device)
        if player == "generator":
            made = self.generator(noise, condition)
            obedience = F.smooth_l1_loss(self.reader(made), attributes)
            return {
                "generator": hinge_of_maker(self.judge(made, condition)),
                "obedience": self.settings.obedience * obedience,
            }
        with torch.no_grad():
            made = self.generator(noise, condition)
        judged = self.judge(pictures, condition)
        parts = {"judge": hinge_of_judge(judged, self.judge(made, condition))}
        every = self.settings.penalty_every
        if step % every == 0:
            # The slope of a slope needs more digits than bf16 has.
            with torch.autocast(pictures.device.type, enabled=False):
                real = pictures.detach().requires_grad_(True)
                slope = steepness(self.judge(real, condition), real)
            parts["penalty"] = 0.5 * self.settings.penalty * every * slope
        return parts

    def sample(self, identity: str, attributes: Tensor, random: torch.Generator) -> Made:
        """Make faces by chance, with attributes as wished.

        Parameters
        ----------
        identity : whose
        attributes : float32 [n, 7], in standard deviations from the mean
        random : source of the noise
        """
        noise = torch.randn(len(attributes), self.settings.noise, generator=random)
        return Made(self.generator(noise, self.condition(identity, attributes)), None)

    def swap(self, crops: Tensor, identity: str) -> Made:
        """Make the identity's face do what the faces in ``crops`` do; without chance."""
        attributes = self.reader(crops)
        noise = attributes.new_zeros(len(crops), self.settings.noise)
        return Made(self.generator(noise, self.condition(identity, attributes)), None)

    def swapper(self, identity: str) -> nn.Module:
        """Return reader and generator, from crop to face."""
        return Driven(self, identity)


class Driven(nn.Module):
    """A conditional GAN for one identity, driven by a performance: crop in, face out."""

    def __init__(self, model: ConditionalGan, identity: str) -> None:
        super().__init__()
        self.generator, self.reader = model.generator, model.reader
        self.noise = model.settings.noise
        self.where, self.identities = model.identities.index(identity), len(model.identities)

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Return (face,) for crop float32 [1, 3, size, size], RGB, 0…1."""
        who = F.one_hot(torch.tensor([self.where]), self.identities).to(crop)
        condition = torch.cat([self.reader(crop), who], 1)
        return (self.generator(crop.new_zeros(1, self.noise), condition),)
