"""Draw sets of pairs to train a one-shot swapper with: shard by shard, to be continued any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from swapcast.models.head_fit import Image
from swapcast.models.head_skin import fill
from swapcast.models.head_swap import Face, find_borders
from swapcast.models.pair_scenes import draw_pair, draw_views, marked, put_pair, top_is_shown
from swapcast.models.pairs import Batch, write_arrays, write_pairs
from swapcast.models.people_mix import MIXED, VILLAGE, People

SHARD = 500
_PURE, _MIXED_DRIVER, _SELF = 0.12, 0.5, 1 / 8


@dataclass(frozen=True, slots=True)
class Studio:
    """What it takes to draw pairs."""

    people: People
    rooms: Sequence[Image]
    seed: int


def write_shard(studio: Studio, shard: int, count: int, folder: Path) -> None:
    """Draw one shard and the views of everybody whose face it puts on.

    A shard depends on the seed, its number and the people alone.
    """
    people = studio.people
    rng = np.random.default_rng([studio.seed, shard])
    pool = people.pool(shard)
    bodies = [name for name in pool if top_is_shown(people.person(name), people.head)]
    borders = find_borders(people.head)
    cache: dict[int, Face] = {}

    def face(number: int) -> Face:
        if number not in cache:
            cache[number] = people.face(number)
        return cache[number]

    def somebody() -> int:
        if rng.random() < _PURE:
            return int(rng.choice(pool))
        return MIXED + shard * VILLAGE + int(rng.integers(VILLAGE))

    pairs: list[Batch] = []
    seen: set[int] = set()
    for _ in track(range(count), description=f"shard {shard}"):
        name = str(rng.choice(bodies))
        body, own = people.person(name), None
        numbers = int(name), somebody()
        if rng.random() < _MIXED_DRIVER:
            own = face(somebody())
            numbers = own.number, numbers[1]
        if rng.random() < _SELF:
            numbers = numbers[0], numbers[0]
        seen.add(numbers[1])
        both = put_pair(body, own, face(numbers[1]), borders)
        pairs.append(draw_pair(rng, both, numbers, studio.rooms))
    views = []
    for number in sorted(seen):
        name = people.parents(number)[0]
        whole = people.person(name if name in bodies else str(rng.choice(bodies)))
        if number >= MIXED:
            whole = put_pair(whole, None, face(number), borders)[1]
        elif name not in bodies:
            whole = marked(people.person(name), borders)
        views.append(draw_views(rng, whole, studio.rooms))
    everybody = {"people": np.array(sorted(seen), np.int32), "views": np.stack(views)}
    write_arrays(folder / f"people-{shard:05d}.npz", everybody)
    write_pairs(folder / f"pairs-{shard:05d}.npz", pairs)


def empty_rooms(people: People, names: Sequence[str]) -> list[Image]:
    """Return pictures without their people, blurred as by a lens: uint8 [h, w, 3] RGB each."""
    import cv2  # noqa: PLC0415

    found = []
    for name in names:
        picture = people.person(name).surround.picture
        known = 1 - np.clip(cv2.dilate(picture[..., 3], np.ones((25, 25))) / 85, 0, 1)
        soft = cv2.GaussianBlur(fill(picture[..., :3].astype(np.float32), known), (0, 0), 5)
        found.append(np.clip(soft, 0, 255).astype(np.uint8))
    return found
