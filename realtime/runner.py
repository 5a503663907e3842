"""A network that is opened again when it fails, on the next best provider if it must be."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.realtime.errors import ModelError, SwapcastError

_NEXT: Mapping[Provider, Provider] = {
    "tensorrt": "cuda",
    "cuda": "cpu",
    "openvino": "cpu",
    "directml": "cpu",
    "coreml": "cpu",
}
_TRIES = 3  # a provider is opened so often in a row before it counts as lost
_SOON, _LATER = 0.25, 4.0  # seconds between two openings; doubles from one to the other
_WELL = 30  # good answers in a row after which earlier failures are forgotten

Array = NDArray[Any]


class OpenNetwork(Protocol):
    """Loads a network: `swapcast.export.runners.open_runner`."""

    def __call__(self, model: bytes, provider: Provider, *, threads: int) -> Runner:
        """Return the network, ready to run."""
        ...


class SteadyRunner:
    """A runner whose answers are finite numbers, and which is opened anew after it failed.

    Whatever the library raises, and numbers that are not finite, become a `ModelError` of that one
    call; the next call opens the network again, with growing pauses. A provider that fails
    ``3`` times in a row is lost: the next best one takes over with a notice, or the run ends.

    Parameters
    ----------
    name : what messages call it
    model : bytes of an ONNX file
        Kept, so that a file that is replaced meanwhile is never taken up.
    provider : what computes
    threads : int ≥ 1
    fallback : whether another provider may take over
    on_event : is told what happened, in one line each
    open_network : loads the network
    clock : monotonic seconds

    Raises
    ------
    RunnerError
        If it cannot be opened at first.
    """

    def __init__(
        self,
        name: str,
        model: bytes,
        provider: Provider = "cpu",
        *,
        threads: int = 1,
        fallback: bool = True,
        on_event: Callable[[str], None] = lambda _: None,
        open_network: OpenNetwork = open_runner,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._model, self._threads = name, model, threads
        self._fallback, self._on_event = fallback, on_event
        self._open, self._clock = open_network, clock
        self._asked: Provider = provider
        self._runner: Runner | None = open_network(model, provider, threads=threads)
        self.provider, self.precision = self._runner.provider, self._runner.precision
        self.shapes, self.metadata = self._runner.shapes, self._runner.metadata
        self._failures, self._well, self._at = 0, 0, 0.0

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the outputs in the network's order, all of them finite.

        Raises
        ------
        ModelError
            If this call failed, or the network is still to be opened again.
        SwapcastError
            If no provider is left.
        """
        runner = self._runner or self._opened()
        try:
            outputs = runner(inputs)
        except Exception as error:  # each library raises types of its own
            raise self._fails(str(error)) from error
        # A sum is not finite as soon as one of its terms is not.
        if not all(np.isfinite(output.sum()) for output in outputs):
            raise self._fails("it gave numbers that are not finite")
        self._well += 1
        if self._well >= _WELL:
            self._failures = 0
        return outputs

    def reopen(self, reason: str) -> None:
        """Let go of the network, because its answers make no sense; the next call opens it."""
        self._let_go()
        self._on_event(f"{self._name} is opened again: {reason}")

    def _fails(self, reason: str) -> ModelError:
        line = (reason.strip().splitlines() or ["no reason given"])[0][:200]
        self._let_go()
        self._failures += 1
        if self._failures > _TRIES:
            self._give_up(line)
        return ModelError(f"{self._name} failed on {self._asked}: {line}")

    def _let_go(self) -> None:
        if self._runner is not None:
            self._runner.__exit__(None, None, None)
        self._runner, self._well = None, 0

    def _give_up(self, reason: str) -> None:
        """Go on to the next best provider.

        Raises
        ------
        SwapcastError
            If there is none, or the settings forbid it.
        """
        other = _NEXT.get(self._asked) if self._fallback else None
        if other is None:
            cure = "" if self._asked == "cpu" else "; choose another one with --provider"
            raise SwapcastError(f"{self._name} fails on {self._asked}: {reason}{cure}")
        self._on_event(f"{self._name}: provider {self._asked} is lost ({reason}); {other} goes on")
        self._asked, self._failures, self._at = other, 0, 0.0

    def _opened(self) -> Runner:
        now = self._clock()
        if now < self._at:
            raise ModelError(f"{self._name} is about to be opened again")
        self._at = now + min(_SOON * 2**self._failures, _LATER)
        try:
            self._runner = self._open(self._model, self._asked, threads=self._threads)
        except RunnerError as error:
            raise self._fails(str(error)) from error
        self.provider, self.precision = self._runner.provider, self._runner.precision
        return self._runner

    def __enter__(self) -> "SteadyRunner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()
