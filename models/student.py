"""The compact live student: anybody's crop and an identity's vector in, that identity's face out.

A plain U-Net of 3×3 convolutions after Ronneberger et al., "U-Net", 2015, with additive skips and
residual blocks at the two smallest sizes. The identity comes in as in Perez et al., "FiLM: Visual
Reasoning with a General Conditioning Layer", 2018: its vector scales and shifts every channel
behind a convolution. A convolution that is scaled and shifted is a convolution: for a fixed
identity all of that folds into weights and biases, and nothing depends on the picture's own
statistics, so the baked network is plain convolutions. That identities should choose a small
network's weights is the idea of Xu et al., "MobileFaceSwap", 2022.

Ours: the decoder's convolutions are modulated up to half the crop's side, for brows and skin are
fine things and it costs nothing once baked; the vector is read from portraits by a small network
that learns together with the student, and may read our own recogniser's vector as well.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.embedder import Embedder, EmbedderSettings, read_embedder
from swapcast.models.pair_feed import PairBatch, PairModel
from swapcast.models.pairs import VIEW
from swapcast.models.student_loss import compare
from swapcast.models.swap_model import Made, ModelSettings

SLOPE = 0.1


@dataclass(frozen=True, kw_only=True)
class StudentSettings(ModelSettings):
    """Form and loss of a student."""

    pairs: ClassVar[bool] = True
    size: int = 224
    widths: tuple[int, ...] = (24, 48, 96, 192)
    """Channels at a half, a quarter, … of the crop's side."""
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    """Residual blocks of the decoder at each of these sizes."""
    vector: int = 128
    """Numbers that say who somebody is."""
    portrait: tuple[int, ...] = (64, 128, 192)
    """Channels of `Portraits` at a quarter, an eighth and a sixteenth of the portrait's side."""
    recogniser: str = ""
    """File of a recogniser whose vector stands beside the code; nothing given: none."""
    teacher: str = ""
    """File of another recogniser, which says how alike two faces are; nothing given: no identity
    loss."""
    detail: float = 1.0
    """Weight of the differences between neighbouring pixels."""
    mask: float = 0.2
    """Weight of the mask."""
    identity: float = 0.1
    """Weight of the identity loss."""
    features: float = 5.0
    """How much more than the rest of the face eyes and mouth count."""
    outside: float = 0.05
    """How much what lies off the face counts."""
    window: int = 160
    """Side of the part of the crop that most batches show, pixels: half the time, nearly all of
    the face. A convolution does not mind."""
    whole: int = 4
    """One batch in so many shows the whole crop."""

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths):
            raise ValueError(f"{len(self.blocks)} numbers of blocks for {len(self.widths)} sizes")
        if self.size % (1 << len(self.widths)):
            raise ValueError(
                f"size {self.size} cannot be halved {len(self.widths)} times; "
                f"choose a multiple of {1 << len(self.widths)}"
            )


