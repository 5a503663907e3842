"""Take skin, eye colours and light from a picture whose head has been found."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.raster import corner_normals, interpolate, rasterise
from swapcast.models.head import EYE, EYE_SIDES, FACE, PARTS, Floats, Head, Ints, Reals
from swapcast.models.head_fit import Fit, Image
from swapcast.models.head_light import Light, estimate

SIDE = 1024
IRIS = 0.44
"""Radians the iris covers from its middle to its rim, seen from the eyeball's centre."""


@dataclass(frozen=True, slots=True)
class Skin:
    """What a head is painted with."""

    texture: Floats
    """float32 [1024, 1024, 3]: linear red, green, blue without the picture's light."""
    shares: Floats
    """float32 [1024, 1024, 3], 0…1: what is drawn over hair, ears and neck (the face itself), what
    behind them (sides and underside of the face), and what `swapcast.models.head_swap` put on."""
    colours: Floats
    """float32 [3, 3], linear: iris, the eye's white, and what covers the head above the face."""
    light: Light
    """The picture's own."""


def fill(values: Reals, weights: Reals) -> Floats:
    """Carry what is known smoothly into what is not (push-pull, Gortler et al. 1996).

    Parameters
    ----------
    values : float32 [h, w, k]
    weights : float32 [h, w], 0…1
        How well each value is known.
    """
    if min(weights.shape) <= 2:
        total = max(float(weights.sum()), 1e-6)
        mean = (values * weights[..., None]).sum((0, 1)) / total
        return np.broadcast_to(mean.astype(np.float32), values.shape).copy()
    half = ((weights.shape[1] + 1) // 2, (weights.shape[0] + 1) // 2)
    small = cv2.resize(weights, half, interpolation=cv2.INTER_AREA)
    product = cv2.resize(values * weights[..., None], half, interpolation=cv2.INTER_AREA)
    product = product.reshape(*small.shape, -1) / np.maximum(small, 1e-6)[..., None]
    coarse = fill(product, np.minimum(small * 2, 1))
    back = cv2.resize(coarse, weights.shape[::-1], interpolation=cv2.INTER_LINEAR)
    share = weights[..., None]
    out: Floats = values * share + back.reshape(values.shape) * (1 - share)
    return out


def sample(picture: Reals, x: Floats, y: Floats) -> Floats:
    """Return the picture at places (x, y), all float32 of one shape [h, w]."""
    out: Floats = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


def empty(height: int, width: int) -> tuple[Floats, Ints, Floats]:
    """Return the depth, index and weights that `rasterise` starts from."""
    return (
        np.full((height, width), np.inf, np.float32),
        np.full((height, width), -1, np.int32),
        np.empty((height, width, 2), np.float32),  # read only where there is a triangle
    )


def in_texture(head: Head, attributes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Spread vertex attributes [n, k] over the face's texture: float32 [side, side, k], covered."""
    face = head.part == PARTS.index(FACE)
    flat = np.ones((len(head.uv), 3), np.float32)
    flat[:, 0], flat[:, 1] = head.uv[:, 0] * (SIDE - 1), (1 - head.uv[:, 1]) * (SIDE - 1)
    depth, index, weights = empty(SIDE, SIDE)
    rasterise(flat, np.ascontiguousarray(head.uv_triangles[face]), depth, index, weights)
    out = np.zeros((SIDE, SIDE, attributes.shape[1]), np.float32)
    corners = np.ascontiguousarray(head.triangles[face])
    interpolate(index, weights, corners, np.ascontiguousarray(attributes, np.float32), out)
    return out, index >= 0


def lift_skin(head: Head, fit: Fit, picture: Image, person: Floats) -> Skin:
    """Bring the picture's face into the texture, fill what it hides, and take its light away.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
    person : float32 [h, w], 0…1
        Where the picture shows the person.
    """
    linear = ((picture / np.float32(255)) ** 2).astype(np.float32)
    vertices = fit.pose.to_camera(head.move(head.shape(fit.shape), fit.strengths))
    points = fit.camera.project(vertices)
    normals = np.zeros_like(vertices)
    corner_normals(vertices, head.triangles, normals)
    depth, index, weights = empty(*picture.shape[:2])
    rasterise(points, head.triangles, depth, index, weights)
    facing = -(normals * vertices).sum(1) / np.linalg.norm(vertices, axis=1)
    attributes = np.concatenate([points, facing[:, None], normals], 1)
    maps, covered = in_texture(head, attributes)
    x, y = np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])
    seen = covered & (maps[..., 2] < sample(np.minimum(depth, 1e4), x, y) + 0.2)
    seen = cv2.erode(seen.astype(np.float32), np.ones((7, 7), np.uint8))
    height, width = picture.shape[:2]
    seen *= (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    seen *= cv2.GaussianBlur(seen, (0, 0), 3) ** 2
    colour = sample(linear, x, y)
    share, inner = _face_share(head), _inner(head)
    slant = 0.3 - 0.25 * inner  # nobody else's skin is near the middle of a face
    sure = np.clip((maps[..., 3] - slant) / 0.3, 0, 1) * seen * sample(person, x, y) ** 2
    pick = sure > 0.6
    light = estimate(maps[pick][:, 4:], colour[pick], sure[pick])
    shade = light.on(maps[..., 4:].reshape(-1, 3)).reshape(colour.shape)
    plain = colour / np.clip(shade, 0.35, 2.5) ** 0.8
    sure = (sure * np.maximum(_like_skin(plain, sure * inner), inner)).astype(np.float32)
    other, known = plain[:, ::-1], sure[:, ::-1]
    keep = np.clip(sure * 2, 0, 1)
    both = plain * keep[..., None] + other * (1 - keep[..., None])
    certain = np.maximum(keep, np.clip(known * 2, 0, 1)).astype(np.float32)
    shown = cv2.GaussianBlur(np.maximum(np.clip(certain, 0, 1), inner), (0, 0), 8)
    share *= cv2.GaussianBlur(cv2.erode(shown, np.ones((31, 31), np.uint8)), (0, 0), 12)
    full = fill(np.ascontiguousarray(both, np.float32), certain)
    inside = cv2.erode((person > 0.97).astype(np.float32), np.ones((9, 9), np.uint8))
    covered_by = seen * sample(inside, x, y) * np.clip((maps[..., 3] - 0.35) * 5, 0, 1)
    hair = fill(plain, covered_by.astype(np.float32))
    brow = landmarks_in_texture(head)[19, 1]
    above = np.clip((brow + 20 - np.arange(SIDE, dtype=np.float32)) / 60, 0, 1)[:, None]
    full += (hair - full) * ((1 - share) * above)[..., None]
    _darken_inner_lips(head, full)
    iris, white = _eye_colours(head, linear, vertices, points, index)
    hidden = behind(head)
    covering = (_like_skin(plain, sure * inner) < 0.1) & (seen > 0.5) & (sample(person, x, y) > 0.9)
    covering &= (above > 0.9) & (share < 0.9)
    top = full[20, SIDE // 2]
    if covering.sum() > 500:
        top = np.percentile(plain[covering], 30, 0)
    full += (top - full) * _scalp(head)[..., None]
    shares = np.stack([share, hidden, np.zeros_like(share)], 2).astype(np.float32)
    return Skin(full, shares, np.stack([iris, white, top]).astype(np.float32), light)


def _face_share(head: Head) -> Floats:
    place = landmarks_in_texture(head)
    rise = (place[27, 1] - place[33, 1]) * 0.72
    brows = place[17:27] + np.stack([np.linspace(-25, 25, 10), np.full(10, rise)], 1)
    sides = np.stack([place[0] + [-10, rise * 0.6], place[16] + [10, rise * 0.6]])
    outline = np.concatenate([sides[:1], brows, sides[1:], place[16::-1]]).astype(np.int32)
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(inside, [cv2.convexHull(outline)], 1)
    grown = cv2.dilate(inside, np.ones((25, 25), np.uint8))
    away = cv2.distanceTransform(1 - grown, cv2.DIST_L2, 5)
    share = np.clip(1 - away / 70, 0, 1)
    out: Floats = (share * share * (3 - 2 * share)).astype(np.float32)
    return out


def _darken_inner_lips(head: Head, texture: Floats) -> None:
    """Give the wet inside of the lips, which a closed mouth hides, a darker lip colour."""
    place = landmarks_in_texture(head).astype(np.int32)
    inner, outer = np.zeros((2, SIDE, SIDE), np.uint8)
    cv2.fillPoly(inner, [place[60:68]], 255)
    cv2.fillPoly(outer, [place[48:60]], 255)
    inner = cv2.dilate(inner, np.ones((7, 7), np.uint8))
    lips = np.median(texture[(outer > 0) & (inner == 0)], 0)
    share = cv2.GaussianBlur(inner, (0, 0), 4).astype(np.float32)[..., None] / 255
    texture += (lips * np.array([0.5, 0.38, 0.38], np.float32) - texture) * share


def behind(head: Head) -> Floats:
    """Return what of the head is drawn behind hair, ears and neck: float32 [side, side], 0…1."""
    maps, covered = in_texture(head, head.mean)
    chin, ear = head.mean[head.landmarks[8], 1], head.mean[head.landmarks[0], 0]
    under = np.clip((maps[..., 1] - chin + 3.5) / 2.5, 0, 1)
    side = np.clip((maps[..., 2] - 1.0) / 1.5, 0, 1) * (np.abs(maps[..., 0]) < abs(ear) + 0.7)
    side = np.maximum(side, np.clip((maps[..., 1] - 5) / 1.5, 0, 1))
    share = (under * side * covered).astype(np.float32)
    out: Floats = cv2.GaussianBlur(cv2.dilate(share, np.ones((15, 15), np.uint8)), (0, 0), 4)
    return out


def _scalp(head: Head) -> Floats:
    maps, _ = in_texture(head, head.mean)
    above = np.clip((maps[..., 1] - 4.5) / 1.5, 0, 1) * np.clip((6 - maps[..., 2]) / 1.5, 0, 1)
    share = np.maximum(above, np.clip((maps[..., 1] - 11) / 1.5, 0, 1)).astype(np.float32)
    out: Floats = cv2.dilate(share, np.ones((15, 15), np.uint8))
    return out


def _inner(head: Head) -> Floats:
    """Return where every face has skin, brows, eyes and lips: float32 [side, side], 0…1."""
    place = landmarks_in_texture(head)
    middle = place[30]
    outline = np.concatenate([place[1:16], place[[26, 24, 19, 17]]])
    shrunk = middle + (outline - middle) * 0.8
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(inside, [cv2.convexHull(shrunk.astype(np.int32))], 255)
    out: Floats = cv2.GaussianBlur(inside, (0, 0), 12).astype(np.float32) / 255
    return out


def _like_skin(plain: Floats, weights: Floats) -> Floats:
    """Return how well each colour fits the face's own skin, float32 [side, side], 0…1."""
    logs = np.log(np.maximum(plain, 1e-3))
    pick = weights > 0.8
    middle = np.median(logs[pick], 0)
    spread = np.median(np.abs(logs[pick] - middle), 0) * 1.5 + 0.06
    chroma = (logs - logs.mean(2, keepdims=True) - middle + middle.mean()) / 0.12
    level = np.abs(logs - middle).max(2) / (4 * spread.max())
    away = cv2.GaussianBlur(np.maximum(np.abs(chroma).max(2) / 1.6, level), (0, 0), 4)
    alike = cv2.erode(np.clip(2 - away, 0, 1).astype(np.float32), np.ones((25, 25), np.uint8))
    out: Floats = cv2.GaussianBlur(alike, (0, 0), 9)
    return out


def landmarks_in_texture(head: Head) -> Floats:
    """Return the 68 landmarks' places in a texture of `SIDE` pixels: float32 [68, 2], (x, y)."""
    corner = np.zeros(len(head.mean), np.int64)
    corner[head.triangles.ravel()] = head.uv_triangles.ravel()
    place = (head.uv[corner[head.landmarks]] * [1, -1] + [0, 1]) * (SIDE - 1)
    return place.astype(np.float32)


def _eye_colours(
    head: Head, linear: Floats, vertices: Floats, points: Floats, index: Ints
) -> tuple[Floats, Floats]:
    irises, whites = [], []
    for side in EYE_SIDES:
        ball = head.vertices_of(EYE + side)
        shown = (index >= 0) & (head.part[index] == PARTS.index(EYE + side))
        shown = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        rows, columns = np.nonzero(shown)
        if len(rows) < 10:
            continue
        # The pixel scale near the ball turns pixels into angles seen from its centre.
        scale = np.ptp(points[ball][:, 0]) / np.ptp(vertices[ball][:, 0])
        radius = np.ptp(vertices[ball][:, 0]) / 2 * scale
        middle = _pupil(linear, rows, columns)
        angle = np.arcsin(np.clip(np.hypot(columns - middle[0], rows - middle[1]) / radius, 0, 1))
        colours = linear[rows, columns]
        ring = (angle > IRIS * 0.45) & (angle < IRIS * 0.85)
        outer = angle > IRIS * 1.15
        if ring.any():
            irises.append(np.percentile(colours[ring], 35, 0))
        if outer.any():
            whites.append(np.median(colours[outer], 0))
    iris = np.mean(irises, 0) if irises else np.array([0.09, 0.05, 0.03], np.float32)
    white = np.mean(whites, 0) if whites else np.array([0.5, 0.45, 0.42], np.float32)
    return np.asarray(iris, np.float32), np.asarray(white, np.float32)


def _pupil(linear: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    luma = linear[rows, columns].sum(1)
    weight = 1 / (luma + 0.05) ** 2
    return np.array(
        [np.average(columns, weights=weight), np.average(rows, weights=weight)], np.float32
    )
