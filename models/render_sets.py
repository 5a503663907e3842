"""Make pictures of people who do not exist: frames of one person, landmark samples of many, a clip.

``python -m swapcast.models.render_sets identity|landmarks|demo --data FOLDER --out …``; the data
folder holds ``faces_ai/tiles``, ``head3d`` and ``models/mediapipe_onnx``.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro
from rich.progress import track

from swapcast.models.demo_clip import write_demo
from swapcast.models.head import Floats
from swapcast.models.head_draw import Act, Drawn, Person, draw
from swapcast.models.head_fit import Camera, Image
from swapcast.models.head_light import Light, lamps
from swapcast.models.head_render import Maker, make_person, open_maker
from swapcast.models.head_skin import fill
from swapcast.models.performance import Limits, face_of_chance, pose_of_chance

SIDE = 256
SHARD = 500
# fmt: off
MANY = (
    "0244", "0265", "0266", "0269", "0271", "0283", "0285", "0302", "0336", "0345", "0350", "0354",
    "0363", "0394", "0396", "0445", "0448", "0469", "0502", "0520", "0526", "0538", "0558", "0559",
    "0614", "0641", "0664", "0667", "0673", "0711",
)
# fmt: on
"""Tiles with clear, frontal faces of adults without glasses, each one looked at."""
ROOMS = ("0266", "0269", "0283", "0302", "0336", "0350", "0394", "0526", "0558", "0614", "0664")
"""Tiles whose backgrounds are used behind other people."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Many frames of one person, to train a decoder of that face."""

    data: Path
    """Folder with faces_ai, head3d and models."""
    out: Path
    """Folder for frames-NNN.npz and thumbnail.png."""
    tile: str = "0244"
    """Picture of the person, as a tile number."""
    frames: int = 3000
    first: int = 0
    """Number of the first frame; frames depend on the seed and their number only."""
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Frames of many people with strong poses and faces, to train landmark networks."""

    data: Path
    """Folder with faces_ai, head3d and models."""
    out: Path
    """Folder for frames-NNN.npz."""
    frames: int = 6000
    first: int = 0
    """Number of the first frame; frames depend on the seed and their number only."""
    seed: int = 2


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The clip of somebody talking before a webcam."""

    data: Path
    """Folder with faces_ai, head3d and models."""
    out: Path
    """The clip, .mp4; the true landmarks go beside it as …_truth.npz."""
    tile: str = "0265"
    """Picture of the person, as a tile number."""
    seconds: float = 10.0
    seed: int = 3


def read_tile(data: Path, tile: str) -> Image:
    """Return a tile, uint8 [h, w, 3] RGB.

    Raises
    ------
    ValueError
        If there is no such picture.
    """
    path = data / "faces_ai" / "tiles" / f"{tile}.jpg"
    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        raise ValueError(f"no picture {path}; give --data and a tile number such as 0244")
    return np.ascontiguousarray(picture[..., ::-1])


def rooms(maker: Maker, data: Path) -> list[Image]:
    """Return tiles without their people, blurred as by a lens: uint8 [h, w, 3] RGB each."""
    found = []
    for tile in ROOMS:
        picture = read_tile(data, tile)
        person = cv2.dilate(maker.outline(picture), np.ones((25, 25), np.uint8))
        empty = fill(picture.astype(np.float32), 1 - np.clip(person * 3, 0, 1))
        soft = cv2.GaussianBlur(empty, (0, 0), 5)
        found.append(np.clip(soft, 0, 255).astype(np.uint8))
    return found


def backdrop(rng: np.random.Generator, found: Sequence[Image], side: int) -> Image:
    """Return a background, uint8 [side, side, 3] RGB: a room, a gradient or noise."""
    kind = rng.random()
    if kind < 0.6:
        room = found[int(rng.integers(len(found)))]
        cut = int(rng.uniform(0.4, 1) * min(room.shape[:2]))
        y, x = (int(rng.integers(0, n - cut + 1)) for n in room.shape[:2])
        part = cv2.resize(room[y : y + cut, x : x + cut], (side, side))
        out = part[:, :: rng.choice([-1, 1])].astype(np.float32) * rng.uniform(0.5, 1.2)
    elif kind < 0.85:
        corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32)
        out = cv2.resize(corners, (side, side), interpolation=cv2.INTER_LINEAR)
    else:
        cells = int(rng.choice([4, 16, 64]))
        noise = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        out = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    finished: Image = np.clip(out, 0, 255).astype(np.uint8)
    return finished


def light_of_chance(rng: np.random.Generator, own: Light) -> Light:
    """Return the picture's own light or lamps from anywhere in front; warm, cool, bright or dim."""
    tint = np.array([1, 1, 1], np.float32) + np.array([0.16, 0.02, -0.16], np.float32) * rng.normal(
        0, 0.6
    )
    level = float(np.exp(rng.uniform(np.log(0.4), np.log(1.15))))
    if rng.random() < 0.35:
        return Light(own.coefficients * tint * max(level, 0.7))
    side, height = rng.uniform(-1.2, 1.2), rng.uniform(-0.9, 0.2)
    ambient = rng.uniform(0.3, 0.65)
    key = (1.05 - ambient) * rng.uniform(0.9, 1.5)
    other = lamps(
        tint * ambient,
        ((side, height, -0.7), tint * key),
        ((-side, -0.1, -0.5), tint[::-1] * rng.uniform(0, 0.25)),
    )
    return Light(other.coefficients * level)


