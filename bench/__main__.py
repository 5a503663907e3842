"""`swapcast bench loop | kernels | leaks`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from swapcast.bench import kernels, leaks, loop


def bench_command(argv: Sequence[str]) -> None:
    """Run one benchmark."""
    kinds = (
        Annotated[loop.Loop, tyro.conf.subcommand("loop")]
        | Annotated[kernels.Kernels, tyro.conf.subcommand("kernels")]
        | Annotated[leaks.Leaks, tyro.conf.subcommand("leaks")]
    )
    settings: loop.Loop | kernels.Kernels | leaks.Leaks = tyro.cli(
        kinds,
        prog="swapcast bench",
        args=list(argv),
    )
    if isinstance(settings, loop.Loop):
        loop.main(settings)
    elif isinstance(settings, leaks.Leaks):
        leaks.main(settings)
    else:
        kernels.main(settings)
