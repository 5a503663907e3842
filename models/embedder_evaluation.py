"""How well an embedder tells people apart: ``python -m swapcast.models.embedder_evaluation``.

The equal error rate is that of all pairs of pictures: two of one person, or of two people.
Only people who trained no weights take part, unless the set says otherwise.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from swapcast.kernels.geometry import five_points, invert, transform
from swapcast.models.embedder import Embedder, read_embedder
from swapcast.models.embedder_augment import Clean, cut, rgb, seen_by, taken
from swapcast.models.embedder_data import RIM, aligned, gather, is_held_out
from swapcast.models.embedder_training import TEACHER_SIDE, TEACHER_TEMPLATE, Teacher
from swapcast.models.landmarks_data import MeshTeacher, clip_pictures, read_picture
from swapcast.models.landmarks_turning import MESH_68, Picture

_log = logging.getLogger(__name__)

CLIPS: Mapping[str, tuple[str, ...]] = {
    "lwbsza": ("grid/lwbsza.mpg",),
    "pwij3p": ("grid/pwij3p.mpg",),
    "swiz3n": ("grid/swiz3n.mpg",),
    "man before a door": ("pyfeat/single_face.mp4", "pyfeat/face_noface.mov"),
    "man with a hand": ("pyfeat/WolfgangLanger_Pexels.mp4",),
    "man in blue": ("intel/head-pose-face-detection-male.gif",),
    "woman in grey": ("intel/head-pose-face-detection-female.gif",),
}
"""Who is in which clips; none of them trained."""
_FRAMES = 30  # of a clip


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure the equal error rate of an embedder, and of its teacher beside it."""

    embedder: Path
    """File of the embedder."""
    data: Path
    """Folder with clips, faces_real_cc0, faces_ai, head3d and models."""
    people: Path
    """``.npz`` of the gathered people; the real faces are kept beside it."""


@dataclass(frozen=True)
class Faces:
    """Faces and whose they are."""

    clean: list[Clean]
    person: NDArray[np.int64]
    """int64 [n]."""


def equal_error(vectors: NDArray[np.float32], person: NDArray[np.int64]) -> tuple[float, float]:
    """Return the error rate at which as many pairs are taken wrongly for one person as for two.

    Parameters
    ----------
    vectors : float32 [n, length], of length 1
    person : int64 [n]

    Returns
    -------
    float, float
        The rate, 0…1, and the cosine at which it holds.
    """
    first, second = np.triu_indices(len(person), 1)
    score = (vectors @ vectors.T)[first, second]
    same = person[first] == person[second]
    ours, theirs = np.sort(score[same]), np.sort(score[~same])
    places = np.unique(score)
    missed = np.searchsorted(ours, places, "left") / len(ours)
    taken_in = 1 - np.searchsorted(theirs, places, "left") / len(theirs)
    best = int(np.abs(missed - taken_in).argmin())
    return float((missed[best] + taken_in[best]) / 2), float(places[best])


def quantiles(vectors: NDArray[np.float32], person: NDArray[np.int64]) -> dict[str, float]:
    """Return the cosines that 1 % of one person's pairs fall below and 0.1 % of others exceed."""
    first, second = np.triu_indices(len(person), 1)
    score, same = (vectors @ vectors.T)[first, second], person[first] == person[second]
    return {
        "one person, 1 %": float(np.quantile(score[same], 0.01)),
        "two people, 99.9 %": float(np.quantile(score[~same], 0.999)),
    }


def real_faces(data: Path, kept: Path) -> Faces:
    """Return faces of the clips in `CLIPS`, and one of each portrait that shows a clear face.

    Parameters
    ----------
    data : folder with clips, faces_real_cc0 and models
    kept : ``.npz`` file; made at the first call
    """
    if not kept.is_file():
        found = _real_faces(data)
        pictures = np.stack([face.picture for face in found.clean])
        points = np.stack([face.points for face in found.clean])
        np.savez(kept, pictures=pictures, points=points, person=found.person)
    with np.load(kept) as stored:
        pairs = zip(stored["pictures"], stored["points"], strict=True)
        return Faces([Clean(*pair) for pair in pairs], stored["person"])


def _real_faces(data: Path) -> Faces:
    models = data / "models"
    teacher = MeshTeacher(
        models / "yunet/yunet_n_dynamic.onnx", models / "mediapipe_onnx/face_landmark.onnx"
    )
    found: list[tuple[Clean, int]] = []
    for number, files in enumerate(CLIPS.values()):
        pictures = [picture for name in files for picture in clip_pictures(data / "clips" / name)]
        for picture in pictures[:: max(1, len(pictures) // _FRAMES)]:
            found += [(clean, number) for clean in _faces(picture, teacher)]
    portraits = sorted((data / "faces_real_cc0").glob("*.jpg"))
    for number, file in enumerate(portraits, len(CLIPS)):
        found += [(clean, number) for clean in _faces(read_picture(file), teacher)]
    clean, person = zip(*found, strict=True)
    return Faces(list(clean), np.array(person))


def _faces(picture: Picture, teacher: MeshTeacher) -> Iterator[Clean]:
    found = teacher(picture)
    if found is not None and found[1] > 0.8:
        points = five_points(found[0][MESH_68, :2])
        stored, way = aligned(picture, points, RIM)
        yield Clean(stored, transform(invert(way), points))


def vectors_of(embedder: Embedder, crops: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return float32 [n, length] for crops float32 [3, s, s], RGB, 0…1."""
    with torch.no_grad():
        parts = [embedder(torch.from_numpy(np.stack(crops[k : k + 32]))) for k in _starts(crops)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def _starts(crops: list[NDArray[np.float32]]) -> range:
    return range(0, len(crops), 32)


def evaluate(settings: Evaluate) -> dict[str, float]:
    """Measure, and print one JSON object."""
    embedder, _ = read_embedder(settings.embedder)
    size = embedder.settings.size
    model = settings.data / "models/openvino_omz/face-reidentification-retail-0095.onnx"
    judge = Teacher(model)
    told: dict[str, float] = {}

    def measure(name: str, faces: Faces, crops: list[NDArray[np.float32]]) -> None:
        ours = vectors_of(embedder, crops)
        told[f"{name}: error"], told[f"{name}: at"] = equal_error(ours, faces.person)
        rates = quantiles(ours, faces.person)
        told.update({f"{name}: {key}": value for key, value in rates.items()})
        theirs = np.stack([judge(seen_by(f, TEACHER_TEMPLATE, TEACHER_SIDE)) for f in faces.clean])
        told[f"{name}: error of the teacher"], _ = equal_error(theirs, faces.person)
        told[f"{name}: cosine to the teacher"] = float((ours * theirs).sum(1).mean())

    real = real_faces(settings.data, settings.people.with_name("real.npz"))
    rng = np.random.default_rng(5)
    measure("real", real, [rgb(cut(face, size)) for face in real.clean])
    blank = np.zeros((1, 112, 112, 3), np.uint8)
    measure("real, spoilt", real, [taken(face, size, blank, rng) for face in real.clean])
    people = gather(settings.data, settings.people)
    people = people.of(tuple(n for n in people.names if is_held_out(n)))
    pairs = zip(people.pictures, people.points, strict=True)
    drawn = Faces([Clean(*pair) for pair in pairs], people.person.astype(np.int64))
    measure("drawn, kept out", drawn, [rgb(cut(face, size)) for face in drawn.clean])
    return told


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _log.info("%s", json.dumps(evaluate(tyro.cli(Evaluate)), indent=1))
