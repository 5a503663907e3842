"""From a training to a network file: it makes the same pictures, or it is not written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from swapcast.export.parity import (
    TOLERANCES,
    ParityError,
    Tolerance,
    check_parity,
    compare,
    providers_here,
    sample_pictures,
)
from swapcast.export.quantise import QuantiseError
from swapcast.export.runners import open_runner
from swapcast.export.to_onnx import Exported, export, write_network
from swapcast.models.checkpoint import Checkpoint, CheckpointError, write_checkpoint
from swapcast.models.shared_autoencoder import (
    AutoencoderSettings,
    OneIdentity,
    SharedAutoencoder,
)
from tests.test_faces import write_set

SOURCE = {
    "subject": "nobody",
    "template": "dfl_whole_face",
    "sources": ["drawn"],
    "licence": "MIT",
    "consent": {"kind": "fictional", "subject": "x", "statement": "drawn", "date": "2026-01-01"},
}


def write_run(
    folder: Path, settings: AutoencoderSettings, source: dict[str, Any] = SOURCE
) -> SharedAutoencoder:
    torch.manual_seed(0)
    model = SharedAutoencoder(settings=settings, identities=("a", "b")).eval()
    checkpoint = Checkpoint(
        architecture="shared_autoencoder",
        settings=asdict(settings),
        identities=("a", "b"),
        provenance={"a": [source], "b": [source]},
        step=7,
        losses={"l1": 0.1},
        tensors={f"average.{name}": value for name, value in model.state_dict().items()},
    )
    write_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, AutoencoderSettings(width=1 / 8))
    return folder


@pytest.fixture(scope="module")
def trained(run: Path) -> SharedAutoencoder:
    return write_run(run, AutoencoderSettings(width=1 / 8))


@pytest.fixture(scope="module")
def exports(run: Path) -> dict[str, Exported]:
    """Give identity b, as fp32 and as fp16."""
    return {
        "fp32": export(run, "b", precision="fp32"),
        "fp16": export(run, "b", precision="fp16"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_file_makes_the_pictures_of_the_training(
    exports: dict[str, Exported], trained: SharedAutoencoder, precision: str, tmp_path: Path
) -> None:
    exported = exports[precision]
    assert exported.parity.passed
    assert {d.output for d in exported.parity.differences} == {"face", "mask"}
    crop = torch.rand(1, 3, 64, 64)
    with open_runner(exported.network) as runner, torch.no_grad():
        face, mask = runner({"crop": crop.numpy()})
        wanted = OneIdentity(trained, "b")(crop)
        other = OneIdentity(trained, "a")(crop)
        assert abs(face - wanted[0].numpy()).max() < 1e-2
        assert abs(mask - wanted[1].numpy()).max() < 1e-2
        assert abs(face - other[0].numpy()).max() > 1e-2
        about = json.loads(runner.metadata["swapcast"])
    assert runner.shapes == {"crop": (1, 3, 64, 64)}
    assert (about["kind"], about["size"], about["template"]) == ("swapper", 64, "dfl_whole_face")
    assert about["provenance"]["identity"][0]["licence"] == "MIT"

    proof = write_network(exported, tmp_path / "b.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == exported.network
    report = json.loads(proof.read_text())
    assert report["passed"]
    assert set(report["tolerances"]) == set(providers_here())


@pytest.mark.slow
def test_eight_bits_are_found_from_faces_and_judged_on_others(run: Path, tmp_path: Path) -> None:
    few = write_set(tmp_path / "few", count=8)
    with pytest.raises(QuantiseError, match="6 faces are too few"):
        export(run, "b", precision="int8", calibrate=[few])
    with pytest.raises(QuantiseError, match="--calibrate"):
        export(run, "b", precision="int8")
    faces = write_set(tmp_path / "faces", count=32)
    exported = export(run, "b", precision="int8", calibrate=[faces])
    assert exported.parity.passed
    assert exported.parity.inputs == 8
    kinds = {w.data_type for w in onnx.load_from_string(exported.network).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    with open_runner(exported.network) as runner:
        assert json.loads(runner.metadata["swapcast"])["identity"] == "b"


def test_fp16_halves_the_file(exports: dict[str, Exported]) -> None:
    sizes = [len(exports[precision].network) for precision in ("fp32", "fp16")]
    assert 0.48 < sizes[1] / sizes[0] < 0.55


def test_a_network_without_masks_has_one_output(tmp_path: Path) -> None:
    write_run(tmp_path, AutoencoderSettings(width=1 / 16, mask=False))
    exported = export(tmp_path / "checkpoint.safetensors", "a")
    outputs = onnx.load_from_string(exported.network).graph.output
    assert [output.name for output in outputs] == ["face"]


def test_the_sub_pixel_network_is_exported_as_well(tmp_path: Path) -> None:
    write_run(tmp_path, AutoencoderSettings(width=1 / 16, decoder=(256, 128)))
    assert export(tmp_path, "a").parity.passed


def test_no_run_no_identity(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="it has a, b"):
        export(run, "c")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        export(tmp_path, "a")


class _Other(nn.Module):
    """Off by a little everywhere."""

    def __init__(self, model: nn.Module, off: float) -> None:
        super().__init__()
        self.model, self.off = model, off

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        return tuple(part + self.off for part in self.model(crop))


@pytest.mark.parametrize("off", [0.01, float("nan")])
def test_a_network_that_differs_does_not_pass(
    exports: dict[str, Exported], trained: SharedAutoencoder, off: float
) -> None:
    report = check_parity(
        _Other(OneIdentity(trained, "b"), off),
        exports["fp32"].network,
        ["face", "mask"],
        size=64,
        precision="fp32",
        providers=["cpu"],
    )
    assert not report.passed
    assert TOLERANCES["fp32", "cpu"].largest < 0.01


def test_an_export_that_differs_is_an_error(tmp_path: Path) -> None:
    """Weights beyond the range of fp16 cannot be kept in it."""
    model = write_run(tmp_path, AutoencoderSettings(width=1 / 16))
    with torch.no_grad():
        model.encoder.fold.weight.fill_(1e5)
        model.encoder.unfold.weight.mul_(1e-6)
    checkpoint = Checkpoint(
        architecture="shared_autoencoder",
        settings=asdict(model.settings),
        identities=("a", "b"),
        provenance={"a": [SOURCE], "b": [SOURCE]},
        step=1,
        losses={},
        tensors={f"average.{name}": value for name, value in model.state_dict().items()},
    )
    write_checkpoint(checkpoint, tmp_path / "checkpoint.safetensors")
    with pytest.raises(ParityError, match="differs from the trained one: cpu face"):
        export(tmp_path, "a", precision="fp16")


def test_the_pictures_for_parity_fill_the_range() -> None:
    pictures = sample_pictures(32)
    assert all(p.shape == (1, 3, 32, 32) and p.dtype == np.float32 for p in pictures)
    assert all(0 <= p.min() <= p.max() <= 1 for p in pictures)
    assert len({p.tobytes() for p in pictures}) == len(pictures)


def test_a_few_values_may_be_further_apart_where_the_tolerance_says_so():
    wanted = [[np.zeros((1, 1, 100, 100), np.float32)]]
    made = [[np.zeros((1, 1, 100, 100), np.float32)]]
    made[0][0].ravel()[:9] = 1.0
    most = Tolerance(0.4, 0.01, share=0.999)
    (few,) = compare(wanted, made, ["mask"], "cpu", most)
    assert few.passed
    assert not compare(wanted, made, ["mask"], "cpu", Tolerance(0.4, 0.01))[0].passed
    made[0][0].ravel()[:20] = 1.0
    assert not compare(wanted, made, ["mask"], "cpu", most)[0].passed
    made[0][0].ravel()[0] = np.nan
    assert not compare(wanted, made, ["mask"], "cpu", most)[0].passed
