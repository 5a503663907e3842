"""`swapcast export`: a training becomes a .face pack, with the consent its face sets carry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import tyro

from swapcast.kernels.geometry import crop_affine
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import ConsentError, ModelError, SwapcastError
from swapcast.realtime.identity import Consent, Identity, write_face
from swapcast.realtime.sources import SourceSettings, open_source
from swapcast.realtime.swapper import Swapper


@dataclass(frozen=True, kw_only=True)
class Export:
    """Make a .face pack from a training."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    identity: str
    """Whose decoder; the name it has in the training."""
    out: Path | None = None
    """The pack to write; nothing given: IDENTITY.face."""
    precision: Literal["fp32", "fp16"] = "fp16"
    """Number format the weights are kept in."""


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Carry out `swapcast export …`."""
    settings = tyro.cli(Export, prog="swapcast export", args=list(argv))
    # Training and its export need torch; nothing else here does.
    from swapcast.export.parity import ParityError  # noqa: PLC0415
    from swapcast.export.to_onnx import export  # noqa: PLC0415
    from swapcast.models.checkpoint import CheckpointError  # noqa: PLC0415

    try:
        exported = export(settings.run, settings.identity, precision=settings.precision)
    except (CheckpointError, ParityError) as error:
        raise ModelError(str(error)) from error
    sources = exported.about["provenance"]["identity"]
    try:
        consent = Consent(**sources[0]["consent"])
    except (TypeError, KeyError, IndexError) as error:
        raise ConsentError(
            f"{settings.run}: the face sets of {settings.identity!r} carry no consent record"
        ) from error
    face = Identity(
        settings.identity,
        consent,
        exported.network,
        b"",
        {
            "tool": f"swapcast {exported.about['version']}",
            "architecture": exported.about["architecture"],
            "size": str(exported.about["size"]),
            "sources": ", ".join(name for source in sources for name in source["sources"]),
            "licence": ", ".join(sorted({source["licence"] for source in sources})),
        },
    )
    face = Identity(face.name, consent, face.network, _thumbnail(face), face.made)
    out = settings.out or Path(f"{settings.identity}.face")
    write_face(face, out)
    for difference in exported.parity.differences:
        say(
            f"{difference.provider}, {difference.output}: differs from the training by "
            f"{difference.mean:.2g} on average, {difference.largest:.2g} at most"
        )
    say(f"wrote {out}: try `swapcast live --face {out}`, or keep it: `swapcast face add {out}`")


def _thumbnail(face: Identity) -> bytes:
    """Draw the bundled clip's first face as the new one wears it, a JPEG."""
    with (
        resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip,
        open_analyser("own", detached=False) as analyse,
        Swapper(face) as swap,
    ):
        source = open_source(
            str(clip), SourceSettings(), stop=lambda: False, on_event=lambda _: None
        )
        for frame in source.frames():
            for found in analyse(frame)[:1]:
                affine = crop_affine(found.points, swap.template, swap.size)
                Compositor().crop(frame, affine, swap.crop[0])
                rgb, _ = swap()
                picture = np.clip(rgb.transpose(1, 2, 0)[:, :, ::-1] * 255, 0, 255)
                done, data = cv2.imencode(".jpg", picture.astype(np.uint8))
                if done:
                    return bytes(data)
    raise SwapcastError("no thumbnail could be drawn of the new face")
