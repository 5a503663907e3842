"""Skin models on faces of dark, medium and light skin: which pixels they take for skin.

The truth is drawn from landmarks in AI-made portraits: skin is the face's hull without eyes, brows
and mouth; what is none is taken above the chin, well outside of that hull, where hair, clothes and
background are (and ears, if the hull is far off; so false positives are an upper bound).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.charts import save, start
from swapcast.bench.pictures import Faces, frame_of
from swapcast.bench.seams import skin_tone
from swapcast.kernels.geometry import crop_affine, face_outline, invert, transform
from swapcast.kernels.match import reduce
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.skin import RULES, SHOWN, PersonSkin
from swapcast.realtime.tone import TO_LEVELS

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

TONES = "dark", "medium", "light"
_SIDE = 128  # of the crops in which skin is judged
_COLOURS = {"dark": "#5b3a29", "medium": "#b9794e", "light": "#e3ac86"}
_MARKS = {"rgb": "s", "hsv": "^", "ycrcb": "v"}


@dataclass(frozen=True, slots=True)
class Portrait:
    """One portrait: what is skin, and what each model says of it."""

    tone: str
    """``dark``, ``medium`` or ``light``."""
    likeness: dict[str, NDArray[np.float32]]
    """By model: float32 [n, n], 0…1."""
    skin: Bools
    other: Bools


def portraits(tiles: Sequence[Path], count: int) -> list[Portrait]:
    """Look at some portraits with all models; those without a large face are left out.

    Parameters
    ----------
    tiles : picture files
    count : how many of them, evenly
    """
    find, found = Faces(), []
    for path in tiles[:: max(len(tiles) // count, 1)][:count]:
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2, ::-1]
        one = _portrait(np.ascontiguousarray(picture), find)
        if one is not None:
            found.append(one)
    return found


def rows(found: Sequence[Portrait]) -> Iterator[dict[str, Any]]:
    """Give each skin model's true and false positives, by tone of skin."""
    for tone in TONES:
        own = [one for one in found if one.tone == tone]
        for model in own[0].likeness if own else ():
            skin, other = _values(own, model)
            yield {
                "skin": model,
                "tone": tone,
                "n": len(own),
                "true": round(float((skin >= 0.75).mean()), 3),
                "false": round(float((other >= 0.75).mean()), 3),
                "area": round(area(skin, other), 3),
            }


def _values(own: Sequence[Portrait], model: str) -> tuple[Floats, Floats]:
    skin = np.concatenate([one.likeness[model][one.skin] for one in own])
    other = np.concatenate([one.likeness[model][one.other] for one in own])
    return skin, other


def draw_roc(found: Sequence[Portrait], path: Path) -> None:
    """Draw the adaptive model's ROC curve for each tone; rules only say yes or no: points.

    Raises
    ------
    SwapcastError
        If matplotlib is missing.
    """
    figure, axes = start(5.2, 4.6)
    for tone in TONES:
        own = [one for one in found if one.tone == tone]
        if not own:
            continue
        about = {"color": _COLOURS[tone], "label": f"adaptive, {tone} skin ({len(own)})"}
        skin, other = _values(own, "adaptive")
        edges = np.linspace(0, 1, 101)
        axes.plot(*([(v >= e).mean() for e in edges] for v in (other, skin)), **about)
        for model, mark in _MARKS.items():
            skin, other = _values(own, model)
            label = f"{model} rule" if tone == TONES[0] else None
            place = (other >= 0.75).mean(), (skin >= 0.75).mean()
            axes.plot(*place, mark, color=_COLOURS[tone], label=label)
    axes.set_xlabel("of what is no skin, taken for skin")
    axes.set_ylabel("of skin, taken for skin")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.grid(lw=0.3)
    axes.legend(fontsize=8, loc="lower right")
    save(figure, path)


def _portrait(picture: Image, find: Faces) -> Portrait | None:
    frame = frame_of(picture, 0)
    face = find.largest(frame)
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
    return Portrait(skin_tone(np.ascontiguousarray(crop[:, ::2, ::2]), skin), likeness, skin, other)


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


def area(skin: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the area under the ROC curve; ties count half."""
    values = np.concatenate([skin, other])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]
    first = float(ranks[: len(skin)].sum()) - len(skin) * (len(skin) + 1) / 2
    return first / (len(skin) * len(other))
