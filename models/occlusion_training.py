"""Train the occlusion network: ``python -m swapcast.models.occlusion_training --help``.

One command gathers the faces, trains, and goes on where it stopped::

    python -m swapcast.models.occlusion_training train --data DATA --pairs PAIRS… --run RUN
"""

import copy
import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.landmarks import LandmarkConfig, LandmarkModel
from swapcast.models.landmarks_training import load_exported
from swapcast.models.occlusion import OcclusionModel, OcclusionSettings, write_occlusion
from swapcast.models.occlusion_data import Faces, Sample, gather, load, patches_of, sample, save
from swapcast.models.occlusion_evaluation import Evaluate, evaluate

_log = logging.getLogger(__name__)

_KEPT = 1500  # samples in memory, each used about four times
_NEW = 8  # of each step's samples
_PORTRAITS = 0.55  # of the samples show portraits, the others drawn people
_NOBODY = "AI-made portraits of SFHQ-T2I (MIT, David Beniaguev); nobody real"
_DRAWN = "pairs drawn of such people on ICT-FaceKit heads (MIT, USC ICT); nobody real"
_BEGUN = (
    "first stages of landmarks.onnx of this package, which learned from SFHQ-T2I portraits (MIT), "
    "renders of ICT-FaceKit heads (MIT) and four GRID talkers (Cooke et al. 2006, CC BY 4.0)"
)
_LAID = "hands, hair, microphones, glasses and things drawn before them, with exact masks"


@dataclass(frozen=True, kw_only=True)
class Train:
    """Gather faces and train; goes on where it stopped."""

    data: Path
    """Folder with faces_ai and models."""
    run: Path
    """Folder for the faces, the checkpoint and the network (occlusion.pt)."""
    pairs: tuple[Path, ...] = ()
    """Folders of drawn pairs."""
    most: int = 1200
    """Pairs of each folder."""
    start: Path = Path(str(resources.files("swapcast.assets") / "landmarks.onnx"))
    """Landmark network whose first stages it begins with."""
    minutes: float = 30
    """Processor time in all, over restarts: others may compute beside it."""
    samples: int = 32
    """Crops a step."""
    rate: float = 2e-3
    """Peak learning rate."""


class _Store:
    """Samples that are used a few times, mirrored in light and place by then already."""

    def __init__(self, faces: Faces, size: int) -> None:
        self._faces, self._size, self._patches = faces, size, patches_of(faces)
        plain = np.array(["/" not in name for name in faces.names.tolist()])
        self._kinds = np.flatnonzero(plain), np.flatnonzero(~plain)
        self._kept: deque[Sample] = deque(maxlen=_KEPT)

    def draw(self, count: int, rng: np.random.Generator) -> list[Sample]:
        """Return samples, some of them new."""
        for _ in range(_NEW if self._kept else 4 * count):
            drawn = rng.random() > _PORTRAITS and len(self._kinds[1])
            number = int(rng.choice(self._kinds[1 if drawn else 0]))
            self._kept.append(sample(self._faces, number, self._patches, self._size, rng))
        return [self._kept[int(k)] for k in rng.integers(0, len(self._kept), count)]


class _Run:
    """A training that can stop and go on."""

    def __init__(self, settings: Train, provenance: list[dict[str, Any]]) -> None:
        self.settings, self.provenance = settings, provenance
        self.model = OcclusionModel(OcclusionSettings())
        reader = LandmarkModel(LandmarkConfig())
        load_exported(reader, settings.start)
        self.model.begin_as(reader)
        self.model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 1e-3, weight_decay=1e-3)
        self.step, self.spent = 0, 0.0
        self.file = settings.run / "last.pt"
        if self.file.is_file():
            kept = torch.load(self.file, weights_only=True)
            self.model.load_state_dict(kept["model"])
            self.average.load_state_dict(kept["average"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step, self.spent = kept["step"], kept["spent"]

    def save(self) -> None:
        """Write the checkpoint and the averaged weights."""
        whole = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent,
        }
        part = self.file.with_suffix(".part")
        torch.save(whole, part)
        part.replace(self.file)
        done = {"role": "training", "steps": self.step, "crops": self.step * self.settings.samples}
        done |= {"minutes": round(self.spent / 60, 1)}
        write_occlusion(self.average, [*self.provenance, done], self.settings.run / "occlusion.pt")

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


def loss_of(model: OcclusionModel, samples: list[Sample]) -> tuple[Tensor, dict[str, float]]:
    """Compare what the network says with what is so.

    Cross entropy of the pixels, and the Dice loss (Milletari et al., "V-Net", 3DV 2016) over the
    step, for covers are a small part of the pixels.
    """
    crops = torch.from_numpy(np.stack([one.crop for one in samples]))
    cover = torch.from_numpy(np.stack([one.cover for one in samples]))
    weight = torch.from_numpy(np.stack([one.weight for one in samples]))
    with torch.autocast("cpu", torch.bfloat16):
        said = model(crops.contiguous(memory_format=torch.channels_last))
    odds = said[:, 0].float()
    pixels = F.binary_cross_entropy_with_logits(odds, cover, reduction="none")
    entropy = (pixels * weight).sum() / weight.sum()
    share = odds.sigmoid()
    both = (share * cover * weight).sum()
    dice = 1 - 2 * both / ((share + cover) * weight).sum().clamp_min(1)
    with torch.no_grad():
        there, found = (cover > 0.5) & (weight > 0.5), (odds > 0) & (weight > 0.5)
        overlap = (there & found).sum() / (there | found).sum().clamp_min(1)
    told = {"entropy": float(entropy.detach()), "dice": float(dice.detach())}
    return entropy + 0.5 * dice, told | {"iou": float(overlap)}


def train(settings: Train) -> None:
    """Train until the time is used up, with a checkpoint every two minutes."""
    torch.set_num_threads(1)
    settings.run.mkdir(parents=True, exist_ok=True)
    kept = settings.run / "faces.npz"
    if not kept.is_file():
        save(gather(settings.data, settings.pairs, settings.most), kept)
    faces = load(kept)
    plain = sum("/" not in name for name in faces.names.tolist())
    run = _Run(
        settings,
        [
            {"role": "pictures", "what": _NOBODY, "people": plain},
            {"role": "pictures", "what": _DRAWN, "pictures": len(faces) - plain},
            {"role": "covers", "what": _LAID},
            {"role": "start", "what": _BEGUN},
        ],
    )
    store, rng = _Store(faces, run.model.settings.size), np.random.default_rng([run.step, 11])
    means: dict[str, float] = {}
    saved, began = time.monotonic(), time.process_time()
    while run.spent < settings.minutes * 60:
        loss, told = loss_of(run.model, store.draw(settings.samples, rng))
        run.learn(loss)
        used = time.process_time()
        run.spent, began = run.spent + used - began, used
        for name, value in told.items():
            means[name] = means.get(name, value) * 0.98 + value * 0.02
        if run.step % 50 == 0:
            line = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
            _log.info("step %d  %.1f min  %s", run.step, run.spent / 60, line)
        if time.monotonic() - saved > 120:
            run.save()
            saved = time.monotonic()
    run.save()


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    match tyro.cli(Train | Evaluate, prog="swapcast.models.occlusion_training"):
        case Train() as settings:
            train(settings)
        case Evaluate() as settings:
            evaluate(settings)


if __name__ == "__main__":
    main()
