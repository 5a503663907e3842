"""SimSwap's ablation: the same data, seed and steps, one thing changed a variant.

``python -m swapcast.models.ablation --data A=… B=… --embedder FILE --out RUNS`` trains one variant
after the other, each in a folder of its own; run it again to go on. Export each and evaluate them
together to get the paper's figure: identity retrieval against pose error (docs/models.md).

The variants are those of Chen et al. 2020, section 4.4.
"""

import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tyro

from swapcast.models.augmentation import Augmentation
from swapcast.models.checkpoint import CheckpointError
from swapcast.models.faces import FaceSetError
from swapcast.models.simswap import SimSwapSettings
from swapcast.models.train_run import train
from swapcast.models.train_settings import TrainingError, TrainSettings

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "wFM": {},
    "oFM": {"matching": "full"},
    "nFM": {"matching": "none"},
    "wFM-FM-": {"features": 5.0},
    "wFM-id+": {"identity": 20.0},
}
"""What each changes of the settings: which layers are matched, or one weight, doubled or halved."""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Train every variant of SimSwap."""

    data: tuple[str, ...]
    """One ``NAME=FOLDER[,FOLDER…]`` for each identity, as for `swapcast train`."""
    embedder: str
    """File of the identity embedder."""
    out: Path
    """Folder for the runs: OUT/VARIANT-SEED."""
    steps: int = 20_000
    """Of each run."""
    seeds: tuple[int, ...] = (0,)
    """A run for each."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Names of those that are trained."""
    model: SimSwapSettings = field(default_factory=SimSwapSettings)
    """What all variants share."""
    batch: int = 4
    """Faces of each identity in a batch."""
    rate: float = 4e-4


def runs(settings: Ablation) -> list[TrainSettings]:
    """Return the trainings, in the order in which they are run.

    Raises
    ------
    TrainingError
        If a variant is unknown.
    """
    unknown = [name for name in settings.variants if name not in VARIANTS]
    if unknown:
        raise TrainingError(f"no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    common = replace(settings.model, embedder=settings.embedder)
    return [
        TrainSettings(
            data=settings.data,
            out=settings.out / f"{name}-{seed}",
            model=replace(common, **VARIANTS[name]),
            augmentation=Augmentation(turn=3, warp=0.005),
            steps=settings.steps,
            batch=(settings.batch,),
            rate=settings.rate,
            warm_up=50,
            seed=seed,
            resume=True,
        )
        for seed in settings.seeds
        for name in settings.variants
    ]


def main(args: Sequence[str]) -> None:
    """Run the command; what cannot work ends it with one line and exit code 1."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    settings = tyro.cli(Ablation, prog="swapcast.models.ablation", args=list(args))
    try:
        for one in runs(settings):
            sys.stderr.write(f"{one.out.name}\n")
            train(one)
    except (TrainingError, FaceSetError, CheckpointError) as error:
        sys.exit(f"swapcast: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
