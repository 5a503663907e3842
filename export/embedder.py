"""Write a trained identity embedder as ONNX: ``python -m swapcast.export.embedder FILE OUT``."""

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

from swapcast.export.parity import ParityError, providers_here, sample_pictures
from swapcast.export.runners import Provider, open_runner
from swapcast.export.to_onnx import halve_weights
from swapcast.models.embedder import Embedder, read_embedder

_log = logging.getLogger(__name__)

LEAST: dict[Provider, float] = {"cpu": 0.9998, "openvino": 0.998}
"""Cosine of the exported network's vector to PyTorch's that must be reached, by what computes.

The file keeps its filters as float16; OpenVINO computes in bf16 where the processor can.
"""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is written where."""

    embedder: Annotated[Path, tyro.conf.Positional]
    """File of `swapcast.models.embedder_training`."""
    out: Annotated[Path, tyro.conf.Positional]
    """ONNX file to write; the proof goes beside it as ….parity.json."""
    different: float
    """Cosine up to which two faces are two people's: `swapcast.models.embedder_evaluation` says."""
    same: float
    """Cosine from which two faces are one person's."""


def export(settings: Export) -> dict[str, float]:
    """Write the network with its provenance and prove that it computes the same.

    Returns
    -------
    dict
        The least cosine of its vectors to PyTorch's, by what computes.

    Raises
    ------
    EmbedderError
        If there is no such embedder.
    ParityError
        If a cosine is less than in `LEAST`, or the scale makes no sense; nothing is written.
    """
    embedder, provenance = read_embedder(settings.embedder)
    if not settings.different < settings.same:
        raise ParityError(f"--different {settings.different} is not below --same {settings.same}")
    network = _network(embedder, provenance, (settings.different, settings.same))
    least = {provider: _least(embedder, network, provider) for provider in providers_here()}
    for provider, cosine in least.items():
        if not cosine >= LEAST[provider]:  # a NaN does not pass
            raise ParityError(f"{provider}: a vector's cosine to PyTorch's is {cosine:.4f}")
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    part = settings.out.with_suffix(".part")
    part.write_bytes(network)
    part.replace(settings.out)
    proof = {"least_cosine": least, "wanted": LEAST, "bytes": len(network)}
    settings.out.with_suffix(".parity.json").write_text(json.dumps(proof, indent=1) + "\n")
    _log.info("%s: %d bytes, %s", settings.out, len(network), least)
    return {str(provider): cosine for provider, cosine in least.items()}


def _network(
    embedder: Embedder, provenance: list[dict[str, object]], scale: tuple[float, float]
) -> bytes:
    form = embedder.settings
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "embedder.onnx"
        warnings.simplefilter("ignore")  # the tracing exporter announces its own retirement
        torch.onnx.export(
            embedder,
            (torch.zeros(1, 3, form.size, form.size),),
            str(file),
            input_names=["crop"],
            output_names=["vector"],
            dynamo=False,
            opset_version=17,
        )
        proto = onnx.load(str(file))
    halve_weights(proto)
    about = {
        "kind": "embedder",
        "size": form.size,
        "template": form.template,
        "input": "RGB 0..1",
        "output": f"float32 [1, {form.length}], of length 1",
        "scale": scale,
        "provenance": provenance,
        "version": metadata.version("swapcast"),
    }
    onnx.helper.set_model_props(proto, {"swapcast": json.dumps(about)})
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def _least(embedder: Embedder, network: bytes, provider: Provider) -> float:
    size, cosines = embedder.settings.size, []
    with open_runner(network, provider) as runner:
        for picture in sample_pictures(size):
            with torch.no_grad():
                mine = embedder(torch.from_numpy(picture)).numpy()[0]
            theirs = runner({"crop": picture})[0][0]
            cosines.append(float(mine @ theirs / np.linalg.norm(theirs)))
    return min(cosines)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(tyro.cli(Export))
