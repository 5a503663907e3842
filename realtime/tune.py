"""Finds out what computes a network fastest on this machine, and remembers it.

Every candidate (provider × precision × threads) is opened, its answers are held against ONNX
Runtime's fp32 on one thread, and all that agree are timed in turns, so that what disturbs the
machine disturbs all of them. The fastest that leaves a core to the other stages of the loop wins,
if it is clearly faster than plain ``cpu``. It is kept under the network's hash and the machine's
description (`swapcast.realtime.tuned`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Arithmetic, Array, Provider, Runner, RunnerError, open_runner
from swapcast.realtime.synthetic import Synthetic
from swapcast.realtime.tuned import Candidate, core_count

_GAIN = 0.95  # share of cpu's time below which something else is worth its memory
_LEAST = 10  # timed calls of each candidate, however slow
_WARM = 3
_PICTURES = 4
_FREE = 192, 320  # rows and columns for a network that takes any: the detector's, of a 720p frame


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far outputs may be from fp32's, in parts of an output's range or of 1."""

    largest: float
    mean: float


TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(5e-3, 1e-4),
    # A mask's edge is steep: moved by a hair it differs much at single pixels, hardly on average.
    "fp16": Tolerance(1e-1, 2e-3),
    "bf16": Tolerance(2e-1, 6e-3),
}
"""By the precision that a runner says it computes in; what is not named here has bf16's."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one candidate."""

    candidate: Candidate
    precision: str = ""
    """As the runner itself says, once it was opened."""
    times_ms: tuple[float, ...] = ()
    """Empty if it was not run."""
    opened_s: float = 0.0
    largest: float = 0.0
    mean: float = 0.0
    """How far its outputs are from fp32's."""
    why_not: str = ""
    """Why it was not run, or cannot be chosen."""

    @property
    def ran(self) -> bool:
        """Whether it was timed."""
        return bool(self.times_ms)

    @property
    def median_ms(self) -> float:
        """Of one call; only if it ran."""
        return float(np.median(self.times_ms))

    @property
    def calm_ms(self) -> float:
        """Of a call that little else disturbed: the tenth percentile; only if it ran."""
        return float(np.percentile(self.times_ms, 10))

    @property
    def p95_ms(self) -> float:
        """Of one call; only if it ran."""
        return float(np.percentile(self.times_ms, 95))


def candidates(cores: int | None = None) -> list[Candidate]:
    """Return everything that could compute a network, whether it is here or not."""
    cores = cores or core_count()
    threads = sorted({1, *(n for n in (2, 4, 8) if n < cores), cores})
    ways: list[Candidate] = []
    for provider in get_args(Provider):
        precisions: tuple[Arithmetic, ...] = ("auto",)
        if provider == "openvino":
            precisions = ("fp32", "bf16")
        elif provider == "tensorrt":
            precisions = ("fp32", "fp16")
        if provider in {"cpu", "openvino"}:
            ways += [Candidate(provider, one, n) for one in precisions for n in threads]
        else:
            ways += [Candidate(provider, one) for one in precisions]
    return ways


def measure(
    model: bytes,
    ways: Sequence[Candidate],
    *,
    seconds: float = 4.0,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Trial]:
    """Open, check and time candidates.

    Parameters
    ----------
    model : bytes of an ONNX file
    ways : what is tried
    seconds : for all timed calls together, as far as at least ten of each allow
    clock : gives seconds

    Raises
    ------
    RunnerError
        If not even ONNX Runtime on one thread can compute it.
    """
    with ExitStack() as stack:
        reference = stack.enter_context(open_runner(model, "cpu"))
        pictures = sample_inputs(reference.shapes)
        wanted = [[np.array(part) for part in reference(one)] for one in pictures]
        trials, runners = [], {}
        for way in ways:
            trial, runner = _opened(model, way, pictures, wanted, clock)
            trials.append(trial)
            if runner is not None:
                runners[len(trials) - 1] = stack.enter_context(runner)
        times = _timed(runners, pictures, seconds, clock)
    return [
        replace(trial, times_ms=tuple(times[place])) if place in times else trial
        for place, trial in enumerate(trials)
    ]


