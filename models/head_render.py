"""Draw a person who does not exist: any pose, face movement, gaze, light and background."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.raster import corner_normals, interpolate, rasterise
from swapcast.models.head import (
    BACK,
    EYE,
    EYE_SIDES,
    FACE,
    PARTS,
    TEETH,
    TONGUE,
    Floats,
    Head,
    Ints,
    load_head,
)
from swapcast.models.head_fit import (
    Camera,
    Fit,
    Image,
    MeshFinder,
    Pose,
    fit_head,
    match_mesh,
)
from swapcast.models.head_light import Light
from swapcast.models.head_skin import IRIS, Skin, empty, lift_skin, sample
from swapcast.models.head_surround import PersonFinder, Surround, make_surround

_CAVITY = np.array([0.016, 0.006, 0.005], np.float32)
_TONGUE = np.array([0.20, 0.065, 0.06], np.float32)
_TEETH = np.array([0.44, 0.39, 0.33], np.float32)


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


@dataclass(frozen=True, slots=True)
class Maker:
    """What it takes to make people from pictures."""

    head: Head
    mesh: MeshFinder
    outline: PersonFinder
    points: Ints
    """int32 [k]: mesh points that are matched by ``vertices``."""
    vertices: Ints
    """int32 [k]."""


def open_maker(data: Path) -> Maker:
    """Load the head, the networks and their match from a data folder.

    Raises
    ------
    ValueError
        If a file is missing.
    """
    networks = data / "models" / "mediapipe_onnx"
    head = load_head(data / "head3d" / "ict" / "ict_face_full_f16.npz")
    canonical = data / "head3d" / "mediapipe" / "canonical_face_model.obj"
    if not canonical.is_file():
        raise ValueError(f"no canonical face mesh at {canonical}")
    points, vertices = match_mesh(head, canonical)
    outline = PersonFinder(networks / "selfie_segmentation.onnx")
    return Maker(head, MeshFinder(networks), outline, points, vertices)


def make_person(maker: Maker, picture: Image) -> Person:
    """Make the person in a picture drawable.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
        A clear, frontal view.

    Raises
    ------
    ValueError
        If no face is found in the picture.
    """
    head, found = maker.head, maker.mesh(picture)
    if found is None:
        raise ValueError("no clear face in this picture; choose a frontal one without sunglasses")
    fit = fit_head(head, found[maker.points], picture.shape[1::-1], maker.vertices)
    outline = maker.outline(picture)
    skin = lift_skin(head, fit, picture, outline)
    surround = make_surround(head, fit, picture, outline, skin.light)
    shape = head.shape(fit.shape)
    still = head.move(shape, fit.strengths)[surround.bound]
    return Person(head, shape, fit, skin, surround, still)


def draw(
    person: Person, act: Act, camera: Camera, light: Light, background: Image, *, samples: int = 2
) -> Drawn:
    """Draw one frame over a background.

    Parameters
    ----------
    camera : of the finished frame
    background : uint8 [h, w, 3] RGB
        Gives the frame its size.
    samples : int ≥ 1
        Rays per pixel and axis; more make smoother edges.
    """
    height, width = background.shape[:2]
    middle = (samples - 1) / 2
    fine = Camera(
        camera.focal * samples,
        (camera.centre[0] * samples + middle, camera.centre[1] * samples + middle),
    )
    size = (width * samples, height * samples)
    canvas = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    canvas *= np.float32(1 / 255)
    canvas *= canvas
    vertices = person.head.move(person.shape, act.strengths)
    placed = act.pose.to_camera(vertices)
    points = fine.project(placed)
    colour, front, back, depth = _paint_head(size, person, act, vertices, placed, points, light)
    canvas += (colour - canvas) * back[..., None]
    _draw_surround(canvas, person, act, vertices, fine, light)
    canvas += (colour - canvas) * front[..., None]
    image = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    cv2.sqrt(np.clip(image, 0, 1), image)
    mask = cv2.resize(front, (width, height), interpolation=cv2.INTER_AREA)
    landmarks = points[person.head.landmarks]
    return Drawn(
        image=(image * 255 + 0.5).astype(np.uint8),
        landmarks=((landmarks[:, :2] - middle) / samples).astype(np.float32),
        visibility=_visible(landmarks, depth),
        mask=(np.clip(mask, 0, 1) * 255 + 0.5).astype(np.uint8),
    )


def _draw_surround(
    canvas: Floats, person: Person, act: Act, vertices: Floats, camera: Camera, light: Light
) -> None:
    sheet = person.surround
    placed = sheet.placed(act.pose, vertices[sheet.bound] - person.still)
    normals = np.zeros_like(placed)
    corner_normals(placed, sheet.triangles, normals)
    ratio = np.clip(light.on(normals) / np.maximum(sheet.shade, 0.2), 0.15, 2.5)
    depth, index, weights = empty(*canvas.shape[:2])
    rasterise(camera.project(placed), sheet.triangles, depth, index, weights)
    known = np.concatenate([sheet.places, ratio], 1).astype(np.float32)
    maps = np.full((*canvas.shape[:2], 5), -1e4, np.float32)
    interpolate(index, weights, sheet.triangles, known, maps)
    seen = sample(sheet.picture, maps[..., 0].copy(), maps[..., 1].copy())
    share = seen[..., 3:] * (index >= 0)[..., None]
    canvas += (seen[..., :3] * np.maximum(maps[..., 2:], 0) - canvas) * share


def _paint_head(
    size: tuple[int, int],
    person: Person,
    act: Act,
    vertices: Floats,
    placed: Floats,
    points: Floats,
    light: Light,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return colours [h, w, 3], shares over and under the sheet and the depth, all [h, w]."""
    head, (width, height) = person.head, size
    depth, index, weights = empty(height, width)
    rasterise(points, head.triangles, depth, index, weights)
    normals = np.zeros_like(placed)
    corner_normals(placed, head.triangles, normals)
    away = (normals * placed).sum(1, keepdims=True)
    maps = np.zeros((height, width, 7), np.float32)
    known = np.concatenate([light.on(normals), away, vertices], 1).astype(np.float32)
    interpolate(index, weights, head.triangles, known, maps)
    flat = np.full((height, width, 2), -1, np.float32)
    side = len(person.skin.texture) - 1
    uv = (head.uv * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)) * np.float32(side)
    interpolate(index, weights, head.uv_triangles, np.ascontiguousarray(uv, np.float32), flat)
    x, y = flat[..., 0].copy(), flat[..., 1].copy()
    part = np.where(index >= 0, head.part[index], 255)
    lip = vertices[head.landmarks[62]]
    near = np.abs(maps[..., 4:6] - lip[:2]).max(2) < 4
    inside = (maps[..., 3] > 0) & near & (part <= PARTS.index(BACK))
    face = (part == PARTS.index(FACE)).astype(np.float32)
    front, back = sample(person.skin.front, x, y) * face, sample(person.skin.back, x, y) * face
    front[(part > PARTS.index(BACK)) & (part < 255) | inside] = 1
    colour = sample(person.skin.texture, x, y) * maps[..., :3]
    crown = (part == PARTS.index(BACK)) & (maps[..., 5] > head.mean[head.landmarks[33], 1])
    back[crown] = 1
    colour[crown] = person.skin.hair * maps[crown][:, :3]
    _paint_eyes(colour, part, maps, person, act)
    eyes = float(np.linalg.norm(points[head.landmarks[36], :2] - points[head.landmarks[45], :2]))
    _paint_mouth(colour, part, maps, inside, lip[2] - maps[..., 6], eyes / 25)
    return colour, front, back, depth


