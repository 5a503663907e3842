"""`swapcast bench loop | kernels`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from swapcast.bench import kernels, loop


def bench_command(argv: Sequence[str]) -> None:
    """Run one benchmark."""
    kinds = (
        Annotated[loop.Loop, tyro.conf.subcommand("loop")]
        | Annotated[kernels.Kernels, tyro.conf.subcommand("kernels")]
    )
    settings: loop.Loop | kernels.Kernels = tyro.cli(
        kinds,
        prog="swapcast bench",
        args=list(argv),
    )
    if isinstance(settings, loop.Loop):
        loop.main(settings)
    else:
        kernels.main(settings)
