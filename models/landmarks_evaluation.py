"""Judge the landmark network against the mesh on clips it never saw."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from swapcast.kernels.geometry import transform
from swapcast.kernels.upright import upright
from swapcast.models.landmarks_data import (
    MeshTeacher,
    clip_pictures,
    faceless,
    read_picture,
)
from swapcast.models.landmarks_turning import MESH_68, Picture

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare with the mesh, and count faces where there are none."""

    model: Path
    """ONNX file."""
    clips: tuple[Path, ...] = ()
    """Videos the network never saw, with one face each."""
    pictures: tuple[Path, ...] = ()
    """Folders of JPEG portraits the network never saw."""
    empty: tuple[Path, ...] = ()
    """Videos without a face."""
    finder: Path
    """YuNet ONNX file."""
    mesh: Path
    """Face-mesh ONNX file."""
    step: int = 3
    """Of a clip, every so many frames are looked at."""
    out: Path | None = None
    """Write the figures to this file, as JSON."""


class _Reader:
    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options)
        self.size = int(self._session.get_inputs()[0].shape[2])

    def __call__(
        self, picture: Picture, way: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shape = (self.size, self.size)
        crop = cv2.warpAffine(picture, way, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        tensor = np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1), np.float32)[None] / 255
        points, presence, _ = self._session.run(None, {"crops": tensor})
        return transform(way, points[0]), float(presence[0, 0])

    def from_rough(
        self, picture: Picture, landmarks: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], float]:
        """Look as the tracker does: first where the face about is, then from there."""
        way = upright(landmarks, self.size)
        way[:, 2] += way[:, :2] @ (rng.uniform(-0.08, 0.08, 2) * self.size).astype(np.float32)
        points, _ = self(picture, way)
        return self(picture, upright(points, self.size))


def _compare(
    reader: _Reader, teacher: MeshTeacher, pictures: list[Picture]
) -> dict[str, float | int]:
    rng, errors, present = np.random.default_rng(0), [], []
    for picture in pictures:
        found = teacher(picture)
        if found is None or found[1] < 0.8:
            continue
        wanted = found[0][MESH_68, :2]
        points, presence = reader.from_rough(picture, wanted, rng)
        between = float(np.hypot(*(wanted[36] - wanted[45])))
        errors.append(np.linalg.norm(points - wanted, axis=1).mean() / between * 100)
        present.append(presence)
    return {
        "faces": len(errors),
        "error_percent": round(float(np.mean(errors)), 2),
        "error_p95_percent": round(float(np.percentile(errors, 95)), 2),
        "present": round(float(np.mean(np.array(present) > 0.5)), 4),
        "least_presence": round(float(np.min(present)), 3),
    }


def _anywhere(reader: _Reader, picture: Picture, rng: np.random.Generator) -> float:
    side = rng.uniform(0.15, 0.9) * min(picture.shape[:2])
    corner = rng.uniform(0, 1, 2) * (np.array(picture.shape[1::-1]) - side)
    way = np.column_stack([np.eye(2) * side / reader.size, corner]).astype(np.float32)
    return reader(picture, way)[1]


def evaluate(settings: Evaluate) -> dict[str, object]:
    """Measure, log and return the figures."""
    reader, teacher = _Reader(settings.model), MeshTeacher(settings.finder, settings.mesh)
    figures: dict[str, object] = {}
    patches: list[Picture] = []
    for clip in settings.clips:
        pictures = list(clip_pictures(clip))[:: settings.step]
        figures[clip.name] = _compare(reader, teacher, pictures)
        patches += [patch for picture in pictures for patch in faceless(picture, teacher, 4)]
    for folder in settings.pictures:
        pictures = [read_picture(file) for file in sorted(folder.glob("*.jpg"))]
        figures[folder.name] = _compare(reader, teacher, pictures)
        patches += [patch for picture in pictures for patch in faceless(picture, teacher, 6)]
    rng = np.random.default_rng(0)
    whole = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    said = [reader(patch, whole)[1] for patch in patches]
    for clip in settings.empty:
        for picture in clip_pictures(clip):
            said += [_anywhere(reader, picture, rng) for _ in range(5)]
    if said:
        wrong = {str(limit): int((np.array(said) > limit).sum()) for limit in (0.35, 0.5, 0.6, 0.8)}
        figures["without a face"] = {"crops": len(said), "taken for one, by threshold": wrong}
    for name, value in figures.items():
        _log.info("%s: %s", name, value)
    if settings.out is not None:
        settings.out.write_text(json.dumps(figures, indent=2) + "\n")
    return figures
