"""What the training, the preview and the export ask of a network, whatever its architecture.

A new architecture is one file: a settings class, a network class, an entry in
`swapcast.models.architectures`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from swapcast.models.attributes import NAMES
from swapcast.models.faces import Batch, FaceSet

B = TypeVar("B")


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What every architecture's settings have."""

    pairs: ClassVar[bool] = False
    """Whether it learns from rendered pairs instead of from the face sets of some people."""
    size: int = 64
    """Side of the square crop, in pixels."""


class Made(NamedTuple):
    """What a network makes of a crop."""

    face: Tensor
    """float32 [n, 3, size, size], RGB, 0…1."""
    mask: Tensor | None
    """float32 [n, 1, size, size], 0…1; None if the network was made without masks."""


class Standard(nn.Module):
    """Brings attributes to standard deviations from the mean of the faces that were learned."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(NAMES)))
        self.register_buffer("spread", torch.ones(len(NAMES)))

    def learn(self, sets: Sequence[FaceSet]) -> None:
        """Take mean and deviation from the faces to be learned."""
        found = torch.cat([torch.from_numpy(faces.attributes) for faces in sets])
        self.mean.copy_(found.mean(0))
        self.spread.copy_(found.std(0, correction=0).clamp_min(1e-3))

    def forward(self, attributes: Tensor) -> Tensor:
        """Return float32 [n, 7], ±3 at most, for attributes as they are measured."""
        return ((attributes - self.mean) / self.spread).clamp(-3, 3)


class Learner(nn.Module, ABC, Generic[B]):
    """A network that `swapcast.models.training.Training` can teach, from batches of one kind.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people; none for a network that gives any identity
    """

    architecture: ClassVar[str]
    """Its name in checkpoints."""

    def __init__(self, *, settings: ModelSettings, identities: Sequence[str]) -> None:
        super().__init__()
        self.size = settings.size
        self.identities = tuple(identities)

    def players(self) -> Mapping[str, Sequence[nn.Module]]:
        """Name the parts that learn by turns, each against its own loss, in the order of turns."""
        return {"model": [self]}

    @abstractmethod
    def losses(self, batches: Mapping[str, B], player: str, step: int) -> dict[str, Tensor]:
        """Compare what a player makes with what it should.

        Parameters
        ----------
        batches : one batch per identity, each counts the same; one batch of all pairs
        player : whose turn it is
        step : batches learned from so far, for schedules

        Returns
        -------
        dict of float []
            The parts of the loss, weighted; their sum is to be made small.
        """

    def begin_with(self, other: "Learner[B]") -> None:
        """Take over what another network of the same form has learned.

        Raises
        ------
        TypeError, RuntimeError
            If it has another form.
        """
        if type(other) is not type(self):
            raise TypeError(f"it is a {other.architecture}, not a {self.architecture}")
        self.load_state_dict(other.state_dict())


@runtime_checkable
class Exportable(Protocol):
    """What can be written as a network for one identity."""

    size: int
    """Side of the crop, pixels."""
    sliders: tuple[str, ...]
    """Attributes that can be slid live; the exported network takes them as ``sliders``."""
    hairline: bool
    """Whether its masks were taught to end at the hair."""

    def swapper(self, identity: str) -> nn.Module:
        """Return the network that is exported, with the identity baked in.

        It takes ``crop`` float32 [1, 3, size, size], RGB, 0…1 and, if there are any, ``sliders``
        float32 [1, sliders], 0 for what the face does by itself. It gives (face,) or (face, mask).
        """


class SwapModel(Learner[Batch]):
    """A network that can give faces another identity of those that it learned.

    Parameters
    ----------
    settings : form and loss
    identities : names of the people
    """

    def __init__(self, *, settings: ModelSettings, identities: Sequence[str]) -> None:
        super().__init__(settings=settings, identities=identities)
        self.sliders: tuple[str, ...] = ()
        self.hairline = False

    def prepare(self, sets: Sequence[FaceSet]) -> None:
        """Take from the faces to be learned what stays fixed from then on; by default nothing."""

    def one_hot(self, identity: str, like: Tensor) -> Tensor:
        """Return float32 [n, identities] for n rows of ``like``: 1 at the identity, 0 elsewhere."""
        row = like.new_zeros(len(like), len(self.identities))
        row[:, self.identities.index(identity)] = 1
        return row

    @abstractmethod
    def swap(self, crops: Tensor, identity: str) -> Made:
        """Give the faces in ``crops`` (float32 [n, 3, size, size], RGB, 0…1) an identity."""

    @abstractmethod
    def swapper(self, identity: str) -> nn.Module:
        """Return the network that is exported: see `Exportable`."""
