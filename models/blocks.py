"""The few layers that face networks here are made of."""

from torch import Tensor, nn

SLOPE = 0.1
"""Of the leaky rectifier below zero, as in the DeepFakes networks."""


class Down(nn.Module):
    """Halve the picture's side: 5×5 convolution with stride 2, then LeakyReLU(0.1)."""

    def __init__(self, channels: int, out: int, *, kernel: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride=2, padding=kernel // 2)
        self.act = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        """Return float [n, out, h / 2, w / 2] for float [n, channels, h, w]."""
        result: Tensor = self.act(self.conv(x))
        return result


class Up(nn.Module):
    """Double the picture's side: 3×3 convolution to four times the channels, then pixel shuffle.

    The activation stands before the shuffle, as in the DeepFakes networks; the shuffle is that of
    Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.
    """

    def __init__(self, channels: int, out: int, *, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * out, kernel, padding=kernel // 2)
        self.act = nn.LeakyReLU(SLOPE)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return float [n, out, 2 h, 2 w] for float [n, channels, h, w]."""
        result: Tensor = self.shuffle(self.act(self.conv(x)))
        return result


def init_weights(module: nn.Module) -> None:
    """Start a network's layers so that signals neither grow nor fade.

    =====================  =============================================
    layer                  weights
    =====================  =============================================
    convolution            normal, Kaiming for LeakyReLU(0.1), by inputs
    … before a shuffle     the same for the four pixels it makes of one
    dense                  uniform, Xavier
    every bias             0
    =====================  =============================================

    Four equal pixels keep the grain out of the first pictures: Aitken et al., "Checkerboard
    artifact free sub-pixel convolution", 2017.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        elif isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for layer in module.modules():
        if isinstance(layer, Up):
            first = layer.conv.weight.data[::4].clone()
            layer.conv.weight.data.copy_(first.repeat_interleave(4, 0))
