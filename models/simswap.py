"""Give any face another identity, taken from a recogniser's vector: SimSwap.

Chen et al., "SimSwap: An Efficient Framework For High Fidelity Face Swapping", 2020. An encoder
reads the face; nine residual blocks put the wanted identity in (instance normalisation, then scale
and shift from the identity's vector: AdaIN, Huang and Belongie, 2017); a decoder writes the face.
Discriminators at two scales judge patches (hinge loss, gradient penalty); a recogniser judges the
identity; where source and driver are one person, the picture must come back; and **weak feature
matching** asks that the discriminators' last layers, which see pose and expression rather than
pixels, answer alike for driver and swap.

Ours: identities are vectors of our own embedder; a training takes each face's own, an exported
network the mean of its face set, so that the identity's part of every block is a constant there;
the decoder grows by pixel shuffle; widths are free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.adversary import Patches, hinge_of_judge, hinge_of_maker, unlike_slope
from swapcast.models.blocks import Up, init_weights
from swapcast.models.embedder import Embedder, EmbedderSettings, read_embedder, recrop
from swapcast.models.faces import Batch, FaceSet
from swapcast.models.swap_model import Made, ModelSettings, SwapModel

Matching = Literal["weak", "full", "none"]

RECOGNISER = EmbedderSettings()
"""Form of the embedder that says who is who."""


@dataclass(frozen=True, kw_only=True)
class SimSwapSettings(ModelSettings):
    """Form and loss of a SimSwap network; the weights of the losses are the published ones."""

    size: int = 112
    embedder: str = ""
    """File of the identity embedder that a training begins with; see `swapcast.models.embedder`."""
    widths: tuple[int, ...] = (20, 40, 80, 176)
    """Channels of the first layer and after each halving."""
    blocks: int = 9
    """Blocks that put the identity in."""
    judge: tuple[int, ...] = (32, 64, 128, 128)
    """Channels of each discriminator, layer by layer."""
    matching: Matching = "weak"
    """Which layers of the discriminators must answer alike: the last ones (wFM), all (oFM), none
    (nFM)."""
    last_layers: int = 2
    """How many are the last ones."""
    identity: float = 10.0
    """Weight of the identity loss."""
    reconstruction: float = 10.0
    """Weight of getting the same picture back where nothing is swapped."""
    features: float = 10.0
    """Weight of feature matching."""
    penalty: float = 1e-5
    """Weight of the gradient penalty."""

    def __post_init__(self) -> None:
        halvings = len(self.widths) - 1
        if halvings < 1 or self.size % (1 << halvings):
            raise ValueError(
                f"size {self.size} cannot be halved {halvings} times; "
                f"choose a multiple of {1 << max(1, halvings)}"
            )
        if not 1 <= self.last_layers <= len(self.judge):
            raise ValueError(
                f"last-layers is {self.last_layers} of {len(self.judge)} discriminator layers"
            )


class Injection(nn.Module):
    """A residual block whose features are scaled and shifted by an identity's vector."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.styles = nn.ModuleList(nn.Linear(length, 2 * channels) for _ in range(2))

    def style(self, identity: Tensor) -> list[Tensor]:
        """Return the two styles, float [n, 2 c], for identities float [n, length]."""
        return [style(identity) for style in self.styles]

    def forward(self, x: Tensor, styles: Sequence[Tensor]) -> Tensor:
        """Return float of the shape of ``x`` [n, c, h, w]; two styles float [n, 2 c]."""
        y = x
        for index, (conv, style) in enumerate(zip(self.convs, styles, strict=True)):
            y = F.instance_norm(conv(y))
            scale, shift = style[:, :, None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
            if index == 0:
                y = F.relu(y)
        return x + y


class Generator(nn.Module):
    """Crop and identity in, crop out."""

    def __init__(self, settings: SimSwapSettings) -> None:
        super().__init__()
        widths = settings.widths
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 7, padding=3), nn.LeakyReLU(0.1)]
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
        self.encoder = nn.Sequential(*layers)
        length = RECOGNISER.length
        self.blocks = nn.ModuleList(Injection(widths[-1], length) for _ in range(settings.blocks))
        self.decoder = nn.Sequential(*(Up(a, b) for a, b in pairwise(widths[::-1])))
        self.out = nn.Conv2d(widths[0], 3, 7, padding=3)

    def styles(self, identity: Tensor) -> list[list[Tensor]]:
        """Return each block's two styles for identities float32 [n, length]."""
        return [block.style(identity) for block in self.injections()]

    def injections(self) -> list[Injection]:
        """Return the blocks that put the identity in."""
        return [block for block in self.blocks if isinstance(block, Injection)]

    def forward(self, crops: Tensor, styles: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return float32 [n, 3, size, size], RGB, 0…1."""
        x = self.encoder(2 * crops - 1)
        for block, style in zip(self.blocks, styles, strict=True):
            x = block(x, style)
        made: Tensor = self.out(self.decoder(x))
        return torch.sigmoid(made.float())


class SimSwap(SwapModel):
    """Generator, two discriminators, and the embedder that says who is who.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people
    """

    architecture = "simswap"
    vectors: Tensor

    def __init__(self, *, settings: SimSwapSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        self.generator = Generator(settings)
        self.judges = nn.ModuleList(Patches(settings.judge) for _ in range(2))
        init_weights(self)
        self.embedder = Embedder(RECOGNISER).eval().requires_grad_(False)
        self.template = RECOGNISER.template
        self.register_buffer("vectors", torch.zeros(len(self.identities), RECOGNISER.length))

    def train(self, mode: bool = True) -> "SimSwap":
        """Set the mode of all but the embedder, which stays as it was learned."""
        super().train(mode)
        self.embedder.eval()
        return self

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Let the generator and the discriminators learn by turns."""
        return {"generator": [self.generator], "judges": [self.judges]}

    def prepare(self, sets: Sequence[FaceSet]) -> None:
        """Read the embedder and each identity's mean vector.

        Raises
        ------
        ValueError
            If no embedder was named, or it has another form.
        EmbedderError
            If its file cannot be used.
        """
        if not self.settings.embedder:
            raise ValueError("SimSwap learns from an identity embedder; name its file: "
                             "--model.embedder FILE")  # fmt: skip
        embedder, _ = read_embedder(Path(self.settings.embedder))
        if embedder.settings != RECOGNISER:
            raise ValueError(f"{self.settings.embedder} has another form: {embedder.settings}")
        self.embedder.load_state_dict(embedder.state_dict())
        self.template = sets[0].about[0].template
        for row, faces in zip(self.vectors, sets, strict=True):
            row.copy_(self._mean(faces))

    @torch.no_grad()
    def _mean(self, faces: FaceSet, most: int = 256) -> Tensor:
        """Return the mean vector of up to ``most`` faces of a set, float32 [length]."""
        picked = faces.images[:: max(1, len(faces.images) // most)]
        crops = torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 255
        vectors = torch.cat([self.who(part) for part in torch.split(crops, 32)])
        return F.normalize(vectors.mean(0), dim=0)

    def who(self, crops: Tensor) -> Tensor:
        """Return the embedder's vectors, float32 [n, length], for the network's own crops."""
        vectors: Tensor = self.embedder(recrop(crops, self.template, RECOGNISER))
        return vectors

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        """Play one turn; on even steps each face keeps its identity, on odd ones it changes."""
        crops = torch.cat([batch.target for batch in batches.values()])
        with torch.no_grad():
            own = self.who(crops)
        same = step % 2 == 0
        wanted = own if same else own.roll(len(own) // max(2, len(batches)), 0)
        if player == "judges":
            with torch.no_grad():
                made = self.generator(crops, self.generator.styles(wanted))
            return self._losses_of_judges(crops, made)
        made = self.generator(crops, self.generator.styles(wanted))
        settings = self.settings
        answers = self.answers(made)
        parts = {
            "generator": sum((hinge_of_maker(a[-1]) for a in answers), made.new_zeros(())),
            "identity": settings.identity * (1 - (self.who(made) * wanted).sum(1)).mean(),
        }
        if same:
            parts["reconstruction"] = settings.reconstruction * F.l1_loss(made, crops)
        if settings.matching != "none":
            parts["features"] = settings.features * self.unlike(answers, crops)
        return parts

    def answers(self, pictures: Tensor) -> list[list[Tensor]]:
        """Return every layer's answer of both discriminators; the second sees half the size."""
        half = F.avg_pool2d(pictures, 2)
        return [judge(seen) for judge, seen in zip(self.judges, (pictures, half), strict=True)]

    def _losses_of_judges(self, real: Tensor, made: Tensor) -> dict[str, Tensor]:
        pairs = zip(self.answers(real), self.answers(made), strict=True)
        hinges = [hinge_of_judge(a[-1], b[-1]) for a, b in pairs]
        # The slope of a slope needs more digits than bf16 has.
        with torch.autocast(real.device.type, enabled=False):
            share = torch.rand(len(real), 1, 1, 1, device=real.device)
            between = (share * real + (1 - share) * made).requires_grad_(True)
            slopes = [unlike_slope(answer[-1], between) for answer in self.answers(between)]
        return {
            "judges": torch.stack(hinges).sum(),
            "penalty": self.settings.penalty * torch.stack(slopes).sum(),
        }

    def unlike(self, answers: Sequence[Sequence[Tensor]], drivers: Tensor) -> Tensor:
        """Return how differently the discriminators' layers see swap and driver."""
        layers = len(self.settings.judge)
        first = layers - self.settings.last_layers if self.settings.matching == "weak" else 0
        with torch.no_grad():
            wanted = self.answers(drivers)
        apart = [
            F.l1_loss(a, b)
            for ours, theirs in zip(answers, wanted, strict=True)
            for a, b in zip(ours[first:-1], theirs[first:-1], strict=True)
        ]
        return torch.stack(apart).sum()

    def swap(self, crops: Tensor, identity: str) -> Made:
        """Give faces the mean vector of an identity."""
        vector = self.vectors[self.identities.index(identity)]
        return self.like(crops, vector.expand(len(crops), -1))

    def like(self, crops: Tensor, vectors: Tensor) -> Made:
        """Give faces any identities: one shot, vectors float32 [n, length] of the embedder."""
        return Made(self.generator(crops, self.generator.styles(vectors)), None)

    def swapper(self, identity: str) -> nn.Module:
        """Return the generator with the identity's styles as constants."""
        return Baked(self, identity)


class Baked(nn.Module):
    """A SimSwap generator for one identity: its vector and style layers are gone."""

    def __init__(self, model: SimSwap, identity: str) -> None:
        super().__init__()
        self.generator = model.generator
        vector = model.vectors[model.identities.index(identity)][None]
        with torch.no_grad():
            styles = model.generator.styles(vector)
        for block, pair in enumerate(styles):
            for index, style in enumerate(pair):
                self.register_buffer(f"style_{block}_{index}", style.clone())

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Return (face,) for crop float32 [1, 3, size, size], RGB, 0…1."""
        styles = [
            [self.get_buffer(f"style_{block}_{index}") for index in range(2)]
            for block in range(len(self.generator.blocks))
        ]
        return (self.generator(crop, styles),)
