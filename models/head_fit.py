"""Find the head in a picture of a face: who it is in shape, how it is turned, what the face does.

A mesh network's points are matched by the head's own landmarks (least squares with priors, as in
Blanz and Vetter 1999), first the pose, then pose, shape and expression together.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from swapcast.kernels.place import turn
from swapcast.models.head import FACE, Floats, Head, Ints

Image = NDArray[np.uint8]
Doubles = NDArray[np.float64]

SHAPES = 60
"""Ways heads differ that a single picture can tell apart."""
CRUTCHES = ("PupilDilate", "cheekPuff")
"""Movements a single picture cannot tell from the shape of the head."""
# fmt: off
MESH_TO_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on
"""Point of the 468-point face mesh for each of the 68 landmarks, the picture's left jaw first."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera looking along +z; x right, y down, in pixels."""

    focal: float
    """Pixels."""
    centre: tuple[float, float]
    """(x, y) where the axis meets the picture; integer coordinates are pixel centres."""

    def project(self, points: Floats) -> Floats:
        """Return float32 [n, 3] (x, y in pixels, depth in cm) of camera points [n, 3] in cm."""
        xy = points[:, :2] / points[:, 2:] * self.focal + np.asarray(self.centre)
        return np.concatenate([xy, points[:, 2:]], 1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head stands before the camera."""

    pitch: float
    """Radians, looking down positive."""
    yaw: float
    """Radians, turning to the picture's right positive."""
    roll: float
    """Radians, tilting to the picture's left positive."""
    place: tuple[float, float, float]
    """Centimetres, camera axes, of the head's origin (between the ears)."""

    @property
    def matrix(self) -> Floats:
        """float32 [3, 3]: turns the head's axes within themselves, about x, then y, then z."""
        (a, b, c), (d, e, f) = (
            [g(v) for v in (self.pitch, self.yaw, self.roll)] for g in (math.cos, math.sin)
        )
        rows = (
            (c * b, c * e * d - f * a, c * e * a + f * d),
            (f * b, f * e * d + c * a, f * e * a - c * d),
            (-e, b * d, b * a),
        )
        return np.array(rows, np.float32)

    def to_camera(self, vertices: Floats) -> Floats:
        """Return float32 [n, 3] in the camera's axes of head vertices [n, 3]."""
        out = np.empty_like(vertices)
        matrix = self.matrix * np.array([[1], [-1], [-1]], np.float32)
        turn(vertices, matrix, np.array(self.place, np.float32), out)
        return out

    def to_head(self, points: Floats) -> Floats:
        """Return float32 [n, 3] in the head's axes of camera points [n, 3]."""
        centred = (points - np.asarray(self.place, np.float32)) * np.array([1, -1, -1], np.float32)
        out: Floats = (centred @ self.matrix).astype(np.float32)
        return out


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found in the picture."""

    camera: Camera
    pose: Pose
    shape: Floats
    """float32 [60]: standard deviations of each way heads differ."""
    strengths: Floats
    """float32 [57]: of each movement of the face, 0…1."""
    error: float
    """Mean distance of the landmarks, in parts of the distance between the outer eye corners."""


class MeshFinder:
    """Finds the 468 mesh points of the clearest face in a still picture."""

    def __init__(self, folder: Path) -> None:
        """Load both networks from a folder.

        Raises
        ------
        ValueError
            If a network is missing.
        """
        self._detect = open_network(folder / "face_detection_short_range.onnx")
        self._mesh = open_network(folder / "face_landmark.onnx")
        grids = [(np.arange(128 // step) + 0.5) * step for step in (8, 16)]
        cells = [np.stack(np.meshgrid(g, g), -1).reshape(-1, 2) for g in grids]
        self._anchors = np.concatenate([cells[0].repeat(2, 0), cells[1].repeat(6, 0)])

    def __call__(self, picture: Image) -> Floats | None:
        """Return float32 [468, 2] (x, y) in pixels, or None where no face is clear enough.

        Parameters
        ----------
        picture : uint8 [h, w, 3] RGB
        """
        side = max(picture.shape[:2])
        scale = 128 / side
        small = cv2.warpAffine(
            picture, np.array([[scale, 0, 0], [0, scale, 0]], np.float32), (128, 128)
        )
        boxes, scores = self._detect(small.astype(np.float32) / 127.5 - 1)
        best = int(scores.ravel().argmax())
        if scores.ravel()[best] < 0:  # a logit: less likely than not
            return None
        found = boxes.reshape(-1, 16)[best].astype(np.float64)
        centre = (found[:2] + self._anchors[best]) / scale
        eyes = (found[4:8].reshape(2, 2) + self._anchors[best]) / scale
        size, line = found[2:4].max() / scale * 1.5, eyes[1] - eyes[0]
        points = np.empty((0, 2), np.float32)
        for _ in range(2):  # the second look is better centred
            points, seen = self._look(picture, centre, size, float(np.arctan2(line[1], line[0])))
            if not seen:
                return None
            centre = (points.max(0) + points.min(0)) / 2
            size, line = np.ptp(points, 0).max() * 1.5, points[263] - points[33]
        return points

    def _look(
        self, picture: Image, centre: Doubles, size: float, angle: float
    ) -> tuple[Floats, bool]:
        zoom = 192 / size
        cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
        turn = np.array([[cos, sin], [-sin, cos]])
        affine = np.concatenate([turn, (96 - turn @ centre)[:, None]], 1)
        crop = cv2.warpAffine(picture, affine, (192, 192))
        points, presence = self._mesh(crop.astype(np.float32) / 255)
        inverse = cv2.invertAffineTransform(affine)
        flat = points.reshape(468, 3)[:, :2]
        return (flat @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32), presence.item() > 0


def open_network(path: Path) -> Any:
    """Return a callable from one float32 [h, w, c] picture to the network's outputs, largest first.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"no network at {path}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(picture: Floats) -> list[Floats]:
        return sorted(session.run(None, {name: picture[None]}), key=lambda out: -out.size)

    return run


def match_mesh(head: Head, canonical: Path) -> tuple[Ints, Ints]:
    """Find which vertices of the head the face mesh's points stand for.

    The mesh's own neutral face is fitted by the head's shapes, then each point takes the vertex
    nearest to it (iterated closest points, Besl and McKay 1992).

    Parameters
    ----------
    canonical : path of MediaPipe's canonical_face_model.obj

    Returns
    -------
    points, vertices : int32 [k], int32 [k]
        The 68 landmarks first, then every point that fits within 0.35 cm.
    """
    lines = canonical.read_text().splitlines()
    target = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64)
    landmarks = np.array(MESH_TO_68)
    face = head.vertices_of(FACE)
    points, vertices = landmarks, head.landmarks.astype(np.int64)
    basis = head.identity[:SHAPES].astype(np.float64)
    moved = target
    for _ in range(6):
        here = head.mean[vertices].astype(np.float64)
        modes = np.concatenate([basis[:, vertices].reshape(SHAPES, -1).T], 1)
        shape = np.zeros(SHAPES)
        for _ in range(3):  # the scale and place of the canonical face, then the head's shape
            moved = _similar(target, points, here + (modes @ shape).reshape(-1, 3))
            miss = (moved[points] - here).ravel()
            shape = np.linalg.solve(modes.T @ modes + 1.5 * np.eye(SHAPES), modes.T @ miss)
        fitted = head.mean[face] + np.tensordot(shape, basis[:, face], 1)
        distance, nearest = cKDTree(fitted).query(moved)
        close = np.setdiff1d(np.flatnonzero(distance < 0.35), landmarks)
        points = np.concatenate([landmarks, close])
        vertices = np.concatenate([head.landmarks, face[nearest[close]]])
    return points.astype(np.int32), vertices.astype(np.int32)


