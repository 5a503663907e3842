"""``python -m swapcast.models.student_evaluation RUN --data PAIRS``: swaps against the exact frame.

Each pair is judged inside its mask by PSNR (root of the mean square over the mask's pixels) and by
SSIM (Wang et al., 2004; here over 7×7 boxes): the student's picture beside what costs nothing: the
driver as it is, the driver in the target's mean colours, and the mean of all targets.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from swapcast.models.architectures import load_model
from swapcast.models.augmentation import Augmentation
from swapcast.models.checkpoint import CheckpointError, read_checkpoint
from swapcast.models.losses import dssim
from swapcast.models.pair_feed import PairBatch, PairFeed
from swapcast.models.student import Student
from swapcast.models.training import CHECKPOINT

Figures = dict[str, list[float]]

_AT_ONCE = 8
_CHANGED = 0.004  # mean difference of driver and target, below which there is nothing to swap


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Hold a student against exact frames that it never learned from."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    data: Path
    """Folder of pairs that were kept apart."""
    most: int = 400
    """Pairs that are taken, evenly."""
    views: bool = True
    """Whether each person's vector is the mean of all views; else the first one's only."""


def evaluate(settings: Settings) -> dict[str, dict[str, float]]:
    """Return each way's mean PSNR in dB, its SSIM, and the share of pairs in which it is best.

    Raises
    ------
    CheckpointError
        If it is no student's training.
    ValueError
        If there are no pairs.
    """
    path = settings.run
    student = load_model(read_checkpoint(path / CHECKPOINT if path.is_dir() else path))
    if not isinstance(student, Student):
        raise CheckpointError(f"{path} is a {student.architecture}, no student")
    feed = PairFeed([settings.data], student.size, Augmentation(), torch.device("cpu"))
    chosen = np.linspace(0, len(feed) - 1, min(settings.most, len(feed))).round().astype(int)
    parts = [chosen[k : k + _AT_ONCE].tolist() for k in range(0, len(chosen), _AT_ONCE)]
    average = torch.stack([feed.batch(part, None).target.mean(0) for part in parts]).mean(0)
    psnr: Figures = {}
    ssim: Figures = {}
    for part in parts:
        batch = feed.batch(part, None)
        vectors = _vectors(student, feed, part, settings.views)
        with torch.no_grad():
            ways = {
                "student": student.like(batch.driver, vectors).face,
                "driver": batch.driver,
                "driver in its colours": in_colours(batch),
                "mean face": average.expand_as(batch.driver),
            }
        for row in _swapped(batch):
            for name, pictures in ways.items():
                one = (pictures[row], batch.target[row], batch.face[row])
                psnr.setdefault(name, []).append(psnr_in(*one))
                ssim.setdefault(name, []).append(ssim_in(*one))
    return _summary(psnr, ssim)


def _vectors(student: Student, feed: PairFeed, part: Sequence[int], all_views: bool) -> Tensor:
    rows = []
    for index in part:
        views = torch.from_numpy(np.array(feed.views(index))).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            rows.append(student.portraits(views if all_views else views[:1]).mean(0))
    read = torch.stack(rows)
    length = student.settings.vector
    direction = torch.nn.functional.normalize(read[:, :length], dim=1)
    return torch.cat([direction, read[:, length:]], 1)


def _swapped(batch: PairBatch) -> list[int]:
    """Return the rows in which there is something to swap."""
    apart = ((batch.driver - batch.target).abs() * batch.face).mean((1, 2, 3))
    return [row for row, far in enumerate(apart) if float(far) > _CHANGED]


def in_colours(batch: PairBatch) -> Tensor:
    """Return the drivers with the targets' mean and deviation of each colour in the mask."""

    def statistics(pictures: Tensor) -> tuple[Tensor, Tensor]:
        total = batch.face.sum((2, 3), keepdim=True).clamp_min(1)
        mean = (pictures * batch.face).sum((2, 3), keepdim=True) / total
        spread = ((pictures - mean).square() * batch.face).sum((2, 3), keepdim=True) / total
        return mean, spread.sqrt().clamp_min(1e-3)

    (mean, spread), (goal, wide) = statistics(batch.driver), statistics(batch.target)
    matched = (batch.driver - mean) / spread * wide + goal
    return torch.where(batch.face > 0, matched.clamp(0, 1), batch.driver)


def psnr_in(made: Tensor, target: Tensor, mask: Tensor) -> float:
    """Return dB for float32 [3, h, w] 0…1 and the mask [1, h, w]."""
    square = ((made - target).square() * mask).sum() / (3 * mask.sum()).clamp_min(1)
    return float(-10 * torch.log10(square.clamp_min(1e-10)))


def ssim_in(made: Tensor, target: Tensor, mask: Tensor) -> float:
    """Return 1 for equal pictures, float32 [3, h, w] 0…1, in the mask [1, h, w]."""
    return 1 - 2 * float(dssim(made[None], target[None], mask[None]))


def _summary(
    psnr: Mapping[str, list[float]], ssim: Mapping[str, list[float]]
) -> dict[str, dict[str, float]]:
    best = np.stack([np.asarray(values) for values in psnr.values()]).argmax(0)
    return {
        name: {
            "pairs": len(psnr[name]),
            "psnr_db": round(float(np.mean(psnr[name])), 2),
            "ssim": round(float(np.mean(ssim[name])), 4),
            "best": round(float((best == place).mean()), 3),
        }
        for place, name in enumerate(psnr)
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program: one line of JSON."""
    settings = tyro.cli(Settings, prog="python -m swapcast.models.student_evaluation", args=argv)
    try:
        found = evaluate(settings)
    except (CheckpointError, ValueError) as error:
        sys.exit(f"swapcast: {error}")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
