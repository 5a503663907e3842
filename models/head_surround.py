"""Hair, ears, neck and shoulders: the picture around the face, bent to follow the head."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.place import between
from swapcast.kernels.raster import corner_normals, rasterise
from swapcast.models.head import BACK, FACE, PARTS, Floats, Head, Ints
from swapcast.models.head_fit import Fit, Image, Pose, open_network
from swapcast.models.head_light import Light
from swapcast.models.head_skin import empty, fill

STEP = 6
"""Pixels of the picture between two points of the sheet."""


@dataclass(frozen=True, slots=True)
class Surround:
    """The sheet: where it is at rest, what is on it, and how it follows."""

    points: Floats
    """float32 [n, 3]: head axes of the pose in the picture, centimetres."""
    triangles: Ints
    """int32 [m, 3]."""
    picture: NDArray[np.uint8]
    """uint8 [h, w, 4]: red, green, blue, and the person's share."""
    places: Floats
    """float32 [n, 2]: (x, y) of each point in ``picture``."""
    follow: Floats
    """float32 [n, 1]: 1 turns with the head, 0 stays with the body."""
    bound: Ints
    """int32 [k]: vertices of the head whose movement the sheet shares."""
    near: Ints
    """int32 [j]: points of the sheet that share it."""
    pull: Floats
    """float32 [j, k]: how much of it."""
    pose: Pose
    """Of the head in the picture."""
    shade: Floats
    """float32 [n, 3]: light at each point in the picture."""

    def placed(self, pose: Pose, moved: Floats) -> Floats:
        """Return the sheet in camera axes, float32 [n, 3], for a head pose.

        Parameters
        ----------
        pose : of the head
        moved : float32 [k, 3]
            How far the ``bound`` vertices are from where they were in the picture.
        """
        points = self.points.copy()
        points[self.near] += self.pull @ moved
        still = replace(self.pose, place=pose.place)
        out = still.to_camera(points)
        between(out, pose.to_camera(points), self.follow)
        return out


