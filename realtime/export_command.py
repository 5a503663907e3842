"""`swapcast export`: a training becomes a .face pack, with the consent its face sets carry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from swapcast.realtime.errors import ConsentError, ModelError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.identity import seal_face, write_face
from swapcast.realtime.thumbnail import draw_thumbnail
from swapcast.realtime.training_consent import carried_record


@dataclass(frozen=True, kw_only=True)
class Export:
    """Make a .face pack from a training."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    identity: str
    """Whose decoder; the name it has in the training."""
    out: Path | None = None
    """The pack to write; nothing given: IDENTITY.face."""
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
    from swapcast.export.to_onnx import export  # noqa: PLC0415
    from swapcast.models.checkpoint import CheckpointError, read_checkpoint  # noqa: PLC0415
    from swapcast.models.faces import FaceSetError  # noqa: PLC0415
    from swapcast.models.training import CHECKPOINT  # noqa: PLC0415

    store = face_store(say)
    try:
        checkpoint = read_checkpoint(
            settings.run / CHECKPOINT if settings.run.is_dir() else settings.run
        )
        if settings.identity in checkpoint.identities:
            # Before the long work, not after it.
            carried_record(checkpoint.provenance.get(settings.identity), store)
        exported = export(
            settings.run,
            settings.identity,
            precision=settings.precision,
            calibrate=settings.calibrate,
        )
    except (CheckpointError, FaceSetError, ParityError, QuantiseError) as error:
        raise ModelError(str(error)) from error
    except ConsentError as error:
        raise ConsentError(f"{settings.run}, {settings.identity!r}: {error}") from error
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
    out = settings.out or Path(f"{settings.identity}.face")
    store.log("pack made", face.consent, face.name)
    write_face(face, out)
    for difference in exported.parity.differences:
        say(
            f"{difference.provider}, {difference.output}: differs from the training by "
            f"{difference.mean:.2g} on average, {difference.largest:.2g} at most"
        )
    say(f"wrote {out}: try `swapcast live --face {out}`, or keep it: `swapcast face add {out}`")
