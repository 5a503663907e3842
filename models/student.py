"""The compact live student: anybody's crop and an identity's vector in, that identity's face out.

A plain U-Net of 3×3 convolutions after Ronneberger et al., "U-Net", 2015, with additive skips and
residual blocks at the two smallest sizes. The identity comes in as in Perez et al., "FiLM: Visual
Reasoning with a General Conditioning Layer", 2018: its vector scales and shifts every channel
behind a convolution. A convolution that is scaled and shifted is a convolution: for a fixed
identity all of that folds into weights and biases, and nothing depends on the picture's own
statistics, so the baked network is plain convolutions. That identities should choose a small
network's weights is the idea of Xu et al., "MobileFaceSwap", 2022.

Ours: the decoder's convolutions are modulated up to half the crop's side, for brows and skin are
fine things and it costs nothing once baked; a map of what the face looks like, read from a portrait
and moved into the crop's frame, is added at three sizes, a constant once it is baked; both are read
by a small network that learns together with the student. What comes out is the whole face: when it
was added to the crop, the wearer's brows and beard came through.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.embedder import EmbedderSettings, read_embedder
from swapcast.models.pair_feed import PairBatch, PairModel
from swapcast.models.student_layers import SLOPE, Block, Modulated, Place, Rise
from swapcast.models.student_loss import Likeness, compare, pick_window, shown
from swapcast.models.student_reader import Identities, Portraits
from swapcast.models.student_settings import StudentSettings
from swapcast.models.swap_model import Made


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
        last = len(widths) - 1

        def place(level: int) -> Place | None:
            there = bool(settings.channels) and level > 0
            return Place(settings, widths[level], level) if there else None

        self.place = place(last)
        self.up = nn.ModuleList(
            Rise(widths[level + 1], widths[level], length, blocks[level], place(level))
            for level in reversed(range(last))
        )
        self.out = nn.Conv2d(widths[0], 16, 3, padding=1)
        for conv in (self.stem, *self.down):
            nn.init.kaiming_normal_(conv.weight, a=SLOPE)
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, crops: Tensor, identity: Identities) -> tuple[Tensor, Tensor]:
        """Return faces float32 [n, 3, size, size], RGB, about 0…1, and masks' logits [n, 1, …]."""
        vectors, maps = self.spread * identity.vectors, identity.maps
        x = self.stem(2 * crops - 1)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(F.leaky_relu(x, SLOPE))
        if self.place is not None:
            x = self.place(x, maps)
        for block in self.deep:
            x = block(x, vectors)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip, vectors, maps)
        made = F.pixel_shuffle(self.out(F.leaky_relu(x, SLOPE)), 2).float()
        return 0.5 + made[:, :3], made[:, 3:]


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
        self.likeness = Likeness()

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Let generator and portrait reader learn as one; the recogniser learns no more."""
        reader = self.portraits
        learned = [reader.stem, reader.layers, reader.mix]
        learned += [] if reader.look is None else [reader.look]
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
        self.likeness.begin(self.settings)

    def losses(self, batches: Mapping[str, PairBatch], player: str, step: int) -> dict[str, Tensor]:
        """Compare the faces that are made with the exact ones."""
        (batch,) = batches.values()
        told = self.portraits.split(self.portraits(batch.views))
        window = pick_window(self.settings, step)
        if window is not None:
            batch, told = batch.window(*window), told.window(*window)
        face, mask = self.generator(batch.driver, told)
        parts = compare(face, mask, batch, self.settings)
        return parts if window else parts | self.likeness(face, mask, batch, self.settings)

    def like(self, crops: Tensor, read: Tensor) -> Made:
        """Give faces any identities.

        Parameters
        ----------
        crops : float32 [n, 3, size, size], RGB, 0…1
        read : float32 [n, m], of `Portraits`
        """
        face, mask = self.generator(crops, self.portraits.split(read))
        return Made(face.clamp(0, 1), shown(mask))

    def show(self, batch: PairBatch) -> Made:
        """Make of each driver the face that its pair wants."""
        return self.like(batch.driver, self.portraits(batch.views))


class Baked(nn.Module):
    """A generator for one identity: plain convolutions, and constants added at three sizes.

    Parameters
    ----------
    generator : is copied
    told : of the identity, n = 1
        None: the convolutions as they were learned, for the live product to bake.
    """

    def __init__(self, generator: Generator, told: Identities | None) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator)
        for layer in self.generator.modules():
            if isinstance(layer, Modulated):
                if told is not None:
                    layer.bake(self.generator.spread * told.vectors)
                del layer.style
            elif isinstance(layer, Place):
                layer.bake(None if told is None else told.maps)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return face and mask, 0…1, for crop float32 [1, 3, size, size], RGB, 0…1."""
        nothing = crop.new_zeros(1, 0)
        face, mask = self.generator(crop, Identities(nothing, nothing))
        return face.clamp(0, 1), shown(mask)
