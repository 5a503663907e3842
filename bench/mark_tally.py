"""What came out of the invisible mark's windows so far, kept in a file that a run goes on with."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from swapcast.realtime.errors import SettingError

PRESENT = -4.0
"""Decimal logarithm of the p-value from which a mark counts as present: `swapcast verify`'s."""


@dataclass(slots=True)
class Tally:
    """What came out for one kind of damage."""

    log10_p: list[float] = field(default_factory=list)
    """Of each part of 4 s."""
    read: list[bool] = field(default_factory=list)
    """Of each window of 12 s: whether the payload was read, and was the right one."""
    wrong: int = 0
    """Payloads that were read without complaint and were not the right ones."""

    def summary(self) -> dict[str, Any]:
        """Return the figures for the report."""
        found, readable = sum(p < PRESENT for p in self.log10_p), sum(self.read)
        return {
            "present": found,
            "parts": len(self.log10_p),
            "present_at_least": at_least(found, len(self.log10_p)),
            "read": readable,
            "windows": len(self.read),
            "read_at_least": at_least(readable, len(self.read)),
            "read_wrong": self.wrong,
            "log10_p": {
                "worst": round(max(self.log10_p), 1),
                "median": round(float(np.median(self.log10_p)), 1),
            },
        }


def at_least(good: int, n: int, confidence: float = 0.95) -> float:
    """Return the lower bound of a share of which ``good`` in ``n`` were seen (Clopper-Pearson)."""
    low, high = 0.0, good / n if n else 0.0
    for _ in range(40):
        share = (low + high) / 2
        tail = sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(good, n + 1))
        low, high = (share, high) if tail < 1 - confidence else (low, share)
    return math.floor(low * 1e4) / 1e4


@dataclass(slots=True)
class Kept:
    """Everything that is in the file."""

    clips: Sequence[str]
    """Names of the clips, in the order in which windows are taken from them."""
    metadata: dict[str, Any]
    cost: list[dict[str, Any]]
    tallies: dict[str, Tally]
    psnr: list[float] = field(default_factory=list)
    """The worst of each run."""
    sizes: dict[str, list[int]] = field(default_factory=dict)
    """Bytes of each clip without the mark and with it."""

    def plain(self) -> dict[str, Any]:
        """Return what the file holds."""
        seen = {name: tally for name, tally in self.tallies.items() if tally.read}
        return {
            "metadata": self.metadata,
            "clips": list(self.clips),
            "cost": self.cost,
            "psnr_db": {"worst": round(min(self.psnr), 2)},
            "bytes": self.sizes,
            "growth": growth(self.sizes),
            "results": {name: tally.summary() for name, tally in seen.items()},
            "log10_p": {name: tally.log10_p for name, tally in seen.items()},
            "missed": {
                name: [number for number, read in enumerate(tally.read) if not read]
                for name, tally in seen.items()
            },
        }


def write_kept(kept: Kept, path: Path) -> None:
    """Write the file anew; it is there whole, or as it was."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(kept.plain()) + "\n")
    beside.replace(path)


def growth(sizes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return by which part each clip's bytes grow with the mark, and the mean of the parts."""
    each = {name: round(marked / bare - 1, 4) for name, (bare, marked) in sizes.items()}
    if each:
        each["mean"] = round(float(np.mean(list(each.values()))), 4)
    return each


def read_kept(path: Path, clips: Sequence[str], commit: str) -> Kept | None:
    """Read what earlier runs found; nothing there: None.

    Parameters
    ----------
    path : of the file
    clips : names of the clips that this run has
    commit : of this run; noted beside those of the earlier ones

    Raises
    ------
    SettingError
        If the file is none of this benchmark's, or of other clips.
    """
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text())
        if told["clips"] != list(clips):
            raise SettingError(f"{path} is of other clips; name another file with --json")
        tallies = {
            name: Tally(
                told["log10_p"][name],
                [k not in told["missed"][name] for k in range(figures["windows"])],
                figures["read_wrong"],
            )
            for name, figures in told["results"].items()
        }
        metadata = told["metadata"]
        metadata["commit"] = " ".join(dict.fromkeys([*metadata["commit"].split(), commit]))
        psnr = [told["psnr_db"]["worst"]]
        return Kept(told["clips"], metadata, told["cost"], tallies, psnr, told["bytes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{path} holds no results to go on with ({error})") from error
