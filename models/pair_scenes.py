"""Draw one pair: somebody before a camera, and the same performance with another face."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import TEMPLATES, Affine, five_points, similarity
from swapcast.models.head import Floats
from swapcast.models.head_draw import Act, Drawn, Person, draw
from swapcast.models.head_fit import Camera, Image
from swapcast.models.head_light import Light
from swapcast.models.head_swap import Borders, Face, put_on
from swapcast.models.landmarks_covers import cover, hand, texture
from swapcast.models.pairs import COVERED, CROP, MARGIN, SELF, SIDE, VIEW, VIEWS, Batch
from swapcast.models.performance import Limits, face_of_chance, pose_of_chance
from swapcast.models.render_sets import backdrop, light_of_chance, middle

Bytes = NDArray[np.uint8]

_LIMITS = Limits(np.radians(48), np.radians(26), np.radians(25))
_VIEW_LIMITS = Limits(np.radians(25), np.radians(12), np.radians(8))
_ONE_IN = 8
"""One pair in so many is covered, one the driver's own face."""


@dataclass(frozen=True, slots=True)
class Take:
    """Everything that decides a frame but who is in it."""

    act: Act
    camera: Camera
    light: Light
    background: Image


def take_of_chance(
    rng: np.random.Generator, body: Person, rooms: Sequence[Image], limits: Limits, side: int
) -> Take:
    """Return a performance before a camera that is near or far, under any light."""
    focal = float(np.exp(rng.uniform(np.log(1.1), np.log(3.5)))) * SIDE
    place = np.array([*rng.normal(0, 0.5, 2), focal * 6.2 / 70], np.float32)
    strengths, gaze = face_of_chance(body.head, rng, body.fit.strengths, 0.9)
    strengths[strengths < 0.01] = 0
    act = Act(pose_of_chance(rng, limits, middle(body), place), strengths, gaze)
    camera = Camera(focal, (SIDE / 2 - 0.5, SIDE / 2 - 0.5))
    light = light_of_chance(rng, body.skin.light)
    return Take(act, camera, light, background_of_chance(rng, rooms, side))


def background_of_chance(rng: np.random.Generator, rooms: Sequence[Image], side: int) -> Image:
    """Return a background, uint8 [side, side, 3] RGB: mostly a room, sometimes anything."""
    if rng.random() < 0.25:
        return backdrop(rng, rooms, side)
    room = rooms[int(rng.integers(len(rooms)))]
    cut = int(rng.uniform(0.3, 1) * min(room.shape[:2]))
    y, x = (int(rng.integers(0, n - cut + 1)) for n in room.shape[:2])
    part = cv2.resize(room[y : y + cut, x : x + cut], (side, side))[:, :: rng.choice([-1, 1])]
    lit = part.astype(np.float32) * np.float32(np.exp(rng.normal(-0.1, 0.3)))
    return np.clip(lit, 0, 255).astype(np.uint8)


def crop_of(person: Person, take: Take, template: str, side: int, margin: int) -> Affine:
    """Return the way from the camera's pixels to the aligned picture, float32 [2, 3]."""
    head, marks = person.head, person.head.landmarks
    offsets = np.tensordot(take.act.strengths, head.movements[:, marks], 1)
    points = take.camera.project(take.act.pose.to_camera(person.shape[marks] + offsets))
    goal = TEMPLATES[template] * side + margin
    return similarity(five_points(points[:, :2]), goal)


def draw_in(person: Person, take: Take, crop: Affine) -> Drawn:
    """Draw the person in this take, aligned."""
    return draw(person, take.act, take.camera, take.light, take.background, crop=crop)


