"""Parts that fail on schedule: networks, sources and sinks of the product's own form."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError
from swapcast.realtime.frame import Frame
from swapcast.realtime.runner import OpenNetwork
from swapcast.realtime.sources import Source

Kind = Literal["raise", "hang", "nan", "garbage", "stuck", "blank", "echo", "copy", "lost"]
"""``raise``: an error of the library's own type. ``hang``: no answer for two seconds. ``nan``: one
number is none. ``garbage``: the right numbers in a wrong order. ``stuck``: the first answer again
and again. ``blank``: no face, nowhere, ever. ``echo``: the input comes back, with an empty mask;
``copy``: with a full one. ``lost``: from now on nothing answers, and nothing can be opened."""

HANG_S = 2.0

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a part fails: ``length`` calls in a row, again and again."""

    start: int = 12
    length: int = 2
    every: int = 40

    def __call__(self, call: int) -> bool:
        """Tell whether it fails in this call, counted from 0."""
        return call >= self.start and (call - self.start) % self.every < self.length


HANGS = Schedule(start=20, length=1, every=150)
OFTEN = Schedule(start=12, length=20, every=40)


@dataclass
class Failing:
    """Opens networks that fail on schedule; calls are counted across openings."""

    kind: Kind
    when: Callable[[int], bool]
    calls: int = 0
    faults: int = 0
    kept: list[Array] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def around(self, open_network: OpenNetwork) -> OpenNetwork:
        """Open networks as ``open_network`` does, and let them fail."""

        def opened(model: bytes, provider: Provider, *, threads: int) -> Runner:
            if self.kind == "lost" and provider != "cpu" and self.when(self.calls):
                raise RunnerError("the device was removed")
            return _Unsteady(open_network(model, provider, threads=threads), self)

        return opened


class _Unsteady:
    """A runner that fails when it is told to."""

    def __init__(self, runner: Runner, plan: Failing) -> None:
        self._runner, self._plan = runner, plan
        self.provider, self.precision = runner.provider, runner.precision
        self.shapes, self.metadata = runner.shapes, runner.metadata

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        plan = self._plan
        call, plan.calls = plan.calls, plan.calls + 1
        if not plan.when(call) or (plan.kind == "lost" and self.provider == "cpu"):
            outputs = self._runner(inputs)
            plan.kept = plan.kept or [output.copy() for output in outputs]
            return outputs
        plan.faults += 1
        if plan.kind in ("raise", "lost"):
            raise RuntimeError("[E:onnxruntime] injected: the device was removed")
        if plan.kind == "hang":
            time.sleep(HANG_S)
        return self._broken([output.copy() for output in self._runner(inputs)], inputs)

    def _broken(self, outputs: list[Array], inputs: Mapping[str, Array]) -> list[Array]:
        plan = self._plan
        match plan.kind:
            case "nan":
                outputs[-1].ravel()[outputs[-1].size // 2] = np.nan
            case "garbage":
                outputs = [
                    plan.random.permutation(one.ravel()).reshape(one.shape) for one in outputs
                ]
            case "stuck":
                outputs = plan.kept or outputs
            case "blank":
                outputs = [np.full_like(one, -20.0) for one in outputs]
            case "echo":
                outputs[0] = next(iter(inputs.values())).copy()
                outputs[1:] = [np.zeros_like(one) for one in outputs[1:]]
            case "copy":
                outputs[0] = next(iter(inputs.values())).copy()
                outputs[1:] = [np.ones_like(one) for one in outputs[1:]]
            case _:
                pass
        return outputs

    def __enter__(self) -> "_Unsteady":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.__exit__(None, None, None)


def failing(kind: Kind) -> Failing:
    """Plan the usual schedule of one kind of fault."""
    match kind:
        case "hang":
            return Failing(kind, HANGS)
        case "lost":
            return Failing(kind, Schedule(length=1 << 30, every=1 << 30))
        case "garbage" | "stuck" | "blank" | "echo" | "copy":
            return Failing(kind, OFTEN)
        case _:
            return Failing(kind, Schedule())


SourceKind = Literal["gap", "crash", "corrupt"]
"""``gap``: nothing for two seconds, as a camera that was unplugged. ``crash``: an error nobody
expects. ``corrupt``: frames of noise."""


@dataclass
class Unplugged:
    """A source that fails on schedule."""

    source: Source
    kind: SourceKind
    when: Callable[[int], bool] = HANGS
    faults: int = 0
    _given: int = 0
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    @property
    def name(self) -> str:
        """Of the source behind it."""
        return self.source.name

    @property
    def live(self) -> bool:
        """As the source behind it."""
        return self.source.live

    def frames(self) -> Iterator[Frame]:
        """Give its frames, with faults among them."""
        for frame in self.source.frames():
            call, self._given = self._given, self._given + 1
            if not self.when(call):
                yield frame
                continue
            self.faults += 1
            if self.kind == "crash":
                raise RuntimeError("injected: the driver crashed")
            if self.kind == "gap":
                yield frame
                time.sleep(HANG_S)
            else:
                noise = self._random.integers(0, 255, frame.y.shape, np.uint8)
                yield replace(frame, y=noise)
