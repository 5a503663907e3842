"""What a user can say about a training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from swapcast.models.augmentation import Augmentation
from swapcast.models.shared_autoencoder import AutoencoderSettings
from swapcast.models.swap_model import ModelSettings


class TrainingError(Exception):
    """A training that cannot start or go on. The text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What to learn, from whom, and for how long."""

    data: tuple[str, ...]
    """One ``NAME=FOLDER[,FOLDER…]`` for each identity: its name and its face sets."""
    out: Path
    """Folder of the run."""
    model: ModelSettings = field(default_factory=AutoencoderSettings)
    """Form of the network and its loss."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How faces are changed before the network sees them."""
    steps: int = 100_000
    """Batches to learn from, those of a resumed run included."""
    until: str = ""
    """Stop earlier, at ``NAME=VALUE``: when that part of the loss (``loss``: all of it) is no
    larger, as running mean. ``loss=0.02`` is what the first tutorials advise."""
    batch: tuple[int, ...] = (16,)
    """Faces of each identity in a batch: one number for all, or one for each."""
    accumulate: int = 1
    """Batches whose gradients are added up before the weights move."""
    rate: float = 5e-5
    """Step size of Adam; its momentum is 0.5, as published."""
    warm_up: int = 0
    """Steps over which the step size grows from nothing."""
    decay: Literal["none", "cosine"] = "none"
    """Whether the step size falls along a cosine until the last of ``steps``."""
    average: float = 0.999
    """Share of the old mean in the running mean of the weights, which is what is exported."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """Number format of the convolutions; weights stay fp32. fp16 needs a GPU."""
    seed: int = 0
    """Of all random numbers."""
    save_every: float = 120.0
    """Seconds between two checkpoints."""
    resume: bool = False
    """Go on with the run in ``out``."""
    start: Path | None = None
    """A finished run of the same form, whose weights are taken to begin with; identities that it
    does not know begin anew. ``base``: the bundled network, for live-128."""

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
        for value, name in (
            (self.steps, "steps"),
            (min(self.batch), "batch"),
            (self.accumulate, "accumulate"),
            (self.rate, "rate"),
        ):
            if not value > 0:
                raise TrainingError(f"--{name} is {value}; it must be above 0")
        if self.warm_up < 0:
            raise TrainingError(f"--warm-up is {self.warm_up}; it must be at least 0")
        if not 0 <= self.average < 1:
            raise TrainingError(f"--average is {self.average}; it must be at least 0 and below 1")
        self.goal()

    def goal(self) -> tuple[str, float] | None:
        """Return the part of the loss and the value that end the run; None without.

        Raises
        ------
        TrainingError
            If ``until`` is not of the form NAME=VALUE.
        """
        if not self.until:
            return None
        name, _, value = self.until.partition("=")
        try:
            return name, float(value)
        except ValueError as error:
            raise TrainingError(
                f"--until {self.until!r} is not of the form NAME=VALUE, as loss=0.02"
            ) from error
