"""Pictures with known faces for the detector, labelled by a teacher once."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.models.detector_clutter import Pixels
from swapcast.models.landmarks_data import MeshTeacher
from swapcast.models.landmarks_turning import triangles, turned

TRAINING_TALKERS = ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a")
"""The GRID clips that may train; the other three are for judging."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and the faces in it."""

    levels: tuple[Pixels, ...]
    """The picture at full size, half, a quarter and an eighth."""
    faces: NDArray[np.float32]
    """float32 [n, 14]: left, top, right, bottom, then five points; pixels of the full size."""
    unsure: NDArray[np.float32]
    """float32 [m, 4]: boxes in which the teacher is not sure."""


@dataclass(frozen=True, slots=True)
class Material:
    """What training pictures are composed of."""

    faces: list[Labelled]
    hard: list[Pixels] = field(default_factory=list)
    """Faceless pictures that deceived an earlier state of the network."""


def is_held_out(name: str) -> bool:
    """Tell whether a tile, by its file name, is kept from training."""
    return int(Path(name).stem) % 10 == 7


def is_for_choosing(name: str) -> bool:
    """Tell whether a tile is kept from training and from every table, to choose settings by."""
    return int(Path(name).stem) % 20 == 17


def is_for_judging(name: str) -> bool:
    """Tell whether a tile is kept from training and from every choice, to judge by."""
    return int(Path(name).stem) % 20 == 7


def read_clip(path: Path, every: int = 1) -> list[Pixels]:
    """Read each ``every``-th frame of a clip, uint8 [h, w, 3] RGB.

    Raises
    ------
    FileNotFoundError
        If the clip cannot be opened or holds no frame.
    """
    reader, frames = cv2.VideoCapture(str(path)), []
    while reader.isOpened():
        fine, frame = reader.read()
        if not fine:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    reader.release()
    if not frames:
        raise FileNotFoundError(f"no frame in {path}")
    return frames[::every]


class Teacher:
    """YuNet through OpenCV, which labels what the network learns from."""

    def __init__(self, model: Path, threshold: float = 0.3) -> None:
        if not model.is_file():
            raise FileNotFoundError(f"no teacher at {model}")
        self._network = cv2.FaceDetectorYN.create(str(model), "", (320, 320), threshold, 0.3, 200)

    def __call__(self, picture: Pixels) -> NDArray[np.float32]:
        """Return float32 [n, 15]: left, top, right, bottom, five points, score; best first."""
        self._network.setInputSize((picture.shape[1], picture.shape[0]))
        found = self._network.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
        if found is None:
            return np.zeros((0, 15), np.float32)
        found = np.asarray(found, np.float32)
        found[:, 2:4] += found[:, :2]
        return found[np.argsort(-found[:, 14])]


def _labelled(picture: Pixels, found: NDArray[np.float32]) -> Labelled | None:
    """Join a picture with what the teacher found; nothing if it is not sure of any face."""
    sure = found[:, 14] > 0.75
    if not sure.any():
        return None
    levels = [np.ascontiguousarray(picture)]
    for _ in range(3):
        size = (levels[-1].shape[1] // 2, levels[-1].shape[0] // 2)
        levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
    return Labelled(tuple(levels), found[sure, :14].copy(), found[~sure, :4].copy())


def _labels(pictures: list[Pixels], teacher: Path, kept: Path) -> list[NDArray[np.float32]]:
    """Ask the teacher about each picture, or read its answers if they were kept."""
    if kept.is_file():
        with np.load(kept) as answers:
            return np.split(answers["rows"], np.cumsum(answers["counts"])[:-1])
    ask = Teacher(teacher)
    rows = [ask(picture) for picture in pictures]
    np.savez(kept, rows=np.concatenate(rows), counts=[len(part) for part in rows])
    return rows


def _turned(pictures: list[Pixels], data: Path, folder: Path) -> list[Pixels]:
    """Turn the head in each picture to a random side, up to a profile; read them if kept."""
    if not folder.is_dir():
        part = folder.with_name(folder.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        teacher = MeshTeacher(
            data / "models/yunet/yunet_n_dynamic.onnx",
            data / "models/mediapipe_onnx/face_landmark.onnx",
        )
        corners = triangles(data / "head3d/mediapipe/canonical_face_model.obj")
        for number, picture in enumerate(pictures):
            size = (320, 320 * picture.shape[0] // picture.shape[1])
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[:, :, ::-1]
            mesh = teacher(small)
            yaw = float(random.choice([-1, 1]) * random.uniform(15, 60))
            pitch = float(random.normal(0, 14))
            if mesh is not None and mesh[1] > 0.8:
                view = turned(small, mesh[0], corners, yaw, pitch)[0]
                cv2.imwrite(str(part / f"{number:05}.png"), view)
        part.rename(folder)
    files = sorted(folder.glob("*.png"))
    return [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]


def read_material(data: Path, kept: Path, *, turn: bool = False) -> Material:
    """Read and label what may train: the AI-made tiles but every tenth, and four GRID talkers.

    Parameters
    ----------
    data : folder with ``faces_ai/tiles``, ``clips/grid``, ``head3d/mediapipe`` and ``models``
    kept : folder for the teacher's answers and the turned faces, made at the first call
    turn : whether each tile also trains with its head turned by 15 to 60 degrees

    Raises
    ------
    FileNotFoundError
        If there are no tiles, or a clip or the teacher is missing.
    """
    tiles = sorted((data / "faces_ai/tiles").glob("*.jpg"))
    if not tiles:
        raise FileNotFoundError(f"no pictures in {data / 'faces_ai/tiles'}")
    pictures = [
        cv2.cvtColor(cv2.imread(str(tile)), cv2.COLOR_BGR2RGB)
        for tile in tiles
        if not is_held_out(tile.name)
    ]
    tiled = len(pictures)
    for talker in TRAINING_TALKERS:
        pictures += read_clip(data / "clips/grid" / f"{talker}.mpg", every=8)
    kept.mkdir(parents=True, exist_ok=True)
    teacher = data / "models/yunet/yunet_n_dynamic.onnx"
    labels = _labels(pictures, teacher, kept / "labels.npz")
    if turn:
        views = _turned(pictures[:tiled], data, kept / "turned")
        labels = labels + _labels(views, teacher, kept / "turned.npz")
        pictures += views
    joined = (_labelled(*pair) for pair in zip(pictures, labels, strict=True))
    return Material([item for item in joined if item is not None])
