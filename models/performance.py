"""What a person before a webcam does: turns a little, talks, smiles, blinks, looks around."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from swapcast.models.head import Floats, Head, Reals
from swapcast.models.head_draw import Act
from swapcast.models.head_fit import Pose

Movements = Mapping[str, float]


def both(**strengths: float) -> dict[str, float]:
    """Return the left and the right movement of each name at one strength."""
    return {f"{name}_{side}": value for name, value in strengths.items() for side in "LR"}


VISEMES: tuple[Movements, ...] = (
    {"jawOpen": 0.42, **both(mouthLowerDown=0.15, mouthUpperUp=0.1)},
    {"jawOpen": 0.28, "mouthFunnel": 0.6},
    {"jawOpen": 0.12, "mouthPucker": 0.75, "mouthFunnel": 0.2},
    {"jawOpen": 0.18, **both(mouthStretch=0.35, mouthSmile=0.25, mouthLowerDown=0.25)},
    {"jawOpen": 0.04, "mouthRollLower": 0.25, "mouthRollUpper": 0.2, **both(mouthPress=0.3)},
    {"jawOpen": 0.1, "mouthRollLower": 0.35, **both(mouthUpperUp=0.25)},
    {"jawOpen": 0.22, **both(mouthLowerDown=0.3, mouthUpperUp=0.2, mouthStretch=0.15)},
)
"""Mouth shapes of speech: a, o, u, e, m, f, s."""

MOODS: tuple[Movements, ...] = (
    both(mouthSmile=0.8, cheekSquint=0.5, eyeSquint=0.3),
    {"jawOpen": 0.25, **both(mouthSmile=1.0, cheekSquint=0.7, mouthUpperUp=0.4, eyeSquint=0.4)},
    both(browInnerUp=0.9, browOuterUp=0.8, eyeWide=0.6),
    {"jawOpen": 0.6, **both(browInnerUp=0.8, eyeWide=0.7)},
    both(browDown=0.9, eyeSquint=0.5, noseSneer=0.3),
    both(mouthFrown=0.8, browInnerUp=0.5),
    {"mouthPucker": 0.9, "mouthFunnel": 0.3},
    {"mouthLeft": 0.7, **both(mouthDimple=0.4)},
    {"mouthRight": 0.7, **both(mouthDimple=0.4)},
    {"jawOpen": 0.85, **both(mouthStretch=0.3)},
    both(noseSneer=0.8, cheekRaiser=0.6, browDown=0.5),
)
"""Faces people pull."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far heads go, in radians to either side."""

    yaw: float
    pitch: float
    roll: float


def pose_of_chance(rng: np.random.Generator, limits: Limits, centre: Floats, place: Floats) -> Pose:
    """Return a pose within the limits: mostly moderate, evenly spread in a third of the cases.

    Parameters
    ----------
    centre : float32 [3]
        The point of the head that is to be at ``place``, head axes, centimetres.
    place : float32 [3]
        Camera axes, centimetres.
    """
    spread = rng.uniform(-1, 1, 3)
    if rng.random() > 0.35:
        spread = np.clip(rng.normal(0, 0.42, 3), -1, 1)
    pitch, yaw, roll = spread * [limits.pitch, limits.yaw, limits.roll]
    free = Pose(float(pitch), float(yaw), float(roll), (0.0, 0.0, 0.0))
    x, y, z = place - free.to_camera(centre[None].astype(np.float32))[0]
    return replace(free, place=(float(x), float(y), float(z)))


def face_of_chance(
    head: Head, rng: np.random.Generator, base: Floats, strength: float = 1.0
) -> tuple[Floats, tuple[float, float]]:
    """Return movements float32 [57] and a gaze: speech, a mood, brows, blinks, in any mixture.

    Parameters
    ----------
    base : float32 [57]
        The face at rest.
    strength : float
        How strongly faces are pulled.
    """
    out = base * rng.uniform(0.2, 1)
    if rng.random() < 0.6:
        out = out + head.strengths(VISEMES[rng.integers(len(VISEMES))]) * rng.uniform(0.3, 1.4)
    if rng.random() < 0.45:
        mood = head.strengths(MOODS[rng.integers(len(MOODS))])
        out = out + mood * rng.uniform(0.2, 1) * strength
    if rng.random() < 0.3:
        brow = str(rng.choice(["browInnerUp", "browOuterUp", "browDown"]))
        out = out + head.strengths(both(**{brow: float(rng.uniform(0.2, 1))}))
    gaze = rng.normal(0, [0.16, 0.08])
    out = out + lids(head, gaze, closed=float(rng.choice([0, 0, 0, rng.uniform(0.2, 1), 1])))
    return np.clip(out, 0, 1).astype(np.float32), (float(gaze[0]), float(gaze[1]))


