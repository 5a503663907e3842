"""The compact student's layers: convolutions that an identity modulates and adds to."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapcast.models.student_settings import StudentSettings

SLOPE = 0.1


class Modulated(nn.Module):
    """A 3×3 convolution whose channels an identity's vector scales and shifts.

    Parameters
    ----------
    channels, out : of the convolution
    length : of the vector
    gain : of the weights at the start, of what keeps a signal's size
    """

    def __init__(self, channels: int, out: int, length: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.style = nn.Linear(length, 2 * out)
        nn.init.kaiming_normal_(self.conv.weight, a=SLOPE)
        self.conv.weight.data.mul_(gain)
        nn.init.zeros_(self.conv.bias if self.conv.bias is not None else self.style.bias)
        nn.init.normal_(self.style.weight, std=0.1 / math.sqrt(length))
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Return float [n, out, h, w] for float [n, channels, h, w] and vectors [n, length]."""
        y: Tensor = self.conv(x)
        if vectors.shape[1] == 0:  # baked
            return y
        scale, shift = self.style(vectors)[:, :, None, None].to(y.dtype).chunk(2, 1)
        return torch.addcmul(shift, y, 1 + scale)

    @torch.no_grad()
    def bake(self, vector: Tensor) -> None:
        """Become the plain convolution that this is for one identity, float32 [1, length]."""
        scale, shift = self.style(vector)[0].chunk(2)
        self.conv.weight.mul_((1 + scale)[:, None, None, None])
        if self.conv.bias is not None:
            self.conv.bias.mul_(1 + scale).add_(shift)


class Place(nn.Module):
    """Adds what an identity looks like, place by place: a constant once it is baked.

    Parameters
    ----------
    settings : form
    out : channels of what it is added to
    level : of the sizes, a half (0), a quarter (1) … of the crop's side
    """

    def __init__(self, settings: StudentSettings, out: int, level: int) -> None:
        super().__init__()
        self.step = 1 << (level - 1)  # maps have a quarter of the crop's side
        self.side = settings.size >> (level + 1)
        self.paint = nn.Conv2d(settings.channels * self.step**2, out, 1, bias=False)
        nn.init.kaiming_normal_(self.paint.weight, a=SLOPE)
        self.baked: nn.Parameter | None = None

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """Return float of the shape of ``x`` [n, out, h, h] for maps float [n, c, s h, s h]."""
        if self.baked is not None:
            return x + self.baked
        added: Tensor = self.paint(F.pixel_unshuffle(maps, self.step))
        return x + added

    @torch.no_grad()
    def bake(self, maps: Tensor | None) -> None:
        """Become the constant that this is for one identity; None: one to be written over."""
        shape = (1, self.paint.out_channels, self.side, self.side)
        # Zeros would be left out of the exported graph.
        value = torch.linspace(0, 1e-3, math.prod(shape)).reshape(shape)
        if maps is not None:
            value = self(torch.zeros(shape), maps)
        self.baked = nn.Parameter(value, requires_grad=False)
        del self.paint


class Block(nn.Module):
    """Two modulated convolutions beside a straight way."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.first = Modulated(channels, channels, length)
        self.second = Modulated(channels, channels, length, gain=0.2)

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Return float of the shape of ``x`` [n, c, h, w]."""
        y = F.leaky_relu(self.first(F.leaky_relu(x, SLOPE), vectors), SLOPE)
        result: Tensor = x + self.second(y, vectors)
        return result


class Rise(nn.Module):
    """From one size to the next larger: fewer channels, twice the side, the skip, a convolution."""

    def __init__(
        self, channels: int, out: int, length: int, blocks: int, place: "Place | None"
    ) -> None:
        super().__init__()
        self.place = place
        self.narrow = nn.Conv2d(channels, out, 1)
        self.join = Modulated(out, out, length)
        self.blocks = nn.ModuleList(Block(out, length) for _ in range(blocks))
        nn.init.kaiming_normal_(self.narrow.weight, a=SLOPE)

    def forward(self, x: Tensor, skip: Tensor, vectors: Tensor, maps: Tensor) -> Tensor:
        """Return float [n, out, 2 h, 2 w] for float [n, channels, h, w], the skip, the identity."""
        wide = F.interpolate(self.narrow(F.leaky_relu(x, SLOPE)), scale_factor=2.0, mode="nearest")
        both = wide + skip
        if self.place is not None:
            both = self.place(both, maps)
        y: Tensor = self.join(F.leaky_relu(both, SLOPE), vectors)
        for block in self.blocks:
            y = block(y, vectors)
        return y
