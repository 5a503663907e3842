"""Says where something lies before a face: a hand, a microphone, hair, the frame of glasses."""

from collections.abc import Callable
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.kernels.occlusion import shrink
from swapcast.realtime.errors import ModelError
from swapcast.realtime.runner import OpenNetwork, SteadyRunner

Crop = NDArray[np.float32]
"""float32 [3, S, S], RGB, 0…1."""
Plane = NDArray[np.float32]


class OcclusionNet:
    """The occlusion network on aligned crops.

    Parameters
    ----------
    runner : Runner
        Takes float32 [1, 3, n, n], RGB 0…1; gives float32 [1, 1, n, n], 0…1. The caller closes it.
    on_event : is told what happened, in one line each

    Raises
    ------
    ModelError
        If the network takes anything else.
    """

    def __init__(self, runner: Runner, on_event: Callable[[str], None] = lambda _: None) -> None:
        (name, shape), *others = runner.shapes.items()
        if others or len(shape) != 4 or shape[:2] != (1, 3) or shape[2] != shape[3]:
            raise ModelError(
                f"an occlusion network takes one picture [1, 3, S, S]; this one takes "
                f"{dict(runner.shapes)}: give the file that comes with swapcast"
            )
        self._runner, self._event = runner, on_event
        self._input = {name: np.zeros(shape, np.float32)}
        self._small = self._input[name][0]
        self._rows = np.zeros((shape[2], 0), np.float32)
        self._failed = False

    def __call__(self, crop: Crop) -> Plane | None:
        """Look at one crop.

        Parameters
        ----------
        crop : float32 [3, S, S], RGB, 0…1
            Of any template that shows the whole face.

        Returns
        -------
        float32 [n, n], 0…1, or None
            How likely something lies before the face; overwritten by the next call. None if the
            network failed: nothing is left out of the swap then.
        """
        if self._rows.shape[1] != crop.shape[1]:
            self._rows = np.zeros((self._small.shape[1], crop.shape[1]), np.float32)
        shrink(crop, self._rows, self._small)
        try:
            (cover,) = self._runner(self._input)
        except ModelError as error:
            if not self._failed:
                self._event(f"nothing before the face is left out now: {error}")
            self._failed = True
            return None
        self._failed = False
        return np.ascontiguousarray(cover[0, 0], np.float32)


def occlusion_net(
    *,
    provider: Provider = "cpu",
    on_event: Callable[[str], None] = lambda _: None,
    open_network: OpenNetwork = open_runner,
) -> OcclusionNet:
    """Open the bundled occlusion network, on one processor thread.

    Raises
    ------
    ModelError
        If the installed package lacks it, or ``provider`` cannot run it.
    """
    asset = resources.files("swapcast.assets") / "occlusion.onnx"
    if not asset.is_file():
        raise ModelError("the package lacks occlusion.onnx; install swapcast again")
    try:
        runner = SteadyRunner(
            "the occlusion network", asset.read_bytes(), provider, open_network=open_network
        )
    except RunnerError as error:
        raise ModelError(str(error)) from error
    return OcclusionNet(runner, on_event)


class OcclusionOnDemand:
    """The bundled occlusion network, opened for the first crop that a look wants to be looked at.

    Most looks never do. Opening it takes about 5 ms of processor time.

    Parameters
    ----------
    on_event : is told what happened, in one line each
    opens : opens the network
    """

    def __init__(
        self,
        on_event: Callable[[str], None] = lambda _: None,
        opens: Callable[[], OcclusionNet] | None = None,
    ) -> None:
        self._event = on_event
        self._opens = opens or (lambda: occlusion_net(on_event=on_event))
        self._net: OcclusionNet | None = None
        self._failed = False

    def open(self) -> None:
        """Open the network now.

        Raises
        ------
        ModelError
            If it cannot be opened.
        """
        self._net = self._opens()

    def __call__(self, crop: Crop) -> Plane | None:
        """Look at one crop, as `OcclusionNet` does; None as well if it cannot be opened."""
        if self._net is None and not self._failed:
            try:
                self.open()
            except ModelError as error:
                self._failed = True
                self._event(f"nothing before the face is left out: {error}")
        return None if self._net is None else self._net(crop)
