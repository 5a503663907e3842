"""Enrolments acted by a rendered person, and photographs held to the camera, as frames."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from swapcast.kernels.raster import interpolate, rasterise
from swapcast.models.head_draw import Act, Person, draw
from swapcast.models.head_fit import Camera
from swapcast.models.head_render import make_person, open_maker
from swapcast.models.performance import Limits, both, lids, pose_of_chance
from swapcast.models.render_sets import middle, read_tile
from swapcast.realtime.frame import Colour, Frame

WIDTH, HEIGHT, FPS = 640, 480, 15.0
CAMERA = Camera(1.05 * WIDTH, (WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5))
ROOM = cv2.resize(
    np.random.default_rng(7).uniform(60, 190, (6, 8, 3)).astype(np.float32), (WIDTH, HEIGHT)
).astype(np.uint8)


@dataclass(frozen=True)
class Doing:
    """What the subject does at one moment; angles in degrees, to the picture's right and down."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    movements: Mapping[str, float] = field(default_factory=dict)
    closed: float = 0.0


def people(shared: Path, *tiles: str) -> list[Person]:
    maker = open_maker(shared / "data")
    return [make_person(maker, read_tile(shared / "data", tile)) for tile in tiles]


def frame_of(rgb: np.ndarray, number: int, at: float) -> Frame:
    height, width = rgb.shape[:2]
    packed = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, chroma = height * width, height * width // 4
    y = packed[:luma].reshape(height, width)
    u = packed[luma : luma + chroma].reshape(height // 2, width // 2)
    v = packed[luma + chroma :].reshape(height // 2, width // 2)
    return Frame(y, u, v, width, height, Colour("bt601"), number, at, 1 / FPS)


def drawn(person: Person, doing: Doing, rng: np.random.Generator, distance: float = 55.0):
    """Return the picture, uint8 [h, w, 3] RGB, of a person doing something; the eyes stay here."""
    limits = Limits(0, 0, 0)
    place = np.array([0.0, 1.0, distance], np.float32)
    rest = pose_of_chance(rng, limits, middle(person), place)
    angles = np.radians([doing.pitch, doing.yaw, doing.roll])
    pose = type(rest)(*(float(a) for a in angles), (0.0, 0.0, 0.0))
    shift = place - pose.to_camera(middle(person)[None].astype(np.float32))[0]
    pose = type(rest)(*(float(a) for a in angles), tuple(float(s) for s in shift))
    gaze = np.clip([-0.75 * angles[1], 0.75 * angles[0]], [-0.45, -0.3], [0.45, 0.3])
    head = person.head
    moves = person.fit.strengths * 0.3 + head.strengths(dict(doing.movements))
    moves = np.clip(moves + lids(head, gaze, doing.closed), 0, 1).astype(np.float32)
    act = Act(pose, moves, (float(gaze[0]), float(gaze[1])))
    image = draw(person, act, CAMERA, person.skin.light, ROOM, samples=1).image
    noisy = image.astype(np.float32) + rng.normal(0, 2.0, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Sheet:
    """How a print is held: degrees, the radius it is bent to in cm (0: flat), its width in cm."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    bend: float = 0.0
    across: bool = True
    place: tuple[float, float, float] = (0.0, 0.0, 45.0)
    width: float = 21.0


def held(print_: np.ndarray, sheet: Sheet) -> np.ndarray:
    """Return what the camera sees of a print, uint8 [h, w, 3] RGB, held before the room."""
    rows, columns = print_.shape[:2]
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 33), np.linspace(-0.5, 0.5, 33))
    x, y = u * sheet.width, v * sheet.width * rows / columns
    z = np.zeros_like(x)
    if sheet.bend:
        along = x if sheet.across else y
        angle = along / sheet.bend
        z = sheet.bend * (1 - np.cos(angle))  # the middle comes nearest to the camera
        if sheet.across:
            x = sheet.bend * np.sin(angle)
        else:
            y = sheet.bend * np.sin(angle)
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    a, b, c = np.radians([sheet.pitch, sheet.yaw, sheet.roll])
    around_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    around_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    around_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    placed = (points @ (around_z @ around_y @ around_x).T + sheet.place).astype(np.float32)
    flat = CAMERA.project(placed)
    index = np.arange(33 * 33).reshape(33, 33)
    corners = [index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]]
    p, q, r, s = (corner.reshape(-1) for corner in corners)
    triangles = np.concatenate([np.stack([p, q, r], 1), np.stack([r, q, s], 1)]).astype(np.int32)
    uv = np.stack([(u + 0.5) * (columns - 1), (v + 0.5) * (rows - 1)], -1).reshape(-1, 2)
    seen = np.full((HEIGHT, WIDTH, 2), -1, np.float32)
    depth = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    which = np.full((HEIGHT, WIDTH), -1, np.int32)
    weights = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    rasterise(flat, triangles, depth, which, weights)
    interpolate(which, weights, triangles, uv.astype(np.float32), seen)
    inside = seen[..., 0] >= 0
    picture = cv2.remap(print_, seen[..., 0], seen[..., 1], cv2.INTER_LINEAR)
    return np.where(inside[..., None], picture, ROOM).astype(np.uint8)


SMILE = both(mouthSmile=1.0, cheekSquint=0.4)


def ease(since: float, start: float = 0.4, length: float = 0.7) -> float:
    """Return 0 … 1: how far somebody has come who is told something and reacts."""
    t = np.clip((since - start) / length, 0, 1)
    return float(t * t * (3 - 2 * t))


def follow(text: str, since: float, digit_since: float = 9.0) -> Doing:
    """Return what a willing subject does so long after having been told ``text``."""
    far = ease(since)
    spoken = text.startswith("say") and 0.3 < digit_since < 0.9
    blinks = text.startswith("blink") and any(at <= since < at + 0.2 for at in (0.6, 1.4, 2.2))
    does = {
        "turn your head to your left": Doing(yaw=30 * far),
        "turn your head to your right": Doing(yaw=-30 * far),
        "raise your chin and look up": Doing(pitch=-20 * far),
        "lower your chin and look down": Doing(pitch=20 * far),
        "open your mouth wide": Doing(movements={"jawOpen": 0.9 * far}),
        "smile broadly": Doing(movements={name: value * far for name, value in SMILE.items()}),
    }
    voice = 0.5 * float(np.sin((digit_since - 0.3) / 0.6 * np.pi)) if spoken else 0.0
    return does.get(text, Doing(movements={"jawOpen": voice}, closed=float(blinks)))


class Actor:
    """Somebody before a camera who reads the prompts; gives the frames of an enrolment.

    Parameters
    ----------
    picture : callable
        Draws what the camera sees: `Doing` -> uint8 [h, w, 3] RGB.
    obey : callable
        What is done on which text: `follow`.
    """

    name, live = "actor", False

    def __init__(
        self,
        picture: Callable[[Doing], np.ndarray],
        obey: Callable[[str, float, float], Doing] = follow,
        seconds: float = 90.0,
    ) -> None:
        self._picture, self._obey, self._seconds = picture, obey, seconds
        self._digit, self._hint = -9.0, ""
        self.text, self.told_at, self.at = "", 0.0, 0.0
        self.told: list[str] = []

    def show(self, frame: Frame, text: str) -> None:
        """Read what is asked."""
        asked, _, hint = text.partition(" (")
        if hint[:1].isdigit() and asked.startswith("say") and hint != self._hint:
            self._digit = self.at
        self._hint = hint
        if asked != self.text:
            self.text, self.told_at = asked, self.at
            self.told.append(asked)

    def __enter__(self) -> "Actor":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def frames(self) -> Iterator[Frame]:
        for number in range(int(self._seconds * FPS)):
            self.at = number / FPS
            doing = self._obey(self.text, self.at - self.told_at, self.at - self._digit)
            yield frame_of(self._picture(doing), number, self.at)


class Performer:
    """Draws a person; frames that show the same are drawn once, with fresh noise."""

    def __init__(self, person: Person, distance: float = 55.0, seed: int = 0) -> None:
        self._person, self._distance = person, distance
        self._rng = np.random.default_rng(seed)
        self._drawn: dict[str, np.ndarray] = {}

    def __call__(self, doing: Doing) -> np.ndarray:
        doing = Doing(
            round(doing.yaw), round(doing.pitch), round(doing.roll),
            {name: round(value, 1) for name, value in doing.movements.items()}, doing.closed,
        )  # fmt: skip
        key = repr(doing)
        if key not in self._drawn:
            quiet = np.random.default_rng(0)
            self._drawn[key] = drawn(self._person, doing, quiet, self._distance)
        noisy = self._drawn[key] + self._rng.normal(0, 2.0, self._drawn[key].shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)
