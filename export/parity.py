"""Proof that an exported network makes the same pictures as the one that was trained."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from swapcast.export.runners import Provider, open_runner

Precision = Literal["fp32", "fp16", "int8"]
"""How the file keeps its weights; what computes with them is the provider's choice. What is kept as
int8 is also computed so."""

Floats = NDArray[np.float32]


class ParityError(Exception):
    """An exported network that does not make what the trained one makes. The text says how far."""


@dataclass(frozen=True)
class Tolerance:
    """How far two pictures may be apart, of a range of 1."""

    largest: float
    """At any one value, or at all but a few."""
    mean: float
    """On average."""
    share: float = 1.0
    """Of the values, how many must be as near as ``largest``."""


TOLERANCES: Mapping[tuple[Precision, Provider], Tolerance] = {
    ("fp32", "cpu"): Tolerance(5e-4, 2e-5),
    # A mask's edge is steep: moved by a hair it differs much at single pixels, hardly on average.
    ("fp16", "cpu"): Tolerance(4e-2, 1e-3),
    # OpenVINO computes in bf16 where the processor can, which keeps 8 bits of each number.
    ("fp32", "openvino"): Tolerance(2e-1, 6e-3),
    ("fp16", "openvino"): Tolerance(2e-1, 6e-3),
    # In 8 bits a lock of hair or a finger may come to lie on the other side of a mask's edge.
    ("int8", "cpu"): Tolerance(4e-1, 1e-2, 0.999),
    ("int8", "openvino"): Tolerance(4e-1, 1e-2, 0.999),
    # TensorRT computes in the precision that its network is typed in; not run by us yet.
    ("fp32", "tensorrt"): Tolerance(4e-2, 1e-3),
    ("fp16", "tensorrt"): Tolerance(2e-1, 6e-3),
    ("int8", "tensorrt"): Tolerance(4e-1, 1e-2, 0.999),
}
"""By how the weights are kept and what computes."""


@dataclass(frozen=True)
class Difference:
    """How far one provider's output is from the trained network's."""

    provider: Provider
    output: str
    largest: float
    """Of the share of values that the tolerance names."""
    mean: float
    passed: bool


@dataclass(frozen=True)
class ParityReport:
    """Every provider that is here, against the trained network."""

    precision: Precision
    inputs: int
    """Pictures that went through all of them."""
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every output of every provider is within its tolerance."""
        return all(difference.passed for difference in self.differences)

    def plain(self) -> dict[str, Any]:
        """Return the report, and the tolerances it was held against, as values for JSON."""
        held = {
            provider: asdict(TOLERANCES[self.precision, provider])
            for provider in {difference.provider for difference in self.differences}
        }
        return {**asdict(self), "passed": self.passed, "tolerances": held}


def sample_pictures(size: int) -> list[Floats]:
    """Make pictures that show where networks differ: flat, steep, smooth and rough ones.

    Parameters
    ----------
    size : pixels

    Returns
    -------
    list of float32 [1, 3, size, size], 0…1
    """
    random = np.random.default_rng(7)
    line = np.linspace(0, 1, size, dtype=np.float32)
    ramp = np.stack([line + 0 * line[:, None], line[:, None] + 0 * line, 1 - line[:, None] * line])
    disc = ((line - 0.5) ** 2 + (line[:, None] - 0.5) ** 2 < 0.1).astype(np.float32)
    noise = random.random((3, size, size), np.float32)
    pictures = [
        np.zeros_like(noise),
        np.ones_like(noise),
        ramp,
        np.repeat(disc[None], 3, 0),
        noise,
        np.clip(0.6 * ramp + 0.3 * disc + 0.1 * noise, 0, 1),
    ]
    return [picture[None].astype(np.float32) for picture in pictures]


def providers_here() -> tuple[Provider, ...]:
    """Return what can be compared on this machine."""
    return ("cpu", "openvino") if find_spec("openvino") else ("cpu",)


def check_parity(
    model: nn.Module,
    network: bytes,
    outputs: Sequence[str],
    *,
    size: int,
    sliders: int = 0,
    precision: Precision,
    providers: Sequence[Provider],
    faces: Sequence[Floats] = (),
) -> ParityReport:
    """Send the same pictures through the trained network and the exported one, then compare.

    Parameters
    ----------
    model : float32 [1, 3, size, size] (and float32 [1, sliders]) to a tuple of tensors
    network : the ONNX file's bytes
    outputs : names, in the network's order
    size : side of the crop, pixels
    sliders : how many the network takes
    precision : how the file keeps its weights
    providers : what is to run the exported network
    faces : float32 [1, 3, size, size] each
        What the network is to see; nothing given: `sample_pictures`.
    """
    inputs = parity_inputs(size, sliders, faces)
    wanted = wanted_outputs(model, inputs)
    differences: list[Difference] = []
    for provider in providers:
        with open_runner(network, provider) as runner:
            made = [[np.array(part) for part in runner(one)] for one in inputs]
        tolerance = TOLERANCES[precision, provider]
        differences += compare(wanted, made, outputs, provider, tolerance)
    return ParityReport(precision, len(inputs), tuple(differences))


def parity_inputs(
    size: int, sliders: int = 0, faces: Sequence[Floats] = ()
) -> list[dict[str, Floats]]:
    """Return what a network is shown, ``faces`` or `sample_pictures`, with sliders by chance."""
    inputs = [{"crop": picture} for picture in faces or sample_pictures(size)]
    if sliders:
        random = np.random.default_rng(8)
        for one in inputs:
            one["sliders"] = random.uniform(-2, 2, (1, sliders)).astype(np.float32)
    return inputs


def wanted_outputs(model: nn.Module, inputs: Sequence[Mapping[str, Floats]]) -> list[list[Floats]]:
    """Return what the trained network makes of each input."""
    with torch.no_grad():
        return [
            [part.numpy() for part in model(*map(torch.from_numpy, one.values()))] for one in inputs
        ]


def compare(
    wanted: Sequence[Sequence[Floats]],
    made: Sequence[Sequence[Floats]],
    outputs: Sequence[str],
    provider: Provider,
    tolerance: Tolerance,
) -> list[Difference]:
    """Return how far each output is from what it should be.

    Parameters
    ----------
    wanted, made : for each input its outputs
    outputs : their names
    provider : what made them
    tolerance : how far they may be apart
    """
    differences = []
    for index, output in enumerate(outputs):
        apart = np.stack([abs(m[index] - w[index]) for m, w in zip(made, wanted, strict=True)])
        largest, mean = float(np.quantile(apart, tolerance.share)), float(apart.mean())
        # Written so that a NaN does not pass.
        passed = largest <= tolerance.largest and mean <= tolerance.mean
        differences.append(Difference(provider, output, largest, mean, passed))
    return differences


def demand_parity(report: ParityReport) -> None:
    """Refuse a network that does not make what the trained one makes.

    Raises
    ------
    ParityError
        If any output is further off than it may be.
    """
    far = "; ".join(
        f"{d.provider} {d.output}: {d.largest:.2g} at most, {d.mean:.2g} on average"
        for d in report.differences
        if not d.passed
    )
    if far:
        raise ParityError(f"the exported network differs from the trained one: {far}")
