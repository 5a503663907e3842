"""How far a student's face is from the exact one."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from swapcast.models.losses import weighted_l1
from swapcast.models.pair_feed import PairBatch


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
