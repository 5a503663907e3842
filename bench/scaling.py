"""How the loop scales: with faces, with the picture's size, with cores.

Each row is a run of `swapcast bench loop --rate unbound` in a process of its own, which may use so
many cores; pictures lie in memory, no frame is dropped, and all faces are swapped.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.timing import Result, publish
from swapcast.export.runners import ProviderChoice
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.tuned import core_count

_PATIENCE_S = 120.0  # for starting and ending a run


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Measure the loop unbound, with more faces, larger pictures, more cores."""

    source: str = "demo"
    """A file or synthetic; demo is the bundled clip."""
    sizes: tuple[str, ...] = ("640x360", "640x480", "1280x720", "1920x1080", "3840x2160")
    """With one face and all cores."""
    faces: tuple[int, ...] = (1, 2, 4, 7, 10)
    """In a picture of 1280x720, with all cores."""
    cores: tuple[int, ...] = (1, 2)
    """With one face in a picture of 1280x720; those that are not here are left out."""
    face: str = DEFAULT_FACE
    provider: ProviderChoice = "cpu"
    seconds: float = 8.0
    """Of each run."""
    json: Path | None = None
    """Write the results to this file as well."""
    plot: Path | None = None
    """Draw the results into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if min(self.faces, default=1) < 1 or min(self.cores, default=1) < 1:
            raise SettingError("--faces and --cores are numbers from 1 on")
        wants_chart(self.plot)


@dataclass(frozen=True, slots=True)
class _Place:
    size: str
    faces: int
    cores: int


def main(settings: Scaling) -> dict[str, Any]:
    """Measure, print and write the results: the time per finished frame of each run.

    Raises
    ------
    SwapcastError
        If a run fails.
    """
    runs = [_measured(settings, place) for place in dict.fromkeys(_places(settings))]
    results = [result for result, _ in runs]
    swapped = {result.name: faces for result, faces in runs}
    for name, faces in swapped.items():
        print(f"{name}: {faces:.2f} faces swapped in a frame")
    if settings.plot is not None:
        draw([("scaling", results)], settings.plot)
    about = {"rate": "unbound", "seconds": settings.seconds, "swapped_per_frame": swapped}
    return publish(results, settings.json, **about)


def _places(settings: Scaling) -> Iterator[_Place]:
    here = core_count()
    for size in settings.sizes:
        yield _Place(size, 1, here)
    for faces in settings.faces:
        yield _Place("1280x720", faces, here)
    for cores in settings.cores:
        if cores <= here:
            yield _Place("1280x720", 1, cores)


def _measured(settings: Scaling, place: _Place) -> tuple[Result, float]:
    """Run the loop; return its time per frame, and how many faces of each frame were swapped."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "loop.json"
        words = [
            *("--source", settings.source, "--rate", "unbound", "--size", place.size),
            *("--faces", str(place.faces), "--face", settings.face),
            *("--provider", settings.provider, "--seconds", str(settings.seconds)),
            *("--no-allocations", "--json", str(out)),
        ]
        _run(words, place.cores, settings.seconds)
        whole = json.loads(out.read_text())
    row = next(row for row in whole["results"] if row["name"].startswith("time per frame"))
    frames, faces = whole["report"]["frames"]["emitted"], whole["report"]["faces"]["swapped"]
    count = f"{place.faces} face{'s' if place.faces > 1 else ''}"
    cores = f"{place.cores} core{'s' if place.cores > 1 else ''}"
    result = Result(**row | {"name": f"time per frame, {place.size}, {count}, {cores}"})
    return result, round(faces / max(frames, 1), 2)


def _run(words: Sequence[str], cores: int, seconds: float) -> None:
    """Run the loop's benchmark in a process that may use so many cores."""
    command = [sys.executable, "-m", "swapcast.realtime", "bench", "loop", *words]
    if sys.platform == "linux":
        chosen = sorted(os.sched_getaffinity(0))[:cores]
        command = [
            *(sys.executable, "-c"),
            f"import os, sys; os.sched_setaffinity(0, {chosen!r}); "
            "os.execv(sys.argv[1], sys.argv[1:])",
            *command,
        ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S + 4 * seconds
        )
    except subprocess.TimeoutExpired as error:
        raise SwapcastError(f"a run did not end within {error.timeout:g} s") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SwapcastError(f"the loop could not be measured: {reason}")
