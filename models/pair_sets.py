"""Draw sets of pairs to train a one-shot swapper with: shard by shard, to be continued any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from swapcast.models.head_draw import Person
from swapcast.models.head_fit import Image
from swapcast.models.head_skin import fill
from swapcast.models.head_swap import Borders, Face, find_borders
from swapcast.models.pair_scenes import draw_pair, draw_views, marked, put_pair, top_is_shown
from swapcast.models.pairs import Batch, write_arrays, write_pairs
from swapcast.models.people_mix import MIXED, VILLAGE, People
from swapcast.models.render_sets import read_tile

SHARD = 500
_PURE, _MIXED_DRIVER, _SELF = 0.12, 0.5, 1 / 8
_ROOM = 256


class Village:
    """The people of one shard: heads from a pool of pictures, faces of its people and mixtures."""

    def __init__(self, people: People, data: Path, number: int, rng: np.random.Generator) -> None:
        self._people, self._number, self._rng = people, number, rng
        self._pool = people.pool(number)
        self._bodies = [name for name in self._pool if top_is_shown(people.person(name))]
        self._faces: dict[int, Face] = {}
        self.borders: Borders = find_borders(people.head)
        self.rooms = [empty_room(people.person(name), read_tile(data, name)) for name in self._pool]

    def somebody(self) -> int:
        """Return the number of somebody whose face may be put on."""
        if self._rng.random() < _PURE:
            return int(self._rng.choice(self._pool))
        return MIXED + self._number * VILLAGE + int(self._rng.integers(VILLAGE))

    def face(self, number: int) -> Face:
        """Return somebody's face."""
        if number not in self._faces:
            self._faces[number] = self._people.face(number)
        return self._faces[number]

    def pair(self) -> Batch:
        """Draw a pair of chance."""
        rng = self._rng
        name = str(rng.choice(self._bodies))
        own = self.face(self.somebody()) if rng.random() < _MIXED_DRIVER else None
        first = int(name) if own is None else own.number
        second = first if rng.random() < _SELF else self.somebody()
        body = self._people.person(name)
        both = put_pair(body, own, self.face(second), self.borders)
        return draw_pair(rng, both, (first, second), self.rooms)

    def whole(self, number: int) -> Person:
        """Return somebody with a head of their own."""
        name = self._people.parents(number)[0]
        if number < MIXED:
            return marked(self._people.person(name), self.borders)
        if name not in self._bodies:
            name = self._bodies[number % len(self._bodies)]
        return put_pair(self._people.person(name), None, self.face(number), self.borders)[1]


def write_shard(people: People, data: Path, seed: int, shard: int, count: int, out: Path) -> None:
    """Draw one shard and the views of everybody whose face it puts on.

    A shard depends on the seed, its number, its count and the people alone.
    """
    rng = np.random.default_rng([seed, shard])
    village = Village(people, data, shard, rng)
    pairs = [village.pair() for _ in track(range(count), description=f"shard {shard}")]
    seen = sorted({int(pair.people[0, 1]) for pair in pairs})
    views = np.stack([draw_views(rng, village.whole(number), village.rooms) for number in seen])
    everybody = {"people": np.array(seen, np.int32), "views": views}
    write_arrays(out / f"people-{shard:05d}.npz", everybody)
    write_pairs(out / f"pairs-{shard:05d}.npz", pairs)


def empty_room(person: Person, picture: Image) -> Image:
    """Return a picture without its person, blurred as by a lens: uint8 [256, 256, 3] RGB."""
    height, width = picture.shape[:2]
    pad = height // 3  # as the surround was made
    outline = person.surround.picture[pad : pad + height, pad : pad + width, 3]
    known = cv2.resize(cv2.dilate(outline, np.ones((25, 25), np.uint8)), (_ROOM, _ROOM))
    small = cv2.resize(picture, (_ROOM, _ROOM), interpolation=cv2.INTER_AREA).astype(np.float32)
    bare = fill(small, 1 - np.clip(known.astype(np.float32) / 85, 0, 1))
    return np.clip(cv2.GaussianBlur(bare, (0, 0), 2.5), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Which people a set is drawn of: kept beside it, so that it can be continued."""

    seed: int
    numbers: tuple[str, ...]


def agree(out: Path, wanted: Catalogue) -> Catalogue:
    """Return the catalogue of a set that was begun, or begin it with ``wanted``.

    Raises
    ------
    ValueError
        If the set was begun with another seed.
    """
    path = out / "catalogue.txt"
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join([str(wanted.seed), *wanted.numbers]) + "\n")
        return wanted
    seed, *numbers = path.read_text().split()
    if int(seed) != wanted.seed:
        raise ValueError(f"{out} was begun with seed {seed}; give that, or another folder")
    return Catalogue(int(seed), tuple(numbers))


def write_set(people: People, data: Path, seed: int, count: int, out: Path) -> None:
    """Draw the shards that are missing of a set of ``count`` pairs."""
    for shard in range(-(-count // SHARD)):
        if not (out / f"pairs-{shard:05d}.npz").is_file():
            write_shard(people, data, seed, shard, min(SHARD, count - shard * SHARD), out)


def contact_sheet(pairs: Sequence[Batch]) -> Image:
    """Return drivers, targets and face masks side by side, four pairs a row: uint8 RGB."""
    cells = []
    for pair in pairs:
        mask = np.repeat(pair.face[0][..., None], 3, 2)
        cells.append(np.concatenate([pair.driver[0], pair.target[0], mask], 1))
    rows = [np.concatenate(cells[k : k + 4], 1) for k in range(0, len(cells) // 4 * 4, 4)]
    return np.concatenate(rows)
