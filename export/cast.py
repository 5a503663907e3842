"""``python -m swapcast.export.cast RUN --person 44 --out FILE``: one of a cast, as bare network.

`swapcast.realtime.release` makes a signed pack of it, once its maker has said who it shows.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from swapcast.export.parity import ParityError, Precision
from swapcast.export.quantise import QuantiseError
from swapcast.export.to_onnx import export, write_network
from swapcast.models.checkpoint import CheckpointError
from swapcast.models.faces import FaceSetError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Write one person's network, and beside it the proof that it is right."""

    run: tyro.conf.Positional[Path]
    """Folder of the training."""
    person: int
    """The number of the person in the pairs."""
    out: Path
    """The .onnx file to write."""
    precision: Precision = "fp16"
    """Number format the weights are kept in. int8 is also computed in 8 bits."""
    calibrate: tuple[Path, ...] = ()
    """For int8: rendered pairs (their drivers) or face sets, to find the ranges of numbers."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    settings = tyro.cli(Settings, prog="python -m swapcast.export.cast", args=argv)
    try:
        exported = export(
            settings.run,
            f"{settings.person:04d}",
            precision=settings.precision,
            calibrate=settings.calibrate,
        )
    except (CheckpointError, FaceSetError, ParityError, QuantiseError) as error:
        sys.exit(f"swapcast: {error}")
    proof = write_network(exported, settings.out)
    sys.stdout.write(f"wrote {settings.out} and {proof}\n")


if __name__ == "__main__":
    main()
