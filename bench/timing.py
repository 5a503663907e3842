"""Time a thing against another fairly, and write down where it was done."""

import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKAGES = (
    "numpy",
    "numba",
    "opencv-python",
    "opencv-python-headless",
    "av",
    "onnxruntime",
    "openvino",
)


@dataclass(frozen=True, slots=True)
class Result:
    """How long one thing took."""

    name: str
    n: int
    """Timed calls, after the warm-up."""
    median_ms: float
    p95_ms: float
    iqr_ms: float
    """Between the quartiles."""
    ratio: float | None = None
    """Median of ``against`` over this one's; above 1 this one is faster."""
    against: str | None = None

    @staticmethod
    def of(
        name: str,
        times: "Sequence[float] | NDArray[np.floating[Any]]",
        *,
        base: float | None = None,
        against: str | None = None,
    ) -> "Result":
        """Sum up single times.

        Parameters
        ----------
        name : what was timed
        times : milliseconds, at least one
        base, against : median and name of what it is compared with
        """
        lower, median, upper, late = (float(x) for x in np.percentile(times, (25, 50, 75, 95)))
        return Result(
            name,
            len(times),
            median_ms=round(median, 4),
            p95_ms=round(late, 4),
            iqr_ms=round(upper - lower, 4),
            ratio=None if base is None else round(base / median, 3),
            against=None if base is None else against,
        )


def compare(
    things: Mapping[str, Callable[[], object]],
    *,
    against: str | None = None,
    repeats: int = 200,
    warmup: int = 20,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Result]:
    """Time several things in turns, so that what disturbs the machine disturbs all of them.

    Parameters
    ----------
    things : by name; a thing that works on a device must wait for it
    against : name of the one that the others are compared with
    repeats, warmup : calls of each that count, and that do not
    clock : gives seconds
        `time.thread_time` for work on this thread alone: what other programs take does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in things}
    for turn in range(warmup + repeats):
        for name, thing in things.items():
            start = clock()
            thing()
            spent = clock() - start
            if turn >= warmup:
                taken[name].append(spent * 1e3)
    base = float(np.median(taken[against])) if against is not None else None
    return [
        Result.of(name, times, base=None if name == against else base, against=against)
        for name, times in taken.items()
    ]


def metadata(device: str = "cpu") -> dict[str, Any]:
    """Say what was measured where: commit, machine, versions, date."""
    root = Path(__file__).resolve().parents[1]
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=False,
        )
        commit = asked.stdout.strip() or "unknown"
    except OSError:  # no git here
        commit = "unknown"
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "commit": commit,
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "device": device,
        "versions": versions,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def write(path: Path, results: Sequence[Result], about: dict[str, Any], **more: Any) -> None:
    """Write ``{"metadata": …, "results": […]}`` and further entries as JSON."""
    whole = {"metadata": metadata() | about, "results": [asdict(one) for one in results], **more}
    path.write_text(json.dumps(whole) + "\n")


def publish(results: Sequence[Result], path: Path | None, **about: Any) -> dict[str, Any]:
    """Print the results as a table and, as the last line, as JSON; write them to ``path``.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […]}``, as written.
    """
    whole = {"metadata": metadata() | about, "results": [asdict(result) for result in results]}
    wide = max(len(result.name) for result in results)
    for result in results:
        line = f"{result.name:{wide}}  {result.median_ms:9.3f} ms  p95 {result.p95_ms:9.3f} ms"
        if result.ratio is not None:
            line += f"  {result.ratio:6.2f} × as fast as {result.against}"
        print(line)
    text = json.dumps(whole)
    if path is not None:
        path.write_text(text + "\n")
    print(text)
    return whole


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
