"""What a look does to the picture: seams, skin colour, flicker, sharpness."""

import json as json_
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.grain import grain
from swapcast.bench.judge import Judge
from swapcast.bench.seams import (
    SIDE,
    bare_skin,
    cheeks,
    lab,
    mask_in_view,
    neck_difference,
    seam,
    skin_difference,
    skin_tone,
)
from swapcast.bench.takes import Shot, Take, finished, takes, view
from swapcast.bench.timing import metadata
from swapcast.realtime.look import Look, find_look
from swapcast.realtime.settings import DEFAULT_FACE

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]

_CELL = 16  # pixels of them that count as one when flicker is measured
_JUDGED = 3  # frames, of which one is shown to the judge
_SETTLED = 5  # frames after which a look has found its colours
_SUFFIXES = (".mp4", ".mov", ".mpg", ".gif", ".mkv", ".avi")
_FIGURES = "seam", "skin", "neck", "flicker", "sharpness", "second", "over_neck", "wearer"

_NATURAL, _SEAMLESS = find_look("natural"), find_look("seamless")

LOOKS: Mapping[str, Look] = {
    "untouched colours": Look(name="untouched colours", colour="off", detail=0.0),
    "average": Look(name="average", colour="average", detail=0.0),
    "reinhard": Look(name="reinhard", detail=0.0),
    "reinhard-lab": Look(name="reinhard-lab", colour="reinhard-lab", detail=0.0),
    "mkl": Look(name="mkl", colour="mkl", detail=0.0),
    "histogram": Look(name="histogram", colour="histogram", detail=0.0),
    "natural": _NATURAL,
    "natural, relit": replace(_NATURAL, name="natural, relit", relight=1.0),
    "natural, all detail": replace(_NATURAL, name="natural, all detail", detail=1.0),
    "natural, covers": replace(_NATURAL, name="natural, covers", occlusion="network"),
    "multiband": replace(_NATURAL, name="multiband", blend="multiband", feather=0.04),
    "multiband, relit": replace(
        _NATURAL, name="multiband, relit", blend="multiband", feather=0.04, relight=1.0
    ),
    "membrane": replace(_NATURAL, name="membrane", blend="poisson"),
    "membrane, relit": replace(_NATURAL, name="membrane, relit", blend="poisson", relight=1.0),
    "exact border": replace(_NATURAL, name="exact border", blend="poisson", border="exact"),
    "mixed": replace(_NATURAL, name="mixed", blend="mixed"),
    "seamless": _SEAMLESS,
    "seamless, no covers": replace(_SEAMLESS, name="seamless, no covers", occlusion="off"),
    "seamless, relit": replace(_SEAMLESS, name="seamless, relit", relight=1.0),
    "performance": find_look("performance"),
}
"""What is compared: one thing changed at a time, and the presets. *Covers* is the network that
finds what lies before a face."""


@dataclass(frozen=True, kw_only=True)
class PictureBench:
    """Judge looks on clips; the last line printed is JSON."""

    clips: tuple[Path, ...] = ()
    """Clips, or folders of clips, searched with their sub-folders. Nothing given: the bundled
    clip."""
    face: str = DEFAULT_FACE
    """Whose face is worn."""
    frames: int = 48
    """Of each clip."""
    looks: tuple[str, ...] = tuple(LOOKS)
    """Names of those that are compared, or .toml files."""
    stills: Path | None = None
    """Write a picture of each clip's last frame in every look to this folder."""
    judge: Path | None = None
    """ONNX file of a recogniser (face-reidentification-retail-0095): how alike the swapped face and
    the wearer's own are for it."""
    json: Path | None = None
    """Write the figures to this file as well."""


@dataclass(frozen=True, slots=True)
class _Before:
    """One frame as the camera saw it."""

    view: Floats
    """float32 [3, SIDE, SIDE], RGB, 0…1."""
    lab: Floats
    """float32 [SIDE, SIDE, 3]: the same in CIELAB."""
    bare: NDArray[np.bool_]
    """Bool [SIDE, SIDE]: the wearer's bare skin."""
    code: Floats | None
    """What the judge takes the wearer for."""


