"""Gives a crop of a face its new identity."""

import json
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.kernels.geometry import TEMPLATES
from swapcast.realtime.errors import ModelError
from swapcast.realtime.identity import Identity


class Swapper:
    """One identity's network: a crop of anybody's face in, the same moment of that identity out.

    Parameters
    ----------
    identity : Identity
    provider : what computes
    threads : processor threads a call may use

    Raises
    ------
    ModelError
        If the network in the pack cannot be loaded or is no swapper.
    """

    def __init__(self, identity: Identity, provider: Provider = "cpu", *, threads: int = 1) -> None:
        try:
            self._runner: Runner = open_runner(identity.network, provider, threads=threads)
        except RunnerError as error:
            raise ModelError(f"face {identity.name!r}: {error}") from error
        self.provider, self.precision = self._runner.provider, self._runner.precision
        try:
            about = json.loads(self._runner.metadata["swapcast"])
            kind, self.template, self.size = about["kind"], about["template"], int(about["size"])
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"face {identity.name!r}: its network does not say how to use it; "
                "make it with `swapcast export`"
            ) from error
        shape = (1, 3, self.size, self.size)
        if kind != "swapper" or self._runner.shapes != {"crop": shape}:
            raise ModelError(f"face {identity.name!r}: its network is no swapper of crops {shape}")
        if self.template not in TEMPLATES:
            raise ModelError(f"face {identity.name!r}: unknown template {self.template!r}")
        self.crop: NDArray[np.float32] = np.zeros(shape, np.float32)
        """float32 [1, 3, size, size], RGB, 0…1: what the next call reads."""

    def __call__(self) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Swap the face in `crop`.

        Returns
        -------
        face : float32 [3, size, size], RGB, 0…1
        mask : float32 [size, size], 0…1, or None if the network gives none
            Both may be overwritten by the next call.

        Raises
        ------
        ModelError
            If the network gives anything but finite numbers of the right shape.
        """
        outputs = self._runner({"crop": self.crop})
        face = outputs[0].reshape(-1, self.size, self.size)
        # A sum is not finite as soon as one of its terms is not.
        if face.shape[0] != 3 or not np.isfinite(face.sum()):
            raise ModelError("the swapper gave no usable picture")
        return face, outputs[1].reshape(self.size, self.size) if len(outputs) > 1 else None

    def __enter__(self) -> "Swapper":
        self()  # the first call is slow; it is made before the first frame
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.__exit__(kind, error, trace)
