"""``python -m swapcast.export.student RUN --out FOLDER``: the student's files for the live product.

Two files: ``student.onnx``, the base network that every face of the student shares, and
``portraits.onnx``, which reads a face's vector from portraits. What the live product bakes of the
base and a vector is held against the network that was trained, before anything is written.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import tyro
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from swapcast.export.parity import ParityError, ParityReport, check_parity, providers_here
from swapcast.export.to_onnx import halve_weights, to_proto
from swapcast.models.architectures import load_model
from swapcast.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from swapcast.models.pairs import VIEW
from swapcast.models.student import Baked, Student
from swapcast.models.student_layers import Modulated, Place
from swapcast.models.training import CHECKPOINT

BASE, READER, PROOF = "student.onnx", "portraits.onnx", "student.parity.json"
TEMPLATE, VIEW_TEMPLATE = "dfl_whole_face", "arcface_112_v2"


@dataclass(frozen=True)
class StudentFiles:
    """What the live product needs of a student."""

    base: bytes
    reader: bytes
    parity: tuple[ParityReport, ...]
    """Of some identities' baked networks."""


def export_student(run: Path, *, identities: int = 3) -> StudentFiles:
    """Write a trained student as base network and portrait reader, weights as float16.

    Parameters
    ----------
    run : folder of a training, or a checkpoint in it
    identities : how many random ones are baked and compared

    Raises
    ------
    CheckpointError
        If it is no student's training.
    ParityError
        If a baked network does not make the pictures that the trained one makes.
    """
    checkpoint = read_checkpoint(run / CHECKPOINT if run.is_dir() else run)
    student = load_model(checkpoint)
    if not isinstance(student, Student):
        raise CheckpointError(f"{run} is a {student.architecture}; use `swapcast export` for it")
    base = _base(student, checkpoint)
    random = torch.Generator().manual_seed(5)
    reports = []
    for _ in range(identities):
        view = torch.rand(1, 3, VIEW, VIEW, generator=random)
        with torch.no_grad():
            read = student.portraits(view)
        reports.append(compare_baked(student, base, read))
    if not all(report.passed for report in reports):
        worst = max(d.largest for report in reports for d in report.differences)
        raise ParityError(f"a baked student differs from the trained one by up to {worst:.2g}")
    return StudentFiles(base, _reader(student, checkpoint), tuple(reports))


def compare_baked(student: Student, base: bytes, read: torch.Tensor) -> ParityReport:
    """Hold what is baked of the base file against the trained network, as it is told.

    Parameters
    ----------
    student : the trained network
    base : the file
    read : float32 [1, m], what the portrait reader gives
    """
    return check_parity(
        _Told(student, read),
        bake(base, read[0].numpy()),
        ["face", "mask"],
        size=student.size,
        precision="fp16",
        providers=providers_here(),
    )


def bake(base: bytes, read: NDArray[np.float32]) -> bytes:
    """Bake a face with the `onnx` package: the live product's numpy has this as its twin.

    Parameters
    ----------
    base : a base network's file
    read : float32 [m]
    """
    proto = onnx.load_model_from_string(base)
    arrays = {w.name: w for w in proto.graph.initializer}
    (about,) = (json.loads(p.value) for p in proto.metadata_props if p.key == "swapcast")
    vector, maps = np.split(read, [about["length"]])
    looks = maps.reshape(about["map"])

    def read_array(name: str) -> NDArray[np.float32]:
        found = arrays[name] if name in arrays else arrays[f"{name}.half"]
        return np.asarray(numpy_helper.to_array(found), np.float32)

    def write_array(name: str, values: NDArray[np.float32]) -> None:
        key = name if name in arrays else f"{name}.half"
        kind = numpy_helper.to_array(arrays[key]).dtype
        arrays[key].CopyFrom(numpy_helper.from_array(values.astype(kind), key))

    for name in list(arrays):
        stem, _, part = name.rpartition(".style.weight")
        if stem and not part:
            style = read_array(name) @ vector + read_array(f"{stem}.style.bias")
            scale, shift = np.split(style, 2)
            weight, bias = f"{stem}.conv.weight", f"{stem}.conv.bias"
            write_array(weight, read_array(weight) * (1 + scale)[:, None, None, None])
            write_array(bias, read_array(bias) * (1 + scale) + shift)
        stem, _, part = name.rpartition(".paint.weight")
        if stem and not part:
            added = read_array(f"{stem}.baked")
            step = looks.shape[-1] // added.shape[-1]
            cells = torch.pixel_unshuffle(torch.from_numpy(looks.copy())[None], step)[0].numpy()
            write_array(f"{stem}.baked", np.einsum("oc,chw->ohw", read_array(name), cells)[None])
    return bytes(proto.SerializeToString())


