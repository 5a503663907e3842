"""Draw sets of pairs to train a one-shot swapper with: shard by shard, to be continued any time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from rich.progress import Progress

from swapcast.models.head_draw import Person
from swapcast.models.head_fit import Image
from swapcast.models.head_skin import fill
from swapcast.models.head_swap import put_on
from swapcast.models.pair_scenes import draw_pairs, draw_views, top_is_shown
from swapcast.models.pairs import Batch, Writer, write_views
from swapcast.models.people_mix import MIXED, VILLAGE, People
from swapcast.models.performance_clips import Track
from swapcast.models.render_sets import read_tile

SHARD = 500
SHARDS = 4
"""Shards that a village is drawn in."""
_FACES = 3
"""On each head of a performance."""
_PURE, _OWN = 0.12, 0.4
"""How often a face is that of a picture, and the first on a head is its own."""
_ROOM = 256


class Village:
    """People who are drawn together: heads from a pool of pictures, faces of these and mixtures."""

    def __init__(self, people: People, data: Path, number: int, track: Track | None = None) -> None:
        self.people, self.number, self._track = people, number, track
        self._views: dict[int, Image] = {}
        self.pool = people.pool(number)
        self.bodies = [name for name in self.pool if top_is_shown(people.person(name))]
        if not self.bodies:
            raise ValueError(f"no picture of {len(self.pool)} shows a whole head; fit more")
        self.rooms = [empty_room(people.person(name), read_tile(data, name)) for name in self.pool]

    def somebody(self, rng: np.random.Generator) -> int:
        """Return the number of somebody whose face may be put on."""
        if rng.random() < _PURE:
            return int(rng.choice(self.pool))
        return MIXED + self.number * VILLAGE + int(rng.integers(VILLAGE))

    def take(self, rng: np.random.Generator) -> list[Batch]:
        """Draw pairs of one performance."""
        name = str(rng.choice(self.bodies))
        body, borders = self.people.person(name), self.people.borders
        own = rng.random() < _OWN
        numbers = [int(name)] if own else []
        while len(numbers) < _FACES:
            number = self.somebody(rng)
            if number not in numbers:
                numbers.append(number)
        heads = [
            body if n == int(name) else put_on(body, self.people.face(n), borders) for n in numbers
        ]
        return draw_pairs(rng, heads, numbers, self.rooms)

    def views(self, number: int, seed: int) -> Image:
        """Draw somebody with a head of their own, uint8 [4, 112, 112, 3] RGB."""
        if number not in self._views:
            self._views[number] = self._draw_views(number, seed)
        return self._views[number]

    def _draw_views(self, number: int, seed: int) -> Image:
        person = self.people.person(self.people.parents(number)[0])
        if number >= MIXED:
            if not top_is_shown(person):
                person = self.people.person(self.bodies[number % len(self.bodies)])
            person = put_on(person, self.people.face(number), self.people.borders)
        return draw_views(np.random.default_rng([seed, number, 4]), person, self.rooms)

    def write(self, seed: int, shard: int, count: int, out: Path) -> None:
        """Draw one shard and the views of everybody whose face it puts on.

        A shard depends on the seed, its number, its count and the people alone.
        """
        rng = np.random.default_rng([seed, shard])
        writer, views = Writer(), dict[int, Image]()
        with Progress() as progress:
            bar = progress.add_task(f"shard {shard}", total=count)
            while len(writer) < count:
                for pair in self.take(rng)[: count - len(writer)]:
                    writer.add(pair)
                    number = int(pair.people[0, 1])
                    if number not in views:
                        views[number] = self.views(number, seed)
                progress.update(bar, completed=len(writer))
        write_views(out / f"people-{shard:05d}.npz", views)
        writer.write(out / f"pairs-{shard:05d}.npz")


def empty_room(person: Person, picture: Image) -> Image:
    """Return a picture without its person, blurred as by a lens: uint8 [256, 256, 3] RGB."""
    height, width = picture.shape[:2]
    pad = height // 3  # as the surround was made
    outline = person.surround.picture[pad : pad + height, pad : pad + width, 3]
    known = cv2.resize(cv2.dilate(outline, np.ones((25, 25), np.uint8)), (_ROOM, _ROOM))
    small = cv2.resize(picture, (_ROOM, _ROOM), interpolation=cv2.INTER_AREA).astype(np.float32)
    bare = fill(small, 1 - np.clip(known.astype(np.float32) / 85, 0, 1))
    soft = cv2.GaussianBlur(bare, (0, 0), 2.5)
    return np.asarray(np.clip(soft, 0, 255), np.float32).astype(np.uint8)


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


class Drawer(Protocol):
    """People of one village in whichever kind of pair."""

    number: int

    def write(self, seed: int, shard: int, count: int, out: Path) -> None:
        """Draw one shard."""


def write_set(open_village: Callable[[int], Drawer], seed: int, count: int, out: Path) -> None:
    """Draw the shards that are missing of a set of ``count`` pairs."""
    village: Drawer | None = None
    for shard in range(-(-count // SHARD)):
        if (out / f"pairs-{shard:05d}.npz").is_file():
            continue
        if village is None or village.number != shard // SHARDS:
            village = open_village(shard // SHARDS)
        village.write(seed, shard, min(SHARD, count - shard * SHARD), out)


def contact_sheet(pairs: Sequence[Batch]) -> Image:
    """Return drivers, targets and face masks side by side, four pairs a row: uint8 RGB.

    Parameters
    ----------
    pairs : at least one, each with n = 1
    """
    cells = []
    for pair in pairs:
        mask = np.repeat(pair.face[0][..., None], 3, 2)
        cells.append(np.concatenate([pair.driver[0], pair.target[0], mask], 1))
    wide = min(4, len(cells))
    last = len(cells) - len(cells) % wide
    return np.concatenate([np.concatenate(cells[k : k + wide], 1) for k in range(0, last, wide)])
