"""The clip of somebody who does not exist, talking and turning before a webcam, with sound."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from rich.progress import track
from scipy.signal import butter, lfilter, sosfilt

from swapcast.models.head import Floats, Head
from swapcast.models.head_draw import Act, Drawn, Person, draw
from swapcast.models.head_fit import Camera, Image
from swapcast.models.head_render import Maker, make_person
from swapcast.models.head_skin import fill
from swapcast.models.performance import Limits, perform

WIDTH, HEIGHT, FPS, RATE = 1280, 720, 30, 48_000
ZOOM = 1.12
"""Pixels of the clip per pixel of the picture the person comes from."""
LEFT, RIGHT, TOP = 170, 1110, 130
"""The part of the frame that the person may reach; the rest is background."""


def write_demo(maker: Maker, picture: Image, out: Path, seconds: float, seed: int) -> None:
    """Write the clip, and the 68 true landmarks of every frame beside it.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
        Shows the person from the front, with shoulders, in about the tiles' 477 pixels.
    out : path of the .mp4
    seconds : float > 0
    seed : int
        Of the performance; the same seed writes the same frames.
    """
    person = make_person(maker, picture)
    acts = performance(person, seconds, seed)
    encode(clip_frames(maker, person, picture, acts, seed), person.head, acts, out, seed)


def performance(person: Person, seconds: float, seed: int) -> list[Act]:
    """Return what the person does in the clip."""
    limits = Limits(np.radians(22), np.radians(8), np.radians(6))
    base = person.fit.strengths * np.float32(0.7)
    place = np.array(person.fit.pose.place, np.float32)
    count = round(seconds * FPS)
    return list(perform(person.head, base, place, limits, count, FPS, seed))


def encode(frames: Iterable[Drawn], head: Head, acts: list[Act], out: Path, seed: int) -> None:
    """Write frames, the sound that goes with them, and their landmarks; see `write_demo`."""
    landmarks, visibility = [], []
    with av.open(str(out), "w", options={"movflags": "faststart"}) as file:
        video = file.add_stream("libx264", FPS, options={"crf": "22", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.color_range, context.colorspace = 1, 1  # limited, BT.709
        context.color_primaries, context.color_trc = 1, 1
        audio = file.add_stream("aac", RATE, layout="mono")
        audio.bit_rate = 48_000
        for drawn in track(frames, description=out.name, total=len(acts)):
            landmarks.append(drawn.landmarks)
            visibility.append(drawn.visibility)
            rgb = av.VideoFrame.from_ndarray(drawn.image, "rgb24")
            file.mux(video.encode(rgb.reformat(format="yuv420p", dst_colorspace=1)))
        file.mux(video.encode(None))
        sound = (voice(head, acts, seed) * 32767).astype(np.int16)
        for start in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "s16", "mono")
            block.sample_rate, block.pts = RATE, start
            block.time_base = Fraction(1, RATE)
            file.mux(audio.encode(block))
        file.mux(audio.encode(None))
    np.savez_compressed(
        out.with_name(f"{out.stem}_truth.npz"),
        landmarks=np.stack(landmarks).astype(np.float32),
        visibility=np.stack(visibility),
    )


def clip_frames(
    maker: Maker, person: Person, picture: Image, acts: list[Act], seed: int, first: int = 0
) -> Iterator[Drawn]:
    """Yield the clip's frames from a number on; see `write_demo`."""
    room = background(maker, picture)
    middle = np.array(person.fit.camera.centre, np.float32) * ZOOM
    face = person.fit.camera.project(np.array([person.fit.pose.place], np.float32))[0, :2] * ZOOM
    shift = np.array([WIDTH / 2, HEIGHT * 0.53], np.float32) - face
    centre = middle + shift - [LEFT, TOP]
    camera = Camera(person.fit.camera.focal * ZOOM, (float(centre[0]), float(centre[1])))
    for number, act in enumerate(acts[first:], first):
        rng = np.random.default_rng([seed, number])
        drawn = draw(person, act, camera, person.skin.light, room[TOP:, LEFT:RIGHT])
        image = room.astype(np.float32)
        image[TOP:, LEFT:RIGHT] = drawn.image
        image += cv2.GaussianBlur(rng.normal(0, 1.6, image.shape), (0, 0), 0.6)
        yield Drawn(
            np.clip(image + 0.5, 0, 255).astype(np.uint8),
            drawn.landmarks + np.array([LEFT, TOP], np.float32),
            drawn.visibility,
            drawn.mask,
            drawn.put,
        )


def background(maker: Maker, picture: Image) -> Image:
    """Return the picture without its person, out of focus: uint8 [720, 1280, 3] RGB."""
    person = cv2.dilate(maker.outline(picture), np.ones((21, 21), np.uint8))
    empty = fill(picture.astype(np.float32), 1 - np.clip(person * 3, 0, 1))
    wide = cv2.resize(empty, (WIDTH, WIDTH), interpolation=cv2.INTER_CUBIC)
    top = int((WIDTH - HEIGHT) * 0.3)
    soft = cv2.GaussianBlur(wide[top : top + HEIGHT], (0, 0), 9)
    out: Image = np.clip(soft, 0, 255).astype(np.uint8)
    return out


def voice(head: Head, acts: list[Act], seed: int) -> Floats:
    """Return a quiet murmur that follows the mouth over room noise: float32 [n], 48 kHz, -1…1."""
    rng = np.random.default_rng(seed)
    jaw = np.array([act.strengths[head.names.index("jawOpen")] for act in acts])
    round_ = np.array([act.strengths[head.names.index("mouthPucker")] for act in acts])
    time = np.arange(len(acts) * RATE // FPS) / RATE
    at = np.arange(len(acts)) / FPS
    loud = np.interp(time, at, np.clip(jaw * 2 + round_ * 0.6 - 0.12, 0, 1))
    pitch = 118 * (
        1 + 0.08 * np.sin(2 * np.pi * 0.4 * time) + 0.05 * np.sin(2 * np.pi * 1.3 * time)
    )
    buzz = 2 * np.mod(np.cumsum(pitch) / RATE, 1) - 1 + 0.15 * rng.normal(size=len(time))
    spoken = np.zeros(len(time))
    for tone, width, share in ((520, 90, 1.0), (1250, 120, 0.5), (2500, 180, 0.2)):
        radius = np.exp(-np.pi * width / RATE)
        poles = [1, -2 * radius * np.cos(2 * np.pi * tone / RATE), radius**2]
        spoken += share * lfilter([1 - radius], poles, buzz)
    spoken *= loud / max(float(np.abs(spoken).max()), 1e-6)
    hiss = sosfilt(butter(2, 900, fs=RATE, output="sos"), rng.normal(size=len(time)))
    out: Floats = (0.16 * spoken + 0.004 * hiss).astype(np.float32)
    return np.clip(out, -1, 1)
