"""A training's state on disk: whole or not at all, and checked when it is read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint that is missing, damaged or made for something else. The text says which."""


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on with a training, or to export what it made."""

    architecture: str
    settings: Mapping[str, Any]
    """Of the training, as plain values."""
    identities: tuple[str, ...]
    provenance: Mapping[str, Any]
    """By identity: subject, sources, licence and consent of each face set."""
    step: int
    losses: Mapping[str, float]
    """Running means at this step."""
    tensors: Mapping[str, Tensor]
    """``model.…`` weights, ``average.…`` their running mean, ``optimiser.…``, and the states of
    what draws faces (``random``) and of the networks' own noise (``chance``)."""

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors below ``name``, without it."""
        start = f"{name}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; what was at ``path`` is replaced only when the new one is whole."""
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()
    }
    about = {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "settings": dict(checkpoint.settings),
        "identities": checkpoint.identities,
        "provenance": dict(checkpoint.provenance),
        "step": checkpoint.step,
        "losses": dict(checkpoint.losses),
        "sha256": _digest(tensors),
    }
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, part, metadata={"swapcast": json.dumps(about)})
    part.replace(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and make sure that it is what was written.

    Raises
    ------
    CheckpointError
        If the file is missing, is no checkpoint of ours, or was damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}; train first, or mend the path")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["swapcast"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has format {about['format']}, this program reads {FORMAT}; update swapcast"
            )
        if about["sha256"] != _digest(tensors):
            raise CheckpointError(f"{path} is damaged: its checksum is wrong; use an older copy")
        return Checkpoint(
            architecture=str(about["architecture"]),
            settings=about["settings"],
            identities=tuple(about["identities"]),
            provenance=about["provenance"],
            step=int(about["step"]),
            losses=about["losses"],
            tensors=tensors,
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no checkpoint, or a damaged one: {error}") from error
