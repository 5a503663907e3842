"""Turn one identity of a training into a network file that the live loop can run."""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from swapcast.export.parity import (
    Floats,
    ParityError,
    ParityReport,
    Precision,
    check_parity,
    demand_parity,
    providers_here,
)
from swapcast.export.quantise import QuantiseError, quantise
from swapcast.models.architectures import load_model
from swapcast.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from swapcast.models.faces import load_faces
from swapcast.models.pairs import MARGIN, Pairs
from swapcast.models.swap_model import Exportable
from swapcast.models.training import CHECKPOINT

OPSET = 18
_SMALL = 4096
"""Numbers in a tensor that is not worth halving."""
_FACES = 128


@dataclass(frozen=True)
class Prepared:
    """One identity's network, ready to be written in any form."""

    model: nn.Module
    """As it was trained: crop (and sliders) in, face (and mask) out."""
    proto: onnx.ModelProto
    """The same in ONNX, all in float32, without what it says of itself."""
    about: Mapping[str, Any]
    """What the network says of itself under the metadata key ``swapcast``."""
    outputs: tuple[str, ...]
    size: int
    """Side of the crop, pixels."""
    sliders: int

    def inputs(self, crops: Sequence[Floats]) -> list[dict[str, Floats]]:
        """Return crops as the network takes them, all sliders in the middle."""
        middle = {"sliders": np.zeros((1, self.sliders), np.float32)} if self.sliders else {}
        return [{"crop": crop, **middle} for crop in crops]


@dataclass(frozen=True)
class Exported:
    """A network file, as bytes, and the proof that it is right."""

    network: bytes
    about: Mapping[str, Any]
    """What the network says of itself under the metadata key ``swapcast``."""
    parity: ParityReport


def export(
    run: Path, identity: str, *, precision: Precision = "fp16", calibrate: Sequence[Path] = ()
) -> Exported:
    """Make a swapper for one identity: its decoder baked in behind the shared encoder.

    The network takes ``crop`` and gives ``face`` (both float32 [1, 3, size, size], RGB, 0…1) and,
    if it was trained with masks, ``mask`` (float32 [1, 1, size, size], 0…1). If attributes can be
    slid, it also takes ``sliders`` (float32 [1, n], standard deviations, 0 for no change).

    Parameters
    ----------
    run : folder of a training, or a checkpoint in it
    identity : name of one of its identities
    precision : how the file keeps its weights; fp16 halves it, int8 also computes in 8 bits
    calibrate : face sets of whoever will be before the camera, or rendered pairs, for int8
        Three quarters of their faces show which ranges occur; the rest judges the outcome.

    Raises
    ------
    CheckpointError
        If there is no such training or no such identity in it.
    FaceSetError
        If ``calibrate`` names no face sets.
    QuantiseError
        If there are too few faces, or the network cannot be computed in 8 bits.
    ParityError
        If the file does not make the pictures that the trained network makes.
    """
    prepared = prepare(run, identity)
    proto, judged = prepared.proto, list[Floats]()
    if precision == "fp16":
        halve_weights(proto)
    if precision == "int8":
        recorded, judged = recorded_faces(calibrate, prepared.size)
        proto = quantise(proto, prepared.inputs(recorded))
    network = named(proto, prepared.about)
    parity = check_parity(
        prepared.model,
        network,
        prepared.outputs,
        size=prepared.size,
        sliders=prepared.sliders,
        precision=precision,
        providers=providers_here(),
        faces=judged,
    )
    demand_parity(parity)
    return Exported(network, prepared.about, parity)


def prepare(run: Path, identity: str) -> Prepared:
    """Read a training and bake one identity in.

    Raises
    ------
    CheckpointError
        If there is no such training or no such identity in it.
    ParityError
        If it cannot be written as ONNX.
    """
    checkpoint = read_checkpoint(run / CHECKPOINT if run.is_dir() else run)
    if checkpoint.identities and identity not in checkpoint.identities:
        raise CheckpointError(
            f"{run} has no identity {identity!r}; it has {', '.join(checkpoint.identities)}"
        )
    trained = load_model(checkpoint)
    if not isinstance(trained, Exportable):
        raise CheckpointError(
            f"{run} gives no identity of its own; `python -m swapcast.export.student {run}` makes "
            "its base network, `swapcast face add` a face of it"
        )
    model = trained.swapper(identity).eval()
    about = _about(checkpoint, identity)
    inputs = {"crop": torch.zeros(1, 3, trained.size, trained.size)}
    if trained.hairline:
        about |= {"hairline": True}
    if trained.sliders:
        about |= {"sliders": trained.sliders}
        inputs |= {"sliders": torch.zeros(1, len(trained.sliders))}
    with torch.no_grad():
        outputs = ["face", "mask"][: len(model(*inputs.values()))]
    proto = to_proto(model, inputs, outputs)
    return Prepared(model, proto, about, tuple(outputs), trained.size, len(trained.sliders))


