"""Finds faces through the insightface package: SCRFD, its 106 points and ArcFace (an extra)."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider
from swapcast.kernels.colour import rgb_from_yuv
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Face, Frame, Points

_FROM_106 = (
    *(
        1,
        10,
        12,
        14,
        16,
        3,
        5,
        7,
        0,
        23,
        21,
        19,
        32,
        30,
        28,
        26,
        17,
    ),  # jaw, from the picture's left
    *(43, 48, 49, 51, 50, 102, 103, 104, 105, 101),  # brows
    *(72, 73, 74, 86, 78, 79, 80, 85, 84),  # nose
    *(35, 41, 42, 39, 37, 36, 89, 95, 96, 93, 91, 90),  # eyes
    *(52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55),  # outer lips
    *(65, 66, 62, 70, 69, 57, 60, 54),  # inner lips
)
_TASKS = ("detection", "landmark_2d_106", "recognition")
_ORT = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_SURE = 0.5  # of the detector
_OVERLAP = 0.3  # of two boxes of one face in successive frames
_ALIKE = 0.35  # cosine of the embeddings of one person
_MEMORY_S = 2.0  # a face that comes back within this time gets its number back


def to_68(points: Points) -> Points:
    """Pick the 68 points of the Multi-PIE scheme out of insightface's 106.

    Parameters
    ----------
    points : float32 [106, 2]
        As ``2d106det`` gives them.

    Returns
    -------
    float32 [68, 2]
    """
    return np.asarray(points, np.float32)[list(_FROM_106)]


@dataclass(slots=True)
class _Known:
    number: int
    box: NDArray[np.float32]
    embedding: NDArray[np.float32]
    at: float


class InsightFace:
    """Every face of every frame, found anew; numbers follow boxes, then the persons themselves.

    The 106 points say nothing of what is hidden: each counts as seen.

    Parameters
    ----------
    folder : path
        Of a model pack (``det_10g.onnx``, ``2d106det.onnx``, ``w600k_r50.onnx``, say). Nothing is
        ever downloaded.
    provider : ``cpu`` or ``cuda``

    Raises
    ------
    ModelError
        If the package or the pack is missing or incomplete, or the provider is another one.
    """

    def __init__(self, folder: Path | None, *, provider: Provider = "cpu") -> None:
        zoo = _package()
        if provider not in _ORT:
            raise ModelError(f"insightface runs on cpu or cuda, not {provider}")
        if folder is None or not folder.is_dir():
            raise ModelError(
                f"no insightface model pack at {folder}: give the folder with its ONNX files "
                "(buffalo_l, say) with --detector-model"
            )
        self._models = _load(zoo, folder, _ORT[provider])
        self._known: list[_Known] = []
        self._born = 0

    def __enter__(self) -> "InsightFace":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._known.clear()

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """Find the faces of ``frame``, the surest first."""
        from insightface.app.common import Face as Found  # noqa: PLC0415 - an extra

        picture = _bgr(frame)
        boxes, points = self._models["detection"].detect(picture, max_num=0)
        taken: list[_Known] = []
        faces: list[Face] = []
        for box, five in zip(boxes, points, strict=True):
            found = Found(bbox=box[:4], kps=five, det_score=box[4])
            landmarks = to_68(self._models["landmark_2d_106"].get(picture, found))
            embedding = np.asarray(self._models["recognition"].get(picture, found), np.float32)
            embedding /= max(float(np.linalg.norm(embedding)), 1e-9)
            place = np.asarray(box[:4], np.float32)
            known = self._recall(_Known(-1, place, embedding, frame.captured_at), taken)
            taken.append(known)
            faces.append(
                Face(
                    box=place,
                    score=float(box[4]),
                    points=np.asarray(five, np.float32),
                    landmarks=landmarks,
                    visibility=np.ones(68, np.float32),
                    track=known.number,
                )
            )
        self._forget(frame.captured_at, taken)
        return tuple(faces)

    def _recall(self, seen: _Known, taken: list[_Known]) -> _Known:
        """Find out which known face this is: by its place, else by its likeness."""
        free = [known for known in self._known if all(known.number != t.number for t in taken)]
        near = [known for known in free if _overlap(known.box, seen.box) > _OVERLAP]
        if not near:
            near = [known for known in free if float(known.embedding @ seen.embedding) > _ALIKE]
        if near:
            before = max(near, key=lambda known: float(known.embedding @ seen.embedding))
            seen.number = before.number
        else:
            seen.number, self._born = self._born, self._born + 1
        return seen

    def _forget(self, at: float, taken: list[_Known]) -> None:
        seen = {known.number for known in taken}
        kept = [k for k in self._known if k.number not in seen and at - k.at <= _MEMORY_S]
        self._known = [*taken, *kept]


def _package() -> ModuleType:
    try:
        from insightface import model_zoo  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ModelError(
            f"the insightface package cannot be used ({error}): pip install 'swapcast[insightface]'"
        ) from error
    zoo: ModuleType = model_zoo
    return zoo


def _load(zoo: ModuleType, folder: Path, provider: str) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for file in sorted(folder.glob("*.onnx")):
        try:
            model = zoo.get_model(str(file), providers=[provider])
        except Exception as error:
            raise ModelError(f"insightface cannot load {file}: {error}") from error
        task = getattr(model, "taskname", None)
        if task in _TASKS and task not in models:
            models[task] = model
    missing = [task for task in _TASKS if task not in models]
    if missing:
        raise ModelError(
            f"the model pack in {folder} has no network for {', '.join(missing)}; "
            "unpack a whole pack (buffalo_l, say) there"
        )
    models["detection"].prepare(
        0 if provider.startswith("CUDA") else -1, input_size=(640, 640), det_thresh=_SURE
    )
    return models


def _bgr(frame: Frame) -> NDArray[np.uint8]:
    """Turn the planes into the BGR picture the package takes."""
    width, height = frame.width, frame.height
    luma = frame.y[:, :width].astype(np.float32)
    size = (width, height)
    u, v = (
        cv2.resize(plane[:, : (width + 1) // 2], size, interpolation=cv2.INTER_LINEAR)
        for plane in (frame.u, frame.v)
    )
    levels = np.stack([luma, u, v, np.ones_like(luma)], -1)
    mix = rgb_from_yuv(frame.colour.matrix, frame.colour.full_range)
    rgb = levels.astype(np.float32) @ mix.T * 255
    return np.ascontiguousarray(np.clip(rgb[:, :, ::-1] + 0.5, 0, 255).astype(np.uint8))


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (a, b)]
    return shared / max(sum(areas) - shared, 1e-9)
