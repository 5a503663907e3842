"""`swapcast verify`: tell whether a file carries our marks, and what they say.

Exit codes: 0, the invisible mark is there, and no manifest contradicts the file; 3, no mark was
found; 4, there is a manifest and it does not hold; 1, the file cannot be read; 2, wrong usage.
"""

import datetime
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2
import tyro

from swapcast.realtime.errors import SettingError
from swapcast.realtime.installation import has_secret, installation_secret, made_on, today
from swapcast.realtime.manifest import Manifest, read_manifest
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_film import PART_S, mean_pictures
from swapcast.realtime.mark_reader import Levelled, find, hypotheses, level, read, together

PRESENT = -4.0
"""Decimal logarithm of the p-value, for the whole file, from which a mark counts as present."""

PARTS = 3
"""Parts of 4 s, one after the other, from which a payload is read together."""

NO_MARK, BROKEN = 3, 4


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Read the invisible mark and the manifest of a film or a picture."""

    file: tyro.conf.Positional[Path]
    seconds: float = 60.0
    """How much of the film is searched, from its beginning."""
    json: bool = False
    """Print one JSON object instead of lines."""

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise SettingError(f"--seconds is {self.seconds}; it must be more than 0")


@dataclass(frozen=True, slots=True)
class Marks:
    """What was found in a file."""

    log10_p: float
    """Decimal logarithm of the chance that a file without a mark looks so much like one."""
    tried: int
    """Scales, places and parts of the film that were tried; counted in ``log10_p``."""
    parts: int
    """Parts of 4 s that were searched."""
    marked: int
    """Parts in which the mark was found on its own."""
    payload: Payload | None
    manifest: Manifest

    @property
    def present(self) -> bool:
        """Whether the invisible mark is there."""
        return self.log10_p < PRESENT


def verify_command(argv: Sequence[str]) -> NoReturn:
    """Run `swapcast verify` and exit with its code."""
    settings = tyro.cli(Verify, prog="swapcast verify", args=list(argv))
    marks = examine(settings.file, settings.seconds)
    own = _own_day(marks.payload)
    if settings.json:
        sys.stdout.write(json.dumps(_plain(marks, own)) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(marks, own)) + "\n")
    if marks.manifest.state == "invalid":
        sys.exit(BROKEN)
    sys.exit(0 if marks.present else NO_MARK)


def examine(path: Path, seconds: float = 60.0) -> Marks:
    """Search a film or a picture for the marks.

    Parameters
    ----------
    path : of the file
    seconds : how much of it is searched

    Raises
    ------
    SwapcastError
        If it cannot be read, or holds no picture.
    """
    cv2.setNumThreads(1)
    manifest = read_manifest(path)
    best, searches, parts, marked = 0.0, 0, 0, 0
    recent: list[Levelled] = []
    payload: Payload | None = None
    for mean in mean_pictures(path, seconds):
        part = level(mean)
        if recent and recent[-1].luma.shape != part.luma.shape:
            recent.clear()
        recent = [*recent[1 - PARTS :], part]
        parts += 1
        for alone in (True, False)[: len(recent)]:
            picture = part if alone else together(recent)
            found = find(picture)
            searches += 1
            best = min(best, found.log10_p)
            marked += alone and found.log10_p < PRESENT
            if payload is None and found.log10_p < PRESENT:
                payload = read(picture, found)
    log10_p = min(0.0, best + math.log10(searches))
    told = payload if log10_p < PRESENT else None
    return Marks(log10_p, searches * hypotheses(), parts, marked, told, manifest)


def _own_day(payload: Payload | None) -> datetime.date | None:
    """Return the day on which this installation's marks said that, if they did."""
    if payload is None or not has_secret():
        return None
    return made_on(payload, installation_secret(), today())


def _lines(marks: Marks, own: datetime.date | None) -> list[str]:
    verdict = "present" if marks.present else "not found"
    lines = [
        f"invisible mark: {verdict}, p ≤ {_power(marks.log10_p)} "
        f"({marks.tried} scales and places tried); "
        f"in {marks.marked} of {marks.parts} parts of {PART_S} s on its own"
    ]
    if marks.payload is not None:
        number = f"{marks.payload.installation:07x}"
        whose = f", this one's of {own}" if own is not None else ""
        lines.append(f"it says: version {marks.payload.version}, installation {number}{whose}")
    elif marks.present:
        lines.append("it says: nothing that can be read without error")
    told = marks.manifest
    words = {"none": "none", "valid": "holds", "invalid": "DOES NOT HOLD"}[told.state]
    lines.append(f"manifest: {words}" + (f", {told.detail}" if told.detail else ""))
    if told.face:
        lines.append(f"face pack: {told.face}")
    return lines


def _plain(marks: Marks, own: datetime.date | None) -> dict[str, Any]:
    return {
        "present": marks.present,
        **asdict(marks),
        "own_day": None if own is None else own.isoformat(),
    }


def _power(log10_p: float) -> str:
    return "1" if log10_p > -0.3 else f"10^{log10_p:.1f}"
