"""A few people's faces in one compact network: each is a vector, baked into plain convolutions.

The network is that of `swapcast.models.student`. Who somebody is is not read from portraits but
learned, one vector for each of a handful of people, as the decoders of a shared autoencoder are:
what removes the driver's face and follows its movements is learned from all of them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.pair_feed import PairBatch, PairModel
from swapcast.models.student import Baked, Generator
from swapcast.models.student_loss import Likeness, compare, pick_window, shown
from swapcast.models.student_reader import Identities
from swapcast.models.student_settings import StudentSettings
from swapcast.models.swap_model import Made


@dataclass(frozen=True, kw_only=True)
class CastSettings(StudentSettings):
    """Form and loss of a cast."""

    vector: int = 32
    people: tuple[int, ...] = (44,)
    """Their numbers in the pairs, in the order of the vectors."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.people or len(set(self.people)) < len(self.people):
            raise ValueError("name each person of the cast once: --model.people 44 443 …")
        if self.channels or self.recogniser:
            raise ValueError("a cast reads no portraits: leave channels and recogniser out")


class Cast(PairModel):
    """The compact network with one learned vector for each person.

    Parameters
    ----------
    settings : form and loss
    identities : not used: the settings name the people by their numbers, ``0044``
    """

    architecture = "cast"

    def __init__(self, *, settings: CastSettings, identities: Sequence[str] = ()) -> None:
        super().__init__(
            settings=settings, identities=[f"{number:04d}" for number in settings.people]
        )
        self.settings = settings
        self.sliders: tuple[str, ...] = ()
        self.hairline = True
        self.generator = Generator(settings, settings.vector)
        self.table = nn.Parameter(torch.randn(len(settings.people), settings.vector))
        self.likeness = Likeness()

    def begin(self) -> None:
        """Read the recogniser that the settings name.

        Raises
        ------
        EmbedderError
            If the file cannot be used.
        """
        self.likeness.begin(self.settings)

    def vectors(self, people: Tensor) -> Tensor:
        """Return float32 [n, vector], of length 1, for people's numbers int64 [n].

        Raises
        ------
        ValueError
            If somebody does not belong to the cast.
        """
        known = people.new_tensor(self.settings.people)
        found = people[:, None] == known
        if not bool(found.any(1).all()):
            strangers = sorted(set(people[~found.any(1)].tolist()))
            raise ValueError(f"the pairs show {strangers}, who are not of the cast: --model.people")
        return F.normalize(self.table, dim=1)[found.int().argmax(1)]

    def losses(self, batches: Mapping[str, PairBatch], player: str, step: int) -> dict[str, Tensor]:
        """Compare the faces that are made with the exact ones."""
        (batch,) = batches.values()
        window = pick_window(self.settings, step)
        if window is not None:
            batch = batch.window(*window)
        face, mask = self.generator(batch.driver, _told(self.vectors(batch.people)))
        parts = compare(face, mask, batch, self.settings)
        return parts if window else parts | self.likeness(face, mask, batch, self.settings)

    def like(self, crops: Tensor, vectors: Tensor) -> Made:
        """Give faces the identities of vectors.

        Parameters
        ----------
        crops : float32 [n, 3, size, size], RGB, 0…1
        vectors : float32 [n or 1, vector], from `vectors`
        """
        face, mask = self.generator(crops, _told(vectors))
        return Made(face.clamp(0, 1), shown(mask))

    def swapper(self, identity: str) -> nn.Module:
        """Return one person's network, to be exported: plain convolutions."""
        row = self.identities.index(identity)
        return Baked(self.generator, _told(F.normalize(self.table, dim=1)[row : row + 1]))

    def show(self, batch: PairBatch) -> Made:
        """Make of each driver the face that its pair wants."""
        return self.like(batch.driver, self.vectors(batch.people))


def _told(vectors: Tensor) -> Identities:
    return Identities(vectors, vectors.new_zeros(len(vectors), 0))
