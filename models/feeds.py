"""Where a training's batches come from: face sets of some people, or rendered pairs of many."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from swapcast.models.coverage import advise
from swapcast.models.faces import Batch, Faces, FaceSet, load_faces
from swapcast.models.pair_feed import PairFeed
from swapcast.models.preview import preview
from swapcast.models.swap_model import Learner, SwapModel
from swapcast.models.train_settings import TrainingError, TrainSettings


class Feed(Protocol):
    """What a training asks of its data."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the identities that are learned."""

    @property
    def parts(self) -> int:
        """How many batches there are in a step: one for each identity, or one."""

    def prepare(self, model: Learner[Any]) -> None:
        """Let a new network take from the data what stays fixed from then on."""

    def draw(self, counts: Sequence[int], random: Generator) -> Mapping[str, Any]:
        """Return the batches of one step, with as many faces as ``counts`` says."""

    def provenance(self) -> dict[str, list[dict[str, Any]]]:
        """Return where the data come from, as plain values."""

    def sheet(self, model: Learner[Any]) -> NDArray[np.uint8]:
        """Draw what a network makes of some faces: uint8 [rows, columns, 3], BGR."""


class FaceFeed:
    """Batches from the face sets of some people.

    Parameters
    ----------
    settings : of the training
    device : where the batches are to be

    Raises
    ------
    TrainingError, FaceSetError
        If the sets cannot be used together.
    """

    parts: int

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        size = settings.model.size
        self._sets = [_load(entry, size) for entry in settings.data]
        self.names = tuple(faces.name for faces in self._sets)
        self.parts = len(self.names)
        if len(set(self.names)) < len(self.names):
            raise TrainingError(f"an identity is named twice in --data: {', '.join(self.names)}")
        templates = {about.template for faces in self._sets for about in faces.about}
        if len(templates) > 1:
            raise TrainingError(f"the face sets are aligned differently: {', '.join(templates)}")
        self._faces = [Faces(faces, size, settings.augmentation, device) for faces in self._sets]

    def prepare(self, model: Learner[Any]) -> None:
        """Show the face sets to a network that learns from them."""
        if isinstance(model, SwapModel):
            model.prepare(self._sets)

    def draw(self, counts: Sequence[int], random: Generator) -> dict[str, Batch]:
        """Return a batch of each identity."""
        return {
            name: faces.draw(count, random)
            for name, faces, count in zip(self.names, self._faces, counts, strict=True)
        }

    def provenance(self) -> dict[str, list[dict[str, Any]]]:
        """Return where each identity's faces come from."""
        return {faces.name: faces.provenance() for faces in self._sets}

    def advice(self) -> list[str]:
        """Say of each identity whether its faces will do."""
        return advise([(faces.name, faces.attributes) for faces in self._sets])

    def sheet(self, model: Learner[Any]) -> NDArray[np.uint8]:
        """Draw faces of each identity, and what a network makes of them for every identity."""
        if not isinstance(model, SwapModel):
            raise TypeError(f"{model.architecture} learns from pairs")
        return preview(model, self._sets)


def open_feed(settings: TrainSettings, device: torch.device) -> Feed:
    """Open the data that a training's settings name.

    Raises
    ------
    TrainingError, FaceSetError
        If they cannot be used.
    """
    if settings.model.pairs:
        try:
            folders = [Path(entry) for entry in settings.data]
            return PairFeed(folders, settings.model.size, settings.augmentation, device)
        except ValueError as error:
            raise TrainingError(str(error)) from error
    return FaceFeed(settings, device)


def _load(entry: str, size: int) -> FaceSet:
    name, found, folders = entry.partition("=")
    if not (name and found and folders):
        raise TrainingError(f"--data {entry!r} is not of the form NAME=FOLDER[,FOLDER…]")
    # Half as much again as the network's size: enough that the bent copies stay sharp.
    return load_faces(name, [Path(folder) for folder in folders.split(",")], side=3 * size // 2)