def _similar(source: Doubles, points: Ints, target: Doubles) -> Doubles:
    """Return ``source`` turned, scaled and moved so that its ``points`` fall on ``target``."""
    here = source[points]
    turn, _ = Rotation.align_vectors(target - target.mean(0), here - here.mean(0))
    turned = turn.apply(here - here.mean(0))
    scale = (turned * (target - target.mean(0))).sum() / (turned**2).sum()
    out: Doubles = turn.apply(source - here.mean(0)) * scale + target.mean(0)
    return out


def fit_head(
    head: Head, landmarks: Floats, size: tuple[int, int], vertices: Ints | None = None
) -> Fit:
    """Find the head whose vertices fall on the points found in a picture.

    Parameters
    ----------
    head : the family of heads
        One without ``identity`` is somebody's own: only pose and movements are found.
    landmarks : float32 [n, 2]
        (x, y) in the picture's pixels; the first 68 are the landmarks.
    vertices : int32 [n], optional
        The vertex for each point; the 68 landmarks where none are given.
    size : (width, height) of the picture
        Its focal length is taken as 1.6 widths, that of a portrait or webcam.
    """
    eyes = float(np.linalg.norm(landmarks[36] - landmarks[45]))
    camera = Camera(1.6 * size[0], (size[0] / 2, size[1] / 2))
    chosen = head.landmarks if vertices is None else vertices
    problem = _Problem(head, chosen, landmarks.astype(np.float64), camera, eyes)
    shapes = len(head.identity[:SHAPES])
    start = np.zeros(6 + shapes + len(head.names))
    start[5] = camera.focal * 9 / eyes
    start[3:5] = (landmarks.mean(0) - camera.centre) / camera.focal * start[5]
    pose = least_squares(lambda p: problem.residuals(np.r_[p, start[6:]]), start[:6], x_scale="jac")
    start[:6] = pose.x
    start[6 + shapes :] = 0.01
    low = np.r_[np.full(6, -np.inf), np.full(shapes, -3), np.zeros(len(head.names))]
    most = [0.02 if name.startswith(CRUTCHES) else 1 for name in head.names]
    high = np.r_[np.full(6, np.inf), np.full(shapes, 3), most]
    scale = np.r_[np.full(3, 0.1), 2, 2, 10, np.ones(shapes), np.full(len(head.names), 0.3)]
    found = least_squares(
        problem.residuals, start, problem.jacobian, (low, high), x_scale=scale, max_nfev=40
    ).x
    place = (float(found[3]), float(found[4]), float(found[5]))
    distance = np.linalg.norm(problem.landmarks(found) - landmarks, axis=1)
    return Fit(
        camera,
        Pose(float(found[0]), float(found[1]), float(found[2]), place),
        found[6 : 6 + shapes].astype(np.float32),
        found[6 + shapes :].astype(np.float32),
        float(distance.mean() / eyes),
    )