class Modulated(nn.Module):
    """A 3×3 convolution whose channels an identity's vector scales and shifts.

    Parameters
    ----------
    channels, out : of the convolution
    length : of the vector
    gain : of the weights at the start, of what keeps a signal's size
    """

    def __init__(self, channels: int, out: int, length: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.style = nn.Linear(length, 2 * out)
        nn.init.kaiming_normal_(self.conv.weight, a=SLOPE)
        self.conv.weight.data.mul_(gain)
        nn.init.zeros_(self.conv.bias if self.conv.bias is not None else self.style.bias)
        nn.init.normal_(self.style.weight, std=0.1 / math.sqrt(length))
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Return float [n, out, h, w] for float [n, channels, h, w] and vectors [n, length]."""
        y: Tensor = self.conv(x)
        if vectors.shape[1] == 0:  # baked
            return y
        scale, shift = self.style(vectors)[:, :, None, None].to(y.dtype).chunk(2, 1)
        return torch.addcmul(shift, y, 1 + scale)

    @torch.no_grad()
    def bake(self, vector: Tensor) -> None:
        """Become the plain convolution that this is for one identity, float32 [1, length]."""
        scale, shift = self.style(vector)[0].chunk(2)
        self.conv.weight.mul_((1 + scale)[:, None, None, None])
        if self.conv.bias is not None:
            self.conv.bias.mul_(1 + scale).add_(shift)


class Block(nn.Module):
    """Two modulated convolutions beside a straight way."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.first = Modulated(channels, channels, length)
        self.second = Modulated(channels, channels, length, gain=0.2)

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Return float of the shape of ``x`` [n, c, h, w]."""
        y = F.leaky_relu(self.first(F.leaky_relu(x, SLOPE), vectors), SLOPE)
        result: Tensor = x + self.second(y, vectors)
        return result


class Rise(nn.Module):
    """From one size to the next larger: fewer channels, twice the side, the skip, a convolution."""

    def __init__(self, channels: int, out: int, length: int, blocks: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, out, 1)
        self.join = Modulated(out, out, length)
        self.blocks = nn.ModuleList(Block(out, length) for _ in range(blocks))
        nn.init.kaiming_normal_(self.narrow.weight, a=SLOPE)

    def forward(self, x: Tensor, skip: Tensor, vectors: Tensor) -> Tensor:
        """Return float [n, out, 2 h, 2 w] for float [n, channels, h, w] and the skip."""
        wide = F.interpolate(self.narrow(F.leaky_relu(x, SLOPE)), scale_factor=2.0, mode="nearest")
        y: Tensor = self.join(F.leaky_relu(wide + skip, SLOPE), vectors)
        for block in self.blocks:
            y = block(y, vectors)
        return y


class Generator(nn.Module):
    """Crop and identity in, face and mask out."""

    def __init__(self, settings: StudentSettings, length: int) -> None:
        super().__init__()
        widths, blocks = settings.widths, settings.blocks
        self.spread = math.sqrt(length)  # unit vectors have small numbers, which teach slowly
        # 6×6 with stride 2 is a 3×3 convolution over 2×2 pixels laid side by side.
        self.stem = nn.Conv2d(3, widths[0], 6, stride=2, padding=2)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths)
        )
        self.deep = nn.ModuleList(Block(widths[-1], length) for _ in range(blocks[-1]))
        rising = zip(pairwise(widths[::-1]), blocks[-2::-1], strict=True)
        self.up = nn.ModuleList(Rise(a, b, length, count) for (a, b), count in rising)
        self.out = nn.Conv2d(widths[0], 16, 3, padding=1)
        for conv in (self.stem, *self.down):
            nn.init.kaiming_normal_(conv.weight, a=SLOPE)
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, crops: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return faces float32 [n, 3, size, size], RGB, about 0…1, and masks' logits [n, 1, …].

        What comes out is added to the crop: light, tone and all that lies before the face are there
        already.
        """
        vectors = self.spread * vectors
        x = self.stem(2 * crops - 1)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(F.leaky_relu(x, SLOPE))
        for block in self.deep:
            x = block(x, vectors)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip, vectors)
        made = F.pixel_shuffle(self.out(F.leaky_relu(x, SLOPE)), 2).float()
        return crops + made[:, :3], made[:, 3:]


