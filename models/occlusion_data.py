"""Faces to learn occlusion from: AI-made portraits and drawn pairs, with what is known of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from swapcast.kernels.geometry import (
    TEMPLATES,
    Points,
    face_outline,
    five_points,
    invert,
    similarity,
    transform,
)
from swapcast.models.head_fit import Image, MeshFinder
from swapcast.models.landmarks_augment import MIRRORED, spoil
from swapcast.models.landmarks_turning import MESH_68, Picture
from swapcast.models.occlusion_covers import decoy, lay
from swapcast.models.occlusion_hands import Mask
from swapcast.models.pairs import REVERSE, Pairs
from swapcast.models.people import CHOSEN, held_out, tiles
from swapcast.models.render_sets import read_tile

SIDE = 224
"""Of a stored picture, pixels."""
INNER = 160
"""Of the crop in its middle."""
_RIM = (SIDE - INNER) // 2
_LIKE = np.array([34.0, 11.0, 11.0], np.float32)
"""How far skin on a forehead lies off the cheeks, in L, a and b of OpenCV's bytes."""
_FLIP = np.array([-1, 1], np.float32)
_BESIDE = 26
"""Of 255: how much a pixel beside the face counts."""


@dataclass(frozen=True)
class Faces:
    """Faces before anything is laid over them."""

    pictures: NDArray[np.uint8]
    """uint8 [n, 224, 224, 3], BGR; the ``dfl_whole_face`` crop of 160 pixels in the middle."""
    points: NDArray[np.float32]
    """float32 [n, 68, 2], pixels of it."""
    covers: NDArray[np.uint8]
    """uint8 [n, 224, 224]: what lies before the face already."""
    known: NDArray[np.uint8]
    """uint8 [n, 224, 224]: how much a pixel counts, see `surely_bare`."""
    names: NDArray[np.str_]
    """Numbers of the portraits, or of the pairs."""

    def __len__(self) -> int:
        return len(self.names)


def _aligned(picture: Picture, points: Points, cover: Picture | None) -> tuple[object, ...]:
    """Bring a face into the stored form."""
    goal = TEMPLATES["dfl_whole_face"] * np.float32(INNER) + np.float32(_RIM)
    way = similarity(five_points(points), goal)
    fine = cv2.INTER_AREA if abs(np.linalg.det(way[:, :2])) < 0.3 else cv2.INTER_LINEAR
    size = (SIDE, SIDE)
    crop = cv2.warpAffine(picture, way, size, flags=fine, borderMode=cv2.BORDER_REPLICATE)
    there = transform(way, points)
    over = np.zeros(size, np.uint8) if cover is None else cv2.warpAffine(cover, way, size)
    return crop, there, over, surely_bare(crop, there)


def surely_bare(picture: Picture, points: Points) -> Picture:
    """Say where a face has nothing before it, as far as its landmarks tell.

    From the brows down it is the face, beard or not. Above the brows it is the face where it has
    the colours of the cheeks; hair there counts neither as bare nor as covered. What lies beside
    the face is no cover either, and counts a little.

    Parameters
    ----------
    picture : uint8 [S, S, 3], BGR
    points : float32 [68, 2], pixels

    Returns
    -------
    uint8 [S, S]: 255 where that is sure
    """
    side = picture.shape[0]
    whole, lower = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    cv2.fillPoly(whole, [cv2.convexHull(face_outline(points, 1.0).astype(np.int32))], 255)
    cv2.fillPoly(lower, [cv2.convexHull(points.astype(np.int32))], 255)
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.COLOR_BGR2LAB)
    near = np.concatenate(
        [(points[[1, 2, 3]] + points[[31]]) / 2, (points[13:16] + points[35]) / 2]
    )
    x, y = np.clip(near.round().astype(int), 0, side - 1).T
    off = np.abs(lab.astype(np.float32) - np.median(lab[y, x], 0)) / _LIKE
    skin = (off.max(2) < 1).astype(np.uint8) * 255
    known = np.full((side, side), _BESIDE, np.uint8)
    grown = cv2.dilate(whole, np.ones((9, 9), np.uint8))
    known[grown > 0] = 0
    known[(whole > 0) & (skin > 0)] = 255
    known[lower > 0] = 255
    return known


def portraits(data: Path, *, spared: bool) -> Iterator[tuple[str, Picture, Points]]:
    """Yield chosen AI-made portraits with their landmarks: those held out, or those that are not.

    Parameters
    ----------
    data : folder with faces_ai and models
    spared : whether those that are held out are wanted
    """
    finder = MeshFinder(data / "models" / "mediapipe_onnx")
    apart = held_out(tiles(data))
    numbers = [n for n in tiles(data) if n in CHOSEN and (n in apart) == spared]
    for number in track(numbers, description="portraits"):
        picture: Image = read_tile(data, number)
        mesh = finder(picture)
        if mesh is not None:
            bgr = np.ascontiguousarray(picture[:, :, ::-1])
            yield number, bgr, mesh[MESH_68].astype(np.float32)