def _opened(
    model: bytes,
    way: Candidate,
    pictures: Sequence[Mapping[str, Array]],
    wanted: Sequence[Sequence[Array]],
    clock: Callable[[], float],
) -> tuple[Trial, Runner | None]:
    began = clock()
    try:
        runner = open_runner(model, way.provider, threads=way.threads, precision=way.precision)
        made = [[np.array(part) for part in runner(one)] for one in pictures]
    except RunnerError as error:
        return Trial(way, why_not=str(error)), None
    opened = clock() - began
    # Of each output over all pictures: shape [pictures, ...].
    apart = [
        np.abs(np.stack(ours) - np.stack(theirs)) / max(1.0, float(np.ptp(np.stack(theirs))))
        for ours, theirs in zip(zip(*made, strict=True), zip(*wanted, strict=True), strict=True)
    ]
    largest = max(float(part.max()) for part in apart)
    mean = max(float(part.mean()) for part in apart)
    held = TOLERANCES.get(runner.precision, TOLERANCES["bf16"])
    # Written so that a NaN does not pass.
    alike = largest <= held.largest and mean <= held.mean
    why = "" if alike else f"its answers differ: {largest:.2g} at most, {mean:.2g} on average"
    return Trial(way, runner.precision, (), opened, largest, mean, why), runner


def _timed(
    runners: Mapping[int, Runner],
    pictures: Sequence[Mapping[str, Array]],
    seconds: float,
    clock: Callable[[], float],
) -> dict[int, list[float]]:
    """Call all in turns until the time is up."""
    times: dict[int, list[float]] = {place: [] for place in runners}
    turn, ends = 0, clock() + seconds
    while turn < _LEAST + _WARM or clock() < ends:
        for place, runner in runners.items():
            one = pictures[turn % len(pictures)]
            began = clock()
            runner(one)
            if turn >= _WARM:
                times[place].append((clock() - began) * 1e3)
        turn += 1
    return times


def winner(trials: Sequence[Trial], cores: int | None = None) -> Trial:
    """Return the fastest that agrees with fp32 and leaves a core to the other stages.

    Compared are calls that were hardly disturbed, for the machine may be busy.

    Raises
    ------
    RunnerError
        If nothing ran.
    """
    most = max(1, (cores or core_count()) - 1)
    fit = [one for one in trials if one.ran and not one.why_not and one.candidate.threads <= most]
    if not fit:
        raise RunnerError("nothing here computes this network as it should; see the table")
    plain = [one for one in fit if one.candidate.provider == "cpu" and one.candidate.threads == 1]
    fastest = min(fit, key=lambda one: one.calm_ms)
    if plain and fastest.calm_ms > _GAIN * plain[0].calm_ms:
        return plain[0]
    return fastest


def sample_inputs(shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, NDArray[np.float32]]]:
    """Make inputs of a network: pictures of a drawn face, RGB 0…1; plain numbers for the rest."""
    random = np.random.default_rng(7)
    inputs: list[dict[str, NDArray[np.float32]]] = [{} for _ in range(_PICTURES)]
    for name, shape in shapes.items():
        if len(shape) == 4 and shape[1] == 3:
            sides = _FREE if max(shape[2:]) == 1 else shape[2:]
            drawn = [picture[None] for picture in _faces(*sides)]
        else:
            drawn = [random.random(shape, np.float32) for _ in range(_PICTURES)]
        for one, picture in zip(inputs, drawn, strict=True):
            one[name] = picture
    return inputs


def _faces(height: int, width: int) -> list[NDArray[np.float32]]:
    """Draw faces; float32 [3, height, width], RGB 0…1."""
    even = width + width % 2, height + height % 2
    source = Synthetic(width=even[0], height=even[1], fps=2, seconds=_PICTURES / 2)
    pictures = []
    for frame in source.frames():
        packed = np.concatenate([plane.reshape(-1) for plane in (frame.y, frame.u, frame.v)])
        rgb = cv2.cvtColor(packed.reshape(-1, even[0]), cv2.COLOR_YUV2RGB_I420)
        planes = rgb[:height, :width].transpose(2, 0, 1)
        pictures.append(np.ascontiguousarray(planes, np.float32) / np.float32(255))
    return pictures
