"""How far a student's face is from the exact one."""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from swapcast.models.embedder import Embedder, read_embedder
from swapcast.models.losses import weighted_l1
from swapcast.models.pair_feed import PairBatch
from swapcast.models.student_settings import StudentSettings


class Weights(Protocol):
    """How much each part counts."""

    @property
    def detail(self) -> float:
        """The differences between neighbouring pixels."""

    @property
    def mask(self) -> float:
        """The mask."""

    @property
    def features(self) -> float:
        """Eyes and mouth, against the rest of the face."""

    @property
    def outside(self) -> float:
        """What lies off the face, against the face."""


def compare(made: Tensor, mask: Tensor, batch: PairBatch, weights: Weights) -> dict[str, Tensor]:
    """Compare faces with the exact ones, pixel by pixel and neighbour by neighbour.

    Parameters
    ----------
    made : float32 [n, 3, h, w]
    mask : float32 [n, 1, h, w], logits
    batch : with the exact ones
    weights : of the parts

    Returns
    -------
    dict of float32 []
    """
    where = weights.outside + (1 - weights.outside) * batch.face
    where = where + (weights.features - 1) * batch.features
    apart = made - batch.target
    nothing = torch.zeros_like(apart)
    return {
        "l1": weighted_l1(apart, nothing, where),
        "detail": weights.detail * _detail(apart, where),
        "mask": weights.mask * F.binary_cross_entropy_with_logits(mask, batch.face),
    }


def _detail(apart: Tensor, where: Tensor) -> Tensor:
    """Return how differently neighbours differ, at full, half and quarter size.

    What is left of an error when its blur is taken off: an L1 loss on colours alone is content with
    the median of all brows that could be there.
    """
    parts = []
    for _ in range(3):
        for axis in (2, 3):
            slope = apart.diff(dim=axis)
            parts.append(
                weighted_l1(
                    slope, torch.zeros_like(slope), where.narrow(axis, 1, slope.shape[axis])
                )
            )
        apart, where = F.avg_pool2d(apart, 2), F.avg_pool2d(where, 2)
    return torch.stack(parts).sum() / 2


def shown(mask: Tensor) -> Tensor:
    """Return how much of a face shows, 0…1, for the logits of how much of it is another's.

    A made face passes over into the driver's by itself, at hair and brows. Were it blended once
    more by that share, the driver's brows would show through; so a quarter of it counts as all.
    """
    return (4 * mask.sigmoid()).clamp(max=1)


def pick_window(settings: StudentSettings, step: int) -> tuple[int, int, int] | None:
    """Return left, top and side of the part of the crop that a batch shows; None: all of it."""
    if step % settings.whole == 0 or settings.window >= settings.size:
        return None
    cell, side = 1 << len(settings.widths), settings.window
    left, top = (cell * torch.randint((settings.size - side) // cell + 1, (2,))).tolist()
    return left, top, side


class Likeness:
    """Judges by a recogniser of our own how alike made faces are to the exact ones, and to drivers.

    The recogniser learns nothing here and is no part of what is kept.
    """

    def __init__(self) -> None:
        self._teacher: Embedder | None = None

    def begin(self, settings: StudentSettings) -> None:
        """Read the recogniser that the settings name, if they name one.

        Raises
        ------
        EmbedderError
            If the file cannot be used.
        """
        if settings.teacher:
            self._teacher = read_embedder(Path(settings.teacher))[0]

    def __call__(
        self, made: Tensor, mask: Tensor, batch: PairBatch, settings: StudentSettings
    ) -> dict[str, Tensor]:
        """Return the weighted losses of faces as a viewer sees them, over their drivers.

        Parameters
        ----------
        made : float32 [n, 3, size, size]
        mask : float32 [n, 1, size, size], logits
        batch : with drivers and exact faces

        Returns
        -------
        dict of float32 []
            ``identity``: 1 − cosine to the exact faces. ``hide``: how much more alike they are to
            their drivers than the exact ones, which are strangers at most. None without recogniser.
        """
        if self._teacher is None:
            return {}
        teacher = self._teacher.to(made.device)
        share = shown(mask.float())
        worn = share * made + (1 - share) * batch.driver
        with torch.no_grad():
            exact, driver = (teacher(batch.align(p)).float() for p in (batch.target, batch.driver))
            allowed = (exact * driver).sum(1)
        seen = teacher(batch.align(worn)).float()
        known = F.relu((seen * driver).sum(1) - allowed)
        return {
            "identity": settings.identity * (1 - (seen * exact).sum(1)).mean(),
            "hide": settings.identity * known.mean(),
        }
