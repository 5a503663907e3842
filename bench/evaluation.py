"""``swapcast evaluate``: how well faces are worn, by networks that had no part in making them.

The protocol is that of SimSwap (Chen et al. 2020, section 4.3), with ten frames of each clip for
identity, and every frame for what the wearer does: identity retrieval, pose, expression, mouth and
eyes; and, which papers leave out, flicker, the seam along the face's edge and the colour of its
skin. Two rows need no network: the wearer's own picture, unchanged, and a still picture pasted on
every face. A swap that is not more like the face than the one, or does not follow the wearer more
closely than the other, is none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from swapcast.bench.annotations import TrueFace, true_faces
from swapcast.bench.evaluation_page import write_page
from swapcast.bench.evaluation_rows import Gallery, Row, Still, mean_row
from swapcast.bench.evaluators import Evaluators, mean_code
from swapcast.bench.flicker import Flicker
from swapcast.bench.timing import metadata
from swapcast.bench.worn_clips import USES, Pasted, worn
from swapcast.export.runners import Provider
from swapcast.models.landmarks_data import clip_pictures
from swapcast.models.landmarks_turning import Picture
from swapcast.realtime.errors import SettingError
from swapcast.realtime.face_store import face_store

_CLIPS = (".mp4", ".mov", ".mpg", ".gif", ".mkv", ".avi", ".webm")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Judge how well faces are worn on clips of people."""

    faces: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Names of kept faces, or .face packs; ``FACE=NAME`` where the gallery knows it as NAME."""
    clips: Path
    """A clip, or a folder of clips with one person each."""
    judges: Path
    """Folder with the judging networks' ONNX files: face-reidentification-retail-0095,
    fsanet-1x1-iter-688590, faceapi_expression, face_landmark, yunet_n_dynamic."""
    gallery: Path
    """Folder with a sub-folder of pictures or clips for each identity, named like the face or like
    its pack's file. Folders of other names, and pictures that lie in none, are other people, not to
    be looked like."""
    pasted: tuple[Path, ...] = ()
    """Portraits that are pasted on every face, to compare with; each is named like its identity's
    folder in the gallery, and is not in there."""
    hidden: float = 0.3
    """Cosine below which a swap no longer counts as its wearer."""
    provider: Provider = "cpu"
    frames: int | None = None
    """Only so many frames of each clip."""
    cache: Path = Path("runs/evaluate")
    """Where the clips' true faces are kept once they are found."""
    json: Path | None = None
    """Write the figures to this file."""
    page: Path | None = None
    """Write a page with stills and curves to this file; needs swapcast[charts]."""


def evaluate_command(argv: list[str]) -> None:
    """Run ``swapcast evaluate``."""
    main(tyro.cli(Evaluate, prog="swapcast evaluate", args=argv))


def main(settings: Evaluate) -> dict[str, Any]:
    """Judge every face on every clip, print a table, and write the figures.

    Returns
    -------
    dict
        ``{"metadata": …, "results": [{"face", "clip", …}]}``; ``face`` is ``""`` for the wearer's
        own picture, ``clip`` is ``""`` for the mean over all clips.

    Raises
    ------
    SettingError
        If a folder holds nothing to judge, or a face is not in the gallery.
    ConsentError
        If a face may not be worn.
    """
    cv2.setNumThreads(1)
    for entry in settings.faces:  # before anything else
        face_store().find(entry.partition("=")[0], USES)
    judges = Evaluators(settings.judges)
    gallery = read_gallery(settings.gallery, judges)
    worn_faces = [*_faces(settings, gallery, judges), _Worn("", "", "")]
    rows: list[Row] = []
    for clip in _clips(settings.clips):
        faces = true_faces(clip, judges.finder, judges.mesh_file, settings.cache)
        marked = {one.frame: one for one in sorted(faces, key=lambda one: one.size)}
        for face in worn_faces:
            rows.append(_judge(settings, face, clip, marked, judges, gallery))
    rows += [mean_row(face.name, rows) for face in worn_faces]
    about = metadata() | {"identities": len(gallery.names), "hidden_below": settings.hidden}
    whole = {"metadata": about, "results": [row.plain() for row in rows]}
    _show(rows)
    if settings.json is not None:
        settings.json.write_text(json.dumps(whole, indent=1) + "\n")
    if settings.page is not None:
        write_page(rows, settings.page)
    return whole


