"""A head that needs no data: an egg with eyes, named movements and a face painted by numbers."""

from itertools import chain

import cv2
import numpy as np

from swapcast.models.head import PARTS, Head
from swapcast.models.head_draw import Person
from swapcast.models.head_fit import Camera, Fit, Pose
from swapcast.models.head_light import lamps
from swapcast.models.head_skin import Skin
from swapcast.models.head_surround import Surround, bound_vertices, compact
from swapcast.models.performance import MOODS, VISEMES, both

SIDE = 512
_STEPS = 60

# fmt: off
_LANDMARKS = (
    *[(-5.6 * np.cos(t), -5.6 * np.sin(t)) for t in np.linspace(0, np.pi, 17)],
    *[(x, 3.4) for x in np.linspace(-4.4, -1.2, 5)], *[(x, 3.4) for x in np.linspace(1.2, 4.4, 5)],
    *[(0, y) for y in np.linspace(2, -0.5, 4)], *[(x, -1.2) for x in np.linspace(-1, 1, 5)],
    *((-3.8, 1.8), (-3, 2.3), (-2.2, 2.3), (-1.4, 1.8), (-2.2, 1.3), (-3, 1.3)),
    *((1.4, 1.8), (2.2, 2.3), (3, 2.3), (3.8, 1.8), (3, 1.3), (2.2, 1.3)),
    *((-2, -3), (-1.2, -2.6), (-0.5, -2.5), (0, -2.6), (0.5, -2.5), (1.2, -2.6), (2, -3)),
    *((1.2, -3.5), (0.5, -3.7), (0, -3.7), (-0.5, -3.7), (-1.2, -3.5)),
    *((-1.6, -3), (-0.5, -2.9), (0, -2.9), (0.5, -2.9), (1.6, -3), (0.5, -3.2), (0, -3.2),
      (-0.5, -3.2)),
)
# fmt: on


def _grid(sign):
    """Return vertices [n, 3], triangles and texture places of half an egg."""
    u, v = np.meshgrid(np.linspace(0.02, 0.98, _STEPS), np.linspace(0.02, 0.98, _STEPS))
    a, b = (u - 0.5) * np.pi, (v - 0.5) * np.pi
    points = np.stack(
        [7 * np.sin(a) * np.cos(b), 9 * np.sin(b), sign * 8 * np.cos(a) * np.cos(b)], -1
    )
    first = (np.arange(_STEPS - 1)[:, None] * _STEPS + np.arange(_STEPS - 1)).ravel()
    lower = np.stack([first, first + 1, first + _STEPS], 1)
    upper = np.stack([first + 1, first + _STEPS + 1, first + _STEPS], 1)
    triangles = np.concatenate([lower, upper])[:, :: int(sign)]
    return points.reshape(-1, 3), triangles, np.stack([u, v], -1).reshape(-1, 2)


def _ball(x):
    halves = [_grid(1), _grid(-1)]
    points = np.concatenate([half[0] for half in halves]) / [7, 9, 8] * 1.12
    triangles = np.concatenate([halves[0][1], halves[1][1] + len(halves[0][0])])
    return points + np.array([x, 1.8, 6.6]), triangles, np.concatenate([half[2] for half in halves])