def middle(person: Person) -> Floats:
    """Return the middle of the face, float32 [3], head axes: a little above the nose tip's base."""
    face = person.shape[person.head.landmarks]
    out: Floats = (face.max(0) + face.min(0)) / 2 + np.array([0, 0.8, 0], np.float32)
    return out


def identity_frame(person: Person, found: Sequence[Image], seed: int, number: int) -> Drawn:
    """Return one frame of the person alone, 256 pixels square, the face in the middle."""
    rng = np.random.default_rng([seed, number])
    limits = Limits(np.radians(40), np.radians(20), np.radians(15))
    place = np.array([*rng.normal(0, 0.4, 2), rng.uniform(52, 68)], np.float32)
    strengths, gaze = face_of_chance(person.head, rng, person.fit.strengths, 0.8)
    act = Act(pose_of_chance(rng, limits, middle(person), place), strengths, gaze)
    camera = Camera(2.6 * SIDE, (SIDE / 2 - 0.5, SIDE / 2 - 0.5))
    light = light_of_chance(rng, person.skin.light)
    return draw(person, act, camera, light, backdrop(rng, found, SIDE))


def landmark_frame(person: Person, found: Sequence[Image], seed: int, number: int) -> Drawn:
    """Return one frame of anybody, 256 pixels square, as a careless camera might take it."""
    rng = np.random.default_rng([seed, number])
    limits = Limits(np.radians(70), np.radians(35), np.radians(30))
    focal = float(np.exp(rng.uniform(np.log(1.2), np.log(3.5)))) * SIDE
    distance = focal * 6.2 / rng.uniform(48, 85)
    place = np.array([*rng.normal(0, 0.7, 2), distance], np.float32)
    strengths, gaze = face_of_chance(person.head, rng, person.fit.strengths)
    act = Act(pose_of_chance(rng, limits, middle(person), place), strengths, gaze)
    camera = Camera(focal, (SIDE / 2 - 0.5, SIDE / 2 - 0.5))
    light = light_of_chance(rng, person.skin.light)
    drawn = draw(person, act, camera, light, backdrop(rng, found, SIDE), samples=1)
    image = cv2.GaussianBlur(drawn.image, (0, 0), float(rng.uniform(0.3, 1.4))).astype(np.float32)
    image += rng.normal(0, rng.uniform(0, 9), image.shape)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return replace(drawn, image=image)


def make_identity(settings: Identity) -> None:
    """Write the frames of one person."""
    maker = open_maker(settings.data)
    person = make_person(maker, read_tile(settings.data, settings.tile))
    found = rooms(maker, settings.data)
    settings.out.mkdir(parents=True, exist_ok=True)
    camera = Camera(2.6 * SIDE, (SIDE / 2 - 0.5, SIDE / 2 - 0.5))
    place = np.array([0, 0, 60], np.float32)
    rng = np.random.default_rng(settings.seed)
    pose = pose_of_chance(rng, Limits(0, 0, 0), middle(person), place)
    straight = Act(pose, person.fit.strengths)
    plain = np.full((SIDE, SIDE, 3), 150, np.uint8)
    thumbnail = draw(person, straight, camera, person.skin.light, plain).image
    cv2.imwrite(str(settings.out / "thumbnail.png"), thumbnail[..., ::-1])
    numbers = range(settings.first, settings.first + settings.frames)
    frames = (identity_frame(person, found, settings.seed, k) for k in numbers)
    _write(frames, numbers, settings.out, "mask")


def make_landmarks(settings: Landmarks) -> None:
    """Write the frames of many people."""
    maker = open_maker(settings.data)
    people = [make_person(maker, read_tile(settings.data, tile)) for tile in MANY]
    found = rooms(maker, settings.data)
    settings.out.mkdir(parents=True, exist_ok=True)
    numbers = range(settings.first, settings.first + settings.frames)
    frames = (landmark_frame(people[k % len(people)], found, settings.seed, k) for k in numbers)
    _write(frames, numbers, settings.out, "visibility")


def _write(frames: Iterator[Drawn], numbers: range, out: Path, extra: str) -> None:
    kept: list[Drawn] = []
    for number, drawn in zip(track(numbers, description=out.name), frames, strict=True):
        kept.append(drawn)
        if len(kept) == SHARD or number == numbers[-1]:
            part: dict[str, Any] = {extra: np.stack([getattr(d, extra) for d in kept])}
            path = out / f"frames-{number + 1 - len(kept):06d}.npz"
            np.savez(
                path.with_suffix(".part.npz"),
                images=np.stack([d.image for d in kept]),
                landmarks=np.stack([d.landmarks for d in kept]),
                **part,
            )
            path.with_suffix(".part.npz").replace(path)
            kept = []


def main() -> None:
    """Make one of the sets from the command line."""
    cv2.setNumThreads(1)
    settings = tyro.cli(Identity | Landmarks | Demo, prog="swapcast.models.render_sets")
    try:
        match settings:
            case Identity():
                make_identity(settings)
            case Landmarks():
                make_landmarks(settings)
            case Demo():
                maker = open_maker(settings.data)
                picture = read_tile(settings.data, settings.tile)
                write_demo(maker, picture, settings.out, settings.seconds, settings.seed)
    except ValueError as error:
        sys.exit(f"render_sets: {error}")


if __name__ == "__main__":
    main()
