"""Faces to learn identities from: aligned, turned, of nobody real, and mixtures of two people.

Every stored picture shows one face aligned to `TEMPLATE` with a rim around it. A person has as many
views as there are `TURNS`, drawn by turning the head of one portrait (Zhu et al., CVPR 2016,
arXiv:1511.07212); view k of two people has the same pose, so that they can be mixed into a third
person who looks like neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import (
    TEMPLATES,
    Points,
    crop_affine,
    five_points,
    invert,
    similarity,
    transform,
)
from swapcast.models.landmarks_data import MeshTeacher, clip_pictures, read_picture
from swapcast.models.landmarks_turning import MESH_68, Picture, triangles, turned

TEMPLATE = "arcface_112_v2"
INNER, RIM = 144, 24
"""Sides of the aligned crop in a stored picture, and of the rim around it, pixels."""
SIDE = INNER + 2 * RIM
TURNS = ((0, 0), (-45, 8), (-26, -8), (-12, 12), (12, -12), (26, 8), (45, -8))
"""Yaw and pitch of the views, degrees; each is off by some degrees, by chance."""
TRAINING_TALKERS = ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a")
"""GRID talkers that may train; the other three are kept out of all weights."""
_EVERY = 5  # frames of a talker


@dataclass(frozen=True)
class People:
    """Views of people."""

    pictures: NDArray[np.uint8]
    """uint8 [n, SIDE, SIDE, 3], BGR."""
    points: NDArray[np.float32]
    """float32 [n, 5, 2]: the five points, pixels of the stored picture."""
    person: NDArray[np.int32]
    """int32 [n]."""
    view: NDArray[np.int32]
    """int32 [n]: index into `TURNS`."""
    names: tuple[str, ...]
    """Of each person: a tile's number, or a talker."""

    def of(self, names: tuple[str, ...]) -> "People":
        """Return some of the people, numbered anew."""
        numbers = {self.names.index(name): k for k, name in enumerate(names)}
        kept = np.isin(self.person, list(numbers))
        person = np.array([numbers[int(one)] for one in self.person[kept]], np.int32)
        return People(self.pictures[kept], self.points[kept], person, self.view[kept], names)


def is_held_out(name: str) -> bool:
    """Tell whether a person is kept out of every training: every tenth tile."""
    return name.isdigit() and int(name) % 10 == 0


def aligned(picture: Picture, points: Points, rim: int) -> tuple[Picture, NDArray[np.float32]]:
    """Cut out the aligned face with a rim; return it and the way from its pixels to the picture."""
    way = crop_affine(points, TEMPLATE, INNER)
    way[:, 2] -= way[:, :2] @ np.full(2, rim, np.float32)
    fine = cv2.INTER_AREA if abs(np.linalg.det(way[:, :2])) > 4 else cv2.INTER_LINEAR
    side = INNER + 2 * rim
    cut = cv2.warpAffine(
        picture,
        way,
        (side, side),
        flags=fine | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cut, np.uint8), way


