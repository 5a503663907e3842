"""What people do in clips: pose and movements of the face, frame by frame."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from rich.progress import track

from swapcast.models.head import Floats
from swapcast.models.head_fit import Fit, Image, fit_head
from swapcast.models.head_render import Maker

_LARGEST_ERROR = 0.05
_FITTED = 5
"""Frames that a person's shape is taken from."""
ENDINGS = frozenset({".mp4", ".mpg", ".mov", ".gif", ".avi", ".mkv", ".webm"})


@dataclass(frozen=True, slots=True)
class Track:
    """What people did in the frames of some clips."""

    strengths: Floats
    """float32 [n, 57]: of each movement of the face."""
    turns: Floats
    """float32 [n, 3]: pitch, yaw and roll, radians."""
    clips: tuple[str, ...]
    """Name of each frame's clip."""


def read_pictures(path: Path, step: int) -> Iterator[Image]:
    """Yield every ``step``-th frame of a clip, uint8 [h, w, 3] RGB.

    Raises
    ------
    ValueError
        If it is no clip.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as file:
            for number, frame in enumerate(file.decode(video=0)):
                if number % step == 0:
                    yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{path} is not a clip: {error}") from error


def follow(maker: Maker, pictures: Sequence[Image]) -> list[Fit]:
    """Find what one person does in pictures of a clip; pictures without a clear face are left out.

    The shape of the head is found in a few of them and is then the same in all.
    """
    seen = [(found, p.shape) for p in pictures if (found := maker.mesh(p)) is not None]
    if not seen:
        return []
    first = [
        fit_head(maker.head, found[maker.points], (size[1], size[0]), maker.vertices)
        for found, size in seen[:: max(len(seen) // _FITTED, 1)]
    ]
    shape = np.median([fit.shape for fit in first], 0)
    own = replace(
        maker.head, mean=maker.head.shape(shape), identity=np.zeros_like(maker.head.identity[:0])
    )
    fits = (
        fit_head(own, found[maker.points], (size[1], size[0]), maker.vertices)
        for found, size in seen
    )
    return [replace(fit, shape=shape) for fit in fits if fit.error < _LARGEST_ERROR]


def follow_all(maker: Maker, folder: Path, step: int, most: int = 120) -> Track:
    """Find what people do in all clips of a folder and its folders.

    Parameters
    ----------
    step : take every so many frames
    most : pictures of one clip

    Raises
    ------
    ValueError
        If there is no clip, or no clear face in any.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise ValueError(f"no clips in {folder}; give a folder with clips of one person each")
    found: list[tuple[str, Fit]] = []
    for path in track(paths, description="clips"):
        pictures = list(read_pictures(path, step))[:most]
        found += [(path.stem, fit) for fit in follow(maker, pictures)]
    if not found:
        raise ValueError(f"no clear face in the {len(paths)} clips of {folder}")
    turns = [(fit.pose.pitch, fit.pose.yaw, fit.pose.roll) for _, fit in found]
    return Track(
        np.stack([fit.strengths for _, fit in found]).astype(np.float32),
        np.array(turns, np.float32),
        tuple(name for name, _ in found),
    )


def write_track(path: Path, found: Track) -> None:
    """Write a track as .npz."""
    with path.open("wb") as file:
        clips = np.array(found.clips)
        np.savez(file, strengths=found.strengths, turns=found.turns, clips=clips)


def read_track(path: Path) -> Track:
    """Read a track.

    Raises
    ------
    ValueError
        If the file is not one.
    """
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return Track(file["strengths"], file["turns"], tuple(file["clips"].tolist()))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a track of performances: {error}") from error
