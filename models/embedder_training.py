"""Train identity embedders: ``python -m swapcast.models.embedder_training --help``.

``margin`` learns from identities alone (an angular-margin loss over people who do not exist): such
an embedder may judge a swapper in training. ``distil`` learns to say what another recogniser says
of a face, its vectors and how they lie to each other: such an embedder recognises people live, and
must never have a part in the training of a swapper.
"""

import copy
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn

from swapcast.models.embedder import (
    AngularMargin,
    Embedder,
    EmbedderSettings,
    read_embedder,
    write_embedder,
)
from swapcast.models.embedder_augment import Clean, Crowd, cut, rgb, seen_by, taken
from swapcast.models.embedder_data import TRAINING_TALKERS, gather, is_held_out, rendered

_log = logging.getLogger(__name__)

TEACHER_TEMPLATE = np.array(
    [
        (0.31556875, 0.46157413),
        (0.68262292, 0.45983393),
        (0.50026249, 0.64050535),
        (0.34947187, 0.82469196),
        (0.65343645, 0.82325790),
    ],
    np.float32,
)
"""Where face-reidentification-retail-0095 wants the five points, fractions of the crop's side: Open
Model Zoo's documentation."""
TEACHER_SIDE = 128
_TEACHER_LENGTH = 256
_SPREAD = 0.1  # temperature of the similarities
_FIRST = 256  # faces of which the vector is known before the first step
_KEPT = 1000  # faces of which the teacher's vector is kept
_DRAWN = "renders of mixed SFHQ-T2I faces on ICT-FaceKit heads (MIT, USC ICT); nobody real"
_NOBODY = (
    "AI-made portraits of SFHQ-T2I (MIT, David Beniaguev), turned, mixed and bent; nobody real"
)


@dataclass(frozen=True, kw_only=True)
class _Training:
    data: Path
    """Folder with faces_ai, clips, head3d and models."""
    people: Path
    """``.npz`` of the gathered people; made at the first call."""
    out: Path
    """The embedder, ``.safetensors``; its provenance goes beside it as ``.json``."""
    minutes: float = 30
    """Training time in all, over restarts."""
    samples: int = 64
    """Crops a step."""
    rate: float = 2e-3
    """Peak learning rate."""
    start: Path | None = None
    """An embedder to begin from."""


@dataclass(frozen=True, kw_only=True)
class Margin(_Training):
    """Learn people who do not exist by an angular-margin loss."""

    mixtures: int = 1500
    """People mixed from two others, beside the portraits."""
    rendered: Path | None = None
    """Folder of drawn people (people-*.npz); they make half of what is shown."""


@dataclass(frozen=True, kw_only=True)
class Distil(_Training):
    """Learn another recogniser's vectors."""

    pairs: float = 0.5
    """Weight of how the faces of a step lie to each other."""


Step = Callable[[np.random.Generator], tuple[Tensor, dict[str, float]]]


class _Run:
    """A training that can stop and go on."""

    def __init__(self, settings: _Training, provenance: list[dict[str, Any]]) -> None:
        self.settings, self.provenance = settings, provenance
        model = Embedder(EmbedderSettings())
        if settings.start is not None:
            model, before = read_embedder(settings.start)
            self.provenance = [*before, *provenance]
        self.model = model.train().requires_grad_(True)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model)
        self.others = nn.ModuleList()
        self.step, self.spent = 0, 0.0
        self.file = settings.out.with_suffix(".checkpoint.pt")

    def begin(self) -> None:
        """Make the optimiser, and take up an earlier state if there is one."""
        parameters = [*self.model.parameters(), *self.others.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, 1e-3, weight_decay=5e-4)
        if self.file.is_file():
            kept = torch.load(self.file, weights_only=True)
            self.model.load_state_dict(kept["model"])
            self.average.load_state_dict(kept["average"])
            self.others.load_state_dict(kept["others"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step, self.spent = kept["step"], kept["spent"]

    def save(self) -> None:
        """Write the checkpoint, the averaged weights and their provenance."""
        whole = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "others": self.others.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent,
        }
        part = self.file.with_suffix(".part")
        torch.save(whole, part)
        part.replace(self.file)
        steps = {"steps": self.step, "crops": self.step * self.settings.samples}
        provenance = [*self.provenance, {"role": "training", **steps}]
        write_embedder(self.average, provenance, self.settings.out)
        beside = self.settings.out.with_suffix(".json")
        beside.write_text(json.dumps(provenance, indent=1) + "\n")

    def learn(self, loss: Tensor) -> None:
        """Take one step; its rate falls along a cosine over the training time."""
        done = min(self.spent / (self.settings.minutes * 60), 1.0)
        rate = self.settings.rate * min(1.0, (self.step + 1) / 100)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * (1 + math.cos(math.pi * done)) / 2 + 1e-5
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.995, self.step / (self.step + 20))
        with torch.no_grad():
            for kept, new in zip(_numbers(self.average), _numbers(self.model), strict=True):
                kept.lerp_(new, 1 - keep)