def views(
    picture: Picture,
    teacher: MeshTeacher,
    faces: NDArray[np.int32],
    turns: tuple[tuple[int, int], ...],
    rng: np.random.Generator,
) -> Iterator[tuple[Picture, Points]]:
    """Draw a portrait's face from several sides.

    Parameters
    ----------
    picture : uint8 [h, w, 3], BGR
    teacher : MeshTeacher
    faces : int32 [n, 3], from `swapcast.models.landmarks_turning.triangles`
    turns : yaw and pitch of each view, degrees
    rng : random numbers

    Yields
    ------
    (uint8 [SIDE, SIDE, 3], float32 [5, 2])
        Nothing if there is no clear face.
    """
    found = teacher(picture)
    if found is None or found[1] < 0.8:
        return
    wide, way = aligned(picture, five_points(found[0][MESH_68, :2]), INNER // 2)
    back, mesh = invert(way), found[0].copy()
    mesh[:, :2] = transform(back, mesh[:, :2])
    mesh[:, 2] *= np.sqrt(abs(np.linalg.det(back[:, :2])))
    for number, turn in enumerate(turns):
        view, moved = wide, mesh
        if number:
            yaw, pitch = (angle + float(rng.uniform(-6, 6)) for angle in turn)
            view, moved = turned(wide, mesh, faces, yaw, pitch)
        five = five_points(moved[MESH_68, :2])
        cut, to_view = aligned(view, five, RIM)
        yield cut, transform(invert(to_view), five)


def gather(data: Path, out: Path) -> People:
    """Make the people of a data folder, or read those made before.

    Parameters
    ----------
    data : folder with ``faces_ai/tiles``, ``clips/grid``, ``head3d/mediapipe`` and ``models``
    out : ``.npz`` file
    """
    if not out.is_file():
        models = data / "models"
        teacher = MeshTeacher(
            models / "yunet/yunet_n_dynamic.onnx", models / "mediapipe_onnx/face_landmark.onnx"
        )
        faces = triangles(data / "head3d/mediapipe/canonical_face_model.obj")
        rng = np.random.default_rng(0)
        names: list[str] = []
        rows: list[tuple[Picture, Points, int, int]] = []
        for name, picture, turns in _portraits(data):
            made = list(views(picture, teacher, faces, turns, rng))
            if made and name not in names:
                names.append(name)
            rows += [(*one, names.index(name), k) for k, one in enumerate(made)]
        pictures, points, person, view = zip(*rows, strict=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_suffix(".part.npz")
        np.savez(
            part,
            pictures=np.stack(pictures),
            points=np.stack(points),
            person=np.array(person, np.int32),
            view=np.array(view, np.int32),
            names=np.array(names),
        )
        part.replace(out)
    with np.load(out) as kept:
        pictures, points = kept["pictures"], kept["points"]
        known = tuple(str(name) for name in kept["names"])
        return People(pictures, points, kept["person"], kept["view"], known)


def _portraits(data: Path) -> Iterator[tuple[str, Picture, tuple[tuple[int, int], ...]]]:
    for tile in sorted((data / "faces_ai/tiles").glob("*.jpg")):
        yield tile.stem, read_picture(tile), TURNS
    for talker in TRAINING_TALKERS:
        frames = list(clip_pictures(data / "clips/grid" / f"{talker}.mpg"))
        for picture in frames[::_EVERY]:
            yield talker, picture, TURNS[:1]


def rendered(folder: Path) -> People:
    """Read the views of drawn people in the shards of a folder: see `swapcast.models.pairs`.

    Each person is seen in several lights, before several backgrounds, with several expressions: so
    light and background say nothing about who it is.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    found: list[tuple[NDArray[np.int32], NDArray[np.uint8]]] = []
    for file in sorted(folder.glob("people-*.npz")):
        with np.load(file) as kept:
            found.append((kept["people"], kept["views"]))
    if not found:
        raise FileNotFoundError(f"no people-*.npz in {folder}")
    numbers, person = np.unique(np.concatenate([one[0] for one in found]), return_inverse=True)
    views_ = np.concatenate([one[1] for one in found])
    count = views_.shape[1]
    pictures = np.stack([_with_rim(view) for view in views_.reshape(-1, *views_.shape[2:])])
    points = np.repeat((TEMPLATES[TEMPLATE] * INNER + RIM)[None], len(pictures), 0)
    return People(
        pictures,
        points.astype(np.float32),
        np.repeat(person, count).astype(np.int32),
        np.tile(np.arange(count, dtype=np.int32), len(person)),
        tuple(f"drawn {number}" for number in numbers),
    )


def _with_rim(view: NDArray[np.uint8]) -> Picture:
    """Give an aligned crop, uint8 [h, h, 3] RGB, the form of a stored picture."""
    inner = cv2.resize(view[..., ::-1], (INNER, INNER), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(inner, RIM, RIM, RIM, RIM, cv2.BORDER_REPLICATE), np.uint8)


def to_judge(points: Points, template: Points, side: int) -> NDArray[np.float32]:
    """Return the way, float32 [2, 3], from a crop of a template to the picture of its points."""
    return invert(similarity(points, template * side))