def _paint_eyes(colour: Floats, part: Ints, maps: Floats, person: Person, act: Act) -> None:
    target = np.array([np.tan(act.gaze[0]), np.tan(act.gaze[1]), 1], np.float32) * 60
    for side in EYE_SIDES:
        shown = part == PARTS.index(EYE + side)
        rows, columns = np.nonzero(shown)
        if not len(rows):
            continue
        ball = person.shape[person.head.vertices_of(EYE + side)]
        centre = (ball.max(0) + ball.min(0)) / 2
        sight = _unit((target - centre)[None])[0]
        direction = _unit(maps[rows, columns, 4:] - centre)
        painted = _eye(direction, sight, person.skin) * maps[rows, columns, :3]
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        blur = max((right - left) / 14, 0.5)
        drop = round(blur * 1.3)
        open_ = np.pad(shown[top:bottom, left:right].astype(np.float32), 8)
        lit = cv2.GaussianBlur(np.roll(open_, drop, 0), (0, 0), blur)[8:-8, 8:-8]
        lid = np.clip(lit[rows - top, columns - left] * 1.25, 0, 1)[:, None]
        window = _unit((sight + np.array([-0.13, 0.14, 0], np.float32))[None])
        glint = np.exp(-(((direction - window) / 0.045) ** 2).sum(1))
        colour[rows, columns] = painted * (0.22 + 0.78 * lid) + 0.55 * glint[:, None] * lid


