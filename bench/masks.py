"""Masks against exact ones of rendered faces, and skin models on portraits, by tone of skin."""

import json as json_
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.charts import wants_chart
from swapcast.bench.pictures import Faces, frame_of
from swapcast.bench.seams import skin_tone
from swapcast.bench.skins import TONES, draw_roc, portraits, rows
from swapcast.bench.timing import metadata
from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Affine
from swapcast.realtime.look import Look
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.worn import Worn

Image = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Compare masks with exact ones and skin models with each other; needs a data folder."""

    data: Path
    """Folder with faces_ai, head3d and models."""
    people: int = 12
    """How many rendered people."""
    each: int = 8
    """Frames of each of them."""
    kept: Path | None = None
    """Folder of people that `swapcast faces render` has kept; nothing given: they are found in
    portraits anew, which takes long."""
    portraits: int = 300
    """How many AI-made portraits for the skin models."""
    roc: Path | None = None
    """Draw the skin models' true against their false positives to this file (.png, .svg)."""
    face: str = DEFAULT_FACE
    """Whose mask is asked of the swapper."""
    json: Path | None = None
    """Write the figures to this file as well."""


def main(settings: Masks) -> dict[str, Any]:
    """Measure, print tables and, as the last line, JSON.

    Raises
    ------
    SettingError
        If the folder holds no portraits.
    """
    tiles = sorted((settings.data / "faces_ai" / "tiles").glob("*.jpg"))
    if not tiles:
        raise SettingError(f"no portraits in {settings.data}/faces_ai/tiles; give --data FOLDER")
    wants_chart(settings.roc)
    found = portraits(tiles, settings.portraits)
    if settings.roc is not None:
        draw_roc(found, settings.roc)
    results = [*_overlaps(settings, tiles), *rows(found)]
    for row in results:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    whole = {"metadata": metadata(), "results": results}
    text = json_.dumps(whole)
    if settings.json is not None:
        settings.json.write_text(text + "\n")
    print(text)
    return whole


def _overlaps(settings: Masks, tiles: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Give each mask's overlap with the renderer's: intersection over union at one half."""
    looks = {
        "hull": Look(model_mask=False),
        "hull, whole forehead": Look(model_mask=False, forehead=1.0),
        "ellipse": Look(model_mask=False, mask="ellipse"),
        "hull and the swapper's": Look(),
        "hull, the swapper's and adaptive skin": Look(skin="adaptive"),
        "hull and rgb skin": Look(model_mask=False, skin="rgb"),
        "hull and adaptive skin": Look(model_mask=False, skin="adaptive"),
    }
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in looks}
    uses, compositor, find = uses_of(["null"]), Compositor(), Faces()
    with Swapper(face_store().find(settings.face, uses), "cpu", uses=uses) as swapper:
        for picture, truth in _rendered(settings, tiles):
            frame = frame_of(picture, 0)
            face = find.largest(frame)
            if face is None:
                continue
            affine = crop_affine(face.points, swapper.template, swapper.size)
            compositor.crop(frame, affine, swapper.crop[0])
            try:
                made, predicted = swapper()
            except ModelError:
                continue
            landmarks = transform(invert(affine), face.landmarks)
            exact = _into_crop(truth, affine, swapper.size) > 127
            if not exact.any():
                continue
            tone = skin_tone(swapper.crop[0], exact)
            for name, look in looks.items():
                crops = swapper.crop[0], made
                worn = Worn(swapper.size)
                dressed = worn(look, crops, predicted, landmarks, face.visibility, Buffers())
                mine = dressed.mask > 0.5
                found[name].append((tone, float((mine & exact).sum() / (mine | exact).sum())))
    for name, overlaps in found.items():
        for group in ("all", *TONES):
            own = [overlap for tone, overlap in overlaps if group in ("all", tone)]
            if own:
                iou = round(float(np.mean(own)), 3)
                yield {"mask": name, "tone": group, "n": len(own), "iou": iou}


def _into_crop(plane: Image, affine: Affine, size: int) -> Image:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, affine, (size, size), flags=way), np.uint8)


def _rendered(settings: Masks, tiles: Sequence[Path]) -> Iterator[tuple[Image, Image]]:
    """Draw people who do not exist, each with the exact mask of the face."""
    from swapcast.models.head_render import make_person, open_maker  # noqa: PLC0415 - slow
    from swapcast.models.people import open_common, open_person  # noqa: PLC0415
    from swapcast.models.render_sets import identity_frame, read_tile, rooms  # noqa: PLC0415

    maker = open_maker(settings.data)
    found = rooms(maker, settings.data)
    if settings.kept is not None:
        tiles = sorted(settings.kept.glob("*.npz"))
        common = open_common(maker.head)
    made = 0
    for path in tiles[:: max(len(tiles) // (2 * settings.people), 1)]:
        try:
            if settings.kept is not None:
                person = open_person(common, path)
            else:
                person = make_person(maker, read_tile(settings.data, path.stem))
        except ValueError:  # no clear, frontal view
            continue
        made += 1
        for number in range(settings.each):
            drawn = identity_frame(person, found, made, number)
            yield drawn.image, drawn.mask
        if made == settings.people:
            return
