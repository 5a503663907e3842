"""`swapcast export`: a training becomes a .face pack, with the consent its face sets carry.

For programs of others it can also be written bare, as ONNX, OpenVINO IR or a TensorRT engine. The
live loop wears packs only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
import tyro

from swapcast.realtime.errors import ConsentError, ModelError
from swapcast.realtime.face_store import FaceStore, face_store
from swapcast.realtime.identity import seal_face, write_face
from swapcast.realtime.thumbnail import draw_thumbnail
from swapcast.realtime.training_consent import carried_record

if TYPE_CHECKING:
    from swapcast.export.parity import ParityReport

_SUFFIXES = {"face": ".face", "onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine"}


@dataclass(frozen=True, kw_only=True)
class Export:
    """Make a .face pack from a training."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    identity: str
    """Whose decoder; the name it has in the training."""
    out: Path | None = None
    """The file to write; nothing given: IDENTITY.face, .onnx, .xml or .engine."""
    to: Literal["face", "onnx", "openvino", "tensorrt"] = "face"
    """A signed pack to wear, or the bare network for another program."""
    precision: Literal["fp32", "fp16", "int8"] = "fp16"
    """Number format the weights are kept in. int8 is also computed in 8 bits."""
    calibrate: tuple[Path, ...] = ()
    """For int8: face sets of whoever will be before the camera, to find the ranges of numbers."""


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Carry out `swapcast export …`."""
    settings = tyro.cli(Export, prog="swapcast export", args=list(argv))
    # Training and its export need torch; nothing else here does.
    from swapcast.export.parity import ParityError  # noqa: PLC0415
    from swapcast.export.quantise import QuantiseError  # noqa: PLC0415
    from swapcast.export.to_openvino import TargetError  # noqa: PLC0415
    from swapcast.models.checkpoint import CheckpointError, read_checkpoint  # noqa: PLC0415
    from swapcast.models.faces import FaceSetError  # noqa: PLC0415
    from swapcast.models.training import CHECKPOINT  # noqa: PLC0415

    store = face_store(say)
    out = settings.out or Path(f"{settings.identity}{_SUFFIXES[settings.to]}")
    try:
        checkpoint = read_checkpoint(
            settings.run / CHECKPOINT if settings.run.is_dir() else settings.run
        )
        if settings.identity in checkpoint.identities:
            # Before the long work, not after it.
            record = carried_record(checkpoint.provenance.get(settings.identity), store)
        if settings.to == "face":
            report = _write_pack(settings, out, store)
        else:
            report = _write_bare(settings, out)
            store.log("network exported", record)
    except (CheckpointError, FaceSetError, ParityError, QuantiseError, TargetError) as error:
        raise ModelError(str(error)) from error
    except ConsentError as error:
        raise ConsentError(f"{settings.run}, {settings.identity!r}: {error}") from error
    for difference in report.differences:
        say(
            f"{difference.provider}, {difference.output}: differs from the training by "
            f"{difference.mean:.2g} on average, {difference.largest:.2g} at most"
        )
    if settings.to == "face":
        say(f"wrote {out}: try `swapcast live --face {out}`, or keep it: `swapcast face add {out}`")
    else:
        say(f"wrote {out} and the proof beside it; the live loop wears .face packs only")


def _write_pack(settings: Export, out: Path, store: FaceStore) -> "ParityReport":
    """Write a signed pack, with the consent record that the face sets carry."""
    from swapcast.export.to_onnx import export  # noqa: PLC0415 - needs torch

    exported = export(
        settings.run,
        settings.identity,
        precision=settings.precision,
        calibrate=settings.calibrate,
    )
    sources = exported.about["provenance"]["identity"]
    made = {
        "tool": f"swapcast {exported.about['version']}",
        "architecture": str(exported.about["architecture"]),
        "size": str(exported.about["size"]),
        "sources": ", ".join(name for source in sources for name in source["sources"]),
        "licence": ", ".join(sorted({source["licence"] for source in sources})),
    }
    parts = (settings.identity, carried_record(sources, store), exported.network)
    thumbnail = draw_thumbnail(seal_face(*parts, b"", made, key=store.key))
    face = seal_face(*parts, thumbnail, made, key=store.key)
    store.log("pack made", face.consent, face.name)
    write_face(face, out)
    return exported.parity


def _write_bare(settings: Export, out: Path) -> "ParityReport":
    """Write the network alone, with its provenance in it or beside it."""
    from swapcast.export import to_onnx  # noqa: PLC0415 - needs torch
    from swapcast.export.to_openvino import write_openvino  # noqa: PLC0415
    from swapcast.export.to_tensorrt import write_tensorrt  # noqa: PLC0415

    chosen, run, name = settings.precision, settings.run, settings.identity
    if settings.to == "onnx":
        exported = to_onnx.export(run, name, precision=chosen, calibrate=settings.calibrate)
        to_onnx.write_network(exported, out)
        return exported.parity
    prepared = to_onnx.prepare(run, name)
    if settings.to == "openvino":
        return write_openvino(prepared, out, precision=chosen, calibrate=settings.calibrate)
    cache = platformdirs.user_cache_path("swapcast", appauthor=False) / "engines"
    return write_tensorrt(
        prepared, out, precision=chosen, calibrate=settings.calibrate, cache=cache
    )
