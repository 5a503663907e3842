"""`swapcast tune`: measure what computes a face fastest here, and keep it for `--provider auto`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from swapcast.export.runners import RunnerError
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.student import timed_network
from swapcast.realtime.tune import Trial, candidates, measure, winner
from swapcast.realtime.tuned import remember


@dataclass(frozen=True, kw_only=True)
class Tune:
    """Measure what computes a face fastest on this machine; `--provider auto` then takes that."""

    face: str = DEFAULT_FACE
    """Name of a kept face, or the path of a .face pack."""
    seconds: float = 4.0
    """To measure, after the candidates were opened."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 600:
            raise SettingError(f"--seconds is {self.seconds}; give 0.1 to 600")


def run(argv: Sequence[str], say: Callable[[str], None]) -> Trial:
    """Run the command; returns the winner.

    Raises
    ------
    ModelError
        If nothing here computes the face as it should.
    """
    settings = tyro.cli(Tune, prog="swapcast tune", args=list(argv))
    network = timed_network(face_store().find(settings.face, uses_of(["null"])))
    say("opening the candidates")
    try:
        trials = measure(network, candidates(), seconds=settings.seconds)
        best = winner(trials)
    except RunnerError as error:
        raise ModelError(f"face {settings.face!r}: {error}") from error
    Console(stderr=True, width=140).print(table(trials, best))
    path = remember(network, best.candidate, best.median_ms)
    say(f"{settings.face}: {best.candidate.provider} computes it from now on (kept in {path})")
    return best


def table(trials: Sequence[Trial], best: Trial | None = None) -> Table:
    """Make a table of all candidates; those that were not run say so."""
    made = Table("provider", "precision", "threads", "calm", "median", "p95", "from fp32, mean", "")
    for trial in trials:
        way = trial.candidate
        asked = trial.precision or ("" if way.precision == "auto" else way.precision)
        threads = str(way.threads) if way.provider in {"cpu", "openvino"} else ""
        if not trial.ran:
            made.add_row(way.provider, asked, threads, "not run", "", "", "", escape(trial.why_not))
            continue
        made.add_row(
            *(way.provider, asked, threads),
            f"{trial.calm_ms:.2f} ms",
            f"{trial.median_ms:.2f} ms",
            f"{trial.p95_ms:.2f} ms",
            f"{trial.mean:.1e}",
            "chosen" if trial is best else escape(trial.why_not),
        )
    return made
