"""Train the landmark network: ``python -m swapcast.models.landmarks_training --help``."""

import copy
import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.landmarks import LandmarkConfig, LandmarkModel
from swapcast.models.landmarks_augment import Batch, Pool, batch
from swapcast.models.landmarks_data import (
    MeshTeacher,
    Sample,
    clip_pictures,
    faceless,
    marked,
    read_picture,
    rendered,
    samples,
    stored,
)
from swapcast.models.landmarks_evaluation import Evaluate, evaluate
from swapcast.models.landmarks_turning import Picture, triangles

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Gather:
    """Mark faces with the teacher, turn them, and keep all in one folder."""

    pictures: tuple[Path, ...] = ()
    """Folders of JPEG pictures with one face each."""
    clips: tuple[Path, ...] = ()
    """Videos with one talker each."""
    finder: Path
    """YuNet ONNX file."""
    mesh: Path
    """Face-mesh ONNX file."""
    canonical: Path
    """``canonical_face_model.obj``."""
    out: Path
    """Folder for the arrays."""
    turns: int = 6
    """Further views of each picture; clips get a third of it for each frame."""
    rendered: Path | None = None
    """Folder of renders by `render_sets`, to be marked by the teacher as well."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train from a folder made by ``gather``; goes on where it stopped."""

    pool: Path
    """Folder made by ``gather``."""
    rendered: Path | None = None
    """Folder of ``*.npz`` with exact landmarks: images, landmarks, visibility."""
    run: Path
    """Folder of checkpoints."""
    start: Path | None = None
    """ONNX file whose weights to begin with, as `swapcast.export.landmarks` wrote it."""
    minutes: float = 60
    """Training time in all, over restarts."""
    samples: int = 64
    """Crops a step."""
    rate: float = 2e-3
    """Peak learning rate."""