class _Problem:
    """The residuals of `fit_head` and how they change."""

    def __init__(
        self, head: Head, vertices: Ints, target: Doubles, camera: Camera, eyes: float
    ) -> None:
        self._mean = head.mean[vertices].astype(np.float64)
        basis = np.concatenate([head.identity[:SHAPES, vertices], head.movements[:, vertices]])
        self._basis = np.ascontiguousarray(basis, np.float64)
        self._target, self._camera = target, camera
        weight = np.full(len(vertices), 0.5)
        weight[:17], weight[17:27], weight[27:36], weight[36:68] = 0.3, 0.7, 1.0, 1.5
        self._weight = weight[:, None] * 30 / eyes
        self._prior = np.r_[
            np.full(len(head.identity[:SHAPES]), 0.18),
            [0.9 if name.startswith("eyeWide") else 0.45 for name in head.names],
        ]

    def _vertices(self, p: Doubles) -> Doubles:
        moved: Doubles = p[6:] @ self._basis.reshape(len(self._basis), -1)
        return self._mean + moved.reshape(-1, 3)

    def _camera_points(self, vertices: Doubles, p: Doubles) -> Doubles:
        turn: Doubles = Rotation.from_euler("xyz", p[:3]).as_matrix()
        points: Doubles = vertices @ turn.T * [1, -1, -1] + p[3:6]
        return points

    def _project(self, points: Doubles) -> Doubles:
        flat: Doubles = points[:, :2] / points[:, 2:] * self._camera.focal + self._camera.centre
        return flat

    def landmarks(self, p: Doubles) -> Doubles:
        return self._project(self._camera_points(self._vertices(p), p))

    def residuals(self, p: Doubles) -> Doubles:
        distance = (self.landmarks(p) - self._target) * self._weight
        out: Doubles = np.r_[distance.ravel(), p[6:] * self._prior]
        return out

    def jacobian(self, p: Doubles) -> Doubles:
        vertices = self._vertices(p)
        points = self._camera_points(vertices, p)
        turn = Rotation.from_euler("xyz", p[:3]).as_matrix()
        moved = self._basis @ turn.T * [1, -1, -1]  # [k, n, 3]
        flat = (moved[..., :2] - moved[..., 2:] * points[:, :2] / points[:, 2:]) / points[:, 2:]
        count = 2 * len(points)
        out = np.zeros((count + len(self._prior), len(p)))
        out[:count, 6:] = (flat * self._camera.focal * self._weight).reshape(len(flat), -1).T
        step = 1e-6
        for k in range(6):
            ahead, behind = p.copy(), p.copy()
            ahead[k] += step
            behind[k] -= step
            ends = [self._project(self._camera_points(vertices, end)) for end in (ahead, behind)]
            out[:count, k] = ((ends[0] - ends[1]) / (2 * step) * self._weight).ravel()
        out[count:, 6:] = np.diag(self._prior)
        return out
