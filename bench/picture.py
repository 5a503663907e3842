"""What a look does to the picture: seams, skin colour, flicker, sharpness."""

import json as json_
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.judge import Judge
from swapcast.bench.seams import SIDE, bare_skin, cheeks, mask_in_view, seam, skin_difference
from swapcast.bench.takes import Shot, Take, finished, takes, view
from swapcast.bench.timing import metadata
from swapcast.realtime.frame import Picture
from swapcast.realtime.look import Look, find_look

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]

_CELL = 16  # pixels of them that count as one when flicker is measured
_SUFFIXES = (".mp4", ".mov", ".mpg", ".gif", ".mkv", ".avi")

LOOKS: Mapping[str, Look] = {
    "untouched colours": Look(name="untouched colours", colour="off", detail=0.0),
    "average": Look(name="average", colour="average", detail=0.0),
    "reinhard": Look(name="reinhard", detail=0.0),
    "reinhard-lab": Look(name="reinhard-lab", colour="reinhard-lab", detail=0.0),
    "mkl": Look(name="mkl", colour="mkl", detail=0.0),
    "histogram": Look(name="histogram", colour="histogram", detail=0.0),
    "natural": find_look("natural"),
    "seamless": find_look("seamless"),
    "membrane": Look(name="membrane", blend="poisson"),
    "exact border": Look(name="exact border", blend="poisson", border="exact"),
    "mixed": Look(name="mixed", blend="mixed"),
    "relit": Look(name="relit", relight=1.0),
    "multiband": Look(name="multiband", blend="multiband"),
    "performance": find_look("performance"),
}
"""What is compared: one thing changed at a time, and the presets."""


@dataclass(frozen=True, kw_only=True)
class PictureBench:
    """Judge looks on clips; the last line printed is JSON."""

    clips: Path | None = None
    """A clip, or a folder of clips, searched with its sub-folders. Nothing given: the bundled
    clip."""
    face: str = "demo"
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


def main(settings: PictureBench) -> dict[str, Any]:
    """Judge, print a table, and write the results.

    Returns
    -------
    dict
        ``{"metadata": …, "results": […]}``: one row for each clip and look.
    """
    looks = [LOOKS[name] if name in LOOKS else find_look(name) for name in settings.looks]
    judge = None if settings.judge is None else Judge(settings.judge, "cpu")
    rows: list[dict[str, Any]] = []
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as bundled:
        for take in takes(_clips(settings.clips, bundled), settings.face, settings.frames):
            judged = [_judge(take, look, judge) for look in looks]
            rows += [row for row, _ in judged]
            print(f"{take.name}: {len(take.shots)} frames", file=sys.stderr)
            if settings.stills is not None:
                settings.stills.mkdir(parents=True, exist_ok=True)
                before = view(take.shots[-1].frame, take.shots[-1].face.points)
                strip = np.concatenate([before, *(last for _, last in judged)], 2)
                _write(strip, settings.stills / f"{take.name}.jpg")
    rows += [_mean(rows, look.name) for look in looks]
    whole = {"metadata": metadata() | {"face": settings.face}, "results": rows}
    _print_table([row for row in rows if row["clip"] == "all"])
    text = json_.dumps(whole)
    if settings.json is not None:
        settings.json.write_text(text + "\n")
    print(text)
    return whole


def _clips(given: Path | None, bundled: Path) -> Sequence[Path]:
    if given is None:
        return [bundled]
    if given.is_dir():
        return sorted(path for path in given.rglob("*") if path.suffix in _SUFFIXES)
    return [given]


