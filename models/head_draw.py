"""Draw a person who does not exist: any pose, face movement, gaze, light and background."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Affine
from swapcast.kernels.light import light_corners, shade_sheet
from swapcast.kernels.place import project
from swapcast.kernels.raster import rasterise
from swapcast.kernels.shade import INSIDE, classify, shade
from swapcast.models.head import BACK, EYE, EYE_SIDES, PARTS, TEETH, TONGUE, Floats, Head
from swapcast.models.head_fit import Camera, Fit, Image, Pose
from swapcast.models.head_light import Light
from swapcast.models.head_skin import IRIS, Skin, empty
from swapcast.models.head_surround import Surround

_CAVITY = (0.09, 0.033, 0.03)
_TONGUE = (0.20, 0.065, 0.06)
_TEETH = (0.44, 0.39, 0.33)
_MARGIN = 14
"""Pixels around a face within which another face on the same head may lie."""
_MOUTH = (PARTS.index(TEETH), PARTS.index(TONGUE), INSIDE)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be drawn."""

    head: Head
    shape: Floats
    """float32 [n, 3]: the head at rest."""
    fit: Fit
    """How the head was found in the picture."""
    skin: Skin
    surround: Surround
    still: Floats
    """float32 [k, 3]: the sheet's ``bound`` vertices as they were in the picture."""


@dataclass(frozen=True, slots=True)
class Act:
    """What the person does in one frame."""

    pose: Pose
    strengths: Floats
    """float32 [57]: of each movement of the face."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """Radians against the head: to the picture's right and up positive."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame and what is true of it."""

    image: Image
    """uint8 [h, w, 3] RGB."""
    landmarks: Floats
    """float32 [68, 2]: (x, y) in pixels; integer coordinates are pixel centres."""
    visibility: NDArray[np.uint8]
    """uint8 [68]: 0 where the head hides the landmark."""
    mask: NDArray[np.uint8]
    """uint8 [h, w], 0…255: share of the face, eyes and mouth included."""
    put: NDArray[np.uint8]
    """uint8 [h, w], 0…255: share of what `swapcast.models.head_swap` may have put there."""


@dataclass(frozen=True, slots=True)
class _Scene:
    camera: Camera
    light: Light
    background: Image
    crop: Affine

    def part(self, box: tuple[slice, slice]) -> "_Scene":
        """Return what is seen in a part of the frame."""
        crop = self.crop.copy()
        crop[:, 2] -= [box[1].start, box[0].start]
        return _Scene(self.camera, self.light, self.background[box], crop)


def draw(
    person: Person,
    act: Act,
    camera: Camera,
    light: Light,
    background: Image,
    *,
    samples: int = 2,
    crop: Affine | None = None,
) -> Drawn:
    """Draw one frame over a background.

    Parameters
    ----------
    background : uint8 [h, w, 3] RGB
        Gives the frame its size.
    samples : int ≥ 1
        Rays per pixel and axis; more make smoother edges.
    crop : float32 [2, 3], optional
        From the camera's pixels to the frame's, where they are not the same.
    """
    way = np.eye(2, 3, dtype=np.float32) if crop is None else crop
    scene = _Scene(camera, light, background, way)
    vertices = person.head.move(person.shape, act.strengths)
    return _paint(person, act, vertices, scene, _sheet(person, act, vertices, scene), samples)


