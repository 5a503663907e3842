"""Discriminators and what they play for."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from swapcast.models.blocks import SLOPE


class Projection(nn.Module):
    """Tell real pictures from made ones, given what they should show.

    The projection discriminator of Miyato and Koyama, "cGANs with Projection Discriminator", 2018,
    with the spectral normalisation of Miyato et al., 2018.

    Parameters
    ----------
    size : side of the pictures, pixels
    widths : channels after each halving
    condition : length of the vector that says what the picture should show
    """

    def __init__(self, size: int, widths: Sequence[int], condition: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((3, *widths)):
            layers += [spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(SLOPE)]
        self.features = nn.Sequential(*layers)
        length = widths[-1] * (size >> len(widths)) ** 2
        self.judge = spectral_norm(nn.Linear(length, 1))
        self.project = spectral_norm(nn.Linear(condition, length, bias=False))

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        """Return float32 [n]: above 0 for real, below for made.

        Parameters
        ----------
        pictures : float32 [n, 3, size, size], 0…1
        condition : float32 [n, condition]
        """
        features = self.features(2 * pictures - 1).flatten(1).float()
        fits = (self.project(condition) * features).sum(1)
        judged: Tensor = (self.judge(features).squeeze(1) + fits).float()
        return judged


class Patches(nn.Module):
    """Judge a picture patch by patch, and show what every layer makes of it.

    The discriminator of Isola et al., "Image-to-Image Translation with Conditional Adversarial
    Networks", 2017, with the layers' answers shown as in Wang et al., "High-Resolution Image
    Synthesis and Semantic Manipulation with Conditional GANs", 2018.

    Parameters
    ----------
    widths : channels, layer by layer; all but the last layer halve the picture
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for index, (a, b) in enumerate(pairwise((3, *widths))):
            stride = 2 if index < max(1, len(widths) - 1) else 1
            conv = nn.Conv2d(a, b, 4, stride=stride, padding=2)
            norm = nn.Identity() if index == 0 else nn.InstanceNorm2d(b)
            self.layers.append(nn.Sequential(conv, norm, nn.LeakyReLU(0.2)))
        self.judge = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return each layer's answer, float [n, c, h, w]; the last one is the judgement.

        Parameters
        ----------
        pictures : float32 [n, 3, h, w], 0…1
        """
        x = 2 * pictures - 1
        answers = []
        for layer in self.layers:
            x = layer(x)
            answers.append(x)
        return [*answers, self.judge(x).float()]


def hinge_of_judge(real: Tensor, made: Tensor) -> Tensor:
    """Return the discriminator's hinge loss: Lim and Ye, "Geometric GAN", 2017."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def hinge_of_maker(made: Tensor) -> Tensor:
    """Return the generator's hinge loss."""
    return -made.mean()


def steepness(judged: Tensor, pictures: Tensor) -> Tensor:
    """Return the mean square of the judgement's slope at real pictures.

    The penalty R1 of Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually
    Converge?", 2018.

    Parameters
    ----------
    judged : float32 [n], made from ``pictures``
    pictures : float32 [n, c, h, w] that asks for its gradient
    """
    (slope,) = torch.autograd.grad(judged.sum(), pictures, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


def unlike_slope(judged: Tensor, pictures: Tensor) -> Tensor:
    """Return how far the judgement's slope is from 1, squared, on average.

    The penalty of Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.

    Parameters
    ----------
    judged : float32 [n, …], made from ``pictures``
    pictures : float32 [n, c, h, w] that asks for its gradient
    """
    (slope,) = torch.autograd.grad(judged.sum(), pictures, create_graph=True)
    lengths = slope.flatten(1).square().sum(1).sqrt()
    return (lengths - 1).square().mean()