def draw_pair(
    rng: np.random.Generator,
    bodies: tuple[Person, Person],
    people: tuple[int, int],
    rooms: Sequence[Image],
) -> Batch:
    """Draw a driver and its target.

    Parameters
    ----------
    bodies : the driver, and the same head with the other face
    people : their numbers
    """
    driver, target = bodies
    take = take_of_chance(rng, driver, rooms, _LIMITS, SIDE)
    crop = crop_of(driver, take, "dfl_whole_face", CROP, MARGIN)
    shown = draw_in(driver, take, crop)
    flags = SELF if people[0] == people[1] else 0
    swapped = shown if flags else draw_in(target, take, crop)
    wanted = swapped.image
    face = np.maximum(shown.put, swapped.put)
    wanted = np.where(face[..., None] > 0, wanted, shown.image)
    covered = np.zeros((SIDE, SIDE), np.float32)
    image = shown.image
    if rng.random() < 1 / _ONE_IN:
        flags |= COVERED
        image, covered = _cover(rng, image, shown.landmarks, rooms)
        differs = wanted.astype(np.float32) - shown.image
        wanted = np.clip(image + (1 - covered[..., None]) * differs, 0, 255)
        wanted = (wanted + 0.5).astype(np.uint8)
        face = (face * (1 - covered)).astype(np.uint8)
    lids = np.concatenate([_area(swapped.landmarks[k : k + 6], 3)[None] for k in (36, 42)]).max(0)
    lips = _area(swapped.landmarks[48:60], 2)
    seen = face.astype(np.uint16)
    pose = take.act.pose
    return Batch(
        driver=image[None],
        target=wanted[None],
        face=face[None],
        mouth=(lips * seen // 255).astype(np.uint8)[None],
        eyes=(lids * seen // 255).astype(np.uint8)[None],
        cover=(covered * 255 + 0.5).astype(np.uint8)[None],
        landmarks=shown.landmarks[None],
        target_landmarks=swapped.landmarks[None],
        people=np.array([people], np.int32),
        pose=np.array([[pose.yaw, pose.pitch]], np.float32),
        flags=np.array([flags], np.uint8),
    )


def _area(points: Floats, margin: int) -> Bytes:
    out = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(out, [cv2.convexHull(np.rint(points).astype(np.int32))], 255)
    return np.asarray(cv2.dilate(out, np.ones((2 * margin + 1,) * 2, np.uint8)), np.uint8)


def _cover(
    rng: np.random.Generator, image: Image, landmarks: Floats, rooms: Sequence[Image]
) -> tuple[Image, Floats]:
    if rng.random() < 0.5:
        reversed_, covered = hand(np.ascontiguousarray(image[..., ::-1]), landmarks, rng)
        return np.ascontiguousarray(reversed_[..., ::-1]), covered
    covered = cover(SIDE, landmarks, rng)
    patch = rooms[int(rng.integers(len(rooms)))][None]
    look = texture(patch, image, SIDE, rng).astype(np.float32)
    out = image + covered[..., None] * (look - image)
    return (out + 0.5).astype(np.uint8), covered


def draw_views(rng: np.random.Generator, person: Person, rooms: Sequence[Image]) -> Bytes:
    """Draw a person alone as enrolment pictures show them: uint8 [4, 112, 112, 3] RGB."""
    out = np.empty((VIEWS, VIEW, VIEW, 3), np.uint8)
    for k in range(VIEWS):
        take = take_of_chance(rng, person, rooms, _VIEW_LIMITS, VIEW)
        crop = crop_of(person, take, "arcface_112_v2", VIEW, 0)
        out[k] = draw_in(person, take, crop).image
    return out


def put_pair(
    body: Person, own: Face | None, other: Face, borders: Borders
) -> tuple[Person, Person]:
    """Return the driver and the target: a head with its own face or another, and with ``other``."""
    driver = put_on(body, own, borders) if own is not None else marked(body, borders)
    return driver, put_on(body, other, borders)


def marked(body: Person, borders: Borders) -> Person:
    """Return the person as they are, with the place that a face may take marked in their skin."""
    shares = body.skin.shares.copy()
    shares[..., 2] = borders.put
    return replace(body, skin=replace(body.skin, shares=shares))


def top_is_shown(person: Person) -> bool:
    """Say whether the whole head was in the picture, so that hair can be drawn."""
    fit, head = person.fit, person.head
    points = fit.camera.project(fit.pose.to_camera(head.move(person.shape, fit.strengths)))
    return float(points[:, 1].min()) > -0.02 * fit.camera.centre[1]
