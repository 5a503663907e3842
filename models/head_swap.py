"""Put one person's face on another's head: the exact picture that a face swap should give.

Shape and skin are blended over the face, so that hair, ears, neck, the head's outline and whatever
lies behind it stay as they are, down to the pixel.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from swapcast.models.head import EYE, FACE, TEETH, TONGUE, Floats, Head, Reals
from swapcast.models.head_draw import Person
from swapcast.models.head_skin import Skin, landmarks_in_texture

SIDE = 512
_COARSE = 128
_TAKEN = 0.75
"""How much of the head's skin tone a face takes in its middle."""
MIDDLE = np.s_[48:80, 44:84]
"""The middle of the face in a coarse texture of 128 pixels."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a face brings with it onto another head."""

    number: int
    """Of the person: a picture's own number, or 1000 and more for people mixed from several."""
    shape: Floats
    """float32 [n, 3]: the whole head at rest, of which the face is taken."""
    texture: Floats
    """float32 [512, 512, 3], linear."""
    known: Floats
    """float32 [512, 512], 0…1: where the texture shows skin and not hair."""
    tone: Floats
    """float32 [128, 128, 3]: `coarse` of the texture."""
    colours: Floats
    """float32 [2, 3], linear: iris and the eye's white."""


@dataclass(frozen=True, slots=True)
class Borders:
    """Where on a head the face that is put on begins."""

    skin: Floats
    """float32 [512, 512], 0…1: share of the face's skin."""
    shape: Floats
    """float32 [n, 1], 0…1: share of the face's shape."""
    match: Floats
    """float32 [128, 128, 1], 0…1: how much the face's skin takes the head's tone."""
    front: Floats
    """float32 [512, 512], 0…1: brows and what lies below them, where the head's own brows and beard
    must not lie before the face."""
    put: Floats
    """float32 [512, 512], 0…1: everything that may change."""
    box: tuple[slice, slice]
    """Rows and columns of the texture with a share of the face."""


def find_borders(head: Head) -> Borders:
    """Lay the borders along jaw, temples and the top of the forehead."""
    place = landmarks_in_texture(head) * (SIDE - 1) / 1023
    rise = (place[27, 1] - place[33, 1]) * 0.78
    brows = place[17:27] + np.stack([np.linspace(-8, 8, 10), np.full(10, rise)], 1)
    under = np.stack([np.zeros(17), 28 * np.sin(np.linspace(0, np.pi, 17))], 1)
    outline = np.concatenate([brows, (place[:17] + under)[::-1]])
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(inside, [cv2.convexHull(np.rint(outline).astype(np.int32))], 1)
    away = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    corner = np.zeros(len(head.mean), np.int64)
    corner[head.triangles.ravel()] = head.uv_triangles.ravel()
    x, y = (head.uv[corner] * [SIDE - 1, 1 - SIDE] + [0, SIDE - 1]).T
    columns, rows = (np.clip(np.rint(v), 0, SIDE - 1).astype(int) for v in (x, y))
    eyes = away[np.rint(place[36:48, 1]).astype(int), np.rint(place[36:48, 0]).astype(int)]
    shape = np.zeros((len(head.mean), 1), np.float32)
    face = head.vertices_of(FACE)
    shape[face, 0] = _smooth(away[rows[face], columns[face]], 4, float(eyes.min()))
    shape[head.vertices_of(EYE + "Right", EYE + "Left", TEETH, TONGUE)] = 1
    small = cv2.resize(away, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return Borders(
        skin=_smooth(away, 4, 26),
        shape=shape,
        match=(1 - _smooth(small, 16, 90))[..., None],
        front=_front(place),
        put=_smooth(away, 0, 24),
        box=(
            slice(int(away.any(1).argmax()), SIDE - int(away.any(1)[::-1].argmax())),
            slice(int(away.any(0).argmax()), SIDE - int(away.any(0)[::-1].argmax())),
        ),
    )


def _front(place: Reals) -> Floats:
    """Return how far the face's own skin, brows and beard are what is seen, float32 [512, 512]."""
    nose = place[30]
    brows = place[17:27] - np.array([0, 14])
    outline = np.concatenate([brows, (nose + 0.94 * (place[1:16] - nose))[::-1]])
    inside = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(inside, [cv2.convexHull(np.rint(outline).astype(np.int32))], 1.0)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), 5), np.float32)


def _smooth(values: Floats, low: float, high: float) -> Floats:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def marked(body: Person, borders: Borders) -> Person:
    """Return the person as they are, with the place that a face may take marked in their skin."""
    shares = body.skin.shares.copy()
    shares[..., 2] = borders.put
    return replace(body, skin=replace(body.skin, shares=shares))


def put_on(body: Person, face: Face, borders: Borders) -> Person:
    """Return the person whose head is ``body``'s and whose face is ``face``.

    The face is moved and scaled to the head, not turned. Its skin takes the head's tone at the
    border and most of it in the middle; light is not part of it.

    Parameters
    ----------
    body : from `marked`
    """
    share, own = borders.shape, body.shape
    weight = share / share.sum()
    middle, goal = (face.shape * weight).sum(0), (own * weight).sum(0)
    moved, target = face.shape - middle, own - goal
    scale = float((moved * target * weight).sum() / (moved * moved * weight).sum())
    shape = (own + share * (moved * scale + goal - own)).astype(np.float32)
    skin, box = body.skin, borders.box
    below, above = skin.texture, face.texture[box] * _tone(skin.texture, face, borders)
    above -= below[box]
    known = np.maximum(_smooth(face.known[box], 0.5, 0.95), borders.front[box])
    above *= (borders.skin[box] * known)[..., None]
    texture = below.copy()
    texture[box] += above
    colours = np.stack([*face.colours, skin.colours[2]]).astype(np.float32)
    shares = skin.shares.copy()
    shares[..., 0] = np.maximum(shares[..., 0], borders.front)
    bound = body.surround.bound
    return replace(
        body,
        shape=shape,
        skin=Skin(texture, shares, colours, skin.light),
        still=body.still + shape[bound] - own[bound],
    )


def _tone(head: Floats, face: Face, borders: Borders) -> Floats:
    """Return by what a face's skin takes the head's tone, float32 [h, w, 3] of the borders' box."""
    ratio = np.clip(coarse(head) / face.tone, 0.1, 10)
    match = borders.match
    # In the middle one factor for all of it: the head's own lids and lips are no part of its tone.
    middle = np.exp(np.log(ratio[MIDDLE]).mean((0, 1)))
    ratio = ratio**match * middle ** ((1 - match) * _TAKEN)
    whole = cv2.resize(ratio, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[borders.box], np.float32)


def coarse(texture: Floats) -> Floats:
    """Return the tone of skin around each place, float32 [128, 128, 3] > 0."""
    small = cv2.resize(texture, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.maximum(cv2.GaussianBlur(small, (0, 0), 6), 2e-3), np.float32)
