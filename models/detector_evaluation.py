"""Judge a face detector on pictures that never trained: what it finds, misses and imagines."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import tyro
from numpy.typing import NDArray

from swapcast.kernels.grids import collect, suppress
from swapcast.models.detector import STRIDES
from swapcast.models.detector_clutter import Pixels
from swapcast.models.detector_data import Teacher, is_for_judging, read_clip
from swapcast.models.detector_faceless import CLIPS, for_judging, kept, read_pictures, tiles

log = logging.getLogger(__name__)

Rows = NDArray[np.float32]
"""float32 [n, 15]: score, left, top, right, bottom, five points; pixels of the picture."""

Marked = tuple[Pixels, NDArray[np.float32]]
"""A picture, and the teacher's faces in it as `Teacher` gives them."""

_PORTRAITS = (
    *(4, 8, 10, 12, 15, 16, 20, 23, 26, 29, 32, 34, 38, 43, 45, 48, 50, 53, 62, 65, 67),
    *(75, 82, 92, 99),
)
_TILES = (107, 187, 247, 307, 347, 387, 467, 607, 687)
GLASSES = {f"{number:03}" for number in _PORTRAITS} | {f"{number:04}" for number in _TILES}
"""Portraits and tiles whose people wear glasses, plain or dark; picked by eye."""


@dataclass(frozen=True, kw_only=True)
class Sets:
    """What is judged by."""

    data: Path
    """Folder with clips, faces_ai, faces_real_cc0 and models."""
    cache: Path
    """Folder for the faceless pictures; made at the first run."""
    every: int = 1
    """Judge each so-many-th frame and picture."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Sets):
    """What is judged by what: the network alone, without the second look of the product."""

    network: Path
    """ONNX file of the detector."""
    threshold: float = 0.5


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
    any: int
    """Pictures in which anything was found."""
    false: int
    """Detections that overlap nothing of which the teacher has even a suspicion (0.3)."""
    overlap: float
    """Mean overlap of the found faces with the teacher's boxes."""
    points: float
    """Mean distance of their points from the teacher's, over the distance of the eyes."""


