"""How surely the invisible mark is found and read after what happens to pictures on their way.

Clips are cut into windows of 12 seconds, each turned into 720p at 25 pictures a second; windows of
the same clip differ by place in it, mirroring and zoom, and each has a payload of its own. Every
window is marked by the compositor itself, damaged, and searched blind: three parts of 4 s for the
mark's presence, the whole for its payload.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import resources
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.mark_cost import costs
from swapcast.bench.mark_damage import DAMAGES, Damage, Luma
from swapcast.bench.mark_tally import PRESENT, Kept, Tally, read_kept, write_kept
from swapcast.bench.timing import metadata
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import SettingError
from swapcast.realtime.fitting import as_frame
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.mark_code import INSTALLATION_BITS, Payload
from swapcast.realtime.mark_pattern import TILE
from swapcast.realtime.mark_reader import SCALES, Finding, Levelled, find, level, read, together

RATE = 25
WIDTH, HEIGHT = 1280, 720
PART_S, PARTS = 4, 3
_SURE = -12.0
_NEAR = SCALES[
    np.min([np.abs(np.log(SCALES * side / TILE)) for side in (HEIGHT, 0.9 * HEIGHT)], 0) < 0.02
]

_SUFFIXES = {".mp4", ".mov", ".mpg", ".gif", ".mkv", ".webm"}
_ZOOMS = (1.0, 1.25, 1.1, 1.5)

Picture = NDArray[np.uint8]
"""uint8 [1080, 1280]: I420, the planes one below the other."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Measure how surely the invisible mark is found and read; writes JSON."""

    clips: Path | None = None
    """A clip, or a folder of clips; nothing given: the bundled one."""
    windows: int = 6
    """How many windows of 12 s, taken from the clips in turn."""
    damages: tuple[str, ...] = tuple(DAMAGES)
    """What happens to the pictures, by name; nothing given: everything there is."""
    growth: bool = True
    """Also compare the bytes that x264 makes of each clip with the mark and without it."""
    json: Path | None = None
    """Write the results to this file, anew after each window. Windows that it holds already are not
    measured again, so that a long run can be made in stretches, each of other damages."""


def main(settings: Marks) -> dict[str, Any]:
    """Measure and write the results; the last line printed is the JSON.

    Returns
    -------
    dict
        ``{"metadata": …, "bytes": …, "psnr_db": …, "results": {damage: figures}}``.
    """
    cv2.setNumThreads(1)
    unknown = set(settings.damages) - set(DAMAGES)
    if unknown:
        raise SettingError(f"no damage {unknown.pop()!r}; there are: {', '.join(DAMAGES)}")
    clips = clips_of(settings.clips)
    kept = _begun(settings, [clip.name for clip in clips])
    for number in range(settings.windows):
        missing = [name for name in settings.damages if len(kept.tallies[name].read) <= number]
        if missing:
            clip = clips[number % len(clips)]
            _window(kept, clip, number, missing, growth=settings.growth)
            if settings.json is not None:
                write_kept(kept, settings.json)
            print(f"window {number}: {clip.name}", flush=True)
    whole = kept.plain()
    for name, figures in whole["results"].items():
        print(f"{name:28} {figures}")
    print(json.dumps(whole))
    return whole


def _begun(settings: Marks, clips: list[str]) -> Kept:
    """Go on with the file, or begin."""
    about = metadata() | {"rate": RATE, "threshold": PRESENT}
    kept = read_kept(settings.json, clips, about["commit"]) if settings.json else None
    if kept is None:
        kept = Kept(clips, about, [asdict(result) for result in costs()], {})
    for name in DAMAGES:
        kept.tallies.setdefault(name, Tally())
    return kept


