"""Faces to learn landmarks from: what a 468-point mesh sees in them, and the same faces turned."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points, invert, transform
from swapcast.kernels.upright import upright
from swapcast.models.landmarks_turning import MESH_68, Picture, seen, turned

REGION = 224
"""Side of the stored pictures, pixels: what can be seen around the face."""
FACE = 120
"""Side of the crop of the face in a stored picture; it lies in the middle, upright."""


@dataclass(frozen=True)
class Sample:
    """One face, upright in the middle of its picture."""

    picture: Picture
    """uint8 [224, 224, 3], BGR."""
    landmarks: Points
    """float32 [68, 2], pixels of the picture."""
    visible: NDArray[np.uint8]
    """uint8 [68], 1 where the point is seen."""


def clip_pictures(path: Path) -> Iterator[Picture]:
    """Read the frames of a clip, uint8 [height, width, 3], BGR."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def read_picture(path: Path) -> Picture:
    """Read one picture file, uint8 [height, width, 3], BGR.

    Raises
    ------
    ValueError
        If it is none.
    """
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} is no picture")
    return np.asarray(picture, np.uint8)


class MeshTeacher:
    """Marks 468 points of the largest face of a picture.

    Parameters
    ----------
    finder : path of a YuNet ONNX file
    mesh : path of the face-mesh ONNX file (192×192 RGB 0…1)
    """

    def __init__(self, finder: Path, mesh: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - only who makes data needs it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._finder = cv2.FaceDetectorYN.create(str(finder), "", (320, 320), 0.6)
        self._mesh = onnxruntime.InferenceSession(
            str(mesh), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._mesh.get_inputs()[0].name

    def __call__(self, picture: Picture) -> tuple[NDArray[np.float32], float] | None:
        """Find the largest face.

        Parameters
        ----------
        picture : uint8 [height, width, 3], BGR

        Returns
        -------
        (float32 [468, 3], float) or None
            x, y and depth in pixels (nearer is smaller), and how sure the teacher is, 0…1.
        """
        self._finder.setInputSize((picture.shape[1], picture.shape[0]))
        faces = self._finder.detect(picture)[1]
        if faces is None:
            return None
        x, y, width, height = max(faces, key=lambda face: face[2] * face[3])[:4]
        return self.refine(picture, (x + width / 2, y + height / 2), max(width, height) * 1.4)

    def refine(
        self, picture: Picture, middle: tuple[float, float], side: float
    ) -> tuple[NDArray[np.float32], float]:
        """Mark the face that lies roughly in one place, looking twice."""
        points, score = self._look(picture, middle, side, 0.0)
        for _ in range(2):
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            eyes = points[263, :2] - points[33, :2]
            x, y = (low + high) / 2
            side, angle = float((high - low).max()) * 1.5, float(np.arctan2(eyes[1], eyes[0]))
            points, score = self._look(picture, (float(x), float(y)), side, angle)
        return points, score

    def _look(
        self, picture: Picture, middle: tuple[float, float], side: float, angle: float
    ) -> tuple[NDArray[np.float32], float]:
        scale = side / 192
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        linear = np.array([[cos, -sin], [sin, cos]])
        shift = np.array(middle) - linear @ np.full(2, 95.5)
        way = np.column_stack([linear, shift]).astype(np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(picture, way, (192, 192), flags=flags)
        tensor = crop[None, :, :, ::-1].astype(np.float32) / 255
        outputs = self._mesh.run(None, {self._input: tensor})
        flat, logit = sorted((output.ravel() for output in outputs), key=len, reverse=True)
        points = flat.reshape(468, 3).copy()
        points[:, :2] = transform(way, points[:, :2])
        points[:, 2] *= scale
        return points, float(1 / (1 + np.exp(-logit[0])))


def stored(picture: Picture, landmarks: Points, visible: NDArray[np.uint8]) -> Sample:
    """Take the face out of its picture: upright, in the middle, with its surroundings."""
    way = upright(landmarks, FACE)
    margin = (REGION - FACE) / 2
    way = way.copy()
    way[:, 2] -= way[:, :2] @ np.full(2, margin, np.float32)
    fine = cv2.INTER_AREA if abs(np.linalg.det(way[:, :2])) > 4 else cv2.INTER_LINEAR
    region = cv2.warpAffine(
        picture,
        way,
        (REGION, REGION),
        flags=fine | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Sample(region, transform(invert(way), landmarks), visible)


def samples(
    pictures: Iterator[Picture],
    teacher: MeshTeacher,
    faces: NDArray[np.int32],
    turns: int,
    *,
    reach: float = 45.0,
) -> Iterator[Sample]:
    """Mark the faces of ``pictures`` and turn each ``turns`` times.

    The teacher marks the turned views anew: where it puts the jaw and the lips of a turned head
    is not where the mesh of the frontal one turns to (4 % of the eyes' distance at 30°, 8 % at
    45°), and what cameras show is turned heads. Views on which it is unsure, or far from the
    turned mesh, are left out.

    Parameters
    ----------
    pictures : iterator of uint8 [height, width, 3], BGR
    teacher : MeshTeacher
    faces : int32 [n, 3], from `triangles`
    turns : int
        Further views of each face; 0 gives the pictures as they are.
    reach : degrees
        The furthest turn to either side.
    """
    rng = np.random.default_rng(0)
    for picture in pictures:
        found = teacher(picture)
        if found is None or found[1] < 0.8:
            continue
        mesh = found[0]
        yield stored(picture, mesh[MESH_68, :2], seen(mesh, faces))
        for _ in range(turns):
            yaw, pitch = rng.uniform(-reach, reach), rng.uniform(-25, 25)
            view, moved = turned(picture, mesh, faces, yaw, pitch)
            sample = marked(view, moved[MESH_68, :2], teacher, faces)
            if sample is not None:
                yield sample


def marked(
    picture: Picture, about: Points, teacher: MeshTeacher, faces: NDArray[np.int32]
) -> Sample | None:
    """Mark one face with the teacher, unless it is unsure or disagrees widely.

    Parameters
    ----------
    picture : uint8 [height, width, 3], BGR
    about : float32 [68, 2]
        Where the points about are, pixels.
    teacher : MeshTeacher
    faces : int32 [n, 3], from `triangles`
    """
    low, high = about.min(0), about.max(0)
    x, y = (low + high) / 2
    mesh, sure = teacher.refine(picture, (float(x), float(y)), float((high - low).max()) * 1.5)
    points = mesh[MESH_68, :2]
    away = np.linalg.norm(points - about, axis=1).mean()
    if sure < 0.9 or away > 0.12 * np.hypot(*(points[36] - points[45])):
        return None
    return stored(picture, points, seen(mesh, faces))


def rendered(folder: Path) -> Iterator[tuple[Picture, Points, NDArray[np.uint8]]]:
    """Read renders: uint8 [h, w, 3] BGR, the exact points, and which of them are seen.

    Parameters
    ----------
    folder : path
        Of ``*.npz`` with images (RGB), landmarks and visibility, as `render_sets` writes them.
    """
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as kept:
            images, landmarks, visible = kept["images"], kept["landmarks"], kept["visibility"]
        for image, points, shown in zip(images, landmarks, visible, strict=True):
            bgr = np.ascontiguousarray(image[:, :, ::-1])
            yield bgr, points.astype(np.float32), (shown > 0).astype(np.uint8)


def faceless(picture: Picture, teacher: MeshTeacher, count: int) -> list[Picture]:
    """Cut patches out of a picture that do not touch its face.

    Parameters
    ----------
    picture : uint8 [height, width, 3], BGR
    teacher : MeshTeacher
    count : int
        Patches to try for; a face that fills the picture leaves room for fewer.

    Returns
    -------
    list of uint8 [112, 112, 3], BGR
    """
    found = teacher(picture)
    if found is None:
        return []
    low, high = found[0][:, :2].min(0), found[0][:, :2].max(0)
    rng = np.random.default_rng(abs(int(high.sum())))
    shortest, patches = min(picture.shape[:2]), []
    for _ in range(count * 8):
        side = int(rng.uniform(0.2, 0.6) * shortest)
        top = int(rng.integers(0, picture.shape[0] - side + 1))
        left = int(rng.integers(0, picture.shape[1] - side + 1))
        apart = left > high[0] or left + side < low[0] or top > high[1] or top + side < low[1]
        if apart:
            patch = picture[top : top + side, left : left + side]
            patches.append(cv2.resize(patch, (112, 112), interpolation=cv2.INTER_AREA))
        if len(patches) == count:
            break
    return patches
