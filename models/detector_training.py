"""Train the face detector: ``python -m swapcast.models.detector_training --data DIR --out RUN``."""

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
import tyro
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from swapcast.models.detector import Detector
from swapcast.models.detector_compose import Batch, Batches, Composer
from swapcast.models.detector_data import Material, read_material
from swapcast.models.detector_loss import losses

log = logging.getLogger(__name__)

MINED = -0.5
"""Logit of a score in a faceless picture from which the picture is kept as a hard one."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the detector is trained."""

    data: Path
    """Folder with faces_ai/tiles, clips/grid and models/yunet."""
    out: Path
    """Folder of the run: checkpoint and TensorBoard log."""
    resume: bool = False
    """Go on from the checkpoint in ``out``."""
    start: Path | None = None
    """ONNX file whose weights to begin with, as `swapcast.export.detector` wrote it; its filters
    hold the batch statistics, so the network trains without them."""
    turn: bool = False
    """Learn each AI-made face with its head turned, too."""
    steps: int = 6000
    """Batches in all."""
    batch: int = 32
    """Pictures a batch."""
    rate: float = 2e-3
    """Highest learning rate; it rises over the first tenth, at most 200 steps, then falls to 0."""
    decay: float = 2e-2
    """Weight decay."""
    workers: int = 1
    """Processes that compose pictures."""
    threads: int = 1
    """Processor threads of the network."""
    save_every: int = 200
    """Steps between two checkpoints."""
    mine_from: int = 1500
    """First step at which faceless pictures that deceive the network are collected."""
    mine_every: int = 500
    """Steps between two collections."""
    mine_count: int = 400
    """Faceless pictures that are tried at a collection."""
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.workers, self.threads, self.save_every) < 1:
            raise ValueError("steps, batch, workers, threads and save-every must be at least 1")


class Average:
    """The network's weights averaged over the last few hundred steps."""

    def __init__(self, network: Detector) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: Detector, step: int) -> None:
        """Take in the state after ``step``."""
        keep = min(0.998, (1 + step) / (10 + step))
        for mine, new in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(new, 1 - keep)
            else:
                mine.copy_(new)


def rate_at(step: int, settings: Training) -> float:
    """Give the learning rate of a step."""
    share = min(1.0, step / settings.steps)
    warm = min(200.0, max(1.0, settings.steps / 10))
    return settings.rate * min(1.0, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * share))


def load_exported(network: Detector, file: Path) -> None:
    """Fill a folded ``network`` with the weights of an exported one, the scores not lowered.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no network at {file}")
    model = onnx.load(str(file))
    state = {
        weight.name.removesuffix(".half"): torch.from_numpy(
            onnx.numpy_helper.to_array(weight).astype(np.float32)
        )
        for weight in model.graph.initializer
    }
    facts = {fact.key: fact.value for fact in model.metadata_props}
    for number, doubt in enumerate(facts["doubt"].split()):
        state[f"heads.{number}.bias"][0] += float(doubt)
    network.load_state_dict({name: state[name] for name in network.state_dict()})


@torch.no_grad()
def mine(network: Detector, material: Material, composer: Composer, count: int) -> int:
    """Add the faceless pictures, of ``count`` made, in which the network sees a face."""
    added = 0
    for _ in range(count):
        picture = composer.background(256, 320)
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            grids = network(image.contiguous(memory_format=torch.channels_last))
        if max(float(grid[:, 0].max()) for grid in grids) > MINED:
            material.hard.append(picture)
            added += 1
    del material.hard[:-1500]
    return added


class Run:
    """One training with its state on disk."""

    def __init__(self, settings: Training) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)
        self._file = settings.out / "checkpoint.pt"
        state = torch.load(self._file, weights_only=True) if settings.resume else None
        self.folded = bool(state["folded"]) if state else settings.start is not None
        self.network = Detector()
        if self.folded:
            self.network.eval().fold()
            self.network.train()
        if settings.start is not None and state is None:
            load_exported(self.network, settings.start)
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.average = Average(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, weight_decay=settings.decay
        )
        self.step = 0
        if state is not None:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

    def save(self) -> None:
        """Write the checkpoint; a crash meanwhile leaves the one before."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "folded": self.folded,
        }
        torch.save(state, self._file.with_suffix(".part"))
        self._file.with_suffix(".part").replace(self._file)

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Make one step; return the parts of the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.settings)
        pictures, faces, unsure = batch
        images = (pictures.float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            grids = self.network(images)
        parts = losses(grids, faces, unsure)
        self.optimiser.zero_grad(set_to_none=True)
        parts.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.network, self.step)
        return {
            "score": parts.score.detach(),
            "box": parts.box.detach(),
            "points": parts.points.detach(),
        }


def _batches(material: Material, settings: Training, step: int) -> Iterator[Batch]:
    rows = Batches(material, settings.batch, settings.seed * 1_000_003 + step)
    return iter(DataLoader(rows, batch_size=None, num_workers=settings.workers, prefetch_factor=3))


def train(settings: Training) -> None:
    """Train, or go on training, until ``settings.steps``.

    Raises
    ------
    FileNotFoundError
        If data, teacher or the checkpoint to resume from are missing.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)  # OpenCV's own threads would not live on in the processes that compose
    run = Run(settings)
    material = read_material(settings.data, settings.out, turn=settings.turn)
    log.info("%d labelled pictures, from step %d", len(material.faces), run.step)
    composer = Composer(material, np.random.default_rng(settings.seed + run.step))
    batches = _batches(material, settings, run.step)
    sums: dict[str, float] = {}
    start = time.perf_counter()
    with SummaryWriter(str(settings.out)) as board:
        while run.step < settings.steps:
            for name, part in run.learn(next(batches)).items():
                sums[name] = sums.get(name, 0.0) + float(part) / 50
            if run.step % 50 == 0:
                pace = (time.perf_counter() - start) / 50
                text = " ".join(f"{name} {value:.4f}" for name, value in sums.items())
                log.info("step %d: %s, %.2f s a step", run.step, text, pace)
                for name, value in sums.items():
                    board.add_scalar(name, value, run.step)
                sums, start = {}, time.perf_counter()
            if run.step % settings.save_every == 0 or run.step == settings.steps:
                run.save()
            if run.step >= settings.mine_from and run.step % settings.mine_every == 0:
                added = mine(run.average.network, material, composer, settings.mine_count)
                text = "%d of %d faceless pictures deceive it; kept %d"
                log.info(text, added, settings.mine_count, len(material.hard))
                batches = _batches(material, settings, run.step)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(tyro.cli(Training))
