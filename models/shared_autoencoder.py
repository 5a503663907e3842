"""The face swap that began it all: one encoder that reads any face, one decoder per person.

After "faceswap", published anonymously in 2017 and known as the DeepFakes autoencoder: 5×5
convolutions with stride 2 and LeakyReLU(0.1), a dense bottleneck, 3×3 convolutions with pixel
shuffle on the way up. Encoder and first upscaling are shared, so the code in the middle must mean
the same for everybody; swapping is reading A's face and writing it with B's decoder.

Ours: any number of decoders, a mask beside the colours, and free widths, so that the same class is
the published network at 64 pixels and a narrow one at 128 pixels that runs live on one core.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from swapcast.models.blocks import Down, Up, init_weights
from swapcast.models.faces import Batch
from swapcast.models.losses import dssim, weighted_l1
from swapcast.models.swap_model import Learner, Made, ModelSettings, SwapModel


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings(ModelSettings):
    """Form and loss of a shared-encoder autoencoder; the defaults are the published network."""

    encoder: tuple[int, ...] = (128, 256, 512, 1024)
    """Channels after each halving."""
    latent: int = 1024
    """Length of the code in the bottleneck."""
    seed: int = 1024
    """Channels of the small picture the code is unfolded to."""
    shared: int = 512
    """Channels after the first doubling, which all identities share."""
    decoder: tuple[int, ...] = (256, 128, 64)
    """Channels after each further doubling, one decoder per identity.

    With one doubling less than it takes, the last convolution makes four pixels of each.
    """
    width: float = 1.0
    """Multiplies every count of channels above, and ``latent``."""
    mask: bool = True
    """Let the decoders also say where the face is."""
    dssim: float = 0.0
    """Weight of structural dissimilarity (of the brightness) beside L1."""
    outside: float = 1.0
    """Weight of a pixel outside the face's mask; inside it is 1."""
    features: float = 0.0
    """Further weight of a pixel at the eyes or the mouth."""

    def __post_init__(self) -> None:
        if len(self.encoder) - len(self.decoder) not in {1, 2}:
            raise ValueError(
                f"encoder has {len(self.encoder)} halvings and the decoder "
                f"{len(self.decoder) + 1} doublings; give as many of each, or one doubling less"
            )
        if self.size < 8 or self.size % max(8, 1 << len(self.encoder)):
            raise ValueError(
                f"size {self.size} cannot be halved {len(self.encoder)} times; "
                f"choose a multiple of {max(8, 1 << len(self.encoder))}"
            )
        if self.width <= 0:
            raise ValueError(f"width {self.width} leaves no channels; choose a number above 0")

    def channels(self, count: int) -> int:
        """Return ``count`` times the width, at least 4 and a multiple of 4."""
        return max(4, 4 * round(count * self.width / 4))


PRESETS: Mapping[str, AutoencoderSettings] = {
    "published-64": AutoencoderSettings(),
    "published-128": AutoencoderSettings(
        size=128, encoder=(128, 256, 512, 1024, 1024), decoder=(512, 256, 128, 64)
    ),
    "live-128": AutoencoderSettings(
        size=128,
        encoder=(32, 64, 128, 192, 192),
        latent=256,
        seed=96,
        shared=192,
        decoder=(128, 64, 32),
        dssim=0.5,
        outside=0.1,
        features=4.0,
    ),
}
"""Ready sizes by name: as published, the same for 128 pixels, and narrow enough to run live."""


class Encoder(nn.Module):
    """Read a face: picture to code, and the code unfolded to a small picture again."""

    def __init__(self, *, settings: AutoencoderSettings) -> None:
        super().__init__()
        widths = [settings.channels(count) for count in settings.encoder]
        self.down = nn.Sequential(*(Down(a, b) for a, b in pairwise([3, *widths])))
        self.side = settings.size >> len(widths)
        self.seed = settings.channels(settings.seed)
        latent = settings.channels(settings.latent)
        self.fold = nn.Linear(widths[-1] * self.side**2, latent)
        self.unfold = nn.Linear(latent, self.seed * self.side**2)
        self.up = Up(self.seed, settings.channels(settings.shared))

    def forward(self, crops: Tensor) -> Tensor:
        """Return the code as float [n, shared, 2 side, 2 side] for float [n, 3, size, size]."""
        code = self.fold(self.down(crops).flatten(1))  # (n, latent)
        unfolded: Tensor = self.up(
            self.unfold(code).unflatten(1, (self.seed, self.side, self.side))
        )
        return unfolded


