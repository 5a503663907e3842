"""What a user can say about a training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from swapcast.models.augmentation import Augmentation
from swapcast.models.shared_autoencoder import AutoencoderSettings


class TrainingError(Exception):
    """A training that cannot start or go on. The text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What to learn, from whom, and for how long."""

    data: tuple[str, ...]
    """One ``NAME=FOLDER[,FOLDER…]`` for each identity: its name and its face sets."""
    out: Path
    """Folder of the run."""
    model: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    """Form of the network and its loss."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How faces are changed before the network sees them."""
    steps: int = 100_000
    """Batches to learn from, those of a resumed run included."""
    batch: tuple[int, ...] = (16,)
    """Faces of each identity in a batch: one number for all, or one for each."""
    rate: float = 5e-5
    """Step size of Adam; its momentum is 0.5, as published."""
    average: float = 0.999
    """Share of the old mean in the running mean of the weights, which is what is exported."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Number format of the convolutions; weights stay fp32."""
    seed: int = 0
    """Of all random numbers."""
    save_every: float = 120.0
    """Seconds between two checkpoints."""
    resume: bool = False
    """Go on with the run in ``out``."""
    start: Path | None = None
    """A finished run whose encoder, and decoders of the same names, are taken to begin with."""

    def check(self) -> None:
        """Make sure that the values can work together.

        Raises
        ------
        TrainingError
            If they cannot.
        """
        if not self.data:
            raise TrainingError("no faces to learn from; give --data NAME=FOLDER for each identity")
        if len(self.batch) not in {1, len(self.data)}:
            raise TrainingError(
                f"--batch has {len(self.batch)} numbers for {len(self.data)} identities; "
                "give one for all, or one for each"
            )
        for value, name in ((self.steps, "steps"), (min(self.batch), "batch"), (self.rate, "rate")):
            if not value > 0:
                raise TrainingError(f"--{name} is {value}; it must be above 0")
        if not 0 <= self.average < 1:
            raise TrainingError(f"--average is {self.average}; it must be at least 0 and below 1")
