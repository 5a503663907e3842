"""A modelled head, and prints of it, with landmarks known exactly: enrolments without a network."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from swapcast.kernels.geometry import five_points
from swapcast.kernels.raster import interpolate, rasterise
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.head_pose import HEAD

WIDTH, HEIGHT, FPS, FOCAL, DISTANCE = 640, 480, 10.0, 760.0, 45.0
CELLS = 97


@dataclass(frozen=True)
class Doing:
    """Degrees to the picture's right and down; mouth and smile 0…1; eyes closed or not."""

    yaw: float = 0.0
    pitch: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    closed: bool = False


def turned(yaw, pitch):
    a, b = np.radians([pitch, yaw])
    down = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    side = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return side @ down


def projected(points, yaw, pitch):
    """Return float32 [n, 3]: x, y in pixels and depth, of points of a head turned so."""
    moved = points @ turned(yaw, pitch).T
    depth = DISTANCE - moved[:, 2]
    flat = moved[:, :2] * [1, -1] / depth[:, None] * FOCAL + (WIDTH / 2, HEIGHT / 2)
    return np.column_stack([flat, depth]).astype(np.float32)


def landmarks(doing):
    marks = HEAD.copy()
    marks[60:68, 1] += doing.mouth * np.array([0, 0.8, 0.9, 0.8, 0, -1.4, -1.6, -1.4])
    marks[[48, 60], 0] -= 0.6 * doing.smile
    marks[[54, 64], 0] += 0.6 * doing.smile
    return projected(marks, doing.yaw, doing.pitch)[:, :2].copy()


def texture(closed):
    """Return the head's colours from the front, uint8 [480, 480]: freckled skin, two eyes."""
    rng = np.random.default_rng(5)
    skin = cv2.GaussianBlur(rng.normal(0, 1, (480, 480)).astype(np.float32), (0, 0), 3)
    out = 150 + skin / skin.std() * 16
    for x in (-3.1, 3.1):
        centre = (int((x + 8) * 30), int((9 - 2.8) * 30))
        if closed:
            cv2.ellipse(out, centre, (42, 14), 0, 10, 170, 70.0, 5)
        else:
            cv2.ellipse(out, centre, (44, 20), 0, 0, 360, 215.0, -1)
            cv2.circle(out, centre, 17, 50.0, -1)
            cv2.ellipse(out, centre, (44, 20), 0, 0, 360, 90.0, 4)
    return np.clip(cv2.GaussianBlur(out, (0, 0), 1.5), 0, 255).astype(np.uint8)


TEXTURES = {closed: texture(closed) for closed in (False, True)}


def head_surface(x, y):
    nose = 2.6 * np.exp(-((x / 1.1) ** 2)) * np.exp(-(((y - 0.3) / 2.0) ** 2))
    return nose - x**2 / 10 - (y + 1) ** 2 / 30


def flat_surface(x, y):
    return np.zeros_like(x + y)


def bent_surface(x, y):
    return np.sqrt(8.0**2 - np.minimum(np.abs(x), 7.9) ** 2) - 8.0 + 0 * y


def picture(surface, doing, *, turn=1.0, seed=0):
    """Return luma, uint8 [480, 640], of a surface with the head's colours.

    A print is turned further than the landmarks say (``turn``).
    """
    x, y = np.meshgrid(np.linspace(-7, 7, CELLS), np.linspace(7, -8.5, CELLS))
    points = np.stack([x, y, surface(x, y)], -1).reshape(-1, 3)
    flat = projected(points, doing.yaw * turn, doing.pitch * turn)
    index = np.arange(CELLS * CELLS).reshape(CELLS, CELLS)
    a, b = index[:-1, :-1].ravel(), index[1:, :-1].ravel()
    c, d = index[:-1, 1:].ravel(), index[1:, 1:].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([c, b, d], 1)]).astype(np.int32)
    places = np.stack([(x + 8) * 30, (9 - y) * 30], -1).reshape(-1, 2).astype(np.float32)
    depth = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    which = np.full((HEIGHT, WIDTH), -1, np.int32)
    weights = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    seen = np.full((HEIGHT, WIDTH, 2), -1, np.float32)
    rasterise(flat, triangles, depth, which, weights)
    interpolate(which, weights, triangles, places, seen)
    skin = TEXTURES[doing.closed].copy()
    if doing.mouth:
        cv2.ellipse(
            skin, (240, int((9 + 4.3) * 30)), (48, int(60 * doing.mouth)), 0, 0, 360, 30, -1
        )
    colours = cv2.remap(skin, seen[..., 0], seen[..., 1], cv2.INTER_LINEAR)
    luma = np.where(which >= 0, colours, 100) + np.random.default_rng(seed).normal(
        0, 1.5, (480, 640)
    )
    return np.clip(luma, 0, 255).astype(np.uint8)


def frame(luma, number):
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return Frame(luma, grey, grey, WIDTH, HEIGHT, Colour(), number, number / FPS, 1 / FPS)


def face(doing, track=0):
    marks = landmarks(doing)
    box = np.concatenate([marks.min(0), marks.max(0)])
    seen = np.ones(68, np.float32)
    return Face(box, 1.0, five_points(marks), marks, seen, track)


def ease(since, start=0.3, length=0.6):
    t = np.clip((since - start) / length, 0, 1)
    return round(float(t * t * (3 - 2 * t)), 1)


def obey(text, since, digit_since):
    """Return what a willing subject does so long after being told ``text``."""
    far = ease(since)
    spoken = text.startswith("say") and 0.3 < digit_since < 0.9
    blinks = text.startswith("blink") and any(at <= since < at + 0.2 for at in (0.6, 1.4))
    does = {
        "turn your head to your left": Doing(yaw=28 * far),
        "turn your head to your right": Doing(yaw=-28 * far),
        "raise your chin and look up": Doing(pitch=-18 * far),
        "lower your chin and look down": Doing(pitch=18 * far),
        "open your mouth wide": Doing(mouth=far),
        "smile broadly": Doing(smile=far),
    }
    voice = round(0.6 * float(np.sin((digit_since - 0.3) / 0.6 * np.pi)), 1) if spoken else 0.0
    return does.get(text, Doing(mouth=voice, closed=blinks))


class Subject:
    """Sits before the camera, reads the prompts and obeys; a print obeys with its landmarks only.

    Parameters
    ----------
    surface : callable
        Depth of what is shown, in centimetres.
    acts : callable
        `obey`, or something worse.
    turn : float
        How much further a print is turned than the landmarks say.
    """

    def __init__(self, surface=head_surface, acts=obey, *, turn=1.0, still=False):
        self._surface, self._acts, self._turn, self._still = surface, acts, turn, still
        self._text, self._hint = "", ""
        self._told = self._digit = -9.0
        self._drawn = {}
        self.doing = Doing()
        self.asked = []

    def hear(self, text, at):
        asked, _, hint = text.partition(" (")
        if asked.startswith("say") and hint[:1].isdigit() and hint != self._hint:
            self._digit = at
        self._hint = hint
        if asked != self._text:
            self._text, self._told = asked, at
            self.asked.append(asked)

    def sits(self, number):
        """Return the frame of that number and the face in it."""
        at = number / FPS
        self.doing = self._acts(self._text, at - self._told, at - self._digit)
        shown = replace(self.doing, mouth=round(self.doing.mouth, 1), smile=0.0)
        if self._still:
            shown = replace(shown, closed=False)
            shown = replace(shown, mouth=0.0)
        if shown not in self._drawn:
            self._drawn[shown] = picture(self._surface, shown, turn=self._turn)
        return frame(self._drawn[shown], number), face(self.doing)