class Decoder(nn.Module):
    """Write one person's face from a code."""

    def __init__(self, *, settings: AutoencoderSettings) -> None:
        super().__init__()
        widths = [settings.channels(count) for count in (settings.shared, *settings.decoder)]
        self.up = nn.Sequential(*(Up(a, b) for a, b in pairwise(widths)))
        doublings = len(settings.encoder) - len(settings.decoder) - 1
        count = (3 + settings.mask) << (2 * doublings)
        self.out = nn.Conv2d(widths[-1], count, 5, padding=2)
        self.shuffle = nn.PixelShuffle(1 << doublings)

    def forward(self, code: Tensor) -> Made:
        """Return the face, and the mask if the settings ask for one."""
        made = torch.sigmoid(self.shuffle(self.out(self.up(code))).float())
        return Made(made[:, :3], made[:, 3:] if made.shape[1] > 3 else None)


class SharedAutoencoder(SwapModel):
    """One encoder, one decoder per identity.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people, each with a decoder of their own
    """

    architecture = "shared_autoencoder"

    def __init__(self, *, settings: AutoencoderSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        self.encoder = Encoder(settings=settings)
        self.decoders = nn.ModuleList(Decoder(settings=settings) for _ in self.identities)
        init_weights(self)

    def swap(self, crops: Tensor, identity: str) -> Made:
        """Read the faces with the one encoder, write them with the identity's decoder."""
        made: Made = self.decoders[self.identities.index(identity)](self.encoder(crops))
        return made

    def begin_with(self, other: Learner[Batch]) -> None:
        """Take over the encoder, and the decoders of identities that are here too.

        If none is, and there is but one to take, every new decoder begins as that one: faces have
        more in common than a decoder begun anew knows.
        """
        if not isinstance(other, SharedAutoencoder):
            raise TypeError(f"it is a {other.architecture}, not a {self.architecture}")
        self.encoder.load_state_dict(other.encoder.state_dict())
        known = set(other.identities) & set(self.identities)
        for name, decoder in zip(self.identities, self.decoders, strict=True):
            if name in known:
                source = other.decoders[other.identities.index(name)]
                decoder.load_state_dict(source.state_dict())
            elif not known and len(other.decoders) == 1:
                decoder.load_state_dict(other.decoders[0].state_dict())

    def swapper(self, identity: str) -> nn.Module:
        """Return the encoder with the identity's decoder."""
        return OneIdentity(self, identity)

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        """Compare warped faces, written by their own decoders, with the unwarped ones."""
        names = list(batches)
        codes = self.encoder(torch.cat([batches[name].warped for name in names]))
        parts: dict[str, Tensor] = {}
        counts = [len(batches[name].warped) for name in names]
        for name, code in zip(names, codes.split(counts), strict=True):
            made: Made = self.decoders[self.identities.index(name)](code)
            for part, value in self._compare(made, batches[name]).items():
                parts[part] = parts.get(part, torch.zeros(())) + value / len(names)
        return parts

    def _compare(self, made: Made, batch: Batch) -> dict[str, Tensor]:
        weight = self.settings.outside + (1 - self.settings.outside) * batch.mask
        weight = weight + self.settings.features * batch.features
        parts = {"l1": weighted_l1(made.face, batch.target, weight)}
        if self.settings.dssim:
            # On the mean of the channels: structure is alike in all three, at a third of the cost.
            grey, wanted = made.face.mean(1, keepdim=True), batch.target.mean(1, keepdim=True)
            parts["dssim"] = self.settings.dssim * dssim(grey, wanted, weight)
        if made.mask is not None:
            parts["mask"] = 0.1 * (made.mask - batch.mask).abs().mean()
        return parts


class OneIdentity(nn.Module):
    """The swapper for one identity, as it is exported: crop in, face (and mask) out."""

    def __init__(self, model: SharedAutoencoder, identity: str) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.decoder = model.decoders[model.identities.index(identity)]

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Return (face,) or (face, mask) for crop float32 [1, 3, size, size], RGB, 0…1."""
        face, mask = self.decoder(self.encoder(crop))
        return (face,) if mask is None else (face, mask)
