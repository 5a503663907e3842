"""Untrained networks of the architectures, in torch and as ONNX, for timing alone."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from swapcast.export.to_onnx import named, to_proto
from swapcast.models.architectures import READY, make
from swapcast.models.swap_model import Exportable
from swapcast.realtime.errors import SettingError


@dataclass(frozen=True)
class Untrained:
    """A network with weights of chance."""

    module: nn.Module
    network: bytes
    """The same as an ONNX file; all its shapes are fixed."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of its inputs."""

    def fresh(self) -> nn.Module:
        """Return a copy that may be moved to a device."""
        return copy.deepcopy(self.module)


def untrained(name: str, batch: int) -> Untrained:
    """Make the network that `swapcast export` would write for one identity.

    Parameters
    ----------
    name : as `swapcast train` calls it
    batch : faces in one call

    Raises
    ------
    SettingError
        If there is none of that name, it gives no identity of its own, or takes one face only.
    """
    if name not in READY:
        raise SettingError(f"no network {name!r}; there are {', '.join(READY)}")
    learner = make(READY[name].settings, ("a", "b")).eval()
    if not isinstance(learner, Exportable):
        raise SettingError(f"{name} is a base for faces and has no network of its own to time")
    module = learner.swapper(learner.identities[0]).eval()
    inputs = {"crop": torch.zeros(batch, 3, learner.size, learner.size)}
    if learner.sliders:
        inputs["sliders"] = torch.zeros(batch, len(learner.sliders))
    try:
        with torch.no_grad():
            outputs = ["face", "mask"][: len(module(*inputs.values()))]
    except RuntimeError as error:
        raise SettingError(f"{name} takes one face a call; give --batches 1") from error
    network = named(to_proto(module, inputs, outputs), {"kind": "untrained", "architecture": name})
    return Untrained(module, network, {key: tuple(one.shape) for key, one in inputs.items()})
