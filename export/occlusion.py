"""Write a trained occlusion network as ONNX: ``python -m swapcast.export.occlusion FILE OUT``."""

import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import torch
import tyro
from torch import nn

from swapcast.export.parity import ParityError, providers_here, sample_pictures
from swapcast.export.runners import Provider, open_runner
from swapcast.export.to_onnx import halve_weights
from swapcast.models.occlusion import OcclusionModel, read_occlusion

_log = logging.getLogger(__name__)

MOST: dict[Provider, float] = {"cpu": 0.003, "openvino": 0.02}
"""Largest mean difference of a picture's likelihoods from PyTorch's that passes, by what computes.

The file keeps its filters as float16; OpenVINO computes in bf16 where the processor can.
"""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is written where."""

    network: Annotated[Path, tyro.conf.Positional]
    """File of `swapcast.models.occlusion_training`: occlusion.pt."""
    out: Annotated[Path, tyro.conf.Positional]
    """ONNX file to write."""


def export(settings: Export) -> dict[str, float]:
    """Write the network with its provenance and prove that it computes the same.

    Returns
    -------
    dict
        The largest mean difference of a picture's likelihoods from PyTorch's, by what computes.

    Raises
    ------
    ValueError
        If there is no such network.
    ParityError
        If a difference is more than in `MOST`; nothing is written.
    """
    model, provenance = read_occlusion(settings.network)
    finished = nn.Sequential(model, nn.Sigmoid()).eval()
    network = _network(finished, model, provenance)
    worst = {one: _difference(finished, network, one) for one in providers_here()}
    for provider, gap in worst.items():
        if not gap <= MOST.get(provider, MOST["openvino"]):  # a NaN does not pass
            raise ParityError(f"{provider}: likelihoods differ from PyTorch's by {gap:.4f}")
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    part = settings.out.with_suffix(".part")
    part.write_bytes(network)
    part.replace(settings.out)
    _log.info("%s: %d bytes, %s", settings.out, len(network), worst)
    return {str(provider): gap for provider, gap in worst.items()}


def _network(
    finished: nn.Module, model: OcclusionModel, provenance: list[dict[str, object]]
) -> bytes:
    form = model.settings
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "occlusion.onnx"
        warnings.simplefilter("ignore")  # the tracing exporter announces its own retirement
        torch.onnx.export(
            finished,
            (torch.zeros(1, 3, form.size, form.size),),
            str(file),
            input_names=["crop"],
            output_names=["cover"],
            dynamo=False,
            opset_version=17,
        )
        proto = onnx.load(str(file))
    halve_weights(proto)
    about = {
        "kind": "occlusion",
        "size": form.size,
        "template": form.template,
        "input": "RGB 0..1",
        "output": f"float32 [1, 1, {form.size}, {form.size}], 0..1: what lies before the face",
        "provenance": provenance,
        "licence": "MIT",
        "version": metadata.version("swapcast"),
    }
    onnx.helper.set_model_props(proto, {"swapcast": json.dumps(about)})
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def _difference(finished: nn.Module, network: bytes, provider: Provider) -> float:
    worst = 0.0
    with open_runner(network, provider) as runner:
        (shape,) = runner.shapes.values()
        for picture in sample_pictures(shape[2]):
            with torch.no_grad():
                mine = finished(torch.from_numpy(picture)).numpy()
            worst = max(worst, float(np.abs(runner({"crop": picture})[0] - mine).mean()))
    return worst


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(tyro.cli(Export))