class Portraits(nn.Module):
    """Reads from aligned portraits who somebody is and what the skin looks like.

    Parameters
    ----------
    settings : form
    recogniser : form of the recogniser that knows people already; None: there is none
    """

    def __init__(self, settings: StudentSettings, recogniser: EmbedderSettings | None) -> None:
        super().__init__()
        a, b, c = settings.portrait
        act = nn.LeakyReLU(SLOPE)
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            *(nn.Conv2d(48, a, 3, padding=1), act),
            *(nn.Conv2d(a, b, 3, stride=2, padding=1), act),
            *(nn.Conv2d(b, b, 3, padding=1), act),
            *(nn.Conv2d(b, c, 3, stride=2, padding=1), act),
            *(nn.Conv2d(c, c, 3, padding=1), act),
            *(nn.Conv2d(c, 32, 1), act),
            nn.Flatten(),
            nn.Linear(32 * (VIEW // 16) ** 2, settings.vector),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
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
        """Return float32 [n, vector], of length 1, for float32 [n, 3, 112, 112], RGB, 0…1."""
        read = [self.layers(2 * views - 1).float()]
        if self.recogniser is not None:
            with torch.no_grad():
                known = self.recogniser(views)
            read.append(known * math.sqrt(known.shape[1]))
        return F.normalize(self.mix(torch.cat(read, 1)).float(), dim=1)


class Student(PairModel):
    """The student and what reads identities for it.

    Parameters
    ----------
    settings : form and loss
    identities : not used: it gives any identity
    """

    architecture = "student"

    def __init__(self, *, settings: StudentSettings, identities: Sequence[str] = ()) -> None:
        super().__init__(settings=settings, identities=identities)
        self.settings = settings
        known = EmbedderSettings(template="arcface_112_v2") if settings.recogniser else None
        self.portraits = Portraits(settings, known)
        self.generator = Generator(settings, settings.vector)
        self._teacher: list[Embedder] = []  # in a list: no part of what is kept or learned

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Let generator and portrait reader learn as one; the recogniser learns no more."""
        learned = [self.portraits.layers, self.portraits.mix]
        return {"student": [self.generator, *learned]}

    def begin(self) -> None:
        """Read the recognisers that the settings name.

        Raises
        ------
        ValueError
            If the recogniser has another form.
        EmbedderError
            If a file cannot be used.
        """
        if self.portraits.recogniser is not None:
            known, _ = read_embedder(Path(self.settings.recogniser))
            if known.settings != self.portraits.recogniser.settings:
                raise ValueError(f"{self.settings.recogniser} has another form: {known.settings}")
            self.portraits.recogniser.load_state_dict(known.state_dict())
        if self.settings.teacher:
            self._teacher = [read_embedder(Path(self.settings.teacher))[0]]

    def losses(self, batches: Mapping[str, PairBatch], player: str, step: int) -> dict[str, Tensor]:
        """Compare the faces that are made with the exact ones."""
        (batch,) = batches.values()
        whole = step % self.settings.whole == 0 or self.settings.window >= self.size
        if not whole:
            left, top = torch.randint(self.size - self.settings.window + 1, (2,)).tolist()
            batch = batch.window(left, top, self.settings.window)
        face, mask = self.generator(batch.driver, self.portraits(batch.views))
        parts = compare(face, mask, batch, self.settings)
        if self._teacher and whole:
            parts["identity"] = self.settings.identity * self._unlike(face, batch)
        return parts

    def _unlike(self, faces: Tensor, batch: PairBatch) -> Tensor:
        """Return 1 − cosine between the faces that are made and the exact ones, to the teacher."""
        (teacher,) = self._teacher
        teacher.to(faces.device)
        with torch.no_grad():
            wanted = teacher(batch.align(batch.target))
        alike: Tensor = (teacher(batch.align(faces)) * wanted).sum(1)
        return (1 - alike).mean()

    def like(self, crops: Tensor, vectors: Tensor) -> Made:
        """Give faces any identities.

        Parameters
        ----------
        crops : float32 [n, 3, size, size], RGB, 0…1
        vectors : float32 [n, length], of length 1, of `Portraits`
        """
        face, mask = self.generator(crops, vectors)
        return Made(face.clamp(0, 1), mask.sigmoid())

    def show(self, batch: PairBatch) -> Made:
        """Make of each driver the face that its pair wants."""
        return self.like(batch.driver, self.portraits(batch.views))


class Baked(nn.Module):
    """A student for one identity: plain convolutions.

    Parameters
    ----------
    student : is copied
    vector : float32 [1, length], of length 1
        None: the convolutions as they were learned, for the live product to bake.
    """

    def __init__(self, student: Student, vector: Tensor | None) -> None:
        super().__init__()
        self.generator = copy.deepcopy(student.generator)
        for layer in self.generator.modules():
            if isinstance(layer, Modulated):
                if vector is not None:
                    layer.bake(self.generator.spread * vector)
                del layer.style

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return face and mask, 0…1, for crop float32 [1, 3, size, size], RGB, 0…1."""
        face, mask = self.generator(crop, crop.new_zeros(1, 0))
        return face.clamp(0, 1), mask.sigmoid()
