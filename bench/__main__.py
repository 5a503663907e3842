"""`swapcast bench loop | kernels | leaks | soak | marks | marks-null`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from swapcast.bench import kernels, leaks, loop, mark_null, marks, soak


def bench_command(argv: Sequence[str]) -> None:
    """Run one benchmark."""
    kinds = (
        Annotated[loop.Loop, tyro.conf.subcommand("loop")]
        | Annotated[kernels.Kernels, tyro.conf.subcommand("kernels")]
        | Annotated[leaks.Leaks, tyro.conf.subcommand("leaks")]
        | Annotated[soak.Soak, tyro.conf.subcommand("soak")]
        | Annotated[marks.Marks, tyro.conf.subcommand("marks")]
        | Annotated[mark_null.MarksNull, tyro.conf.subcommand("marks-null")]
    )
    settings: (
        loop.Loop | kernels.Kernels | leaks.Leaks | soak.Soak | marks.Marks | mark_null.MarksNull
    ) = tyro.cli(kinds, prog="swapcast bench", args=list(argv))
    if isinstance(settings, loop.Loop):
        loop.main(settings)
    elif isinstance(settings, leaks.Leaks):
        leaks.main(settings)
    elif isinstance(settings, soak.Soak):
        soak.main(settings)
    elif isinstance(settings, marks.Marks):
        marks.main(settings)
    elif isinstance(settings, mark_null.MarksNull):
        mark_null.main(settings)
    else:
        kernels.main(settings)
