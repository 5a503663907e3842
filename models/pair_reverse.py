"""Pairs the other way round: a photograph with a drawn face on it, and the photograph itself.

A swapper that only learns to make drawings makes drawings. Here it has to make the untouched
picture, and is shown that picture with somebody else's face drawn over it: in the pose, with the
expression and under the light that were found there.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from swapcast.kernels.geometry import Affine
from swapcast.kernels.raster import rasterise
from swapcast.models.head import EYE, EYE_SIDES, PARTS, Floats
from swapcast.models.head_draw import Act, Person
from swapcast.models.head_fit import Image
from swapcast.models.head_skin import IRIS, empty
from swapcast.models.head_swap import put_on
from swapcast.models.pair_scenes import Take, crop_of, draw_in, draw_views, feature_masks
from swapcast.models.pair_sets import empty_room
from swapcast.models.pairs import (
    CROP,
    MARGIN,
    REVERSE,
    SELF,
    SIDE,
    TEMPLATE,
    Batch,
    Writer,
    write_views,
)
from swapcast.models.people_mix import MIXED, VILLAGE, People
from swapcast.models.render_sets import read_tile

_LOOKS = np.stack(np.meshgrid(np.arange(-12, 13), np.arange(-7, 8)), -1).reshape(-1, 2) * 0.05
"""Directions an eye may look in, radians to the picture's right and down."""
_LEAST_SHOWN = 30
"""Pixels of an eyeball, fewer say nothing."""
_OWN = 0.1
_SHARP = 0.35
_LARGEST_ERROR = 0.03
_LEAST_WITHIN = 0.85


def gaze_of(person: Person, picture: Image) -> tuple[float, float]:
    """Find where the person in a picture looks.

    Of all directions not far from the camera that is taken in which a disc as large as an iris is
    darkest against what is left and right of it, as far as the lids show both, in the two eyes
    together. Up and down the lids' shadow says more than the iris, and the camera most.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
        The one that the person was found in.

    Returns
    -------
    (float, float)
        Radians against the head: to the picture's right and up positive.
    """
    head, fit = person.head, person.fit
    placed = fit.pose.to_camera(head.move(person.shape, fit.strengths))
    depth, index, weights = empty(*picture.shape[:2])
    rasterise(fit.camera.project(placed), head.triangles, depth, index, weights)
    level = np.log(cv2.GaussianBlur(picture, (0, 0), 0.8).astype(np.float32).mean(2) + 8)
    scores = np.zeros(len(_LOOKS))
    for side in EYE_SIDES:
        rows, columns = np.nonzero((index >= 0) & (head.part[index] == PARTS.index(EYE + side)))
        if len(rows) < _LEAST_SHOWN:
            continue
        ball = placed[head.vertices_of(EYE + side)]
        centre = ((ball.max(0) + ball.min(0)) / 2).astype(np.float32)
        radius = float(np.ptp(ball[:, 0])) / 2
        middle = fit.camera.project(centre[None])[0, :2]
        shown = (np.stack([columns, rows], 1) - middle) / fit.camera.focal * centre[2] / radius
        away = np.linalg.norm(shown[None] - np.sin(_LOOKS)[:, None], axis=2) / np.sin(IRIS)
        level_with = np.abs(shown[None, :, 1] - np.sin(_LOOKS)[:, None, 1]) < 0.2
        iris, ring = away < 0.95, (away > 1.15) & (away < 1.9) & level_with
        values = level[rows, columns]
        dark = (iris * values).sum(1) / np.maximum(iris.sum(1), 1)
        bright = (ring * values).sum(1) / np.maximum(ring.sum(1), 1)
        enough = (iris.sum(1) > _LEAST_SHOWN / 3) & (ring.sum(1) > _LEAST_SHOWN / 3)
        scores += np.where(enough, bright - dark, -1)
        off = _LOOKS + centre[:2] / centre[2]  # from the camera, which most people look into
        scores -= (0.15 * (off / [0.3, 0.12]) ** 2).sum(1)
    across, down = _LOOKS[scores.argmax()]
    gaze = np.clip([across - fit.pose.yaw, fit.pose.pitch - down], [-0.5, -0.3], [0.5, 0.3])
    return float(gaze[0]), float(gaze[1])