def draw_faces(
    people: Sequence[Person],
    act: Act,
    camera: Camera,
    light: Light,
    background: Image,
    *,
    crop: Affine,
) -> list[Drawn]:
    """Draw frames that differ in nothing but the face: the first is drawn whole.

    Parameters
    ----------
    people : from `swapcast.models.head_swap.put_on`, all with the same head
    """
    first, scene = people[0], _Scene(camera, light, background, crop)
    vertices = first.head.move(first.shape, act.strengths)
    sheet = _sheet(first, act, vertices, scene)
    whole = _paint(first, act, vertices, scene, sheet, 2)
    drawn = [whole]
    rows, columns = (np.flatnonzero(whole.put.any(axis)) for axis in (1, 0))
    if not len(rows):
        return drawn * len(people)
    box = (
        slice(max(rows[0] - _MARGIN, 0), rows[-1] + 1 + _MARGIN),
        slice(max(columns[0] - _MARGIN, 0), columns[-1] + 1 + _MARGIN),
    )
    near, around = scene.part(box), np.ascontiguousarray(sheet[box])
    for person in people[1:]:
        vertices = person.head.move(person.shape, act.strengths)
        part = _paint(person, act, vertices, near, around, 2)
        image, mask, put = whole.image.copy(), whole.mask.copy(), np.zeros_like(whole.put)
        changed = np.maximum(part.put, whole.put[box]) > 0
        image[box][changed] = part.image[changed]
        mask[box], put[box] = part.mask, part.put
        landmarks = part.landmarks + np.array([box[1].start, box[0].start], np.float32)
        drawn.append(Drawn(image, landmarks, part.visibility, mask, put))
    return drawn


