"""Every network of the loop on everything that could compute it: time, and distance from fp32.

Rows for what is not on this machine read 'not run'; nobody's figures are filled in for them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.timing import Result, metadata, write
from swapcast.export.runners import RunnerError
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.student import timed_network
from swapcast.realtime.tune import Trial, candidates, measure, winner
from swapcast.realtime.tune_command import table

EXPERIMENTAL = ("cuda", "tensorrt", "directml", "coreml")
"""Providers that no run of ours has executed yet; `tune` takes one only after it agreed here."""


@dataclass(frozen=True, kw_only=True)
class Runners:
    """Measure the networks on every runner; the last line printed is JSON."""

    face: str = DEFAULT_FACE
    """Whose swapper is measured."""
    seconds: float = 4.0
    """For each network, after its candidates were opened."""
    json: Path | None = None
    """Write the results to this file as well."""
    plot: Path | None = None
    """Draw the results into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 600:
            raise SettingError(f"--seconds is {self.seconds}; give 0.1 to 600")
        wants_chart(self.plot)


def main(settings: Runners) -> dict[str, Any]:
    """Measure, print and write the results.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […], "rows": […]}``: results of what ran, and rows of
        everything, those that were not run with ``"state": "not run"`` and why.

    Raises
    ------
    ModelError
        If a network cannot be computed at all.
    """
    results: list[Result] = []
    rows: list[dict[str, Any]] = []
    console = Console(width=150)
    for name, network in _networks(settings.face).items():
        try:
            trials = measure(network, candidates(), seconds=settings.seconds)
            best = winner(trials)
        except RunnerError as error:
            raise ModelError(f"{name}: {error}") from error
        made = table(trials, best)
        made.title = name
        console.print(made)
        results += _results(name, trials)
        rows += [_row(name, trial, chosen=trial is best) for trial in trials]
    about = {"face": settings.face, "batch": 1, "experimental": list(EXPERIMENTAL)}
    if settings.json is not None:
        write(settings.json, results, about, rows=rows)
    if settings.plot is not None:
        draw([("runners", results)], settings.plot)
    whole = {"metadata": metadata() | about, "rows": rows}
    print(json.dumps(whole))
    return whole


def _networks(face: str) -> Mapping[str, bytes]:
    assets = resources.files("swapcast.assets")
    return {
        f"swapper of {Path(face).stem}": timed_network(face_store().find(face, uses_of(["null"]))),
        "landmarks": (assets / "landmarks.onnx").read_bytes(),
        "detector": (assets / "detector.onnx").read_bytes(),
    }


def _called(name: str, trial: Trial) -> str:
    way = trial.candidate
    count = f"{way.threads} thread{'s' if way.threads > 1 else ''}"
    return f"{name}, {way.provider} {trial.precision}, {count}"


def _results(name: str, trials: Sequence[Trial]) -> list[Result]:
    """Hold each runner that ran against ONNX Runtime on one thread."""
    ran = [trial for trial in trials if trial.ran]
    plain = next(
        one for one in ran if one.candidate.provider == "cpu" and one.candidate.threads == 1
    )
    return [
        Result.of(
            _called(name, one),
            one.times_ms,
            base=None if one is plain else plain.median_ms,
            against=_called(name, plain),
        )
        for one in ran
    ]


def _row(name: str, trial: Trial, *, chosen: bool) -> dict[str, Any]:
    way = trial.candidate
    row: dict[str, Any] = {
        "network": name,
        "provider": way.provider,
        "precision": trial.precision or way.precision,
        "threads": way.threads,
        "batch": 1,
        "state": "run" if trial.ran else "not run",
        "why": trial.why_not,
        "experimental": way.provider in EXPERIMENTAL,
    }
    if trial.ran:
        row |= {
            "median_ms": round(trial.median_ms, 4),
            "p95_ms": round(trial.p95_ms, 4),
            "opened_s": round(trial.opened_s, 3),
            "largest_difference": trial.largest,
            "mean_difference": trial.mean,
            "chosen": chosen,
        }
    return row
