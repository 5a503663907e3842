"""Reads the 68 points of one face straight out of a frame's planes."""

from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.kernels.colour import Coefficients, rgb_from_yuv
from swapcast.kernels.geometry import transform
from swapcast.kernels.warp import sample
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Affine, Colour, Frame, Points
from swapcast.realtime.runner import OpenNetwork, SteadyRunner


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What the landmark network sees in one crop."""

    points: Points
    """float32 [68, 2], luma pixels of the frame, Multi-PIE order; some may lie beyond its edge."""
    visibility: NDArray[np.float32]
    """float32 [68], 0…1: how likely each point is seen."""
    presence: float
    """How likely the crop shows a face, 0…1."""


class LandmarkNet:
    """The landmark network on frames.

    Parameters
    ----------
    runner : Runner
        Takes float32 [1, 3, S, S], RGB 0…1; gives points [1, 68, 2] in pixels of the crop,
        presence [1, 1] and visibility [1, 68], both 0…1. The caller closes it.

    Raises
    ------
    ModelError
        If the network takes anything else.
    """

    def __init__(self, runner: Runner) -> None:
        (name, shape), *others = runner.shapes.items()
        if others or len(shape) != 4 or shape[:2] != (1, 3) or shape[2] != shape[3]:
            raise ModelError(
                f"a landmark network takes one picture [1, 3, S, S]; this one takes "
                f"{dict(runner.shapes)}: give the file that comes with swapcast"
            )
        self._runner = runner
        self._input = {name: np.zeros(shape, np.float32)}
        self._crop = self._input[name][0]
        self._colour: tuple[Colour, Coefficients] | None = None
        self.size = shape[2]
        """Side of the crop, pixels."""

    def __call__(self, frame: Frame, affine: Affine) -> Landmarks:
        """Look at one place of a frame.

        Parameters
        ----------
        frame : Frame
        affine : float32 [2, 3]
            Maps the crop's (x, y, 1) to luma pixels: `swapcast.kernels.upright.upright`.
        """
        if self._colour is None or self._colour[0] != frame.colour:
            matrix, full_range = frame.colour.matrix, frame.colour.full_range
            self._colour = frame.colour, rgb_from_yuv(matrix, full_range)
        sample(
            *(frame.y, frame.u, frame.v, frame.width, frame.height),
            *(self._colour[1], affine, 1.0, 0.0, self._crop),
        )
        points, presence, visibility = self._runner(self._input)
        return Landmarks(
            transform(affine, points[0]), visibility[0].astype(np.float32), float(presence[0, 0])
        )


def landmark_net(
    *,
    provider: Provider = "cpu",
    threads: int = 1,
    name: str = "the landmark network",
    open_network: OpenNetwork = open_runner,
) -> LandmarkNet:
    """Open the bundled landmark network.

    Parameters
    ----------
    provider : what computes
    threads : int ≥ 1
    name : what messages call it
    open_network : loads the network

    Raises
    ------
    ModelError
        If the installed package lacks it, or ``provider`` cannot run it.
    """
    asset = resources.files("swapcast.assets") / "landmarks.onnx"
    if not asset.is_file():
        raise ModelError("the package lacks landmarks.onnx; install swapcast again")
    try:
        model = asset.read_bytes()
        return LandmarkNet(
            SteadyRunner(name, model, provider, threads=threads, open_network=open_network)
        )
    except RunnerError as error:
        raise ModelError(str(error)) from error
