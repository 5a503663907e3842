"""`swapcast bench KIND …` and `swapcast bench --compare OLD.json NEW.json`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import tyro

from swapcast.bench import (
    architectures,
    glass,
    kernels,
    leaks,
    loop,
    mark_null,
    marks,
    masks,
    picture,
    runners,
    scaling,
    soak,
    verdict,
)

Kind = (
    Annotated[loop.Loop, tyro.conf.subcommand("loop")]
    | Annotated[kernels.Kernels, tyro.conf.subcommand("kernels")]
    | Annotated[runners.Runners, tyro.conf.subcommand("runners")]
    | Annotated[architectures.Architectures, tyro.conf.subcommand("architectures")]
    | Annotated[scaling.Scaling, tyro.conf.subcommand("scaling")]
    | Annotated[glass.Glass, tyro.conf.subcommand("glass")]
    | Annotated[leaks.Leaks, tyro.conf.subcommand("leaks")]
    | Annotated[picture.PictureBench, tyro.conf.subcommand("picture")]
    | Annotated[masks.Masks, tyro.conf.subcommand("masks")]
    | Annotated[soak.Soak, tyro.conf.subcommand("soak")]
    | Annotated[marks.Marks, tyro.conf.subcommand("marks")]
    | Annotated[mark_null.MarksNull, tyro.conf.subcommand("marks-null")]
)


_MAINS: Mapping[type, Callable[[Any], object]] = {
    loop.Loop: loop.main,
    kernels.Kernels: kernels.main,
    runners.Runners: runners.main,
    architectures.Architectures: architectures.main,
    scaling.Scaling: scaling.main,
    glass.Glass: glass.main,
    leaks.Leaks: leaks.main,
    picture.PictureBench: picture.main,
    masks.Masks: masks.main,
    soak.Soak: soak.main,
    marks.Marks: marks.main,
    mark_null.MarksNull: mark_null.main,
}


def bench_command(argv: Sequence[str]) -> None:
    """Run one benchmark, or compare the results of two."""
    if any(word == "--compare" or word.startswith("--compare=") for word in argv):
        verdict.main(tyro.cli(verdict.Compare, prog="swapcast bench", args=list(argv)))
        return
    settings = tyro.cli(Kind, prog="swapcast bench", args=list(argv))
    _MAINS[type(settings)](settings)
