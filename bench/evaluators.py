"""What independent networks see in a face: who it is, where it looks, what it does.

None of them had a part in the product. They are given as files; a swap and its driver are looked at
in the same way, so that what a network always gets wrong cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.judge import recogniser_affine
from swapcast.export.runners import Runner, RunnerError, open_runner
from swapcast.kernels.geometry import Points, five_points
from swapcast.models.landmarks_data import MeshTeacher
from swapcast.models.landmarks_turning import MESH_68, Picture
from swapcast.realtime.errors import SettingError
from swapcast.realtime.measures import mouth_openness

RECOGNISER = "face-reidentification-retail-0095.onnx"
POSE = "fsanet-1x1-iter-688590.onnx"
EXPRESSION = "faceapi_expression.onnx"
MESH = "face_landmark.onnx"
FINDER = "yunet_n_dynamic.onnx"

_LIDS = ((36, 39, 37, 41, 38, 40), (42, 45, 43, 47, 44, 46))
_SURE = 0.5  # of the mesh: below, it sees no face
_WIDE = 1.3  # of the mesh's extent: how much the pose network wants to see


@dataclass(frozen=True)
class Sight:
    """What the networks see of one face."""

    landmarks: Points
    """float32 [68, 2], pixels."""
    code: NDArray[np.float32]
    """float32 [256], length 1: who it is."""
    pose: NDArray[np.float32]
    """float32 [3]: yaw, pitch and roll in degrees."""
    expression: NDArray[np.float32]
    """float32 [7]: probabilities of neutral, happy, sad, angry, fearful, disgusted, surprised."""

    @property
    def yaw(self) -> float:
        """Degrees; the sign is the pose network's own."""
        return float(self.pose[0])

    @property
    def mouth(self) -> float:
        """The gap between the lips in lengths of the nose."""
        return mouth_openness(self.landmarks)

    @property
    def eyes(self) -> float:
        """The lids' mean opening in widths of the eyes (Soukupová and Čech, CVWW 2016)."""
        p = self.landmarks
        ratios = [
            (np.linalg.norm(p[c] - p[d]) + np.linalg.norm(p[e] - p[f]))
            / max(2 * float(np.linalg.norm(p[a] - p[b])), 1e-6)
            for a, b, c, d, e, f in _LIDS
        ]
        return float(np.mean(ratios))


class Evaluators:
    """The networks, opened.

    Parameters
    ----------
    folder : holds their ONNX files, at any depth

    Raises
    ------
    SettingError
        If one is missing or cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.finder, self.mesh_file = _file(folder, FINDER), _file(folder, MESH)
        # OpenCV 5 warns of every network it opens.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self._mesh = MeshTeacher(self.finder, self.mesh_file)
        try:
            self._networks = [
                open_runner(_file(folder, name)) for name in (RECOGNISER, POSE, EXPRESSION)
            ]
        except RunnerError as error:
            raise SettingError(str(error)) from error

    def largest(self, picture: Picture) -> Sight | None:
        """Look at the largest face of a picture, uint8 [height, width, 3] BGR."""
        found = self._mesh(picture)
        return None if found is None else self._sight(picture, *found)

    def at(self, picture: Picture, box: NDArray[np.float32]) -> Sight | None:
        """Look at the face at a place of a picture.

        Parameters
        ----------
        picture : uint8 [height, width, 3] BGR
        box : float32 [4]
            Left, top, right, bottom of its landmarks.

        Returns
        -------
        Sight or None
            None if there is no face.
        """
        middle = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
        side = 1.4 * float(max(box[2] - box[0], box[3] - box[1]))
        return self._sight(picture, *self._mesh.refine(picture, middle, side))

    def _sight(
        self, picture: Picture, points: NDArray[np.float32], presence: float
    ) -> Sight | None:
        if presence < _SURE:
            return None
        recogniser, pose, expression = self._networks
        landmarks = points[MESH_68, :2].astype(np.float32)
        aligned = cv2.warpAffine(picture, recogniser_affine(five_points(landmarks)), (128, 128))
        code = _run(recogniser, _planes(aligned))
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        middle, side = (low + high) / 2, float((high - low).max())
        face = _square(picture, middle, side * 1.1, 112)[..., ::-1]
        head = _square(picture, middle, side * 1.1 * _WIDE, 64)
        return Sight(
            landmarks,
            (code / max(float(np.linalg.norm(code)), 1e-9)).astype(np.float32),
            _run(pose, (_planes(head) - np.float32(127.5)) / np.float32(128)),
            _run(expression, _planes(face)),
        )


def mean_code(codes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the direction of the mean of some codes, float32 [256], length 1."""
    mean = np.mean(codes, 0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _file(folder: Path, name: str) -> Path:
    found = next(iter(sorted(folder.rglob(name))), None)
    if found is None:
        raise SettingError(f"--judges {folder} holds no {name}; put it there")
    return found


def _run(network: Runner, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    (name,) = network.shapes
    return network({name: np.ascontiguousarray(tensor, np.float32)})[0].ravel()


def _planes(picture: Picture) -> NDArray[np.float32]:
    """Return [1, 3, h, w], 0…255, channels in the picture's order."""
    return picture.transpose(2, 0, 1)[None].astype(np.float32)


def _square(picture: Picture, middle: Points, side: float, size: int) -> Picture:
    scale = size / side
    way = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
    way[:, 2] = (size - 1) / 2 - scale * middle
    return np.asarray(cv2.warpAffine(picture, way, (size, size)), np.uint8)