def _judge(take: Take, look: Look, judge: Judge | None) -> tuple[dict[str, Any], Floats]:
    """Give the figures of one clip in one look, and its last picture."""
    seams, skins, sharp, cells, alike = [], [], [], [], []
    last = np.zeros((3, SIDE, SIDE), np.float32)
    for shot, picture, paste in finished(take, look):
        last = view(picture, shot.face.points, SIDE)
        before = view(shot.frame, shot.face.points, SIDE)
        mask = mask_in_view(shot.face, paste)
        seams.append(seam(before, last, mask, bare_skin(shot.face, before)))
        skins.append(skin_difference(before, last, cheeks(shot.face, mask)))
        sharp.append(_sharpness(shot, picture))
        cells.append(_cells(last - before, mask))
        if judge is not None:
            true = judge.look(shot.frame, shot.face.points).code
            alike.append(float(judge.look(picture, shot.face.points).code @ true))
    flicker = np.abs(np.diff(np.array(cells), 2, axis=0)).mean() if len(cells) > 2 else 0.0
    figures = {
        "seam": np.mean(seams[5:] or seams),
        "skin": np.mean(skins[5:] or skins),
        "flicker": flicker,
        "sharpness": np.median(sharp[5:] or sharp),
        "wearer": np.mean(alike) if alike else 0.0,
    }
    row = {"clip": take.name, "look": look.name, "frames": len(take.shots)}
    return row | {name: round(float(value), 4) for name, value in figures.items()}, last


def _cells(gap: Floats, mask: Floats) -> Reals:
    """Return the mean change that the swap makes in each cell that it fills, in levels."""
    inside = (mask > 0.5)[None] * gap
    cells = inside.reshape(3, SIDE // _CELL, _CELL, SIDE // _CELL, _CELL).mean((2, 4))
    return np.asarray(255.0 * cells, np.float64)


def _sharpness(shot: Shot, picture: Picture) -> float:
    """Return the picture's finest octave on the cheeks against the camera's: 1 is as sharp.

    Luma at the frame's own resolution, less its blur of one pixel and less the invisible mark; root
    mean square.
    """
    marks = shot.face.landmarks
    left, right = marks[36:42].mean(0), marks[42:48].mean(0)
    up = (left + right) / 2 - marks[33]
    reach = max(int(0.14 * np.hypot(*(right - left))), 3)
    width, height = shot.frame.width, shot.frame.height
    before = shot.frame.y[:height, :width].astype(np.float32)
    after = picture.planes[0][:height, :width].astype(np.float32)
    if picture.mark is not None:
        after -= picture.mark[np.arange(height) % len(picture.mark), :width]
    energies = []
    for plane in (before, after):
        total = 0.0
        for x, y in (left - 0.75 * up, right - 0.75 * up):
            i, j = round(float(y)), round(float(x))
            part = plane[max(i - reach, 0) : i + reach, max(j - reach, 0) : j + reach]
            if part.size:
                total += float(((part - cv2.GaussianBlur(part, (0, 0), 1)) ** 2).mean())
        energies.append(total)
    return float(np.sqrt(energies[1] / max(energies[0], 1e-6)))


def _mean(rows: Sequence[Mapping[str, Any]], look: str) -> dict[str, Any]:
    """Average one look over all clips."""
    own = [row for row in rows if row["look"] == look]
    names = "seam", "skin", "flicker", "sharpness", "wearer"
    means = {name: round(float(np.mean([row[name] for row in own])), 4) for name in names}
    return {"clip": "all", "look": look, "frames": sum(row["frames"] for row in own)} | means


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    print(
        f"{'look':<20}{'seam ΔE':>10}{'skin ΔE':>10}{'flicker':>10}{'sharpness':>11}{'wearer':>9}"
    )
    for row in rows:
        figures = f"{row['seam']:>10.2f}{row['skin']:>10.2f}{row['flicker']:>10.3f}"
        print(f"{row['look']:<20}{figures}{row['sharpness']:>11.2f}{row['wearer']:>9.3f}")


def _write(rgb: Floats, path: Path) -> None:
    levels = (255 * np.clip(rgb, 0, 1)).astype(np.uint8).transpose(1, 2, 0)[..., ::-1]
    cv2.imwrite(str(path), levels, [cv2.IMWRITE_JPEG_QUALITY, 85])