class PersonFinder:
    """Says where a picture shows a person (selfie segmentation, sharpened along edges)."""

    def __init__(self, path: Path) -> None:
        self._run = open_network(path)

    def __call__(self, picture: Image) -> Floats:
        """Return float32 [h, w], 0…1, for a picture uint8 [h, w, 3] RGB."""
        small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
        coarse = self._run(small.astype(np.float32) / 255)[0].reshape(256, 256)
        share = cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        fine = _guided(guide, np.clip(share, 0, 1), picture.shape[1] // 40, 2e-4)
        out: Floats = np.clip((fine - 0.25) / 0.6, 0, 1).astype(np.float32)
        return out


def _guided(guide: Floats, values: Floats, radius: int, smooth: float) -> Floats:
    """Smooth ``values`` but keep the edges of ``guide`` (guided filter, He et al. 2010)."""
    window = (2 * radius + 1,) * 2
    mean, level = cv2.blur(guide, window), cv2.blur(values, window)
    slope = cv2.blur(guide * values, window) - mean * level
    slope /= cv2.blur(guide * guide, window) - mean * mean + smooth
    offset = level - slope * mean
    out: Floats = cv2.blur(slope, window) * guide + cv2.blur(offset, window)
    return out


def make_surround(head: Head, fit: Fit, picture: Image, person: Floats, light: Light) -> Surround:
    """Bend the picture over the head that was found in it.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
    person : float32 [h, w], 0…1
    light : the picture's own
    """
    pad = picture.shape[0] // 3
    linear = ((picture / np.float32(255)) ** 2).astype(np.float32)
    solid = fill(linear, np.clip((person - 0.9) * 10, 0, 1))
    solid += (linear - solid) * np.clip(person * 2 - 1, 0, 1)[..., None]
    rgba = np.concatenate([solid, person[..., None]], 2)
    rgba = _extend(np.ascontiguousarray(rgba, np.float32), pad)
    height, width = rgba.shape[:2]
    vertices = head.move(head.shape(fit.shape), fit.strengths)
    flat = fit.camera.project(fit.pose.to_camera(vertices))
    flat[:, :2] += pad
    depth = _depth(head, fit, flat, rgba[..., 3])
    rows, columns = np.arange(0, height, STEP), np.arange(0, width, STEP)
    x, y = (grid.ravel() for grid in np.meshgrid(columns, rows))
    z = depth[y, x]
    camera = np.stack([(x - pad - fit.camera.centre[0]) / fit.camera.focal * z,
                       (y - pad - fit.camera.centre[1]) / fit.camera.focal * z, z], 1)  # fmt: skip
    points = fit.pose.to_head(camera.astype(np.float32))
    chin = vertices[head.landmarks[8], 1]
    rise = np.clip((points[:, 1] - (chin - 8)) / 6.5, 0, 1)
    follow = (rise * rise * (3 - 2 * rise)).astype(np.float32)[:, None]
    triangles = _cells(rgba[..., 3], len(rows), len(columns))
    normals = np.zeros_like(points)
    corner_normals(camera.astype(np.float32), triangles, normals)
    bound = bound_vertices(head)
    near, pull = _bind(vertices[bound], points)
    return compact(
        Surround(
            points=points,
            triangles=triangles,
            picture=_coded(rgba),
            places=np.stack([x, y], 1).astype(np.float32),
            follow=follow,
            bound=bound,
            near=near,
            pull=pull,
            pose=fit.pose,
            shade=light.on(normals),
        )
    )


def compact(sheet: Surround) -> Surround:
    """Leave out the points of a sheet that no triangle needs."""
    used, flat = np.unique(sheet.triangles, return_inverse=True)
    row = np.full(len(sheet.points), -1, np.int32)
    row[used] = np.arange(len(used))
    kept = row[sheet.near] >= 0
    return replace(
        sheet,
        points=np.ascontiguousarray(sheet.points[used]),
        triangles=np.ascontiguousarray(flat.reshape(-1, 3), np.int32),
        places=np.ascontiguousarray(sheet.places[used]),
        follow=np.ascontiguousarray(sheet.follow[used]),
        near=row[sheet.near[kept]],
        pull=np.ascontiguousarray(sheet.pull[kept]),
        shade=np.ascontiguousarray(sheet.shade[used]),
    )


def bound_vertices(head: Head) -> Ints:
    """Return about 300 vertices, int32 [k], spread over the face."""
    face = head.vertices_of(FACE)
    return face[:: len(face) // 300]


def _coded(rgba: Floats) -> NDArray[np.uint8]:
    out = np.clip(rgba, 0, 1)
    np.sqrt(out[..., :3], out[..., :3])
    return np.asarray(out * np.float32(255) + np.float32(0.5), np.float32).astype(np.uint8)


def _bind(bound: Floats, points: Floats) -> tuple[Ints, Floats]:
    spread = ((points[:, None, :2] - bound[None, :, :2]) ** 2).sum(2)
    pull = np.exp(-spread / (2 * 0.9**2))
    near = np.flatnonzero(pull.sum(1) > 0.02).astype(np.int32)
    pull /= pull.sum(1, keepdims=True) + 0.6
    return near, np.ascontiguousarray(pull[near], np.float32)


def _extend(rgba: Floats, pad: int) -> Floats:
    """Continue shoulders beyond the picture: sideways they fall off, downwards they go straight."""
    height, width = rgba.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(-pad, width + pad, dtype=np.float32),
        np.arange(-pad, height + pad, dtype=np.float32),
    )
    beyond = np.maximum(np.maximum(-columns, columns - width + 1), 0)
    # The last columns and rows of a picture may be a border, so cloth is mirrored a little inside.
    x, y = np.clip(columns, 3, width - 4), np.minimum(rows - 0.7 * beyond, height - 5)
    share = cv2.remap(rgba[..., 3], x, np.maximum(y, 0), cv2.INTER_LINEAR) * (y >= 0)
    x, y = x + np.clip(x - columns, -width, width), y - np.maximum(rows - height + 5, 0)
    colour = cv2.remap(rgba[..., :3], x, np.clip(y, 0, height), cv2.INTER_LINEAR)
    even = cv2.GaussianBlur(colour, (0, 0), width / 30)
    beyond = np.maximum(beyond, rows - height + 5)[..., None]
    colour += (even - colour) * np.clip(beyond / (width / 20), 0, 1)
    return np.concatenate([colour, share[..., None]], 2)


def _depth(head: Head, fit: Fit, flat: Floats, person: Floats) -> Floats:
    parts = [PARTS.index(FACE), PARTS.index(BACK)]
    drawn = np.ascontiguousarray(head.triangles[np.isin(head.part, parts)])
    depth, index, weights = empty(*person.shape)
    rasterise(flat, drawn, depth, index, weights)
    known = ((index >= 0) & (person > 0.5)).astype(np.float32)
    middle = fit.pose.place[2]
    depth = np.minimum(np.where(index >= 0, depth, middle), middle + 1.5)
    full = fill(depth[..., None].astype(np.float32), known)[..., 0]
    blur = max(person.shape[0] / 110, 1)
    out: Floats = cv2.GaussianBlur(full, (0, 0), blur)
    return out


def _cells(person: Floats, rows: int, columns: int) -> Ints:
    near = cv2.dilate(person, np.ones((2 * STEP + 1,) * 2, np.uint8))[::STEP, ::STEP]
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    wanted = first[near[: rows - 1, : columns - 1].ravel() > 0.02]
    right, below, far = wanted + 1, wanted + columns, wanted + columns + 1
    pairs = [np.stack([wanted, below, right], 1), np.stack([right, below, far], 1)]
    return np.ascontiguousarray(np.concatenate(pairs), np.int32)