def _eye(direction: Floats, sight: Floats, skin: Skin) -> Floats:
    """Return the eyeball's colours, float32 [n, 3], at directions [n, 3] from its centre."""
    away = np.arccos(np.clip(direction @ sight, -1, 1)) / IRIS
    around = np.arctan2(direction[:, 1] - sight[1], direction[:, 0] - sight[0])
    streaks = 1 + 0.14 * np.sin(around * 23) * np.cos(around * 9 + 1) + 0.08 * np.sin(around * 41)
    ring = 1 - 0.55 * _step(away, 0.72, 1.0) + 0.35 * _step(-away, -0.62, -0.4)
    iris = skin.iris * (streaks * ring)[:, None]
    iris *= _step(away, 0.36, 0.48)[:, None]
    red = np.array([1, 0.8, 0.75], np.float32)
    white = skin.white * (1 + (red - 1) * _step(away, 1.4, 2.6)[:, None])
    out: Floats = iris + (white - iris) * _step(away, 0.93, 1.06)[:, None]
    return out


def _paint_mouth(
    colour: Floats,
    part: Ints,
    maps: Floats,
    inside: NDArray[np.bool_],
    deep: Floats,
    blur: float,
) -> None:
    teeth = part == PARTS.index(TEETH)
    mouth = teeth | (part == PARTS.index(TONGUE)) | inside
    rows, columns = np.nonzero(mouth)
    if not len(rows):
        return
    colour[mouth] = np.where(teeth[mouth][:, None], _TEETH, _TONGUE) * maps[mouth][:, :3]
    colour[inside] = _CAVITY
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    blur = max(blur, 0.5)
    gap = np.pad(mouth[top:bottom, left:right].astype(np.float32), 8)
    lit = cv2.GaussianBlur(np.roll(gap, round(blur), 0), (0, 0), blur)[8:-8, 8:-8]
    lit = np.clip(lit[rows - top, columns - left] * 1.3 - 0.3, 0.02, 1)
    fade = np.exp(-np.clip(deep[mouth] - 0.6, 0, 8) / 1.2)
    colour[mouth] *= (lit * fade)[:, None]


def _visible(landmarks: Floats, depth: Floats) -> NDArray[np.uint8]:
    padded = np.pad(depth, 1, constant_values=np.inf)
    x = np.clip(np.rint(landmarks[:, 0]).astype(int), 0, depth.shape[1] - 1)
    y = np.clip(np.rint(landmarks[:, 1]).astype(int), 0, depth.shape[0] - 1)
    around = np.stack([padded[y + j, x + i] for j in range(3) for i in range(3)])
    farthest = np.where(np.isfinite(around), around, -np.inf).max(0)
    seen: NDArray[np.uint8] = (landmarks[:, 2] < farthest + 0.3).astype(np.uint8)
    return seen


def _unit(vectors: Floats) -> Floats:
    out: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return out.astype(np.float32)


def _step(value: Floats, low: float, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    out: Floats = (t * t * (3 - 2 * t)).astype(np.float32)
    return out
