"""Pairs in which a few people's faces, and no others', are put on: to teach a network a cast.

Drawn drivers give exact answers in any pose and light. Photographs and frames of clips as drivers
give what cameras give, with the wanted face drawn over them as the driver's own was found there: a
network that has only seen drawn drivers leaves photographed ones as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from swapcast.kernels.geometry import Affine
from swapcast.models.head import Head
from swapcast.models.head_draw import Act, Drawn, Person
from swapcast.models.head_fit import Image, fit_head
from swapcast.models.head_render import Maker, make_person
from swapcast.models.head_skin import Skin
from swapcast.models.head_swap import SIDE as TEXTURE
from swapcast.models.head_swap import Face, marked, put_on
from swapcast.models.pair_reverse import gaze_of
from swapcast.models.pair_scenes import (
    Take,
    crop_of,
    draw_in,
    draw_pairs,
    draw_views,
    feature_masks,
)
from swapcast.models.pair_sets import Village, empty_room
from swapcast.models.pairs import CROP, MARGIN, SIDE, TEMPLATE, Batch, Writer, write_views
from swapcast.models.people_mix import MIXED, VILLAGE, People
from swapcast.models.performance_clips import ENDINGS, read_pictures
from swapcast.models.render_sets import read_tile

_LARGEST_ERROR, _LEAST_WITHIN = 0.035, 0.7
_LARGEST_CLIP_ERROR = 0.05
_SOFT = 0.4
"""Deviation of the blur, in pixels of an enlarged picture's own."""
_OPEN = 2.5
"""Pixels between the lips, from which a mouth is open."""
_AT_ONCE = 3
_OWN, _COVERED = 0.6, 5
"""How often the first face on a head is its own; with how many drawn faces a picture drives."""


class WantedVillage:
    """Drawn drivers of a village, and the wanted people's faces on their heads.

    Parameters
    ----------
    village : heads, faces and rooms
    wanted : numbers of pictures
    """

    def __init__(self, village: Village, wanted: Sequence[int]) -> None:
        self.number, self._village, self._wanted = village.number, village, tuple(wanted)
        self._faces = {number: village.people.face(number) for number in wanted}

    def _take(self, rng: np.random.Generator) -> list[Batch]:
        village, borders = self._village, self._village.people.borders
        body = village.people.person(str(rng.choice(village.bodies)))
        first = body
        if rng.random() > _OWN:
            first = put_on(body, village.people.face(village.somebody(rng)), borders)
        other = put_on(body, village.people.face(village.somebody(rng)), borders)
        some = rng.choice(self._wanted, min(_AT_ONCE, len(self._wanted)), replace=False)
        heads = [first, other, *(put_on(body, self._faces[int(n)], borders) for n in some)]
        drawn = draw_pairs(rng, heads, [-1, -2, *map(int, some)], village.rooms)
        return [pair for pair in drawn if pair.people[0, 0] < 0 <= pair.people[0, 1]]

    def write(self, seed: int, shard: int, count: int, out: Path) -> None:
        """Draw one shard, and views of the wanted people."""
        rng, writer = np.random.default_rng([seed, shard, 5]), Writer()
        for _ in track(range(count), description=f"shard {shard}"):
            if len(writer) < count:
                for pair in self._take(rng)[: count - len(writer)]:
                    writer.add(pair)
        views = views_of(self._village.people, self._wanted, self._village.rooms, seed)
        write_views(out / f"people-{shard:05d}.npz", views)
        writer.write(out / f"pairs-{shard:05d}.npz")


def views_of(
    people: People, wanted: Sequence[int], rooms: Sequence[Image], seed: int
) -> dict[int, Image]:
    """Draw portraits of people, uint8 [4, 112, 112, 3] RGB each."""
    return {
        number: draw_views(
            np.random.default_rng([seed, number, 4]), people.person(f"{number:04d}"), rooms
        )
        for number in wanted
    }


@dataclass(frozen=True, slots=True)
class Shot:
    """Somebody in a picture, and how they were found there."""

    person: Person
    take: Take
    """Its background is the aligned picture, uint8 [288, 288, 3] RGB."""
    crop: Affine


def aligned(person: Person, picture: Image, least_within: float) -> Shot | None:
    """Return the shot of a person in a picture; None where too much of it lies outside."""
    act = Act(person.fit.pose, person.fit.strengths, gaze_of(person, picture))
    take = Take(act, person.fit.camera, person.skin.light, picture)
    crop = crop_of(person, take, TEMPLATE, CROP, MARGIN)
    within = cv2.warpAffine(np.ones(picture.shape[:2], np.uint8), crop, (SIDE, SIDE))
    if within[MARGIN:-MARGIN, MARGIN:-MARGIN].mean() < least_within:
        return None
    shown = cv2.warpAffine(picture, crop, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)
    return Shot(person, replace(take, background=np.asarray(shown, np.uint8)), crop)


def photographs(people: People, data: Path, wanted: Sequence[int]) -> Iterator[Shot]:
    """Yield everybody in their own picture, but the wanted and who is not found well enough."""
    for name in people.numbers:
        person = people.person(name)
        if int(name) in wanted or float(person.fit.error) > _LARGEST_ERROR:
            continue
        shot = aligned(person, read_tile(data, name), _LEAST_WITHIN)
        if shot is not None:
            yield shot