def made_head():
    """Return the head: parts, landmarks and movements as ICT-FaceKit's."""
    tooth = np.array([[0, -3, 2], [1, -3, 2], [0, -2, 2]]), np.array([[0, 1, 2]]), np.zeros((3, 2))
    pieces = [_grid(1), _grid(-1), tooth, tooth, _ball(-2.6), _ball(2.6)]
    starts = np.cumsum([0, *[len(points) for points, _, _ in pieces]])
    mean = np.concatenate([points for points, _, _ in pieces]).astype(np.float32)
    triangles = np.concatenate([t + s for (_, t, _), s in zip(pieces, starts[:-1], strict=True)])
    part = np.concatenate([np.full(len(t), k, np.uint8) for k, (_, t, _) in enumerate(pieces)])
    front = mean[: starts[1]]
    goal = np.array(_LANDMARKS)
    landmarks = ((front[None, :, :2] - goal[:, None]) ** 2).sum(2).argmin(1)
    names = {name for moves in (*VISEMES, *MOODS) for name in moves}
    names |= set(chain(both(eyeBlink=1, eyeLookUp=1, eyeLookDown=1, eyeLookOut=1, eyeLookIn=1)))
    names |= set(both(browInnerUp=1, browOuterUp=1, browDown=1, mouthSmile=1, cheekSquint=1))
    names = tuple(sorted(names))
    movements = np.zeros((len(names), *mean.shape), np.float32)
    lower = np.clip(-2.9 - front[:, 1], 0, 1)
    movements[names.index("jawOpen"), : starts[1], 1] = -1.5 * lower
    identity = np.zeros((60, *mean.shape), np.float32)
    near = np.exp(-(front[:, :2] ** 2).sum(1) / 4)
    identity[0, :, 0], identity[1, : starts[1], 2] = mean[:, 0] * 0.06, near * 0.8
    return Head(
        mean=mean,
        identity=identity,
        movements=movements,
        names=names,
        triangles=np.ascontiguousarray(triangles, np.int32),
        uv_triangles=np.ascontiguousarray(triangles, np.int32),
        uv=np.concatenate([uv for _, _, uv in pieces]).astype(np.float32),
        part=part,
        landmarks=landmarks.astype(np.int32),
        members=tuple(np.unique(triangles[part == k]).astype(np.int32) for k in range(len(PARTS))),
    )


def made_person(head, seed):
    """Return somebody with that head, and a striped cloth behind it instead of hair and neck."""
    rng = np.random.default_rng(seed)
    shape = np.zeros(60, np.float32)
    shape[:2] = rng.normal(0, 1, 2)
    pose = Pose(0.0, 0.0, 0.0, (0.0, 0.0, 60.0))
    fit = Fit(
        Camera(400.0, (128.0, 128.0)), pose, shape, np.zeros(len(head.names), np.float32), 0.01
    )
    tone = rng.uniform(0.15, 0.5) * np.array([1, 0.7, 0.5])
    texture = (tone * np.exp(rng.normal(0, 0.1, (SIDE, SIDE, 1)))).astype(np.float32)
    shares = np.zeros((SIDE, SIDE, 3), np.float32)
    shares[..., 0] = 1
    colours = rng.uniform(0.05, 0.5, (3, 3)).astype(np.float32)
    skin = Skin(
        texture, shares, colours, lamps((0.6, 0.6, 0.6), ((0.5, -0.5, -1), (0.5, 0.5, 0.5)))
    )
    columns, rows = (grid.ravel() for grid in np.meshgrid(np.arange(0, 64, 7), np.arange(0, 64, 7)))
    points = np.stack([columns - 31.5, 31.5 - rows, columns * 0 - 3], 1) / [2, 2, 1]
    first = (np.arange(9)[:, None] * 10 + np.arange(9)).ravel()
    cells = [
        np.stack([first, first + 10, first + 1], 1),
        np.stack([first + 1, first + 10, first + 11], 1),
    ]
    wide = 256 + 2 * (256 // 3)  # a picture of 256 pixels and a third more on each side
    picture = cv2.resize(rng.integers(0, 256, (64, 64, 4), np.uint8), (wide, wide))
    picture[..., 3] = 255 * (np.hypot(*np.mgrid[-1 : 1 : wide * 1j, -1 : 1 : wide * 1j]) < 0.9)
    bound = bound_vertices(head)
    sheet = Surround(
        points=points.astype(np.float32),
        triangles=np.concatenate(cells).astype(np.int32),
        picture=picture,
        places=(np.stack([columns, rows], 1) * wide / 64).astype(np.float32),
        follow=np.ones((100, 1), np.float32),
        bound=bound,
        near=np.array([44, 45, 54, 55], np.int32),
        pull=np.full((4, len(bound)), 0.5 / len(bound), np.float32),
        pose=pose,
        shade=np.ones((100, 3), np.float32),
    )
    return Person(head, head.shape(shape), fit, skin, compact(sheet), head.shape(shape)[bound])
