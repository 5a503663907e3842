"""Faces to learn landmarks from: what a 468-point mesh sees in them, and the same faces turned.

A teacher network marks 468 points in depth. Of these, 68 are the landmarks; the rest let a picture
be turned: it is hung on the mesh, the mesh continued outwards to the picture's rim, and drawn again
from another side ("face profiling", Zhu et al., CVPR 2016, arXiv:1511.07212; the rings and the
painter's order are ours). Points that end up behind the face are known to be hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import Points, invert, transform
from swapcast.kernels.upright import upright

Picture = NDArray[np.uint8]
"""uint8 [height, width, 3], BGR."""

REGION = 224
"""Side of the stored pictures, pixels: what can be seen around the face."""
FACE = 120
"""Side of the crop of the face in a stored picture; it lies in the middle, upright."""
MESH_68 = np.array(
    # fmt: off
    [
        162,
        234,
        93,
        58,
        172,
        136,
        149,
        148,
        152,
        377,
        378,
        365,
        397,
        288,
        323,
        454,
        389,
        71,
        63,
        105,
        66,
        107,
        336,
        296,
        334,
        293,
        301,
        168,
        197,
        5,
        4,
        75,
        97,
        2,
        326,
        305,
        33,
        160,
        158,
        133,
        153,
        144,
        362,
        385,
        387,
        263,
        373,
        380,
        61,
        39,
        37,
        0,
        267,
        269,
        291,
        405,
        314,
        17,
        84,
        181,
        78,
        82,
        13,
        312,
        308,
        317,
        14,
        87,
    ]
    # fmt: on
)
"""The mesh's points that stand for the 68 landmarks."""

_OVAL = np.array(
    # fmt: off
    [
        10,
        338,
        297,
        332,
        284,
        251,
        389,
        356,
        454,
        323,
        361,
        288,
        397,
        365,
        379,
        378,
        400,
        377,
        152,
        148,
        176,
        149,
        150,
        136,
        172,
        58,
        132,
        93,
        234,
        127,
        162,
        21,
        54,
        103,
        67,
        109,
    ]
    # fmt: on
)
_RINGS = ((1.12, 0.25), (1.45, 0.5), (2.1, 0.45), (5.0, 0.0))  # outwards, and deeper, in face sizes


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
            yield frame.to_ndarray(format="bgr24")


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


def triangles(mesh_file: Path) -> NDArray[np.int32]:
    """Read the mesh's triangles and add those of the rings around it.

    Parameters
    ----------
    mesh_file : path of ``canonical_face_model.obj``

    Returns
    -------
    int32 [n, 3]
    """
    lines = mesh_file.read_text().splitlines()
    faces = [
        [int(corner.split("/")[0]) - 1 for corner in line.split()[1:4]]
        for line in lines
        if line.startswith("f ")
    ]
    inner = _OVAL
    for ring in range(len(_RINGS)):
        outer = np.arange(len(_OVAL)) + 468 + ring * len(_OVAL)
        for k in range(len(_OVAL)):
            after = (k + 1) % len(_OVAL)
            faces += [[inner[k], inner[after], outer[k]], [inner[after], outer[after], outer[k]]]
        inner = outer
    return np.array(faces, np.int32)


def _with_rings(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    oval = mesh[_OVAL]
    middle = oval.mean(0)
    size = float(np.ptp(oval[:, 1]))
    rings = [mesh]
    for outwards, deeper in _RINGS:
        ring = middle + (oval - middle) * np.float32(outwards)
        ring[:, 2] = oval[:, 2].mean() + np.float32(deeper * size)
        rings.append(ring.astype(np.float32))
    return np.concatenate(rings)


def seen(mesh: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Tell which landmarks the head itself does not hide, by the direction the skin faces there.

    Parameters
    ----------
    mesh : float32 [468 …, 3]
    faces : int32 [n, 3]

    Returns
    -------
    uint8 [68]
    """
    corners = mesh[faces[(faces < 468).all(1)]]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((468, 3))
    for corner in range(3):
        np.add.at(normals, faces[(faces < 468).all(1)][:, corner], across)
    facing = normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    facing = facing * np.sign(facing[[4, 5, 197]].mean())
    return (facing[MESH_68] > -0.25).astype(np.uint8)


def turned(
    picture: Picture, mesh: NDArray[np.float32], faces: NDArray[np.int32], yaw: float, pitch: float
) -> tuple[Picture, NDArray[np.float32]]:
    """Draw a face as it looks when the head is turned further.

    Parameters
    ----------
    picture : uint8 [height, width, 3], BGR
    mesh : float32 [468, 3], pixels
    faces : int32 [n, 3], from `triangles`
    yaw, pitch : degrees

    Returns
    -------
    (uint8 [height, width, 3], float32 [468, 3])
        The picture and the mesh in it.
    """
    whole = _with_rings(mesh)
    moving = len(whole) - len(_OVAL)  # the rim stays
    centre = mesh[_OVAL].mean(0) + np.array([0, 0, 0.25 * np.ptp(mesh[:, 1])], np.float32)
    turn = cv2.Rodrigues(np.array([0.0, np.radians(yaw), 0.0]))[0]
    turn = cv2.Rodrigues(np.array([np.radians(pitch), 0.0, 0.0]))[0] @ turn
    moved = whole.copy()
    moved[:moving] = (whole[:moving] - centre) @ turn.T.astype(np.float32) + centre
    height, width = picture.shape[:2]
    owner = np.zeros((height, width, 1), np.int32)
    order = np.argsort(-moved[faces, 2].mean(1))
    ring_first = np.concatenate([order[order >= len(faces) - 72], order[order < len(faces) - 72]])
    for number in ring_first:
        corners = (moved[faces[number], :2] * 16).round().astype(np.int32)
        cv2.fillConvexPoly(owner, corners, int(number) + 1, shift=4)
    numbers = np.maximum(owner[:, :, 0] - 1, 0)
    after = np.concatenate([moved[faces][:, :, :2], np.ones((len(faces), 3, 1))], 2)
    flat = np.abs(np.linalg.det(after)) < 1e-3
    after[flat] = np.eye(3)
    ways = np.linalg.solve(after, whole[faces][:, :, :2].astype(np.float64)).astype(np.float32)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([columns, rows, np.ones_like(rows)], -1).astype(np.float32)
    source = np.einsum("hwi,hwij->hwj", places, ways[numbers])
    drawn = cv2.remap(
        picture,
        source[:, :, 0],
        source[:, :, 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return drawn, moved[:468]


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
    pictures: Iterator[Picture], teacher: MeshTeacher, faces: NDArray[np.int32], turns: int
) -> Iterator[Sample]:
    """Mark the faces of ``pictures`` and turn each ``turns`` times.

    Parameters
    ----------
    pictures : iterator of uint8 [height, width, 3], BGR
    teacher : MeshTeacher
    faces : int32 [n, 3], from `triangles`
    turns : int
        Further views of each face; 0 gives the pictures as they are.
    """
    rng = np.random.default_rng(0)
    for picture in pictures:
        found = teacher(picture)
        if found is None or found[1] < 0.8:
            continue
        mesh = found[0]
        yield stored(picture, mesh[MESH_68, :2], seen(mesh, faces))
        for _ in range(turns):
            yaw, pitch = rng.uniform(-60, 60), rng.uniform(-25, 25)
            view, moved = turned(picture, mesh, faces, yaw, pitch)
            yield stored(view, moved[MESH_68, :2], seen(moved, faces))


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
