"""Where the true faces of a clip are, marked offline by other networks than the product's own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points, five_points
from swapcast.models.landmarks_data import MeshTeacher, clip_pictures
from swapcast.models.landmarks_turning import MESH_68, Picture

_SURE = 0.5  # of the finder, and of the mesh
_FRONTAL = 0.25  # of the eyes' distance: how far the nose of a frontal face lies off their middle
_VERSION = 2  # of what is kept


@dataclass(frozen=True)
class TrueFace:
    """A face of one frame of a clip."""

    frame: int
    points: Points
    """float32 [5, 2], pixels of the frame: eyes, nose tip, mouth corners."""
    box: NDArray[np.float32]
    """float32 [4]: left, top, right, bottom of its 68 points."""

    @property
    def frontal(self) -> bool:
        """Whether it looks towards the camera, roughly: within about 30° of yaw."""
        eyes = self.points[1] - self.points[0]
        distance = float(np.hypot(*eyes))
        off = (self.points[2] - self.points[:2].mean(0)) @ eyes / max(distance, 1e-6) ** 2
        return bool(abs(off) < _FRONTAL and distance > 0.5 * 0.4 * (self.box[2] - self.box[0]))

    @property
    def size(self) -> float:
        """Its box's larger side, pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


def true_faces(clip: Path, finder: Path, mesh: Path, cache: Path) -> list[TrueFace]:
    """Mark every face of every frame of a clip, or read what was marked before.

    A finder (YuNet, at the frame's own size) and the places of the frame before say where to look,
    a mesh of 468 points says whether a face is there, and where exactly.

    Parameters
    ----------
    clip : video
    finder : YuNet's ONNX file
    mesh : ONNX file of the face mesh (192×192 RGB 0…1)
    cache : folder
        What was marked is kept here, under the clip's contents.
    """
    digest = hashlib.sha256(clip.read_bytes()).hexdigest()[:16]
    kept = cache / f"{clip.stem}-{digest}-{_VERSION}.npz"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        faces = _mark(clip, finder, mesh)
        np.savez(
            kept,
            frame=np.array([face.frame for face in faces], np.int64),
            points=np.array([face.points for face in faces], np.float32).reshape(-1, 5, 2),
            box=np.array([face.box for face in faces], np.float32).reshape(-1, 4),
        )
    with np.load(kept) as data:
        rows = zip(data["frame"], data["points"], data["box"], strict=True)
        return [TrueFace(int(frame), points, box) for frame, points, box in rows]


def _mark(clip: Path, finder: Path, mesh: Path) -> list[TrueFace]:
    teacher = MeshTeacher(finder, mesh)
    find = cv2.FaceDetectorYN.create(str(finder), "", (320, 320), _SURE)
    faces: list[TrueFace] = []
    before: list[TrueFace] = []
    for number, picture in enumerate(clip_pictures(clip)):
        before = _of_frame(number, picture, find, teacher, before)
        faces += before
    return faces


def _of_frame(
    number: int,
    picture: Picture,
    find: cv2.FaceDetectorYN,
    teacher: MeshTeacher,
    before: Sequence[TrueFace],
) -> list[TrueFace]:
    find.setInputSize((picture.shape[1], picture.shape[0]))
    found = find.detect(picture)[1]
    boxes = [] if found is None else [np.array([*r[:2], *(r[:2] + r[2:4])]) for r in found]
    faces: list[TrueFace] = []
    for box in [*boxes, *(face.box for face in before)]:
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        side = 1.4 * float(max(box[2] - box[0], box[3] - box[1]))
        points, presence = teacher.refine(picture, middle, side)
        marks = points[MESH_68, :2].astype(np.float32)
        new = TrueFace(number, five_points(marks), np.concatenate((marks.min(0), marks.max(0))))
        if presence >= _SURE and not any(_same(new, face) for face in faces):
            faces.append(new)
    return faces


def _same(a: TrueFace, b: TrueFace) -> bool:
    """Tell whether two marked faces are one: their middles are nearer than half a face."""
    off = np.hypot(*(a.points.mean(0) - b.points.mean(0)))
    return bool(off < 0.5 * max(a.size, b.size))