@dataclass(frozen=True)
class _Worn:
    """What is put on, what the table calls it, and whose face in the gallery it should be."""

    name: str
    whose: str
    face: str | Pasted


def _faces(settings: Evaluate, gallery: Gallery, judges: Evaluators) -> Iterator[_Worn]:
    for entry in settings.faces:
        face, _, told = entry.partition("=")
        name, own = Path(face).stem, face_store().find(face, USES).name
        names = (told,) if told else (name, own)
        yield _Worn(name, _whose(settings, gallery, names), face)
    for picture in settings.pasted:
        whose = _whose(settings, gallery, (picture.stem,))
        yield _Worn(f"{picture.stem} pasted", whose, Pasted(picture, judges))


def _whose(settings: Evaluate, gallery: Gallery, names: Sequence[str]) -> str:
    found = next((name for name in names if name in gallery.names), None)
    if found is None:
        raise SettingError(f"--gallery {settings.gallery} has no folder {names[0]}: make one with "
                           "pictures of that face that made no part of it")  # fmt: skip
    return found


def read_gallery(folder: Path, judges: Evaluators) -> Gallery:
    """Look at everybody in a gallery folder; several pictures of one person count as their mean."""
    people: dict[str, list[NDArray[np.float32]]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.parent.name if path.parent != folder else path.name
        for picture in _pictures(path):
            seen = judges.largest(picture)
            if seen is not None:
                people.setdefault(name, []).append(seen.code)
    if not people:
        raise SettingError(f"--gallery {folder} holds no picture with a face")
    return Gallery(tuple(people), np.array([mean_code(codes) for codes in people.values()]))


def _pictures(path: Path) -> Iterator[Picture]:
    if path.suffix.lower() in _PICTURES:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is not None:
            yield np.asarray(picture, np.uint8)
    elif path.suffix.lower() in _CLIPS:
        yield from islice(clip_pictures(path), 0, None, 10)


def _clips(place: Path) -> list[Path]:
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    clips = [path for path in found if path.suffix.lower() in _CLIPS]
    if not clips:
        raise SettingError(f"--clips {place} holds no clip ({', '.join(_CLIPS)})")
    return clips


def _judge(
    settings: Evaluate,
    face: _Worn,
    clip: Path,
    marked: Mapping[int, TrueFace],
    judges: Evaluators,
    gallery: Gallery,
) -> Row:
    """Play one clip in one face, or in none, and look at every frame before and after."""
    row, flicker = Row(face.name, clip.stem, face.whose), Flicker()
    wearers: list[NDArray[np.float32]] = []
    with ExitStack() as stack:
        frames = worn(clip, face.face, settings.provider, settings.frames, stack)
        for number, one in enumerate(frames):
            true = marked.get(number)
            row.frames += true is not None
            seen = None if true is None else judges.at(one.before, true.box)
            made = None if true is None or one.after is None else judges.at(one.after, true.box)
            if true is None or one.after is None or seen is None or made is None:
                flicker.forget()
                continue
            row.add(seen, made, one.seam, one.skin)
            wearers.append(seen.code)
            flicker(one.before, one.after, seen.landmarks)
            if number % 20 == 0:
                row.stills.append(Still.of(one.before, one.after, true.box))
    row.flicker = flicker.ratio
    row.identify(gallery, mean_code(wearers) if wearers else None, settings.hidden)
    return row


def _show(rows: Sequence[Row]) -> None:
    means = [row.plain() for row in rows if not row.clip]
    table = Table("mean over all clips", *(row["face"] or "the wearer" for row in means))
    for name in means[0]:
        if name not in {"face", "clip"}:
            table.add_row(name.replace("_", " "), *(_cell(row.get(name)) for row in means))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "–" if value is None else str(value)