class _Told(nn.Module):
    """A student that is told one identity at every call: nothing is folded."""

    def __init__(self, student: Student, read: torch.Tensor) -> None:
        super().__init__()
        self.student, self.read = student, read

    def forward(self, crop: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = self.student.like(crop, self.read)
        return (made.face,) if made.mask is None else (made.face, made.mask)


def _base(student: Student, checkpoint: Checkpoint) -> bytes:
    """Return the base network: convolutions as learned, and beside them what modulates them."""
    proto = to_proto(
        Baked(student.generator, None).eval(),
        {"crop": torch.zeros(1, 3, student.size, student.size)},
        ["face", "mask"],
    )
    halve_weights(proto)
    for name, layer in student.named_modules():
        if isinstance(layer, Modulated):
            weight, bias = (
                part.detach().numpy() for part in (layer.style.weight, layer.style.bias)
            )
            weight = weight * student.generator.spread
            proto.graph.initializer.extend(
                [
                    numpy_helper.from_array(weight.astype(np.float16), f"{name}.style.weight"),
                    numpy_helper.from_array(bias.astype(np.float32), f"{name}.style.bias"),
                ]
            )
        elif isinstance(layer, Place):
            paint = layer.paint.weight.detach().numpy()[:, :, 0, 0].astype(np.float16)
            proto.graph.initializer.append(numpy_helper.from_array(paint, f"{name}.paint.weight"))
    side, settings = student.size // 4, student.settings
    more = {
        "template": TEMPLATE,
        "length": settings.vector,
        "map": [settings.channels, side, side],
    }
    more["hairline"] = True  # as the pairs that it learns from
    return _told(proto, "student", student.size, checkpoint, more)


def _reader(student: Student, checkpoint: Checkpoint) -> bytes:
    proto = to_proto(student.portraits, {"portrait": torch.zeros(1, 3, VIEW, VIEW)}, ["vector"])
    halve_weights(proto)
    more = {"template": VIEW_TEMPLATE}
    return _told(proto, "embedder", VIEW, checkpoint, more)


def _told(
    proto: onnx.ModelProto, kind: str, size: int, checkpoint: Checkpoint, more: dict[str, Any]
) -> bytes:
    about = {
        "kind": kind,
        "architecture": checkpoint.architecture,
        "size": size,
        **more,
        "steps": checkpoint.step,
        "version": metadata.version("swapcast"),
    }
    onnx.helper.set_model_props(proto, {"swapcast": json.dumps(about)})
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Write a student's files."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    out: Path
    """Folder to write to."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    settings = tyro.cli(Settings, prog="python -m swapcast.export.student", args=argv)
    try:
        files = export_student(settings.run)
    except (CheckpointError, ParityError) as error:
        sys.exit(f"swapcast: {error}")
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / BASE).write_bytes(files.base)
    (settings.out / READER).write_bytes(files.reader)
    proof = [report.plain() for report in files.parity]
    (settings.out / PROOF).write_text(json.dumps(proof, indent=1) + "\n")


if __name__ == "__main__":
    main()
