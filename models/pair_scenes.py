"""Draw pairs: somebody before a camera, and the same performance with another face."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import TEMPLATES, Affine, five_points, similarity
from swapcast.models.head import Floats
from swapcast.models.head_draw import Act, Drawn, Person, draw, draw_faces
from swapcast.models.head_fit import Camera, Image
from swapcast.models.head_light import Light
from swapcast.models.landmarks_covers import cover, hand, texture
from swapcast.models.pairs import COVERED, CROP, MARGIN, SELF, SIDE, TEMPLATE, VIEW, VIEWS, Batch
from swapcast.models.performance import Limits, face_of_chance, pose_of_chance
from swapcast.models.performance_clips import Track
from swapcast.models.render_sets import backdrop, light_of_chance, middle

Bytes = NDArray[np.uint8]

_LIMITS = Limits(np.radians(48), np.radians(26), np.radians(25))
_VIEW_LIMITS = Limits(np.radians(25), np.radians(12), np.radians(8))
_FROM_CLIPS = 0.5
_ONE_IN = 8
"""One performance in so many is covered."""


@dataclass(frozen=True, slots=True)
class Take:
    """Everything that decides a frame but who is in it."""

    act: Act
    camera: Camera
    light: Light
    background: Image


def take_of_chance(
    rng: np.random.Generator,
    body: Person,
    rooms: Sequence[Image],
    limits: Limits,
    side: int,
    track: Track | None = None,
) -> Take:
    """Return a performance before a camera that is near or far, under any light.

    Parameters
    ----------
    track : movements that people made, which half of the performances are taken from
    """
    focal = float(np.exp(rng.uniform(np.log(1.1), np.log(3.5)))) * SIDE
    place = np.array([*rng.normal(0, 0.5, 2), focal * 6.2 / 70], np.float32)
    strengths, gaze = face_of_chance(body.head, rng, body.fit.strengths, 0.9)
    if track is not None and rng.random() < _FROM_CLIPS:
        strengths = track.strengths[int(rng.integers(len(track.strengths)))].copy()
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
    return np.asarray(np.clip(lit, 0, 255), np.float32).astype(np.uint8)


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


def draw_pairs(
    rng: np.random.Generator,
    bodies: Sequence[Person],
    people: Sequence[int],
    rooms: Sequence[Image],
    track: Track | None = None,
) -> list[Batch]:
    """Draw one performance with several faces on one head: each with each is a pair.

    The pictures are aligned by the landmarks of the first; the others' differ by a pixel or two,
    as those that a landmark network finds do.

    Parameters
    ----------
    bodies : of one head, from `swapcast.models.head_swap.put_on`
    people : their numbers
    track : movements to take performances from

    Returns
    -------
    list of Batch
        n (n - 1) pairs and one of the first with itself, one batch each.
    """
    take = take_of_chance(rng, bodies[0], rooms, _LIMITS, SIDE, track)
    crop = crop_of(bodies[0], take, TEMPLATE, CROP, MARGIN)
    drawn = draw_faces(bodies, take.act, take.camera, take.light, take.background, crop=crop)
    covered, images = np.zeros((SIDE, SIDE), np.float32), [one.image for one in drawn]
    flags = 0
    if rng.random() < 1 / _ONE_IN:
        flags, (images, covered) = COVERED, _cover(rng, drawn, rooms)
    pose = np.array([[take.act.pose.yaw, take.act.pose.pitch]], np.float32)
    count, found = range(len(bodies)), []
    for i, j in [(0, 0)] + [(i, j) for i in count for j in count if i != j]:
        face = (np.maximum(drawn[i].put, drawn[j].put) * (1 - covered)).astype(np.uint8)
        mouth, eyes = feature_masks(drawn[j].landmarks, face)
        same = SELF if people[i] == people[j] else 0
        found.append(
            Batch(
                driver=images[i][None],
                target=images[j][None],
                face=face[None],
                mouth=mouth[None],
                eyes=eyes[None],
                cover=(covered * 255 + 0.5).astype(np.uint8)[None],
                landmarks=drawn[i].landmarks[None],
                target_landmarks=drawn[j].landmarks[None],
                people=np.array([[people[i], people[j]]], np.int32),
                pose=pose,
                flags=np.array([flags | same], np.uint8),
            )
        )
    return found


def feature_masks(landmarks: Floats, face: Bytes) -> tuple[Bytes, Bytes]:
    """Return where mouth and eyes are, uint8 [288, 288] each, as far as ``face`` is seen."""
    lids = np.maximum(_area(landmarks[36:42], 3), _area(landmarks[42:48], 3))
    lips, seen = _area(landmarks[48:60], 2), face.astype(np.uint16)
    return (lips * seen // 255).astype(np.uint8), (lids * seen // 255).astype(np.uint8)


def _area(points: Floats, margin: int) -> Bytes:
    out = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(out, [cv2.convexHull(np.rint(points).astype(np.int32))], 255)
    return np.asarray(cv2.dilate(out, np.ones((2 * margin + 1,) * 2, np.uint8)), np.uint8)


def _cover(
    rng: np.random.Generator, drawn: Sequence[Drawn], rooms: Sequence[Image]
) -> tuple[list[Image], Floats]:
    """Lay the same thing before each face; return the pictures and where it is, float32 [h, w]."""
    first = drawn[0].image
    if rng.random() < 0.5:
        back, covered = hand(np.ascontiguousarray(first[..., ::-1]), drawn[0].landmarks, rng)
        image = np.ascontiguousarray(back[..., ::-1])
    else:
        covered = cover(SIDE, drawn[0].landmarks, rng)
        patch = rooms[int(rng.integers(len(rooms)))][None]
        look = texture(patch, first, SIDE, rng).astype(np.float32)
        image = (first + covered[..., None] * (look - first) + 0.5).astype(np.uint8)
    images = [image]
    for other in drawn[1:]:
        seen = (1 - covered[..., None]) * (other.image.astype(np.float32) - first)
        images.append(np.clip(image + seen + 0.5, 0, 255).astype(np.uint8))
    return images, covered


def draw_views(rng: np.random.Generator, person: Person, rooms: Sequence[Image]) -> Bytes:
    """Draw a person alone as enrolment pictures show them: uint8 [4, 112, 112, 3] RGB."""
    out = np.empty((VIEWS, VIEW, VIEW, 3), np.uint8)
    for k in range(VIEWS):
        take = take_of_chance(rng, person, rooms, _VIEW_LIMITS, VIEW)
        crop = crop_of(person, take, "arcface_112_v2", VIEW, 0)
        out[k] = draw_in(person, take, crop).image
    return out


def top_is_shown(person: Person) -> bool:
    """Say whether the whole head was in the picture, so that hair can be drawn."""
    fit, head = person.fit, person.head
    points = fit.camera.project(fit.pose.to_camera(head.move(person.shape, fit.strengths)))
    return float(points[:, 1].min()) > -0.02 * fit.camera.centre[1]
