"""Write a trained face detector as ONNX: ``python -m swapcast.export.detector CHECKPOINT OUT``."""

import logging
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import onnxruntime
import torch
import tyro
from numpy.typing import NDArray

from swapcast.models.detector import STRIDES, Detector

log = logging.getLogger(__name__)

TOLERANCE = 2e-3
"""Largest difference between PyTorch's and ONNX Runtime's outputs that passes."""

_FACTS = {
    "name": "swapcast face detector",
    "licence": "MIT",
    "input": "RGB 0..1, height and width multiples of 16",
    "output": "logit, centre x y, log width height, five points x y; in strides from the cell",
    "strides": " ".join(map(str, STRIDES)),
    "trained_on": "SFHQ-T2I AI-made portraits (MIT); four GRID talkers (CC BY 4.0); drawn clutter",
    "teacher": "YuNet (Apache-2.0): boxes and points",
}


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is written where."""

    checkpoint: Annotated[Path, tyro.conf.Positional]
    """Of the training run."""
    out: Annotated[Path, tyro.conf.Positional]
    """ONNX file to write."""
    doubt: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """By how much to lower the score's logit of each grid, finest first, so that a score of a half
    is where false faces end. The finest grid, which sees the least of a face, needs the most."""
    commit: str = "unknown"
    """Of the code that trained it, kept in the file."""


def trained(checkpoint: Path) -> tuple[Detector, int]:
    """Load the averaged weights of a run and the number of steps they took."""
    state = torch.load(checkpoint, weights_only=True)
    network = Detector().eval()
    if state["folded"]:
        network.fold()
    network.load_state_dict(state["average"])
    return network, int(state["step"])


def fold(network: Detector) -> None:
    """Take the batch statistics into the filters and round the weights to float16, in place."""
    network.fold()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_(module.weight.half().float())


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights as float16 and widen them when the file is loaded: half the size.

    Runtimes fold the widening into constants, so speed does not change; the network computes in
    float32 with weights of float16 precision.
    """
    graph = model.graph
    for weight in list(graph.initializer):
        if weight.data_type != onnx.TensorProto.FLOAT or len(weight.dims) < 4:
            continue
        values = onnx.numpy_helper.to_array(weight).astype(np.float16)
        name = weight.name
        graph.initializer.remove(weight)
        graph.initializer.append(onnx.numpy_helper.from_array(values, f"{name}.half"))
        node = onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, node)
    return model


def write(network: Detector, out: Path, facts: dict[str, str]) -> None:
    """Write ``network`` to ``out`` with ``facts`` among its metadata."""
    out.parent.mkdir(parents=True, exist_ok=True)
    free = {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its own retirement
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 256, 320),),
            str(out),
            input_names=["image"],
            output_names=[f"stride{stride}" for stride in STRIDES],
            dynamic_axes={"image": free},
            dynamo=False,
            opset_version=17,
        )
    model = halved(onnx.load(str(out)))
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(out))


def worst_difference(network: Detector, file: Path) -> float:
    """Run both on the same random pictures; return the largest difference of any output."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    random, worst = np.random.default_rng(0), 0.0
    for height, width in ((256, 320), (240, 320), (320, 176), (64, 64)):
        image: NDArray[np.float32] = random.random((1, 3, height, width), dtype=np.float32)
        with torch.no_grad():
            mine = network(torch.from_numpy(image))
        theirs = session.run(None, {"image": image})
        for a, b in zip(mine, theirs, strict=True):
            worst = max(worst, float(np.abs(a.numpy() - b).max()))
    return worst


def export(settings: Export) -> None:
    """Write the network and prove that it computes the same.

    Raises
    ------
    ValueError
        If ONNX Runtime's outputs differ from PyTorch's by more than ``TOLERANCE``.
    """
    network, step = trained(settings.checkpoint)
    fold(network)
    with torch.no_grad():
        for head, doubt in zip(network.heads, settings.doubt, strict=True):
            bias = head.get_parameter("bias")
            bias[0] -= doubt
    facts = _FACTS | {
        "steps": str(step),
        "doubt": " ".join(map(str, settings.doubt)),
        "commit": settings.commit,
        "date": date.today().isoformat(),
    }
    write(network, settings.out, facts)
    worst = worst_difference(network, settings.out)
    size = settings.out.stat().st_size
    log.info("%s: %d bytes, after %d steps, parity within %.2g", settings.out, size, step, worst)
    if worst > TOLERANCE:
        raise ValueError(
            f"{settings.out} differs from its checkpoint by {worst:.2g}, over {TOLERANCE}"
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(tyro.cli(Export))