def main(settings: PictureBench) -> dict[str, Any]:
    """Judge, print a table, and write the results.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […]}``: one row for each clip and look; then, for each look,
        the means over all clips and over those of dark, medium and light skin.
    """
    looks = [LOOKS[name] if name in LOOKS else find_look(name) for name in settings.looks]
    judge = None if settings.judge is None else Judge(settings.judge, "cpu")
    rows: list[dict[str, Any]] = []
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as bundled:
        clips = list(_clips(settings.clips)) or [bundled]
        for take in takes(clips, settings.face, settings.frames):
            before = [_look_before(shot, judge) for shot in take.shots]
            middle = before[len(before) // 2]
            tone = skin_tone(middle.view, _cheeks_of(take.shots[len(before) // 2]))
            judged = [_judge(take, before, look, judge) for look in looks]
            own = [_camera(take, before), *(row for row, _ in judged)]
            rows += [row | {"tone": tone} for row in own]
            print(f"{take.name}: {len(take.shots)} frames, {tone} skin", file=sys.stderr)
            if settings.stills is not None:
                settings.stills.mkdir(parents=True, exist_ok=True)
                strip = np.concatenate([before[-1].view, *(last for _, last in judged)], 2)
                _write(strip, settings.stills / f"{take.name}.jpg")
    means = [row for name in ("all", "dark", "medium", "light") for row in _means(rows, name)]
    whole = {"metadata": metadata() | {"face": settings.face}, "results": rows + means}
    _print_tables(means)
    text = json_.dumps(whole)
    if settings.json is not None:
        settings.json.write_text(text + "\n")
    print(text)
    return whole


def _clips(given: Sequence[Path]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES)
        else:
            yield path


def _look_before(shot: Shot, judge: Judge | None) -> _Before:
    before = view(shot.frame, shot.face.points, SIDE)
    code = None if judge is None else judge.look(shot.frame, shot.face.points).code
    return _Before(before, lab(before), bare_skin(shot.face, before), code)


def _cheeks_of(shot: Shot) -> NDArray[np.bool_]:
    return cheeks(shot.face, np.ones((SIDE, SIDE), np.float32))


def _judge(
    take: Take, before: Sequence[_Before], look: Look, judge: Judge | None
) -> tuple[dict[str, Any], Floats]:
    """Give the figures of one clip in one look, and its last picture."""
    noted: dict[str, list[float]] = {name: [] for name in _FIGURES}
    cells = []
    last = np.zeros((3, SIDE, SIDE), np.float32)
    for (shot, picture, paste), true in zip(finished(take, look), before, strict=True):
        last = view(picture, shot.face.points, SIDE)
        seen, mask = lab(last), mask_in_view(shot.face, paste)
        noted["seam"].append(seam(true.lab, seen, mask, true.bare))
        noted["skin"].append(skin_difference(true.lab, seen, cheeks(shot.face, mask)))
        beside = neck_difference(seen, mask, true.bare)
        noted["neck"] += [] if beside is None else [beside]
        rough = grain(shot, picture, true.bare & (mask < 0.01))
        noted["sharpness"].append(rough.finest)
        noted["second"].append(rough.second)
        noted["over_neck"] += [] if rough.neck is None else [rough.neck]
        cells.append(_cells(last - true.view, mask))
        if judge is not None and true.code is not None and len(cells) % _JUDGED == 0:
            code = judge.look(picture, shot.face.points).code
            noted["wearer"].append(float(code @ true.code))
    if len(cells) > 2:
        noted["flicker"].append(float(np.abs(np.diff(np.array(cells), 2, axis=0)).mean()))
    row = {"clip": take.name, "look": look.name, "frames": len(take.shots)}
    return row | {name: _typical(name, values) for name, values in noted.items()}, last


def _camera(take: Take, before: Sequence[_Before]) -> dict[str, Any]:
    """Give the figures of the camera's own pictures, in which nothing is changed."""
    noted: dict[str, list[float]] = {"sharpness": [1.0], "second": [1.0]}
    noted |= {name: [0.0] for name in ("seam", "skin", "flicker")} | {"wearer": [1.0]}
    noted |= {"neck": [], "over_neck": []}
    plain = Look(name="camera")
    for (shot, _, paste), true in zip(finished(take, plain), before, strict=True):
        mask = mask_in_view(shot.face, paste)
        beside = neck_difference(true.lab, mask, true.bare)
        noted["neck"] += [] if beside is None else [beside]
        rough = grain(shot, None, true.bare & (mask < 0.01))
        noted["over_neck"] += [] if rough.neck is None else [rough.neck]
    row = {"clip": take.name, "look": plain.name, "frames": len(take.shots)}
    return row | {name: _typical(name, values) for name, values in noted.items()}


def _typical(name: str, values: Sequence[float]) -> float | None:
    """Return the mean of a figure, of ratios the median, once a look has settled."""
    settled = values[(_SETTLED // _JUDGED if name == "wearer" else _SETTLED) :] or values
    if not settled:
        return None
    middle = np.median if name in ("sharpness", "second", "over_neck") else np.mean
    return round(float(middle(settled)), 4)


def _cells(gap: Floats, mask: Floats) -> Reals:
    """Return the mean change that the swap makes in each cell that it fills, in levels."""
    inside = (mask > 0.5)[None] * gap
    cells = inside.reshape(3, SIDE // _CELL, _CELL, SIDE // _CELL, _CELL).mean((2, 4))
    return np.asarray(255.0 * cells, np.float64)


def _means(rows: Sequence[Mapping[str, Any]], group: str) -> Iterator[dict[str, Any]]:
    """Average each look over all clips, or over those of one tone of skin."""
    chosen = [row for row in rows if group in ("all", row["tone"])]
    for look in dict.fromkeys(row["look"] for row in chosen):
        own = [row for row in chosen if row["look"] == look]
        means: dict[str, float | None] = {}
        for name in _FIGURES:
            values = [row[name] for row in own if row[name] is not None]
            means[name] = round(float(np.mean(values)), 4) if values else None
        frames = sum(row["frames"] for row in own)
        yield {"clip": group, "clips": len(own), "look": look, "frames": frames} | means


def _print_tables(rows: Sequence[Mapping[str, Any]]) -> None:
    for group in dict.fromkeys(row["clip"] for row in rows):
        own = [row for row in rows if row["clip"] == group]
        print(f"{group} ({own[0]['clips']} clips)")
        print(f"{'':<20}" + "".join(f"{name:>11}" for name in _FIGURES))
        for row in own:
            figures = ["—" if row[name] is None else f"{row[name]:.3f}" for name in _FIGURES]
            print(f"{row['look']:<20}" + "".join(f"{figure:>11}" for figure in figures))


def _write(rgb: Floats, path: Path) -> None:
    levels = (255 * np.clip(rgb, 0, 1)).astype(np.uint8).transpose(1, 2, 0)[..., ::-1]
    cv2.imwrite(str(path), levels, [cv2.IMWRITE_JPEG_QUALITY, 85])
