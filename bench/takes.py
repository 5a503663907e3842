"""Clips that were analysed and swapped once, so that many looks can be judged on the same faces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import crop_affine
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.consent import uses_of
from swapcast.realtime.errors import ModelError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Affine, Face, Frame, Picture
from swapcast.realtime.look import Look
from swapcast.realtime.occlusion import occlusion_net
from swapcast.realtime.swapper import Swapper

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame with one face, cropped and swapped."""

    frame: Frame
    face: Face
    affine: Affine
    crop: Floats
    """float32 [3, S, S], RGB, 0…1: the true face."""
    made: Floats
    """float32 [3, S, S], RGB, 0…1: the swapped one, as the network gave it."""
    predicted: Floats | None
    """float32 [S, S], 0…1: its mask."""


@dataclass(frozen=True, slots=True)
class Take:
    """A part of a clip."""

    name: str
    shots: Sequence[Shot]


def takes(clips: Sequence[Path], face: str, frames: int) -> Iterator[Take]:
    """Analyse and swap the first frames of each clip in which there is a face.

    Parameters
    ----------
    clips : paths
    face : name of a kept face, or the path of its pack
    frames : how many of each clip at most
    """
    uses = uses_of(["null"])
    compositor = Compositor()
    with Swapper(face_store().find(face, uses), "cpu", uses=uses) as swapper:
        for path in clips:
            shots: list[Shot] = []
            with open_analyser("own", detached=False) as analyse:
                for frame in islice(Clip(path=path).frames(), 3 * frames):
                    faces = analyse(frame)
                    if faces:
                        shots += _shot(compositor, swapper, frame, _largest(faces))
                    if len(shots) == frames:
                        break
            if shots:
                yield Take(path.stem, shots)


def _shot(compositor: Compositor, swapper: Swapper, frame: Frame, face: Face) -> list[Shot]:
    affine = crop_affine(face.points, swapper.template, swapper.size)
    compositor.crop(frame, affine, swapper.crop[0])
    try:
        made, predicted = swapper()
    except ModelError:
        return []
    mask = None if predicted is None else predicted.copy()
    return [Shot(frame, face, affine, swapper.crop[0].copy(), made.copy(), mask)]


def _largest(faces: Sequence[Face]) -> Face:
    return max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))


def finish(compositor: Compositor, shot: Shot) -> tuple[Picture, Paste]:
    """Put one swapped face into its frame."""
    crops = shot.face, shot.crop, shot.made, shot.predicted, shot.affine
    paste = compositor.paste(*crops, cover=compositor.covers(shot.crop))
    return compositor.finish(shot.frame, (paste,), ()), paste


def finished(take: Take, look: Look) -> Iterator[tuple[Shot, Picture, Paste]]:
    """Put a take's faces in, one after the other, in one look."""
    compositor = Compositor(look=look, occlusion=occlusion_net())
    for shot in take.shots:
        yield shot, *finish(compositor, shot)


def view(picture: Picture | Frame, points: Floats, size: int = 256) -> Floats:
    """Cut a face out of a frame or a finished picture: float32 [3, size, size], RGB, 0…1."""
    out: Floats = np.empty((3, size, size), np.float32)
    affine = crop_affine(points, "dfl_whole_face", size)
    if isinstance(picture, Picture):
        planes, colour = picture.planes, picture.colour
        frame = Frame(*planes, picture.width, picture.height, colour, picture.number, 0.0)
    else:
        frame = picture
    Compositor().crop(frame, affine, out)
    return out