def lids(head: Head, gaze: Reals, closed: float) -> Floats:
    """Return the movements float32 [57] of lids that follow a gaze and close, 0…1."""
    across, up = float(gaze[0]) / 0.5, float(gaze[1]) / 0.4
    moves = both(eyeBlink=closed, eyeLookUp=max(up, 0), eyeLookDown=max(-up, 0))
    moves |= {"eyeLookOut_L": max(across, 0), "eyeLookIn_R": max(across, 0)}
    moves |= {"eyeLookIn_L": max(-across, 0), "eyeLookOut_R": max(-across, 0)}
    return head.strengths({name: min(value, 1) for name, value in moves.items()})


def perform(
    head: Head, base: Floats, place: Floats, limits: Limits, frames: int, fps: float, seed: int
) -> Iterator[Act]:
    """Yield what a talking person does, frame by frame; the same for the same seed.

    Parameters
    ----------
    base : float32 [57]
        The face at rest.
    place : float32 [3]
        Where the head is, camera axes, centimetres.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / fps
    turns = [_drift(rng, time) * s for s in (limits.pitch, limits.yaw, limits.roll)]
    sway = np.stack([_drift(rng, time) for _ in range(3)], 1) * [1.2, 0.5, 2.0]
    speech, voice = _speech(head, rng, time)
    closed = _blinks(rng, time)
    smile, brows = np.clip(_drift(rng, time), 0, 1), np.clip(_drift(rng, time), 0, 1)
    glance = _glances(rng, time)
    for k in range(frames):
        pitch, yaw, roll = (float(turn[k]) for turn in turns)
        # The eyes stay on the screen while the head turns, and glance aside at times.
        gaze = np.clip(glance[k] - [0.75 * yaw, -0.75 * pitch], [-0.45, -0.3], [0.45, 0.3])
        moves = base + speech[k] + lids(head, gaze, closed[k])
        moves = moves + head.strengths(both(mouthSmile=0.45, cheekSquint=0.3)) * smile[k]
        moves = moves + head.strengths(both(browInnerUp=0.5, browOuterUp=0.4)) * brows[k]
        nod = 0.03 * voice[k]
        x, y, z = np.asarray(place) + sway[k]
        yield Act(
            Pose(pitch + nod, yaw, roll, (float(x), float(y), float(z))),
            np.clip(moves, 0, 1).astype(np.float32),
            (float(gaze[0]), float(gaze[1])),
        )


def _drift(rng: np.random.Generator, time: Reals) -> Reals:
    """Return a slow random walk, float [n], mostly within -1…1."""
    rates, phases = rng.uniform(0.08, 0.55, 5), rng.uniform(0, 2 * np.pi, 5)
    sizes = 1 / (1 + 4 * rates)
    waves = np.sin(2 * np.pi * rates * time[:, None] + phases) * sizes
    out: Reals = np.tanh(1.6 * waves.sum(1) / np.sqrt((sizes**2).sum()) * 0.7)
    return out


def _speech(head: Head, rng: np.random.Generator, time: Reals) -> tuple[Reals, Reals]:
    """Return mouth movements float [n, 57] and loudness float [n] of phrases with pauses."""
    out, voice = np.zeros((len(time), len(head.names))), np.zeros(len(time))
    at = 0.3
    while at < time[-1]:
        for _ in range(rng.integers(5, 14)):  # syllables of a phrase
            length = rng.uniform(0.18, 0.32)
            bump = np.exp(-(((time - at - length / 2) / (length * 0.42)) ** 2))
            shape = head.strengths(VISEMES[rng.integers(len(VISEMES))]) * rng.uniform(0.6, 1.1)
            out += bump[:, None] * shape
            voice += bump * rng.uniform(0.5, 1)
            at += length
        at += rng.uniform(0.35, 0.9)
    return out, np.minimum(voice, 1)


def _blinks(rng: np.random.Generator, time: Reals) -> Reals:
    out, at = np.zeros(len(time)), rng.uniform(0.5, 1.5)
    while at < time[-1] + 1:
        since = time - at
        out = np.maximum(out, np.exp(-((since / np.where(since < 0, 0.05, 0.085)) ** 2)))
        at += rng.uniform(1.6, 4.2)
    return out


def _glances(rng: np.random.Generator, time: Reals) -> Reals:
    out, at = np.zeros((len(time), 2)), rng.uniform(0.8, 2)
    while at < time[-1]:
        end = at + rng.uniform(0.4, 1.1)
        out[(time >= at) & (time < end)] = rng.normal(0, [0.16, 0.07])
        at = end + rng.uniform(0.8, 2.5)
    return out