class Network:
    """A detector run as in the product at its first look: the long side is 320 pixels."""

    def __init__(self, file: Path, threshold: float) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._logit = float(np.log(threshold / (1 - threshold)))
        self._found, self._spare = np.empty((256, 15), np.float32), np.empty(15, np.float32)

    def grids(self, picture: Pixels) -> tuple[list[NDArray[np.float32]], float]:
        """Return the network's grids, finest first, and how many pixels one of the small is."""
        height, width = picture.shape[:2]
        step = max(height, width) / 320
        rows, columns = max(1, int(height / step + 0.5)), max(1, int(width / step + 0.5))
        shape = (16 * -(-rows // 16), 16 * -(-columns // 16))
        image = np.zeros((1, 3, *shape), np.float32)
        small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        image[0, :, :rows, :columns] = small.transpose(2, 0, 1) / np.float32(255)
        return self._session.run(None, {"image": image}), step

    def __call__(self, picture: Pixels) -> Rows:
        """Return the faces of a picture."""
        grids, step = self.grids(picture)
        count = 0
        for grid, stride in zip(grids, STRIDES, strict=True):
            count = collect(grid[0], stride, self._logit, count, self._found)
        found = self._found[: suppress(self._found, count, 0.4, self._spare)].copy()
        found[:, 1:] = (found[:, 1:] + 0.5) * step - 0.5
        return found


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shared over joint area of boxes [n, 4] and [m, 4]: float32 [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    first, second = (np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (a, b))
    return np.asarray(shared / (first[:, None] + second - shared + 1e-6), np.float32)


def small_faces(marked: Iterable[Marked], seed: int = 40_000_003) -> Iterator[Marked]:
    """Shrink pictures until the surest face is 40 to 56 pixels high in a frame of 640 by 480.

    The rest of the frame is filled with the picture itself, stretched and blurred. Sizes and
    places belong to the seed.
    """
    random = np.random.default_rng(seed)
    for picture, faces in marked:
        if not len(faces) or faces[0, 14] <= 0.75:
            continue
        scale = random.uniform(40, 56) / float(max(faces[0, 2:4] - faces[0, :2]))
        size = (int(picture.shape[1] * scale), int(picture.shape[0] * scale))
        if size[0] > 640 or size[1] > 480:
            continue
        frame = cv2.GaussianBlur(cv2.resize(picture, (640, 480)), (0, 0), 40)
        left, top = int(random.integers(641 - size[0])), int(random.integers(481 - size[1]))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        frame[top : top + size[1], left : left + size[0]] = small
        placed = faces.copy()
        placed[:, :14] = placed[:, :14] * scale + np.tile([left, top], 7)
        yield np.asarray(frame, np.uint8), placed


def judge(pictures: Iterable[Marked], detect: Callable[[Pixels], Rows]) -> Found:
    """Compare what ``detect`` finds in ``pictures`` with what the teacher finds."""
    count = faces = found = frames = frames_found = seen = false = 0
    overlaps, distances = [], []
    for picture, theirs in pictures:
        mine = detect(picture)
        count, seen = count + 1, seen + bool(len(mine))
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
    return Found(count, faces, found, frames_found, frames, seen, false, *means)


def evaluate(settings: Sets, detect: Callable[[Pixels], Rows]) -> dict[str, object]:
    """Judge a detector; return and log what came out.

    Raises
    ------
    FileNotFoundError
        If data is missing.
    """
    data, every = settings.data, settings.every
    teacher = Teacher(data / "models/yunet/yunet_n_dynamic.onnx")
    result: dict[str, object] = {}

    def note(name: str, marked: Iterable[Marked]) -> None:
        found = judge(marked, detect)
        share = 100 * found.frames_found / max(1, found.frames)
        log.info(
            "%-24s %4d/%4d frames (%6.2f %%), anything in %d, faces %4d/%4d, false %3d of %4d, "
            "overlap %.3f, points %.3f",
            *(name, found.frames_found, found.frames, share, found.any, found.found, found.faces),
            *(found.false, found.pictures, found.overlap, found.points),
        )
        result[name] = asdict(found)

    def marked(files: list[Path]) -> list[Marked]:
        return [(picture, teacher(picture)) for picture in read_pictures(files)]

    files = sorted((data / "faces_real_cc0").glob("*.jpg"))[::every]
    held = tiles(data, is_for_judging)[::every]
    portraits, others = marked(files), marked(held)
    both = list(zip(files + held, portraits + others, strict=True))
    note("portraits (CC0)", portraits)
    note("AI tiles kept out", others)
    note("of these, with glasses", [one for file, one in both if file.stem in GLASSES])
    note("of these, made small", small_faces(one for _, one in both))
    free = read_clip(data / "clips/pyfeat/no_face.mp4", every)
    deceived = sum(len(detect(frame)) for frame in free)
    log.info("no_face.mp4: %d false faces in %d frames", deceived, len(free))
    result["no_face"] = [deceived, len(free)]
    result["faceless"] = judge_faceless(kept(for_judging, data, settings.cache)[::every], detect)
    for name, clips in CLIPS.items():
        frames = [frame for clip in clips for frame in read_clip(data / "clips" / clip, every)]
        note(name, ((frame, teacher(frame)) for frame in frames))
    return result


def judge_faceless(files: list[Path], detect: Callable[[Pixels], Rows]) -> dict[str, object]:
    """Count the faceless pictures in which ``detect`` sees a face, by where they come from."""
    pictures: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    names: list[tuple[str, float]] = []
    for file, picture in zip(files, read_pictures(files), strict=True):
        kind, score = file.stem.split("_")[1], float(detect(picture)[:, 0].max(initial=0))
        pictures[kind] += 1
        if score:
            wrong[kind] += 1
            names.append((file.name, round(score, 3)))
    log.info("faceless: %d of %d deceive it: %s", len(names), len(files), names[:20])
    result: dict[str, object] = {kind: [wrong[kind], pictures[kind]] for kind in pictures}
    log.info("by origin: %s", result)
    return result


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = tyro.cli(Evaluation)
    log.info(json.dumps(evaluate(chosen, Network(chosen.network, chosen.threshold))))
