"""Write the trained landmark network as ONNX: ``python -m swapcast.export.landmarks RUN OUT``."""

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import onnxruntime
import torch
import tyro
from torch import Tensor, nn

from swapcast.export.detector import halved
from swapcast.models.landmarks import LandmarkConfig, LandmarkModel

_log = logging.getLogger(__name__)

TOLERANCE = 0.1
"""Largest difference between PyTorch's and ONNX Runtime's points that passes, pixels of the crop.

The file keeps its filters as float16; without that the difference is below 0.001.
"""

_FACTS = {
    "name": "swapcast landmarks",
    "licence": "MIT",
    "input": "RGB 0..1, an upright crop of a face",
    "output": "68 points (Multi-PIE order) in pixels of the crop, presence 0..1, visibility 0..1",
}
_TAUGHT = (
    "SFHQ-T2I AI-made portraits by David Beniaguev (MIT), also turned in 3D and as the skin of "
    "ICT-FaceKit heads (MIT); four GRID talkers (Cooke et al. 2006, CC BY 4.0)"
)
_RENDERS = "; renders of ICT-FaceKit heads (MIT) with exact points"
_TEACHERS = "MediaPipe face mesh, Google (Apache-2.0): points; YuNet (Apache-2.0): where faces are"


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is written where."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of the training run."""
    out: Annotated[Path, tyro.conf.Positional]
    """ONNX file to write."""


class _Finished(nn.Module):
    """The network as it runs live: probabilities instead of log-odds."""

    def __init__(self, model: LandmarkModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        points, presence, visibility = self.model(crops)
        return points, presence.sigmoid(), visibility.sigmoid()


def trained(run: Path) -> tuple[LandmarkModel, dict[str, str]]:
    """Load the averaged weights of a run, and what is known of it."""
    state = torch.load(run / "last.pt", weights_only=True)
    config = json.loads(state["config"])
    config["widths"], config["depths"] = tuple(config["widths"]), tuple(config["depths"])
    model = LandmarkModel(LandmarkConfig(**config))
    model.load_state_dict(state["average"])
    renders = _RENDERS if state.get("rendered", 0) else ""
    known = {
        "steps": str(state["step"]),
        "provenance": f"trained on {_TAUGHT}{renders}. Teachers: {_TEACHERS}.",
    }
    return model.eval(), known


def export(settings: Export) -> float:
    """Write the network and prove that it computes the same.

    Returns
    -------
    float
        The largest difference of a point, pixels of the crop.

    Raises
    ------
    ValueError
        If it is more than ``TOLERANCE``.
    """
    network, known = trained(settings.run)
    model, size = _Finished(network).eval(), network.config.size
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its own retirement
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, size, size),),
            str(settings.out),
            input_names=["crops"],
            output_names=["points", "presence", "visibility"],
            dynamo=False,
            opset_version=17,
        )
    written = halved(onnx.load(str(settings.out)))
    onnx.helper.set_model_props(written, _FACTS | known)
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, str(settings.out))
    worst = _difference(model, settings.out, size)
    bytes_ = settings.out.stat().st_size
    _log.info("%s: %d bytes, parity within %.2g pixels", settings.out, bytes_, worst)
    if worst > TOLERANCE:
        raise ValueError(f"ONNX Runtime's points differ from PyTorch's by {worst:.2g} pixels")
    return worst


def _difference(model: nn.Module, file: Path, size: int) -> float:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    random, worst = np.random.default_rng(0), 0.0
    for _ in range(8):
        crop = random.random((1, 3, size, size), dtype=np.float32)
        with torch.no_grad():
            mine = model(torch.from_numpy(crop))
        theirs = session.run(None, {"crops": crop})
        gaps = [float(np.abs(a.numpy() - b).max()) for a, b in zip(mine, theirs, strict=True)]
        worst = max(worst, *gaps)
    return worst


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(tyro.cli(Export))
