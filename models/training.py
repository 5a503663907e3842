"""Teach a swap network the faces of some people, for as long as the user likes.

A run is a folder: ``checkpoint.safetensors`` (go on from it, export from it), ``preview.png``
(every person's faces, read and written by every decoder) and ``log.jsonl`` (one line a save).
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from swapcast.models.architectures import load_model
from swapcast.models.checkpoint import (
    Checkpoint,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from swapcast.models.faces import Faces, FaceSet, load_faces
from swapcast.models.preview import preview
from swapcast.models.shared_autoencoder import SharedAutoencoder
from swapcast.models.train_settings import TrainingError, TrainSettings

CHECKPOINT, PREVIEW, LOG = "checkpoint.safetensors", "preview.png", "log.jsonl"
LARGEST_GRADIENT = 1.0  # norm; a rare batch with a steeper one has thrown trained networks far back


class Training:
    """A run in progress.

    Parameters
    ----------
    settings : what to learn
    device : where

    Raises
    ------
    TrainingError, FaceSetError, CheckpointError
        If it cannot begin.
    """

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.sets = [_load(entry, settings.model.size) for entry in settings.data]
        names = tuple(faces.name for faces in self.sets)
        if len(set(names)) < len(names):
            raise TrainingError(f"an identity is named twice in --data: {', '.join(names)}")
        templates = {about.template for faces in self.sets for about in faces.about}
        if len(templates) > 1:
            raise TrainingError(f"the face sets are aligned differently: {', '.join(templates)}")
        self.random = torch.Generator().manual_seed(settings.seed)
        torch.manual_seed(settings.seed)
        model = SharedAutoencoder(settings=settings.model, identities=names)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if settings.start is not None:
            self._take(read_checkpoint(settings.start / CHECKPOINT))
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), lr=settings.rate, betas=(0.5, 0.999), fused=True
        )
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.faces = {
            faces.name: Faces(faces, settings.model.size, settings.augmentation, device)
            for faces in self.sets
        }
        self.step = 0
        self.losses: dict[str, float] = {}

    def learn(self) -> None:
        """Take one step.

        Raises
        ------
        TrainingError
            If the loss is no longer a number.
        """
        counts = self.settings.batch * (len(self.faces) // len(self.settings.batch))
        batches = {
            name: faces.draw(count, self.random)
            for (name, faces), count in zip(self.faces.items(), counts, strict=True)
        }
        with self._autocast():
            parts = self.model.losses(batches)
            loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {float(loss)} at step {self.step}; "
                "resume from the last checkpoint with a smaller --rate"
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([loss])
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        # Early on the means forget faster, or they would remember the random start for long.
        early = self.step / (self.step + 10)
        keep = min(self.settings.average, early)
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - keep)
        for name, part in parts.items():
            value = float(part.detach())
            before = self.losses.get(name, value)
            self.losses[name] = value + min(0.98, early) * (before - value)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"
        )

    def checkpoint(self) -> Checkpoint:
        """Return the state as it is now."""
        tensors: dict[str, Tensor] = {"random": self.random.get_state()}
        tensors |= {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.mean.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{key}": value for key, value in state.items()}
        return Checkpoint(
            architecture="shared_autoencoder",
            settings=asdict(self.settings.model),
            identities=self.model.identities,
            provenance={faces.name: faces.provenance() for faces in self.sets},
            step=self.step,
            losses=self.losses,
            tensors=tensors,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a state of this same run.

        Raises
        ------
        CheckpointError
            If the checkpoint is of another network or other identities.
        """
        kept = json.dumps([dict(checkpoint.settings), checkpoint.identities])
        if kept != json.dumps([asdict(self.settings.model), self.model.identities]):
            raise CheckpointError(
                "the run was begun with other identities or another form of the network; "
                "resume with the same settings, or begin a new run with --start"
            )
        try:
            self.model.load_state_dict(checkpoint.part("model"))
            for name, value in checkpoint.part("average").items():
                self.mean[name].copy_(value)
            state: dict[int, dict[str, Tensor]] = {}
            weights = list(self.model.parameters())
            for name, value in checkpoint.part("optimiser").items():
                index, key = name.split(".")
                weight = weights[int(index)]
                # Fused Adam walks through memory: its state must lie there as the weights do.
                laid = torch.empty_like(weight).copy_(value) if value.dim() else value
                state.setdefault(int(index), {})[key] = laid.detach()
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": state, "param_groups": groups})
            self.random.set_state(checkpoint.tensors["random"])
        except (RuntimeError, LookupError, ValueError) as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error
        self.step, self.losses = checkpoint.step, dict(checkpoint.losses)

    def _take(self, checkpoint: Checkpoint) -> None:
        """Begin with another run's encoder, and its decoders of identities that are here too."""
        other = load_model(checkpoint)
        try:
            self.model.encoder.load_state_dict(other.encoder.state_dict())
            for name in set(other.identities) & set(self.model.identities):
                source = other.decoders[other.identities.index(name)]
                self.model.decoders[self.model.identities.index(name)].load_state_dict(
                    source.state_dict()
                )
        except RuntimeError as error:
            raise CheckpointError(f"the run to start from has another form: {error}") from error


def _load(entry: str, size: int) -> FaceSet:
    name, found, folders = entry.partition("=")
    if not (name and found and folders):
        raise TrainingError(f"--data {entry!r} is not of the form NAME=FOLDER[,FOLDER…]")
    # Half as much again as the network's size: enough that the bent copies stay sharp.
    return load_faces(name, [Path(folder) for folder in folders.split(",")], side=3 * size // 2)


def train(
    settings: TrainSettings,
    *,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Train until ``settings.steps``; an interrupt saves the run before it ends it.

    Parameters
    ----------
    settings : what to learn
    console : where the progress bar goes; None: standard error
    clock : seconds; decides when to save

    Returns
    -------
    Path
        The last checkpoint.

    Raises
    ------
    TrainingError, FaceSetError, CheckpointError
        If the training cannot start or go on.
    """
    settings.check()
    path = settings.out / CHECKPOINT
    if path.exists() and not settings.resume:
        raise TrainingError(
            f"{settings.out} holds a run already; add --resume, or choose another --out"
        )
    training = Training(settings, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if settings.resume and path.exists():
        training.restore(read_checkpoint(path))
    settings.out.mkdir(parents=True, exist_ok=True)
    saved = began = clock()
    with _progress(settings.steps, console or Console(stderr=True)) as show:
        try:
            while training.step < settings.steps:
                training.learn()
                show(training)
                if clock() - saved >= settings.save_every:
                    _save(training, clock() - began)
                    saved = clock()
        except KeyboardInterrupt:
            _save(training, clock() - began)
            raise
    _save(training, clock() - began)
    return path


def _save(training: Training, seconds: float) -> None:
    out = training.settings.out
    checkpoint = training.checkpoint()
    write_checkpoint(checkpoint, out / CHECKPOINT)
    sheet = preview(load_model(checkpoint), training.sets)
    cv2.imwrite(str(out / PREVIEW), sheet)
    losses = {name: round(value, 5) for name, value in training.losses.items()}
    line = {"step": training.step, "seconds": round(seconds, 1), **losses}
    with (out / LOG).open("a") as log:
        log.write(json.dumps(line) + "\n")


@contextmanager
def _progress(steps: int, console: Console) -> Iterator[Callable[[Training], None]]:
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=2) as progress:
        task = progress.add_task("training", total=steps, loss="")

        def show(training: Training) -> None:
            loss = math.fsum(training.losses.values())
            progress.update(task, completed=training.step, loss=f"loss {loss:.4f}")

        yield show