class Photographs:
    """The pictures of a village's pool: what each shows, aligned, and who it is."""

    def __init__(self, people: People, data: Path, number: int) -> None:
        self._people, self.number = people, number
        self._views: dict[int, Image] = {}
        names = people.pool(number)
        self.rooms = [empty_room(people.person(n), read_tile(data, n)) for n in names]
        self._shots: list[tuple[str, Take, Affine]] = []
        for name in names:
            person, picture = people.person(name), read_tile(data, name)
            if float(person.fit.error) > _LARGEST_ERROR:
                continue
            act = Act(person.fit.pose, person.fit.strengths, gaze_of(person, picture))
            take = Take(act, person.fit.camera, person.skin.light, picture)
            crop = crop_of(person, take, TEMPLATE, CROP, MARGIN)
            within = cv2.warpAffine(np.ones(picture.shape[:2], np.uint8), crop, (SIDE, SIDE))
            if within[MARGIN:-MARGIN, MARGIN:-MARGIN].mean() < _LEAST_WITHIN:
                continue
            shown = cv2.warpAffine(picture, crop, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
            self._shots.append((name, Take(act, take.camera, take.light, shown), crop))
        if not self._shots:
            raise ValueError(f"no picture of {len(names)} fits well enough; find more people")

    def pair(self, rng: np.random.Generator) -> Batch:
        """Draw somebody of the village over a photograph of chance."""
        name, take, crop = self._shots[int(rng.integers(len(self._shots)))]
        body = self._people.person(name)
        number = MIXED + self.number * VILLAGE + int(rng.integers(VILLAGE))
        if rng.random() < _OWN:
            number, other = int(name), body
        else:
            other = put_on(body, self._people.face(number), self._people.borders)
        drawn = draw_in(other, take, crop)
        share = _seam(rng, drawn.put)
        tint = np.exp(rng.normal(0, 0.06, 3) + rng.normal(0, 0.05)) if rng.random() < 0.5 else 1.0
        pasted = np.clip(drawn.image * tint, 0, 255)
        driver = take.background + share[..., None] * (pasted - take.background)
        face = np.maximum(drawn.put, (np.ceil(share * 255)).astype(np.uint8))
        mouth, eyes = feature_masks(drawn.landmarks, face)
        return Batch(
            driver=(driver + 0.5).astype(np.uint8)[None],
            target=take.background[None],
            face=face[None],
            mouth=mouth[None],
            eyes=eyes[None],
            cover=np.zeros((1, SIDE, SIDE), np.uint8),
            landmarks=drawn.landmarks[None],
            target_landmarks=drawn.landmarks[None],
            people=np.array([[number, int(name)]], np.int32),
            pose=np.array([[take.act.pose.yaw, take.act.pose.pitch]], np.float32),
            flags=np.array([REVERSE | (SELF if number == int(name) else 0)], np.uint8),
        )

    def views(self, number: int, seed: int) -> Image:
        """Draw the person of a photograph, uint8 [4, 112, 112, 3] RGB."""
        if number not in self._views:
            rng = np.random.default_rng([seed, number, 4])
            self._views[number] = draw_views(rng, self._people.person(f"{number:04d}"), self.rooms)
        return self._views[number]

    def write(self, seed: int, shard: int, count: int, out: Path) -> None:
        """Draw one shard of photographs with faces on them, and views of the people in them."""
        rng = np.random.default_rng([seed, shard, 3])
        writer, views = Writer(), dict[int, Image]()
        for _ in track(range(count), description=f"shard {shard}"):
            pair = self.pair(rng)
            writer.add(pair)
            number = int(pair.people[0, 1])
            if number not in views:
                views[number] = self.views(number, seed)
        write_views(out / f"people-{shard:05d}.npz", views)
        writer.write(out / f"pairs-{shard:05d}.npz")


def _seam(rng: np.random.Generator, put: NDArray[np.uint8]) -> Floats:
    """Return how much of each pixel is pasted, float32 [h, w]: soft, sharp, smaller, larger."""
    share = put.astype(np.float32) / 255
    if rng.random() < _SHARP:
        share = np.clip((share - rng.uniform(0.2, 0.8)) * 8 + 0.5, 0, 1) * (put > 0)
        return np.asarray(cv2.GaussianBlur(share, (0, 0), float(rng.uniform(0.5, 3))), np.float32)
    return np.asarray(share ** rng.uniform(0.5, 2), np.float32)