def _paint(
    person: Person, act: Act, vertices: Floats, scene: _Scene, sheet: Floats, samples: int
) -> Drawn:
    head = person.head
    height, width = scene.background.shape[:2]
    placed = act.pose.to_camera(vertices)
    points = _project(scene, placed)
    fine = points * np.array([samples, samples, 1], np.float32)
    fine[:, :2] += np.float32((samples - 1) / 2)
    depth, index, weights = empty(height * samples, width * samples)
    rasterise(fine, head.triangles, depth, index, weights)
    lit, kind = np.empty((len(placed), 4), np.float32), np.empty(index.shape, np.uint8)
    light_corners(placed, head.triangles, scene.light.coefficients, np.empty_like(placed), lit)
    lip, back = vertices[head.landmarks[62]], PARTS.index(BACK)
    classify(index, weights, head.triangles, head.part, lit, vertices, lip, back, kind)
    canvas = scene.background.astype(np.float32) * np.float32(1 / 255)
    canvas *= canvas
    masks = np.empty((height, width, 2), np.float32)
    side = np.float32(len(person.skin.texture) - 1)
    shade(
        index,
        weights,
        kind,
        head.triangles,
        head.uv_triangles,
        head.uv * np.array([side, -side], np.float32) + np.array([0, side], np.float32),
        lit,
        vertices,
        person.skin.texture,
        person.skin.shares,
        _eyes(person, act),
        np.array([*person.skin.colours, _TEETH, _TONGUE, _CAVITY], np.float32),
        np.array([head.mean[head.landmarks[33], 1], lip[2]], np.float32),
        _dim(kind, fine[head.landmarks, :2]),
        sheet,
        samples,
        canvas,
        masks,
    )
    cv2.sqrt(np.clip(canvas, 0, 1), canvas)
    shown = (np.clip(masks, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return Drawn(
        image=(canvas * np.float32(255) + np.float32(0.5)).astype(np.uint8),
        landmarks=points[head.landmarks, :2].copy(),
        visibility=_visible(fine[head.landmarks], depth),
        mask=np.ascontiguousarray(shown[..., 0]),
        put=np.ascontiguousarray(shown[..., 1]),
    )


def _project(scene: _Scene, placed: Floats) -> Floats:
    way = scene.crop.copy()
    way[:, 2] += way[:, :2] @ np.asarray(scene.camera.centre, np.float32)
    points = np.empty_like(placed)
    project(placed, scene.camera.focal, way, points)
    return points


def _sheet(person: Person, act: Act, vertices: Floats, scene: _Scene) -> Floats:
    """Return the surround in the frame, float32 [h, w, 4]."""
    sheet = person.surround
    placed = sheet.placed(act.pose, vertices[sheet.bound] - person.still)
    depth, index, weights = empty(*scene.background.shape[:2])
    rasterise(_project(scene, placed), sheet.triangles, depth, index, weights)
    lit = np.empty((len(placed), 4), np.float32)
    light_corners(placed, sheet.triangles, scene.light.coefficients, np.empty_like(placed), lit)
    ratio = np.clip(lit[:, :3] / np.maximum(sheet.shade, 0.2), 0.15, 2.5).astype(np.float32)
    out = np.empty((*index.shape, 4), np.float32)
    shade_sheet(index, weights, sheet.triangles, sheet.places, ratio, sheet.picture, out)
    return out


def _eyes(person: Person, act: Act) -> Floats:
    """Return centre, line of sight, glint and iris of both eyes, float32 [2, 10]."""
    target = np.array([np.tan(act.gaze[0]), np.tan(act.gaze[1]), 1], np.float32) * 60
    out = np.empty((2, 10), np.float32)
    for row, side in zip(out, EYE_SIDES, strict=True):
        ball = person.shape[person.head.vertices_of(EYE + side)]
        centre = (ball.max(0) + ball.min(0)) / 2
        sight = (target - centre) / np.linalg.norm(target - centre)
        glint = sight + np.array([-0.13, 0.14, 0], np.float32)
        row[:] = [*centre, *sight, *(glint / np.linalg.norm(glint)), IRIS]
    return out


def _dim(kind: NDArray[np.uint8], landmarks: Floats) -> Floats:
    """Return what lids and lips let through, float32 [h, w]; only filled near eyes and mouth."""
    out = np.full(kind.shape, 0.02, np.float32)
    eyes = float(np.linalg.norm(landmarks[36] - landmarks[45]))
    for side, first in zip(EYE_SIDES, (36, 42), strict=True):
        box = _box(landmarks[first : first + 6], kind, eyes * 0.35)
        shown = kind[box] == PARTS.index(EYE + side)
        columns = np.flatnonzero(shown.any(0))
        if len(columns):
            blur = max(float(columns[-1] - columns[0] + 1) / 14, 0.5)
            open_ = np.roll(np.pad(shown.astype(np.float32), 8), round(blur * 1.3), 0)
            lit = cv2.GaussianBlur(open_, (0, 0), blur)[8:-8, 8:-8]
            np.copyto(out[box], np.clip(lit * 1.25, 0, 1), where=shown)
    box = _box(landmarks[48:68], kind, eyes * 0.8)
    shown = np.isin(kind[box], _MOUTH)
    blur = max(eyes / 25, 0.5)
    gap = np.roll(np.pad(shown.astype(np.float32), 8), round(blur), 0)
    lit = cv2.GaussianBlur(gap, (0, 0), blur)[8:-8, 8:-8]
    np.copyto(out[box], np.clip(lit * 1.3 - 0.3, 0.02, 1), where=shown)
    return out


def _box(points: Floats, kind: NDArray[np.uint8], margin: float) -> tuple[slice, slice]:
    height, width = kind.shape
    left, top = np.maximum(points.min(0) - margin, 0).astype(int)
    right, bottom = np.maximum(points.max(0) + margin, 1).astype(int)
    left, top = min(left, width - 1), min(top, height - 1)
    return slice(top, max(min(bottom, height), top + 1)), slice(
        left, max(min(right, width), left + 1)
    )


def _visible(landmarks: Floats, depth: Floats) -> NDArray[np.uint8]:
    padded = np.pad(depth, 1, constant_values=np.inf)
    x = np.clip(np.rint(landmarks[:, 0]).astype(int), 0, depth.shape[1] - 1)
    y = np.clip(np.rint(landmarks[:, 1]).astype(int), 0, depth.shape[0] - 1)
    around = np.stack([padded[y + j, x + i] for j in range(3) for i in range(3)])
    farthest = np.where(np.isfinite(around), around, -np.inf).max(0)
    seen: NDArray[np.uint8] = (landmarks[:, 2] < farthest + 0.3).astype(np.uint8)
    return seen