def named(proto: onnx.ModelProto, about: Mapping[str, Any]) -> bytes:
    """Return a network as a file's bytes, with what it says of itself."""
    onnx.helper.set_model_props(proto, {"swapcast": json.dumps(about)})
    onnx.checker.check_model(proto)
    network: bytes = proto.SerializeToString()
    return network


def recorded_faces(folders: Sequence[Path], size: int) -> tuple[list[Floats], list[Floats]]:
    """Return faces to calibrate with, and every fourth one, to judge by.

    At most 128 are of face sets, and as many of each folder of rendered pairs: the drivers.
    """
    if not folders:
        raise QuantiseError(
            "int8 needs faces to find its ranges; name face sets with --calibrate FACES"
        )
    rendered = [folder for folder in folders if next(folder.glob("pairs-*.npz"), None)]
    kept = [folder for folder in folders if folder not in rendered]
    chosen = [driver for folder in rendered for driver in _drivers(folder, size)]
    if kept:
        images = load_faces("the calibration", kept, side=size).images
        chosen += list(
            images[np.linspace(0, len(images) - 1, min(_FACES, len(images))).astype(int)]
        )
    crops = [(one.transpose(2, 0, 1)[None] / 255).astype(np.float32) for one in chosen]
    return [crop for k, crop in enumerate(crops) if k % 4], crops[::4]


def _drivers(folder: Path, size: int) -> list[NDArray[np.uint8]]:
    """Return drivers of rendered pairs, uint8 [size, size, 3], RGB."""
    pairs = Pairs(folder)
    numbers = np.linspace(0, len(pairs) - 1, min(_FACES, len(pairs))).astype(int)
    crops = pairs.read(numbers).driver[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return [
        np.asarray(cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA)) for one in crops
    ]


def to_proto(
    model: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: list[str]
) -> onnx.ModelProto:
    """Write a network as ONNX.

    Raises
    ------
    ParityError
        If that cannot be done.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # What the exporter says of its own parts (deprecations, absent torchvision) helps nobody.
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                model,
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
    if program is None:
        raise ParityError("the network could not be written as ONNX")
    proto: onnx.ModelProto = program.model_proto
    # The exporter notes source lines and paths of this machine at every node.
    del proto.metadata_props[:]
    for node in proto.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    return proto


def write_network(exported: Exported, out: Path) -> Path:
    """Write the network to ``out`` and the proof beside it, as ``….parity.json``.

    Returns
    -------
    Path
        Of the proof.
    """
    part = out.with_name(out.name + ".part")
    part.write_bytes(exported.network)
    part.replace(out)
    return write_proof(exported.parity, out)


def write_proof(report: ParityReport, out: Path) -> Path:
    """Write what a network was compared with beside it, as ``….parity.json``."""
    proof = out.with_suffix(".parity.json")
    proof.write_text(json.dumps(report.plain(), indent=1) + "\n")
    return proof


def _about(checkpoint: Checkpoint, identity: str) -> dict[str, Any]:
    # Networks that learn from pairs have one provenance for everybody.
    sources = checkpoint.provenance[identity if identity in checkpoint.provenance else "pairs"]
    return {
        "kind": "swapper",
        "architecture": checkpoint.architecture,
        "size": checkpoint.settings["size"],
        "template": sources[0]["template"],
        "identity": identity,
        "provenance": {
            "identity": sources,
            "others": {n: s for n, s in checkpoint.provenance.items() if n != identity},
            "steps": checkpoint.step,
            "losses": dict(checkpoint.losses),
        },
        "version": metadata.version("swapcast"),
    }


def halve_weights(proto: onnx.ModelProto) -> None:
    """Keep the weights of a network in 16 bits; they are widened when it is loaded.

    Only what is kept changes: a cast stands behind each weight, so every runtime computes as
    before. Small tensors stay as they are: biases, shapes, and the last convolution, whose
    roundings nothing after it can even out.
    """
    graph = proto.graph
    casts = []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT or int(np.prod(weight.dims)) < _SMALL:
            continue
        name = weight.name
        with np.errstate(over="ignore"):  # a weight too large for it is parity's to refuse
            half = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