def gather(settings: Gather) -> None:
    """Make the pool of stored faces and of pictures without one."""
    teacher = MeshTeacher(settings.finder, settings.mesh)
    faces = triangles(settings.canonical)
    found: list[Sample] = []
    empty: list[Picture] = []
    files = [file for folder in settings.pictures for file in sorted(folder.glob("*.jpg"))]
    for file in files:
        picture = read_picture(file)
        made = list(samples(iter([picture]), teacher, faces, settings.turns))
        found += made
        empty += faceless(picture, teacher, 4)
    for clip in settings.clips:
        pictures = list(clip_pictures(clip))
        found += samples(iter(pictures), teacher, faces, settings.turns // 3)
        empty += [patch for picture in pictures[::5] for patch in faceless(picture, teacher, 2)]
    if settings.rendered is not None:
        answers = (marked(*one[:2], teacher, faces) for one in rendered(settings.rendered))
        found += [answer for answer in answers if answer is not None]
    settings.out.mkdir(parents=True, exist_ok=True)
    np.save(settings.out / "pictures.npy", np.stack([sample.picture for sample in found]))
    np.save(settings.out / "landmarks.npy", np.stack([sample.landmarks for sample in found]))
    np.save(settings.out / "visible.npy", np.stack([sample.visible for sample in found]))
    np.save(settings.out / "backgrounds.npy", np.stack(empty))
    _log.info("%d faces, %d pictures without one", len(found), len(empty))


def load_pool(folder: Path, renders: Path | None) -> Pool:
    """Read what ``gather`` made, and renders with exact landmarks."""
    names = ("pictures", "landmarks", "visible", "backgrounds")
    pictures, landmarks, visible, backgrounds = (np.load(folder / f"{name}.npy") for name in names)
    more = [] if renders is None else [stored(*one) for one in rendered(renders)]
    if more:
        pictures = np.concatenate([pictures, np.stack([sample.picture for sample in more])])
        landmarks = np.concatenate([landmarks, np.stack([sample.landmarks for sample in more])])
        visible = np.concatenate([visible, np.stack([sample.visible for sample in more])])
    return Pool(pictures, landmarks, visible, backgrounds)


def load_exported(model: LandmarkModel, file: Path) -> None:
    """Fill ``model`` with the weights of an exported one, whose filters hold the batch statistics.

    The statistics become those that change nothing; a network so filled learns in evaluation
    mode, in which they stay so.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no network at {file}")
    graph = onnx.load(str(file)).graph
    weights = {
        weight.name.removesuffix(".half"): torch.from_numpy(
            onnx.numpy_helper.to_array(weight).astype(np.float32)
        )
        for weight in graph.initializer
    }
    layers = iter(_in_order(model))
    with torch.no_grad():
        for node in graph.node:
            if node.op_type not in ("Conv", "Gemm"):
                continue
            layer = next(layers)
            layer.get_parameter("weight").copy_(weights[node.input[1]])
            if layer.bias is None:
                layer = next(layers)
                assert isinstance(layer, nn.BatchNorm2d)
                layer.weight.fill_(math.sqrt(1 + layer.eps))
            layer.get_parameter("bias").copy_(weights[node.input[2]])


def _in_order(model: LandmarkModel) -> list[nn.Module]:
    """Return the layers with weights in the order in which they are called, as a file has them."""
    called: list[nn.Module] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_: called.append(layer))
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    ]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, model.config.size, model.config.size))
    for hook in hooks:
        hook.remove()
    return called


def loss_of(model: LandmarkModel, made: Batch) -> dict[str, Tensor]:
    """Compare what the network says with what is so.

    The points' loss is the wing loss (Feng et al., CVPR 2018, arXiv:1711.06753), its width 10 %
    and its curvature 2 % of the distance between the outer corners of the eyes. For profiles
    this is at least a quarter of the face's extent.
    """
    crops = torch.from_numpy(made.crops).contiguous(memory_format=torch.channels_last)
    points, visible = torch.from_numpy(made.points), torch.from_numpy(made.visible)
    presence = torch.from_numpy(made.presence)
    with torch.autocast("cpu", torch.bfloat16):
        said, there, seen = model(crops)
    width, curve = 10.0, 2.0
    span = (points.amax(1) - points.amin(1)).amax(1).clamp_min(1)
    eyes = (points[:, 36] - points[:, 45]).norm(dim=1)
    away = (said - points).abs() * (100 / torch.maximum(eyes, span / 4))[:, None, None]
    bend = width - width * float(np.log(1 + width / curve))
    wing = torch.where(away < width, width * torch.log1p(away / curve), away - bend)
    share = presence[:, None] * (0.5 + 0.5 * visible)
    count = presence.sum().clamp_min(1)
    hidden = F.binary_cross_entropy_with_logits(seen.float(), visible, reduction="none")
    return {
        "points": (wing.mean(2) * share).sum() / (68 * count),
        "presence": F.binary_cross_entropy_with_logits(there[:, 0].float(), presence),
        "visible": (hidden * presence[:, None]).sum() / (68 * count),
        "percent": (away.detach().norm(dim=2) * presence[:, None]).sum() / (68 * count),
    }


class _Run:
    """A training that can stop and go on."""

    def __init__(self, settings: Train) -> None:
        self.settings = settings
        self.model = LandmarkModel(LandmarkConfig()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.folded = settings.start is not None
        if settings.start is not None:
            load_exported(self.model, settings.start)
        self.average = copy.deepcopy(self.model)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 1e-3, weight_decay=1e-3)
        self.step, self.spent, self.rendered = 0, 0.0, 0
        self.file = settings.run / "last.pt"
        if self.file.exists():
            kept = torch.load(self.file, weights_only=True)
            self.model.load_state_dict(kept["model"])
            self.average.load_state_dict(kept["average"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step, self.spent = kept["step"], kept["spent"]
            self.folded = kept.get("folded", False)
        self.model.train(not self.folded)

    def save(self) -> None:
        """Write the checkpoint in one go."""
        whole = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "config": json.dumps(asdict(self.model.config)),
            "step": self.step,
            "spent": self.spent,
            "rendered": self.rendered,
            "folded": self.folded,
        }
        part = self.file.with_suffix(".part")
        torch.save(whole, part)
        part.replace(self.file)

    def learn(self, made: Batch) -> dict[str, float]:
        """Take one step; its rate falls along a cosine over the training time."""
        done = min(self.spent / (self.settings.minutes * 60), 1.0)
        rate = self.settings.rate * min(1.0, (self.step + 1) / 200)
        rate *= (1 + math.cos(math.pi * done)) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = rate + 1e-5
        losses = loss_of(self.model, made)
        whole = losses["points"] + 4 * losses["presence"] + 4 * losses["visible"]
        self.optimiser.zero_grad()
        whole.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 20.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.999, self.step / (self.step + 20))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for kept, new in pairs:
                kept.lerp_(new, 1 - keep)
            for kept, new in zip(self.average.buffers(), self.model.buffers(), strict=True):
                if kept.is_floating_point():
                    kept.lerp_(new, 1 - keep)
        return {name: float(value.detach()) for name, value in losses.items()}


def train(settings: Train) -> None:
    """Train until the time is used up, with a checkpoint every two minutes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    settings.run.mkdir(parents=True, exist_ok=True)
    pool, run = load_pool(settings.pool, settings.rendered), _Run(settings)
    _log.info("%d faces, %d backgrounds", len(pool.pictures), len(pool.backgrounds))
    run.rendered = len(list(settings.rendered.glob("*.npz"))) if settings.rendered else 0
    rng = np.random.default_rng(run.step)
    means: dict[str, float] = {}
    saved = began = time.monotonic()
    while run.spent < settings.minutes * 60:
        made = batch(pool, settings.samples, run.model.config.size, rng)
        for name, value in run.learn(made).items():
            means[name] = means.get(name, value) * 0.98 + value * 0.02
        now = time.monotonic()
        run.spent, began = run.spent + now - began, now
        if run.step % 100 == 0:
            told = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
            _log.info("step %d  %.1f min  %s", run.step, run.spent / 60, told)
        if now - saved > 120:
            run.save()
            saved = now
    run.save()


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    match tyro.cli(Gather | Train | Evaluate):
        case Gather() as settings:
            gather(settings)
        case Train() as settings:
            train(settings)
        case Evaluate() as settings:
            evaluate(settings)


if __name__ == "__main__":
    main()