def _numbers(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from (buffer for buffer in model.buffers() if buffer.is_floating_point())


def _vectors(model: Embedder, crops: list[NDArray[np.float32]]) -> Tensor:
    tensor = torch.from_numpy(np.stack(crops)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        vectors: Tensor = model(tensor)
    return vectors.float()


def _train(run: _Run, step: Step) -> None:
    settings, rng = run.settings, np.random.default_rng([run.step, 3])
    run.begin()
    means: dict[str, float] = {}
    saved = began = time.monotonic()
    while run.spent < settings.minutes * 60:
        loss, told = step(rng)
        run.learn(loss)
        now = time.monotonic()
        run.spent, began = run.spent + now - began, now
        for name, value in told.items():
            means[name] = means.get(name, value) * 0.98 + value * 0.02
        if run.step % 50 == 0:
            line = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
            _log.info("step %d  %.1f min  %s", run.step, run.spent / 60, line)
        if now - saved > 120:
            run.save()
            saved = now
    run.save()


def margin(settings: Margin) -> None:
    """Train by identities alone."""
    people = gather(settings.data, settings.people)
    names = tuple(n for n in people.names if n.isdigit() and not is_held_out(n))
    crowd = Crowd(people.of(names), settings.mixtures)
    sources: list[dict[str, Any]] = [
        {"role": "pictures", "what": _NOBODY, "people": len(names), "mixed": crowd.mixtures},
        {"role": "loss", "what": "angular margin over people"},
    ]
    drawn = None if settings.rendered is None else Crowd(rendered(settings.rendered))
    if drawn is not None:
        sources.append({"role": "pictures", "what": _DRAWN, "people": len(drawn)})
    run = _Run(settings, sources)
    classes = len(crowd) + (len(drawn) if drawn is not None else 0)
    head = AngularMargin(classes, run.model.settings.length)
    run.others.append(head)

    def face_of(number: int, rng: np.random.Generator) -> Clean:
        """Return a view of somebody, drawn or not."""
        if drawn is not None and number >= len(crowd):
            return drawn.one(number - len(crowd), rng)
        return crowd.one(number, rng)

    if settings.start is not None:  # what is known already says where everybody lies
        rng = np.random.default_rng(0)
        size = run.model.settings.size
        crops = (rgb(cut(face_of(number, rng), size)) for number in range(classes))
        with torch.no_grad():
            for number, crop in enumerate(crops):
                head.centres[number] = run.average.eval()(torch.from_numpy(crop)[None])[0]

    def step(rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        head.margin = 0.3 * min(
            1.0, run.step / 500
        )  # a margin from the start keeps it from learning
        who = rng.integers(0, len(crowd), settings.samples)
        if drawn is not None:
            half = settings.samples // 2
            who[:half] = rng.integers(len(crowd), classes, half)
        faces = [face_of(int(number), rng) for number in who]
        size, patches = run.model.settings.size, crowd.patches
        crops = [taken(face, size, patches, rng) for face in faces]
        vectors, wanted = _vectors(run.model, crops), torch.from_numpy(who)
        loss: Tensor = head(vectors, wanted)
        with torch.no_grad():
            near = (vectors @ nn.functional.normalize(head.centres, dim=1).mT).argmax(1)
        return loss, {"loss": float(loss.detach()), "right": float((near == wanted).float().mean())}

    _train(run, step)


class Teacher:
    """The recogniser that is learned from.

    Parameters
    ----------
    file : ONNX file of face-reidentification-retail-0095
    """

    def __init__(self, file: Path) -> None:
        import openvino  # noqa: PLC0415 - an extra; 15 times as fast here as ONNX Runtime

        options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
        self._network = openvino.Core().compile_model(str(file), "CPU", options)

    def __call__(self, crop: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 [256] of length 1 for float32 [3, 128, 128], BGR, 0…255."""
        vector = self._network(crop[None])[0].ravel().astype(np.float32)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


class _Known:
    """Clean faces and the teacher's vectors of them; new ones take the place of the oldest."""

    def __init__(self, crowd: Crowd, teacher: Teacher) -> None:
        self._crowd, self._teacher = crowd, teacher
        self._pairs: deque[tuple[Clean, NDArray[np.float32]]] = deque(maxlen=_KEPT)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[list[Clean], Tensor]:
        """Return faces, two and two of one picture, and vectors float32 [count, n] of length 1."""
        for _ in range(count // 4 if self._pairs else _FIRST):
            face = self._crowd.anybody(rng)
            vector = self._teacher(seen_by(face, TEACHER_TEMPLATE, TEACHER_SIDE))
            self._pairs.append((face, vector))
        picked = rng.choice(len(self._pairs), count // 2, replace=False).repeat(2)
        # What all faces have in common says nothing about who it is.
        middle = np.mean([vector for _, vector in self._pairs], 0)
        vectors = torch.from_numpy(np.stack([self._pairs[k][1] - middle for k in picked]))
        return [self._pairs[k][0] for k in picked], nn.functional.normalize(vectors, dim=1)


def distil(settings: Distil) -> None:
    """Train by another recogniser's vectors of clean faces; four pictures are taken of each."""
    people = gather(settings.data, settings.people)
    names = tuple(n for n in people.names if not is_held_out(n))
    crowd = Crowd(people.of(names))
    name = "openvino_omz/face-reidentification-retail-0095.onnx"
    teacher = Teacher(settings.data / "models" / name)
    pictures = {"role": "pictures", "what": _NOBODY, "people": len(names) - len(TRAINING_TALKERS)}
    grid = "GRID talkers (Cooke et al. 2006, CC BY 4.0); real people, recorded for research"
    real = {"role": "pictures", "what": grid, "people": list(TRAINING_TALKERS)}
    judge = {"role": "teacher", "what": "face-reidentification-retail-0095 (Intel, Apache-2.0)"}
    run = _Run(settings, [pictures, real, judge])

    length = run.model.settings.length
    head, known = nn.Linear(length, _TEACHER_LENGTH), _Known(crowd, teacher)
    run.others.append(head)

    def step(rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        faces, wanted = known.draw(settings.samples, rng)
        size, patches = run.model.settings.size, crowd.patches
        vectors = _vectors(run.model, [taken(face, size, patches, rng) for face in faces])
        alike = nn.functional.cosine_similarity(head(vectors), wanted).mean()
        # Contrastive: how the faces of a step lie to each other must be as plain as to the teacher.
        own = torch.eye(len(wanted), dtype=torch.bool)
        ours, theirs = (
            (one @ one.mT / _SPREAD).masked_fill(own, -1e4) for one in (vectors, wanted)
        )
        pairs = nn.functional.kl_div(ours.log_softmax(1), theirs.softmax(1), reduction="batchmean")
        loss = 1 - alike + settings.pairs * pairs
        return loss, {"cosine": float(alike.detach()), "pairs": float(pairs.detach())}

    _train(run, step)


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    match tyro.cli(Margin | Distil, prog="swapcast.models.embedder_training"):
        case Margin() as settings:
            margin(settings)
        case Distil() as settings:
            distil(settings)


if __name__ == "__main__":
    main()
