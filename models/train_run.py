"""Teach a swap network the faces of some people, for as long as the user likes.

A run is a folder: ``checkpoint.safetensors`` (go on from it, export from it), ``preview.png``
(every person's faces, and what the network makes of them for every identity), ``log.jsonl`` (one
line a save) and ``events.…`` for TensorBoard. Several processes learn together where ``torchrun``
starts them.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from swapcast.models.architectures import load_model
from swapcast.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from swapcast.models.feeds import FaceFeed
from swapcast.models.train_settings import TrainingError, TrainSettings
from swapcast.models.training import CHECKPOINT, Training

_TIMED = 20  # steps after which the time left is told
PREVIEW, LOG = "preview.png", "log.jsonl"
_PRECISIONS = {"bf16": "bf16-mixed", "fp16": "16-mixed", "fp32": "32-true"}


def train(
    settings: TrainSettings,
    *,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Train until ``settings.steps`` or the goal; an interrupt saves the run before it ends it.

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
    fabric = open_fabric(settings)
    training = Training(settings, fabric)
    if settings.resume and path.exists():
        training.restore(read_checkpoint(path))
    settings.out.mkdir(parents=True, exist_ok=True)
    saved = began = clock()
    with _progress(settings.steps, console or Console(stderr=True), fabric) as show:
        if isinstance(training.feed, FaceFeed):
            for line in training.feed.advice():
                show.say(line)
        try:
            first = training.step
            while training.step < settings.steps and not training.reached():
                learn(training, show.say)
                show.step(training)
                if training.step == first + _TIMED:
                    show.say(eta(training, clock() - began, first))
                # Saving takes every process, so the first one's clock decides for all.
                if fabric.broadcast(clock() - saved >= settings.save_every):
                    _save(training, clock() - began)
                    saved = clock()
        except KeyboardInterrupt:
            _save(training, clock() - began)
            raise
    _save(training, clock() - began)
    return path


def eta(training: Training, seconds: float, first: int) -> str:
    """Say when a training that took ``seconds`` since step ``first`` will be done."""
    pace = seconds / max(1, training.step - first)
    minutes = pace * (training.settings.steps - training.step) / 60
    return (
        f"{pace:.2g} s a step: {training.settings.steps} steps are done in about "
        f"{max(1, round(minutes))} minutes; stop earlier with Ctrl-C, go on with --resume"
    )


def open_fabric(settings: TrainSettings) -> Fabric:
    """Take the GPUs that are here, else the processor; one of the processes torchrun started.

    Raises
    ------
    TrainingError
        If the precision cannot be computed here.
    """
    workers = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    gpu = torch.cuda.is_available()
    if settings.precision == "fp16" and not gpu:
        raise TrainingError("--precision fp16 needs a GPU, and none is here; take bf16 or fp32")
    # Players take turns, so that a loss need not reach every weight.
    several = "ddp_find_unused_parameters_true"
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="cuda" if gpu else "cpu",
        strategy=several if workers > 1 else "auto",
        devices=local,
        num_nodes=max(1, workers // local),
        precision=_PRECISIONS[settings.precision],
    )
    fabric.launch()
    return fabric


def learn(training: Training, say: Callable[[str], None]) -> None:
    """Take a step; where memory does not suffice, with a smaller batch, which is said.

    Raises
    ------
    TrainingError
        If not even one face of each identity fits.
    """
    while True:
        try:
            return training.learn()
        except torch.OutOfMemoryError as error:
            if not training.halve():
                raise TrainingError(
                    "not even a batch of one face fits into memory; "
                    "take a smaller network (--model.width 0.5) or --precision bf16"
                ) from error
            torch.cuda.empty_cache()
            say(f"out of memory: batches have {training.counts} faces from here on")


def _save(training: Training, seconds: float) -> None:
    checkpoint = training.checkpoint()
    if training.fabric.is_global_zero:
        _write(training, checkpoint, seconds)
    training.fabric.barrier()


def _write(training: Training, checkpoint: Checkpoint, seconds: float) -> None:
    out = training.settings.out
    write_checkpoint(checkpoint, out / CHECKPOINT)
    sheet = training.feed.sheet(load_model(checkpoint))
    cv2.imwrite(str(out / PREVIEW), sheet)
    losses = {name: round(value, 5) for name, value in training.losses.items()}
    line = {"step": training.step, "seconds": round(seconds, 1), **losses}
    with (out / LOG).open("a") as log:
        log.write(json.dumps(line) + "\n")
    with SummaryWriter(str(out)) as board:
        for name, value in training.losses.items():
            board.add_scalar(f"loss/{name}", value, training.step)
        board.add_image("preview", sheet[:, :, ::-1].copy(), training.step, dataformats="HWC")


class _Show:
    """Tells how far the training is, in the first process."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=steps, loss="")

    def step(self, training: Training) -> None:
        self._progress.update(self._task, completed=training.step, loss=f"loss {training.loss:.4f}")

    def say(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)


@contextmanager
def _progress(steps: int, console: Console, fabric: Fabric) -> Iterator[_Show]:
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    shown = fabric.is_global_zero
    with Progress(*columns, console=console, refresh_per_second=2, disable=not shown) as progress:
        yield _Show(progress, steps)
