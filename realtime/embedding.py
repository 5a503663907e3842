"""Whose face it is, as a direction: the bundled identity network on frames."""

import json
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.kernels.colour import Coefficients, rgb_from_yuv
from swapcast.kernels.geometry import TEMPLATES, crop_affine
from swapcast.kernels.warp import sample
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Colour, Frame, Points
from swapcast.realtime.runner import OpenNetwork, SteadyRunner

Vector = NDArray[np.float32]
"""float32 [n], of length 1."""


class FaceEmbedder:
    """The identity network on frames.

    Parameters
    ----------
    runner : Runner
        Takes float32 [1, 3, S, S], RGB 0…1, gives float32 [1, n] of length 1, and says in its
        metadata how its crops are aligned. The caller closes it.

    Raises
    ------
    ModelError
        If the network is anything else.
    """

    def __init__(self, runner: Runner) -> None:
        (name, shape), *others = runner.shapes.items()
        try:
            about = json.loads(runner.metadata["swapcast"])
            kind, self.template = about["kind"], str(about["template"])
            different, same = map(float, about.get("scale", (0.0, 1.0)))
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError("the identity network does not say how to use it") from error
        if kind != "embedder" or self.template not in TEMPLATES or not different < same:
            raise ModelError(f"a network of kind {kind!r} ({self.template}) is no identity network")
        if others or len(shape) != 4 or shape[:2] != (1, 3) or shape[2] != shape[3]:
            raise ModelError(
                f"an identity network takes one picture [1, 3, S, S]; this one takes "
                f"{dict(runner.shapes)}: give the file that comes with swapcast"
            )
        self.scale = (different, same)
        """Cosines: up to the first a face is somebody else's, from the second on the person's."""
        self._runner = runner
        self._inputs = {name: np.zeros(shape, np.float32)}
        self._crop = self._inputs[name][0]
        self._colour: tuple[Colour, Coefficients] | None = None

    def __call__(self, frame: Frame, points: Points) -> Vector:
        """Look at the face whose five points are given: float32 [5, 2], luma pixels.

        Raises
        ------
        ModelError
            If the network fails, or the points give no crop.
        """
        if self._colour is None or self._colour[0] != frame.colour:
            matrix, full_range = frame.colour.matrix, frame.colour.full_range
            self._colour = frame.colour, rgb_from_yuv(matrix, full_range)
        try:
            affine = crop_affine(points, self.template, self._crop.shape[-1])
        except ValueError as error:
            raise ModelError(f"nobody knows where the face is: {error}") from error
        sample(
            *(frame.y, frame.u, frame.v, frame.width, frame.height),
            *(self._colour[1], affine, 1.0, 0.0, self._crop),
        )
        return np.array(self._runner(self._inputs)[0].ravel(), np.float32)


def face_embedder(
    *,
    provider: Provider = "cpu",
    threads: int = 1,
    open_network: OpenNetwork = open_runner,
) -> FaceEmbedder:
    """Open the bundled identity network.

    Raises
    ------
    ModelError
        If the installed package lacks it, or ``provider`` cannot run it.
    """
    asset = resources.files("swapcast.assets") / "embedder.onnx"
    if not asset.is_file():
        raise ModelError("the package lacks embedder.onnx; install swapcast again")
    try:
        model = asset.read_bytes()
        name = "the identity network"
        return FaceEmbedder(
            SteadyRunner(name, model, provider, threads=threads, open_network=open_network)
        )
    except RunnerError as error:
        raise ModelError(str(error)) from error
