"""Gives a crop of a face its new identity."""

import json
from collections.abc import Callable, Collection
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, RunnerError, open_runner
from swapcast.kernels.geometry import TEMPLATES
from swapcast.realtime.consent import Use
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.identity import Identity
from swapcast.realtime.runner import OpenNetwork, SteadyRunner
from swapcast.realtime.student import KIND as STUDENT
from swapcast.realtime.student import network_of

# What an answer must be to count as a swapped face. On the test clips the middle half has a
# standard deviation of 0.07 and more, differs by 0.048 and more, and is masked to 0.71 and more.
_PLAIN, _SAME, _BARE = 0.03, 0.02, 0.4
_NOISE = 0.15  # mean step from one pixel to the next
_OUTSIDE = 0.25  # how far colours may lie beyond 0…1


class Swapper:
    """One identity's network: a crop of anybody's face in, the same moment of that identity out.

    Parameters
    ----------
    identity : Identity
    uses : what the swapped pictures are for
    provider : what computes
    threads : processor threads a call may use
    fallback : whether another provider may take over from one that fails while running
    on_event : is told what happened, in one line each
    open_network : loads the network

    Raises
    ------
    ConsentError
        If the identity is not sealed, or its consent record does not hold or allow these uses.
    ModelError
        If the network in the pack cannot be loaded or is no swapper.
    """

    def __init__(
        self,
        identity: Identity,
        provider: Provider = "cpu",
        *,
        uses: Collection[Use],
        threads: int = 1,
        fallback: bool = True,
        on_event: Callable[[str], None] = lambda _: None,
        open_network: OpenNetwork = open_runner,
    ) -> None:
        # Asked here as well as by the store: no other road leads to a swapped picture.
        identity.authorise(uses)
        try:
            self._runner = SteadyRunner(
                "the swapper",
                network_of(identity),
                provider,
                threads=threads,
                fallback=fallback,
                on_event=on_event,
                open_network=open_network,
            )
        except (RunnerError, ModelError) as error:
            raise ModelError(f"face {identity.name!r}: {error}") from error
        try:
            about = json.loads(self._runner.metadata["swapcast"])
            kind, self.template, self.size = about["kind"], about["template"], int(about["size"])
            self.sliders = tuple(str(name) for name in about.get("sliders", ()))
            self.hairline = about.get("hairline") is True
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"face {identity.name!r}: its network does not say how to use it; "
                "make it with `swapcast export`"
            ) from error
        shape = (1, 3, self.size, self.size)
        shapes: dict[str, tuple[int, ...]] = {"crop": shape}
        if self.sliders:
            shapes["sliders"] = (1, len(self.sliders))
        if not 32 <= self.size <= 1024:
            raise ModelError(f"face {identity.name!r}: its crops are {self.size} pixels wide")
        wanted = STUDENT if identity.base else "swapper"
        if kind != wanted or self._runner.shapes != shapes:
            raise ModelError(f"face {identity.name!r}: its network is no swapper of crops {shape}")
        if self.template not in TEMPLATES:
            raise ModelError(f"face {identity.name!r}: unknown template {self.template!r}")
        self._inputs = {name: np.zeros(form, np.float32) for name, form in shapes.items()}
        self.crop: NDArray[np.float32] = self._inputs["crop"]
        """float32 [1, 3, size, size], RGB, 0…1: what the next call reads."""

    def slide(self, name: str, value: float) -> None:
        """Change what the face does: more light from one side, more of a smile.

        Parameters
        ----------
        name : one of ``sliders``
        value : −3…3, standard deviations; 0 leaves the face as it is

        Raises
        ------
        SettingError
            If the face has no such slider, or the value is out of range.
        """
        if name not in self.sliders:
            here = ", ".join(self.sliders) or "none"
            raise SettingError(f"this face has no slider {name!r}; it has: {here}")
        if not -3 <= value <= 3:
            raise SettingError(f"slider {name} is {value:g}; it goes from -3 to 3")
        self._inputs["sliders"][0, self.sliders.index(name)] = value

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
            If the network fails, or gives what no swapped face looks like: then it is opened again.
        SwapcastError
            If no provider is left that computes it.
        """
        outputs = self._runner(self._inputs)
        face = outputs[0].reshape(-1, self.size, self.size)
        mask = outputs[1].reshape(self.size, self.size) if len(outputs) > 1 else None
        reason = self._implausible(face, mask)
        if reason:
            self._runner.reopen(reason)
            raise ModelError(f"the swapper gave no usable picture: {reason}")
        return face, mask

    def _implausible(
        self, face: NDArray[np.float32], mask: NDArray[np.float32] | None
    ) -> str | None:
        """Say why an answer cannot be a swapped face; the middle half of the crop decides."""
        inner = slice(self.size // 4, self.size - self.size // 4)
        middle = face[:, inner, inner]
        if face.shape[0] != 3 or middle.min() < -_OUTSIDE or middle.max() > 1 + _OUTSIDE:
            return "its colours lie out of range"
        if middle.std() < _PLAIN:
            return "it is plain"
        if np.abs(np.diff(middle, axis=2)).mean() > _NOISE:
            return "it is noise"
        if np.abs(middle - self.crop[0, :, inner, inner]).mean() < _SAME:
            return "it is the true face"
        if mask is not None and mask[inner, inner].mean() < _BARE:
            return "its mask leaves the true face bare"
        return None

    def restart(self) -> None:
        """Open the network again."""
        self._runner.reopen("the stage starts anew")

    @property
    def provider(self) -> str:
        """What computes now."""
        return self._runner.provider

    @property
    def precision(self) -> str:
        """The number format it computes in."""
        return self._runner.precision

    def __enter__(self) -> "Swapper":
        self._runner(self._inputs)  # the first call is slow: made before any frame
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.__exit__(kind, error, trace)