def gather(data: Path, folders: tuple[Path, ...], most: int) -> Faces:
    """Collect the faces that train: portraits that are not held out, and drivers of drawn pairs.

    Parameters
    ----------
    data : folder with faces_ai and models
    folders : of pairs, drawn from people who are not held out
    most : pairs of each folder
    """
    found: list[tuple[object, ...]] = []
    names: list[str] = []
    for name, picture, points in portraits(data, spared=False):
        found.append(_aligned(picture, points, None))
        names.append(name)
    for folder in folders:
        pairs, rng = Pairs(folder), np.random.default_rng(5)
        picked = rng.permutation(len(pairs))[:most]
        for number in track(picked.tolist(), description=folder.name):
            one = pairs.read([number])
            if one.flags[0] & REVERSE:  # its target is the untouched picture
                points, picture = one.target_landmarks[0], one.target[0]
            else:
                points, picture = one.landmarks[0], one.driver[0]
            bgr = np.ascontiguousarray(picture[:, :, ::-1])
            found.append(_aligned(bgr, points, one.cover[0]))
            names.append(f"{folder.name}/{number}")
    return _stacked(found, names)


def judged(data: Path) -> Faces:
    """Collect the portraits that are held out."""
    found, names = [], []
    for name, picture, points in portraits(data, spared=True):
        found.append(_aligned(picture, points, None))
        names.append(name)
    return _stacked(found, names)


def _stacked(found: list[tuple[object, ...]], names: list[str]) -> Faces:
    pictures, points, covers, known = (np.stack(column) for column in zip(*found, strict=True))
    return Faces(pictures, points.astype(np.float32), covers, known, np.array(names))


def save(faces: Faces, path: Path) -> None:
    """Keep gathered faces."""
    np.savez(path, **{name: getattr(faces, name) for name in Faces.__dataclass_fields__})


def load(path: Path) -> Faces:
    """Read what `save` kept.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"no faces at {path}; gather them first")
    with np.load(path) as file:
        return Faces(*(file[name] for name in Faces.__dataclass_fields__))


@dataclass(frozen=True)
class Sample:
    """One crop to learn from."""

    crop: NDArray[np.float32]
    """float32 [3, size, size], RGB, 0…1."""
    cover: Mask
    """float32 [size, size], 0…1."""
    weight: Mask
    """float32 [size, size], 0…1: how much each pixel counts."""
    kind: str
    """What lies before the face: ``none``, ``drawn``, or as in `lay`."""
    points: Points
    """float32 [68, 2], pixels."""


def sample(
    faces: Faces,
    number: int,
    patches: Picture,
    size: int,
    rng: np.random.Generator,
    *,
    covered: float = 0.62,
    rough: bool = True,
) -> Sample:
    """Take a face as a poor camera and a poor tracker would, with something before it or not.

    Parameters
    ----------
    faces : Faces
    number : of the face
    patches : uint8 [n, h, w, 3], BGR: what things may be made of
    size : side of the crop, pixels
    rng : random numbers
    covered : how likely something is laid before it
    rough : whether place, light and camera are changed as well
    """
    picture, points, over, known = _placed(faces, number, rng, rough=rough)
    if rough and rng.random() < 0.35:
        picture = decoy(picture, points, rng)
    kind = "drawn" if over.max() > 127 else "none"
    mask = over.astype(np.float32) / 255
    if rng.random() < covered:
        picture, mine, kind = lay(picture, points, patches, rng)
        mask = np.maximum(mask, mine)
        if rough and rng.random() < 0.2:
            picture, mine, kind = lay(picture, points, patches, rng)
            mask = np.maximum(mask, mine)
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    taken = spoil(small, rng) if rough else small.astype(np.float32)
    cover = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    weight = cv2.resize(known, (size, size), interpolation=cv2.INTER_AREA) / np.float32(255)
    weight = np.maximum(weight, np.where(cover > 0.5, np.maximum(weight, 0.4), 0))
    crop = np.ascontiguousarray(taken[:, :, ::-1].transpose(2, 0, 1) / np.float32(255))
    return Sample(crop, cover, weight.astype(np.float32), kind, points * np.float32(size / INNER))


def _placed(
    faces: Faces, number: int, rng: np.random.Generator, *, rough: bool
) -> tuple[Picture, Points, Picture, Picture]:
    """Cut a face out, beside its place, turned, near or far: 160 pixels."""
    angle, zoom, shift = 0.0, 1.0, np.zeros(2)
    if rough:
        angle = float(np.radians(rng.normal(0, 6)))
        zoom, shift = float(np.exp(rng.normal(0, 0.09))), rng.normal(0, 0.025, 2) * INNER
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = np.full(2, (SIDE - 1) / 2) + shift
    way = np.column_stack([linear, middle - linear @ np.full(2, (INNER - 1) / 2)])
    way = way.astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = [
        cv2.warpAffine(one, way, (INNER, INNER), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for one in (faces.pictures[number], faces.covers[number], faces.known[number])
    ]
    points = transform(invert(way), faces.points[number])
    if rough and rng.random() < 0.5:
        cut = [np.ascontiguousarray(one[:, ::-1]) for one in cut]
        points = points[MIRRORED] * _FLIP + np.array([INNER - 1, 0], np.float32)
    picture, over, known = (np.asarray(one, np.uint8) for one in cut)
    return picture, points.astype(np.float32), over, known


def patches_of(faces: Faces, count: int = 200) -> Picture:
    """Cut pieces from beside faces, uint8 [count, 48, 48, 3], BGR: clothes, hair, walls."""
    rng = np.random.default_rng(1)
    found: list[Picture] = []
    while len(found) < count:
        number = int(rng.integers(len(faces)))
        x = int(rng.choice([0, SIDE - 48]))
        y = int(rng.integers(0, SIDE - 48))
        found.append(faces.pictures[number][y : y + 48, x : x + 48])
    return np.stack(found)