def frames(maker: Maker, people: People, folder: Path, step: int) -> Iterator[Shot]:
    """Yield the people of clips, one in each, in every ``step``-th frame.

    Raises
    ------
    ValueError
        If there are no clips, or nobody is found in the first frame of one.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise ValueError(f"no clips in {folder}; give a folder with clips of one person each")
    for path in paths:
        pictures = [_twice(picture) for picture in read_pictures(path, step)]
        if not pictures:
            raise ValueError(f"{path} shows nothing")
        found = make_person(maker, pictures[0])
        person = marked(replace(found, skin=_smaller(found.skin)), people.borders)
        for picture in pictures:
            moved = _moved(maker, person, picture)
            shot = None if moved is None else aligned(moved, picture, 0.0)
            if shot is not None:
                yield shot


def _twice(picture: Image) -> Image:
    """Return a picture twice as large: the head is fitted to small faces more closely so."""
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8)


def _smaller(skin: Skin) -> Skin:
    side = (TEXTURE, TEXTURE)
    return replace(
        skin,
        texture=np.asarray(cv2.resize(skin.texture, side, interpolation=cv2.INTER_AREA)),
        shares=np.asarray(cv2.resize(skin.shares, side, interpolation=cv2.INTER_AREA)),
    )


def _moved(maker: Maker, person: Person, picture: Image) -> Person | None:
    """Return the person as they are in another picture; None if they are not found there."""
    found = maker.mesh(picture)
    if found is None:
        return None
    own: Head = replace(
        maker.head, mean=person.shape, identity=np.zeros_like(maker.head.identity[:0])
    )
    size = (picture.shape[1], picture.shape[0])
    fit = fit_head(own, found[maker.points], size, maker.vertices)
    if fit.error > _LARGEST_CLIP_ERROR:
        return None
    return replace(person, fit=replace(fit, shape=person.fit.shape))


def dress(shot: Shot, face: Face, people: People) -> Drawn:
    """Draw a face over an untouched picture, no sharper than its camera was."""
    drawn = draw_in(put_on(shot.person, face, people.borders), shot.take, shot.crop)
    shown, enlarged = shot.take.background, float(np.sqrt(np.linalg.det(shot.crop[:, :2])))
    image = drawn.image.astype(np.float32)
    if enlarged > 1:
        image = cv2.GaussianBlur(image, (0, 0), _SOFT * enlarged).astype(np.float32)
    share = drawn.put[..., None] / np.float32(255)
    return replace(drawn, image=(shown + share * (image - shown) + 0.5).astype(np.uint8))


def with_teeth(target: Drawn, shot: Shot) -> Drawn:
    """Show in an open mouth what the picture shows there: drawn teeth are dim."""
    lips = target.landmarks[60:68]
    if np.linalg.norm(lips[2] - lips[6]) < _OPEN:
        return target
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(inside, [np.rint(16 * lips).astype(np.int32)], 255, shift=4)
    inside = np.asarray(cv2.erode(inside, np.ones((2, 2), np.uint8)), np.uint8)
    share = cv2.GaussianBlur(inside, (0, 0), 1.2)[..., None] / np.float32(255)
    image = target.image + share * (shot.take.background.astype(np.float32) - target.image)
    return replace(target, image=(image + 0.5).astype(np.uint8))


def pair_of(shot: Shot, driver: Drawn | None, target: Drawn, number: int) -> Batch:
    """Return the pair of a picture, untouched or with a face over it, and the wanted one on it."""
    shown, put = shot.take.background, target.put
    if driver is not None:
        shown, put = driver.image, np.maximum(put, driver.put)
    mouth, eyes = feature_masks(target.landmarks, put)
    pose = shot.take.act.pose
    return Batch(
        driver=shown[None],
        target=target.image[None],
        face=put[None],
        mouth=mouth[None],
        eyes=eyes[None],
        cover=np.zeros((1, SIDE, SIDE), np.uint8),
        landmarks=target.landmarks[None],
        target_landmarks=target.landmarks[None],
        people=np.array([[-1, number]], np.int32),
        pose=np.array([[pose.yaw, pose.pitch]], np.float32),
        flags=np.zeros(1, np.uint8),
    )


def write_dressed(
    shots: Iterator[Shot], people: People, wanted: Sequence[int], data: Path, seed: int, out: Path
) -> None:
    """Draw each wanted face over each shot, as one shard: over it as it is, and over other faces.

    Raises
    ------
    ValueError
        If there is no shot.
    """
    rng, writer = np.random.default_rng([seed, 6]), Writer()
    faces: Mapping[int, Face] = {number: people.face(number) for number in wanted}
    for shot in track(shots, description="pictures", total=None):
        others = [MIXED + int(rng.integers(VILLAGE)) for _ in range(_COVERED)]
        drivers = [None, *(dress(shot, people.face(number), people) for number in others)]
        for number, face in faces.items():
            target = dress(shot, face, people)
            for driver in drivers:
                own = target if driver is not None else with_teeth(target, shot)
                writer.add(pair_of(shot, driver, own, number))
    if not len(writer):
        raise ValueError("nobody was found well enough in any picture")
    rooms = [empty_room(people.person(n), read_tile(data, n)) for n in people.numbers[:5]]
    write_views(out / "people-00000.npz", views_of(people, wanted, rooms, seed))
    writer.write(out / "pairs-00000.npz")
