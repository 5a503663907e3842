"""Clips in which it is known who is where, for the proof that the right person is swapped."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.models.landmarks_data import clip_pictures, read_picture
from swapcast.models.landmarks_turning import Picture

Who = Callable[[float, float], str]
"""Tells who is at a place (x, y) of the picture."""

_TILE, _COLUMNS, _FRAMES = 288, 5, 75
TALKERS = ("lwbsza", "bbaf2n", "pwij3p", "brbk7n", "lbax4n", "swiz3n", "lbbc2a")
PORTRAITS = ("0350", "0614", "0710")
"""AI-made portraits that move as pictures on a wall would if the camera moved."""


@dataclass(frozen=True)
class Case:
    """One clip, whose pictures are known, and who is to be swapped."""

    name: str
    clip: Path
    person: Who
    enrolled: str
    reference: Picture
    """uint8 [h, w, 3], BGR; it is not in the clip, or it is the frame ``skipped``."""
    skipped: int = -1
    """Frame that is not judged."""


def cases(clips: Path, portraits: Path, out: Path) -> Iterator[Case]:
    """Return the clips; ten people are composed into ``out``.

    Parameters
    ----------
    clips : folder with grid, intel and pyfeat
    portraits : folder of the AI-made tiles
    out : folder
    """
    intel, pyfeat = clips / "intel", clips / "pyfeat"
    door = next(iter(clip_pictures(pyfeat / "single_face.mp4")))
    yield Case("face_noface", pyfeat / "face_noface.mov", lambda x, y: "man", "man", door)
    pair = intel / "head-pose-face-detection-female-and-male.gif"
    man = next(iter(clip_pictures(intel / "head-pose-face-detection-male.gif")))
    woman = list(clip_pictures(intel / "head-pose-face-detection-female.gif"))[12]
    for enrolled, reference in (("man", man), ("woman", woman)):
        yield Case(f"two people, {enrolled}", pair, _sides, enrolled, reference)
    ten = out / "ten.mp4"
    if not ten.is_file():
        compose(clips / "grid", portraits, ten)
    for talker in ("lwbsza", "pwij3p", "swiz3n"):
        first = next(iter(clip_pictures(clips / "grid" / f"{talker}.mpg")))
        yield Case(f"ten people, {talker}", ten, _tiles, talker, first, 0)


def _sides(x: float, y: float) -> str:
    return "woman" if x < 240 else "man"


def _tiles(x: float, y: float) -> str:
    number = int(y // _TILE) * _COLUMNS + int(x // _TILE)
    return (*TALKERS, *PORTRAITS)[min(number, 9)]


def compose(grid: Path, portraits: Path, out: Path) -> None:
    """Write a clip of seven talkers and three portraits, side by side in two rows."""
    people = [_talker(grid / f"{name}.mpg") for name in TALKERS]
    people += [_portrait(portraits / f"{name}.jpg", k) for k, name in enumerate(PORTRAITS)]
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name("part-" + out.name)
    with av.open(str(part), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25), options={"crf": "10"})
        stream.width, stream.height = _COLUMNS * _TILE, 2 * _TILE
        stream.pix_fmt = "yuv420p"
        for tiles in zip(*people, strict=True):
            rows = [np.hstack(tiles[k : k + _COLUMNS]) for k in (0, _COLUMNS)]
            frame = av.VideoFrame.from_ndarray(np.vstack(rows), "bgr24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    part.replace(out)


def _talker(path: Path) -> Sequence[Picture]:
    """Return the middle of each frame, uint8 [288, 288, 3]."""
    pictures = list(clip_pictures(path))[:_FRAMES]
    pictures += [pictures[-1]] * (_FRAMES - len(pictures))
    left = (pictures[0].shape[1] - _TILE) // 2
    return [np.ascontiguousarray(one[:_TILE, left : left + _TILE]) for one in pictures]


def _portrait(path: Path, number: int) -> Sequence[Picture]:
    picture = read_picture(path)
    turns = np.linspace(0, 2 * np.pi, _FRAMES) + number
    return [_shaken(picture, float(turn)) for turn in turns]


def _shaken(picture: Picture, turn: float) -> Picture:
    height, width = picture.shape[:2]
    scale = _TILE / min(height, width) * (1 + 0.04 * np.sin(2 * turn))
    way: NDArray[np.float64] = cv2.getRotationMatrix2D(
        (width / 2, height / 2), 4 * np.sin(turn), scale
    )
    way[:, 2] += (
        _TILE / 2 - np.array([width, height]) / 2 + 8 * np.array([np.cos(turn), np.sin(turn)])
    )
    moved = cv2.warpAffine(picture, way, (_TILE, _TILE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
