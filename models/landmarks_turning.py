"""Turn the head in a picture, with its points.

A mesh of 468 points marks the face in depth. The picture is hung on the mesh, the mesh continued
outwards to the picture's rim, and drawn again from another side ("face profiling", Zhu et al.,
CVPR 2016, arXiv:1511.07212; the rings and the painter's order are ours). Points that end up behind
the face are known to be hidden.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""uint8 [height, width, 3], BGR."""

MESH_68 = np.fromstring(
    "162 234 93 58 172 136 149 148 152 377 378 365 397 288 323 454 389 71 63 105 66 "
    "107 336 296 334 293 301 168 197 5 4 75 97 2 326 305 33 160 158 133 153 144 362 "
    "385 387 263 373 380 61 39 37 0 267 269 291 405 314 17 84 181 78 82 13 312 308 "
    "317 14 87",
    int,
    sep=" ",
)
"""The mesh's points that stand for the 68 landmarks."""


_OVAL = np.fromstring(
    "10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377 152 148 "
    "176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109",
    int,
    sep=" ",
)
_RINGS = ((1.12, 0.25), (1.45, 0.5), (2.1, 0.45), (5.0, 0.0))  # outwards, and deeper, in face sizes


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
    return np.asarray(facing[MESH_68] > -0.25, np.uint8)


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
    drawn: Picture = cv2.remap(
        picture,
        source[:, :, 0],
        source[:, :, 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return drawn, moved[:468]