def _window(kept: Kept, clip: Path, number: int, damages: Sequence[str], *, growth: bool) -> None:
    """Mark, damage and search one window."""
    pictures = window(clip, number // len(kept.clips), PART_S * PARTS)
    payload = Payload(number * 2_654_435_761 % (1 << INSTALLATION_BITS))
    kept.psnr.append(_psnr(pictures[0], payload))
    if growth and clip.name not in kept.sizes:
        kept.sizes[clip.name] = [_bytes(pictures, None), _bytes(pictures, payload)]
    for name in damages:
        _take(kept.tallies[name], DAMAGES[name](), _frames(pictures, payload), payload)


def _bytes(pictures: Sequence[Picture], payload: Payload | None) -> int:
    """Return how many bytes x264 makes of the first part at CRF 28, with its default preset."""
    packets: list[int] = []
    encoded = Damage(encoder="libx264", decoder="h264", options={"crf": "28"})
    for _ in encoded(_frames(pictures[: PART_S * RATE], payload), RATE, packets):
        pass
    return sum(packets)


def _take(tally: Tally, damage: Damage, frames: Iterator[av.VideoFrame], payload: Payload) -> None:
    parts = [level(mean) for mean in _means(damage(frames, RATE))]
    tally.log10_p += [_found(part).log10_p for part in parts]
    everything: Levelled = together(parts)
    told = read(everything, _found(everything))
    tally.read.append(told == payload)
    tally.wrong += told is not None and told != payload


def _found(picture: Levelled) -> Finding:
    """Search blind; a mark that is sure at the scales these damages leave is not looked for at all.

    What is sure there (10⁻¹², with all scales counted) would have to be beaten by chance elsewhere.
    """
    near = find(picture, sides=_NEAR)
    return near if near.log10_p < _SURE else find(picture)


def _means(pictures: Iterator[tuple[float, Luma]]) -> Iterator[NDArray[np.float32]]:
    """Average the luma of each part."""
    total: NDArray[np.float32] | None = None
    count, ends = 0, float(PART_S)
    for at, luma in pictures:
        if at >= ends - 1e-6 and total is not None:
            yield total / np.float32(count)
            total, count, ends = None, 0, ends + PART_S
        if total is None:
            total = np.zeros(luma.shape, np.float32)
        cv2.accumulate(luma, total)
        count += 1
    if total is not None:
        yield total / np.float32(count)


def clips_of(path: Path | None) -> list[Path]:
    """Return the clips of a folder, or the one clip, or the bundled one."""
    if path is None:
        with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
            return [clip]
    if path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES)


def window(clip: Path, turn: int, seconds: int) -> list[Picture]:
    """Read some seconds of a clip in 720p; a shorter one is played to and fro."""
    zoom, mirrored = _ZOOMS[turn // 2 % len(_ZOOMS)], turn % 2 == 1
    step, wanted = 0.0, seconds * RATE
    pictures: list[Picture] = []
    with av.open(str(clip)) as container:
        rate = float(container.streams.video[0].average_rate or RATE)
        for frame in container.decode(video=0):
            while step <= len(pictures) / RATE < step + 1 / rate:
                pictures.append(_fitted(frame, zoom, mirrored=mirrored))
            step += 1 / rate
            if len(pictures) >= 2 * wanted:
                break
    there_and_back = pictures + pictures[-2:0:-1]
    begins = turn * wanted // 3 % len(there_and_back)
    return list(islice(cycle(there_and_back), begins, begins + wanted))


def _fitted(frame: av.VideoFrame, zoom: float, *, mirrored: bool) -> Picture:
    """Scale a picture so that it fills 720p, and cut out the middle."""
    scale = zoom * max(WIDTH / frame.width, HEIGHT / frame.height)
    width, height = (math.ceil(side * scale / 4) * 4 for side in (frame.width, frame.height))
    packed = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC").to_ndarray()
    flat = packed.reshape(-1)
    half = width // 2, height // 2
    planes = np.split(flat, [width * height, width * height * 5 // 4])
    cut = []
    for plane, (columns, rows), (wide, high) in zip(
        planes,
        ((width, height), half, half),
        ((WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2)),
        strict=True,
    ):
        left, top = (columns - wide) // 2, (rows - high) // 2
        part = plane.reshape(rows, columns)[top : top + high, left : left + wide]
        cut.append((part[:, ::-1] if mirrored else part).ravel())
    return np.concatenate(cut).reshape(HEIGHT * 3 // 2, WIDTH)


def _frames(pictures: Sequence[Picture], payload: Payload | None) -> Iterator[av.VideoFrame]:
    """Give the pictures as they leave the compositor, or, without a payload, as they are."""
    compositor = Compositor(payload)
    for number, picture in enumerate(pictures):
        if payload is None:
            frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), "yuv420p")
        else:
            frame = as_frame(compositor.finish(_frame(picture, number), (), ()))
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        yield frame


def _frame(picture: Picture, number: int) -> Frame:
    y, u, v = np.split(picture.reshape(-1), [WIDTH * HEIGHT, WIDTH * HEIGHT * 5 // 4])
    half = HEIGHT // 2, WIDTH // 2
    planes = y.reshape(HEIGHT, WIDTH), u.reshape(half), v.reshape(half)
    return Frame(*planes, WIDTH, HEIGHT, Colour(), number, number / RATE)


def _psnr(picture: Picture, payload: Payload) -> float:
    marked = Compositor(payload).finish(_frame(picture, 0), (), ()).planes[0]
    error = marked.astype(np.float64) - picture[:HEIGHT]
    return float(10 * np.log10(255**2 / np.mean(error**2)))
