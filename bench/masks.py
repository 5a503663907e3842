"""Masks against exact ones of rendered faces, and skin models on faces of dark, medium, light skin.

The truth of masks comes from the renderer. The truth of skin is drawn from landmarks in AI-made
portraits: skin is the face's hull without eyes, brows and mouth; what is none is taken above the
chin, well outside of that hull, where hair, clothes and background are (and ears, if the hull is
far off; so false positives are an upper bound).
"""

import json as json_
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.seams import skin_tone
from swapcast.bench.timing import metadata
from swapcast.kernels.geometry import crop_affine, face_outline, invert, transform
from swapcast.kernels.match import reduce
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Affine, Colour, Face, Frame
from swapcast.realtime.look import Look
from swapcast.realtime.skin import RULES, SHOWN, PersonSkin
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.tone import TO_LEVELS
from swapcast.realtime.worn import Worn

Image = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_SIDE = 128  # of the crops in which skin is judged


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Compare masks with exact ones and skin models with each other; needs a data folder."""

    data: Path
    """Folder with faces_ai, head3d and models."""
    people: int = 12
    """How many rendered people."""
    each: int = 8
    """Frames of each of them."""
    portraits: int = 300
    """How many AI-made portraits for the skin models."""
    face: str = "demo"
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
    results = [*_overlaps(settings, tiles), *_skins(tiles, settings.portraits)]
    for row in results:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    whole = {"metadata": metadata(), "results": results}
    text = json_.dumps(whole)
    if settings.json is not None:
        settings.json.write_text(text + "\n")
    print(text)
    return whole


def frame_of(picture: Image, number: int) -> Frame:
    """Make a frame of a picture: uint8 [h, w, 3] RGB, even sides."""
    height, width = picture.shape[:2]
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, half = width * height, (height // 2, width // 2)
    quarter = half[0] * half[1]
    return Frame(
        np.ascontiguousarray(flat[:luma].reshape(height, width)),
        np.ascontiguousarray(flat[luma : luma + quarter].reshape(half)),
        np.ascontiguousarray(flat[luma + quarter :].reshape(half)),
        *(width, height, Colour("bt601", False), number, number / 30),
    )


def _largest(frame: Frame) -> Face | None:
    with open_analyser("own", detached=False) as analyse:
        faces = analyse(frame)
    return max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])), default=None)


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
    found: dict[str, list[float]] = {name: [] for name in looks}
    uses, compositor = uses_of(["null"]), Compositor()
    with Swapper(face_store().find(settings.face, uses), "cpu", uses=uses) as swapper:
        for picture, truth in _rendered(settings, tiles):
            frame = frame_of(picture, 0)
            face = _largest(frame)
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
            for name, look in looks.items():
                crops = swapper.crop[0], made
                worn = Worn(swapper.size)
                dressed = worn(look, crops, predicted, landmarks, face.visibility, Buffers())
                mine = dressed.mask > 0.5
                found[name].append(float((mine & exact).sum() / max((mine | exact).sum(), 1)))
    for name, overlaps in found.items():
        yield {"mask": name, "n": len(overlaps), "iou": round(float(np.mean(overlaps)), 3)}


def _into_crop(plane: Image, affine: Affine, size: int) -> Image:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, affine, (size, size), flags=way), np.uint8)


def _rendered(settings: Masks, tiles: Sequence[Path]) -> Iterator[tuple[Image, Image]]:
    """Draw people who do not exist, each with the exact mask of the face."""
    from swapcast.models.head_render import make_person, open_maker  # noqa: PLC0415 - slow
    from swapcast.models.render_sets import identity_frame, read_tile, rooms  # noqa: PLC0415

    maker = open_maker(settings.data)
    found = rooms(maker, settings.data)
    made = 0
    for path in tiles[:: max(len(tiles) // (2 * settings.people), 1)]:
        try:
            person = make_person(maker, read_tile(settings.data, path.stem))
        except ValueError:  # no clear, frontal view
            continue
        made += 1
        for number in range(settings.each):
            drawn = identity_frame(person, found, made, number)
            yield drawn.image, drawn.mask
        if made == settings.people:
            return


@dataclass(frozen=True, slots=True)
class _Portrait:
    tone: str
    likeness: dict[str, NDArray[np.float32]]
    """By model: float32 [n, n], 0…1."""
    skin: Bools
    other: Bools


def _skins(tiles: Sequence[Path], count: int) -> Iterator[dict[str, Any]]:
    """Give each skin model's true and false positives, by tone of skin."""
    portraits = []
    for path in tiles[:: max(len(tiles) // count, 1)][:count]:
        picture = cv2.imread(str(path))
        assert picture is not None
        picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2, ::-1]
        one = _portrait(np.ascontiguousarray(picture))
        if one is not None:
            portraits.append(one)
    for tone in ("dark", "medium", "light"):
        own = [one for one in portraits if one.tone == tone]
        if not own:
            continue
        for model in own[0].likeness:
            skin = np.concatenate([one.likeness[model][one.skin] for one in own])
            other = np.concatenate([one.likeness[model][one.other] for one in own])
            yield {
                "skin": model,
                "tone": tone,
                "n": len(own),
                "true": round(float((skin >= 0.75).mean()), 3),
                "false": round(float((other >= 0.75).mean()), 3),
                "area": round(_area(skin, other), 3),
            }


def _portrait(picture: Image) -> _Portrait | None:
    frame = frame_of(picture, 0)
    face = _largest(frame)
    if face is None or float(face.box[2] - face.box[0]) < 60:
        return None
    affine = crop_affine(face.points, "dfl_whole_face", 2 * _SIDE)
    crop = np.empty((3, 2 * _SIDE, 2 * _SIDE), np.float32)
    Compositor().crop(frame, affine, crop)
    landmarks = (transform(invert(affine), face.landmarks) / 2).astype(np.float32)
    levels = np.empty((3, _SIDE, _SIDE), np.float32)
    reduce(crop, TO_LEVELS, 2, levels)
    likeness = {}
    for name, rule in RULES.items():
        likeness[name] = np.empty((_SIDE, _SIDE), np.float32)
        rule(levels, likeness[name])
    person = PersonSkin()
    person.learn(levels, landmarks)
    likeness["adaptive"] = np.empty((_SIDE, _SIDE), np.float32)
    person.likeness(levels, likeness["adaptive"], (0.0, 2 * sum(SHOWN)))  # 0.75: half of a mask
    skin, other = _truth(landmarks)
    return _Portrait(
        skin_tone(np.ascontiguousarray(crop[:, ::2, ::2]), skin), likeness, skin, other
    )


def _truth(landmarks: NDArray[np.float32]) -> tuple[Bools, Bools]:
    """Draw what is skin and what is none: bool [n, n] each."""
    hull = np.zeros((_SIDE, _SIDE), np.uint8)
    outline = cv2.convexHull(face_outline(landmarks, 0.5)).astype(np.int32)
    cv2.fillConvexPoly(hull, outline, 1)
    around = cv2.dilate(hull, np.ones((17, 17), np.uint8))
    skin = cv2.erode(hull, np.ones((5, 5), np.uint8))
    for part in (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48), slice(48, 60)):
        feature = np.zeros_like(hull)
        cv2.fillConvexPoly(feature, cv2.convexHull(landmarks[part]).astype(np.int32), 1)
        skin[cv2.dilate(feature, np.ones((5, 5), np.uint8)) > 0] = 0
    other = around == 0
    other[int(np.clip(landmarks[8, 1], 0, _SIDE)) :] = False  # the neck
    return skin > 0, other


def _area(skin: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the area under the ROC curve; ties count half."""
    values = np.concatenate([skin, other])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]
    first = float(ranks[: len(skin)].sum()) - len(skin) * (len(skin) + 1) / 2
    return first / (len(skin) * len(other))
