"""What was found to compute a network fastest on this machine, kept for every later start.

It is kept under the network's hash and the machine's description: another network, processor, core
count or library version is measured anew, by `swapcast.realtime.tune`.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from swapcast.export.runners import (
    Arithmetic,
    Provider,
    ProviderChoice,
    Runner,
    RunnerError,
    open_runner,
)
from swapcast.realtime.keys import data_folder

_FILE = "tuned.json"
_LOWER: tuple[Arithmetic, ...] = ("fp16", "bf16")
_LIBRARIES = ("onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt", "numpy")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to compute a network."""

    provider: Provider = "cpu"
    precision: Arithmetic = "auto"
    """``auto`` is what the provider does by itself."""
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to compute a network, and where that comes from."""

    candidate: Candidate
    reason: str
    fallback: bool = False
    """Whether ``cpu`` computes if the chosen provider cannot be opened any more."""
    on_event: Callable[[str], None] = lambda _: None
    """Is told if it does."""

    def open_network(self, model: bytes, provider: Provider, *, threads: int) -> Runner:
        """Load a network as `open_runner` does; the precision belongs to the chosen provider.

        Raises
        ------
        RunnerError
            If it cannot be loaded.
        """
        chosen = provider == self.candidate.provider
        precision: Arithmetic = self.candidate.precision if chosen else "auto"
        try:
            return open_runner(model, provider, threads=threads, precision=precision)
        except RunnerError as error:
            if not self.fallback or provider == "cpu":
                raise
            self.on_event(f"provider {provider} was the fastest but does not open: {error}; "
                          "cpu computes; run `swapcast tune` again")  # fmt: skip
            return open_runner(model, "cpu", threads=1)


def remember(model: bytes, best: Candidate, median_ms: float, folder: Path | None = None) -> Path:
    """Keep what was found for a network on this machine; returns the file."""
    path = (folder or data_folder()) / _FILE
    known = _known(path) or {}
    known[_key(model)] = {**asdict(best), "median_ms": round(median_ms, 3)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(known, indent=1) + "\n")
    part.replace(path)
    return path


def choose(
    model: bytes,
    provider: ProviderChoice,
    threads: int,
    *,
    on_event: Callable[[str], None] = lambda _: None,
    folder: Path | None = None,
) -> Choice:
    """Say what is to compute a network; nothing is measured.

    Parameters
    ----------
    model : bytes of an ONNX file
    provider : as the user said; only ``auto`` looks into what was measured
    threads : as the user said; ``auto`` takes what was measured
    on_event : is told, for ``auto``, what was chosen and why
    folder : where it is kept
    """
    if provider != "auto":
        return Choice(Candidate(provider, "auto", threads), "as asked for")
    known = _known((folder or data_folder()) / _FILE)
    found = None if known is None else known.get(_key(model))
    way = Candidate(threads=threads)
    if known is None:
        reason = "what was measured cannot be read; run `swapcast tune` again"
    elif found is None:
        reason = "nothing was measured here for this face yet; `swapcast tune` does"
    else:
        way = Candidate(found["provider"], found["precision"], found["threads"])
        reason = f"the fastest here, {found['median_ms']:g} ms by `swapcast tune`"
    on_event(f"provider {way.provider}, {_threads(way.threads)}: {reason}")
    return Choice(way, reason, fallback=True, on_event=on_event)


def lighter(model: bytes, usual: Choice, folder: Path | None = None) -> Choice | None:
    """Say what computes a network in lower precision than usual, and faster, as was measured here.

    That is what `swapcast tune` found to be the fastest, where something else was asked for. What
    it found has agreed with fp32.

    Parameters
    ----------
    model : bytes of an ONNX file
    usual : what computes it else
    folder : where it is kept

    Returns
    -------
    Choice or None
        None if there is nothing of that kind.
    """
    found = (_known((folder or data_folder()) / _FILE) or {}).get(_key(model))
    if found is None:
        return None
    way = Candidate(found["provider"], found["precision"], found["threads"])
    if way.precision not in _LOWER or way == usual.candidate:
        return None
    return Choice(way, "the machine is too slow")


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _known(path: Path) -> dict[str, Any] | None:
    """Return what is kept; nothing if the file is damaged."""
    try:
        known = json.loads(path.read_text())
        for one in known.values():
            if (
                one["provider"] not in get_args(Provider)
                or one["precision"] not in get_args(Arithmetic)
                or not 1 <= one["threads"] <= 1024
                or not one["median_ms"] > 0
            ):
                return None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(known)


def _key(model: bytes) -> str:
    machine = json.dumps(hardware(), sort_keys=True).encode()
    return hashlib.sha256(hashlib.sha256(model).digest() + machine).hexdigest()


def hardware() -> dict[str, Any]:
    """Describe what a measurement holds for: processor, cores, libraries."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    cpu = platform.processor()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        cpu = names[0] if names else cpu
    return {"cpu": cpu, "machine": platform.machine(), "cores": core_count(), **versions}


def core_count() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
