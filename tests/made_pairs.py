"""A few pairs drawn by code: a disc of one colour in a grey room, and the same in another's."""

import numpy as np

from swapcast.models.pairs import CROP, SIDE, VIEW, VIEWS, Batch, Writer, write_views
from tests.drawn_face import placed

COLOURS = {7: (220, 60, 60), 8: (60, 200, 80), 9: (70, 90, 220)}


def disc(side, centre, radius):
    rows, columns = np.mgrid[:side, :side]
    return (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < radius**2


def write_set(folder, count=12, seed=0):
    """Write ``count`` pairs, and portraits of the three people in them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    people = list(COLOURS)
    landmarks = placed(SIDE / 2, SIDE / 2, CROP / 2).astype(np.float32)[None]
    writer = Writer()
    for k in range(count):
        who = people[k % 3]
        face = disc(SIDE, random.uniform(134, 154, 2), 70)
        room = np.full((SIDE, SIDE, 3), int(random.integers(60, 180)), np.uint8)
        driver, target = room.copy(), room.copy()
        driver[face], target[face] = random.integers(30, 220, 3), COLOURS[who]
        mask = (255 * face).astype(np.uint8)[None]
        mouth = np.zeros_like(mask)
        mouth[:, 180:200, 130:160] = 255
        writer.add(
            Batch(
                *(driver[None], target[None], mask, mouth, 0 * mouth, 0 * mask),
                *(landmarks, landmarks, np.array([[1, who]], np.int32)),
                *(np.zeros((1, 2), np.float32), np.zeros(1, np.uint8)),
            )
        )
    writer.write(folder / "pairs-00000.npz")
    views = np.zeros((3, VIEWS, VIEW, VIEW, 3), np.uint8)
    for row, colour in zip(views, COLOURS.values(), strict=True):
        row[:, disc(VIEW, (56, 56), 50)] = colour
    write_views(folder / "people-00000.npz", dict(zip(people, views, strict=True)))
    return folder
