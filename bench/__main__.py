"""`swapcast bench loop | kernels | leaks | soak`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from swapcast.bench import kernels, leaks, loop, soak


def bench_command(argv: Sequence[str]) -> None:
    """Run one benchmark."""
    kinds = (
        Annotated[loop.Loop, tyro.conf.subcommand("loop")]
        | Annotated[kernels.Kernels, tyro.conf.subcommand("kernels")]
        | Annotated[leaks.Leaks, tyro.conf.subcommand("leaks")]
        | Annotated[soak.Soak, tyro.conf.subcommand("soak")]
    )
    settings: loop.Loop | kernels.Kernels | leaks.Leaks | soak.Soak = tyro.cli(
        kinds,
        prog="swapcast bench",
        args=list(argv),
    )
    if isinstance(settings, loop.Loop):
        loop.main(settings)
    elif isinstance(settings, leaks.Leaks):
        leaks.main(settings)
    elif isinstance(settings, soak.Soak):
        soak.main(settings)
    else:
        kernels.main(settings)
