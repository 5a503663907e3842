"""From pictures of a person to a face of the student: whose face each shows, and its vector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import RunnerError, open_runner
from swapcast.kernels.geometry import five_points
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.consent import ConsentRecord
from swapcast.realtime.embedding import FaceEmbedder, Vector, face_embedder
from swapcast.realtime.errors import ModelError, SettingError
from swapcast.realtime.face_store import FaceStore, check_name
from swapcast.realtime.frame import Frame, Points
from swapcast.realtime.identity import Identity, seal_face
from swapcast.realtime.picture_file import picture_frame
from swapcast.realtime.student import BUNDLED, READER, Base, find_base, keep_base, vector_bytes
from swapcast.realtime.thumbnail import draw_thumbnail

MOST = 20
_OTHER = 0.25
"""Mean cosine to the other pictures below which one shows somebody else: the value up to which
`swapcast.realtime.recognised` takes a face for a stranger's."""

Say = Callable[[str], None]


class Portrait(NamedTuple):
    """A picture with one face in it."""

    path: Path
    frame: Frame
    points: Points


@dataclass(frozen=True)
class StudentFiles:
    """The networks that make faces of pictures."""

    base: Base
    reader: bytes


def open_student(folder: Path | None) -> StudentFiles:
    """Read the student's files.

    Parameters
    ----------
    folder : of an own training's files; None: the bundled ones

    Raises
    ------
    ModelError
        If they are not there.
    """
    place = resources.files("swapcast.assets") if folder is None else folder
    files = [place / name for name in (BUNDLED, READER)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        where = "this version bundles no student" if folder is None else f"{folder} has none"
        raise ModelError(
            f"{where}: {' and '.join(missing)} missing; make the files of a training with "
            "`python -m swapcast.export.student RUN --out FOLDER` and give --student FOLDER"
        )
    base, reader = (file.read_bytes() for file in files)
    return StudentFiles(Base(base), reader)


def find_portraits(paths: Sequence[Path], say: Say) -> list[Portrait]:
    """Find the one face in each picture; pictures with none or several are left out, and said.

    Raises
    ------
    SettingError
        If there are too many pictures, or none can be used.
    SourceError
        If a file is no picture.
    """
    if not 1 <= len(paths) <= MOST:
        raise SettingError(f"{len(paths)} pictures; give 1 to {MOST}")
    found = []
    for path in paths:
        frame = picture_frame(path)
        with open_analyser("own", detached=False) as analyse:
            faces = analyse(frame)
        if len(faces) == 1:
            found.append(Portrait(path, frame, five_points(faces[0].landmarks)))
        else:
            say(f"left out {path}: it shows {len(faces) or 'no'} face{'s' * (len(faces) != 1)}")
    if not found:
        raise SettingError("no picture shows exactly one face; give others")
    return found


def of_one_person(portraits: Sequence[Portrait], embed: FaceEmbedder, say: Say) -> list[Portrait]:
    """Leave out pictures of somebody else than the rest show, and say which.

    Raises
    ------
    SettingError
        If the pictures do not agree on one person.
    """
    codes = np.stack([embed(portrait.frame, portrait.points) for portrait in portraits])
    alike = codes @ codes.T
    kept = list(range(len(portraits)))
    while len(kept) > 1:
        among = alike[np.ix_(kept, kept)]
        means = (among.sum(1) - np.diag(among)) / (len(kept) - 1)
        worst = int(means.argmin())
        if means[worst] >= _OTHER:
            break
        say(f"left out {portraits[kept[worst]].path}: it looks like somebody else")
        del kept[worst]
    if 2 * len(kept) <= len(portraits) and len(portraits) > 1:
        raise SettingError("the pictures show different people; give pictures of one")
    return [portraits[index] for index in kept]


def mean_vector(portraits: Sequence[Portrait], reader: bytes, length: int) -> Vector:
    """Read each portrait's vector and return their mean; the first ``length`` are of length 1.

    Raises
    ------
    ModelError
        If the reader cannot be used.
    """
    try:
        with open_runner(reader) as runner:
            read = FaceEmbedder(runner)
            vectors = [read(portrait.frame, portrait.points) for portrait in portraits]
    except RunnerError as error:
        raise ModelError(f"the portrait reader: {error}") from error
    mean: NDArray[np.float32] = np.mean(vectors, 0, dtype=np.float32)
    mean[:length] /= max(float(np.linalg.norm(mean[:length])), 1e-9)
    return mean


def make_face(
    name: str,
    paths: Sequence[Path],
    record: ConsentRecord,
    store: FaceStore,
    say: Say,
    *,
    student: Path | None = None,
) -> Identity:
    """Make a face of the student from pictures, and keep it.

    Parameters
    ----------
    name : what the face is to be called
    paths : 1 to 20 pictures of the record's subject
    record : the subject's consent, judged already
    store : keeps the face
    say : is told what was left out
    student : folder of an own student's files; None: the bundled ones

    Raises
    ------
    ConsentError
        If the record does not hold.
    SwapcastError
        If no face can be made of the pictures.
    """
    check_name(name)
    files = open_student(student)
    portraits = of_one_person(find_portraits(paths, say), face_embedder(), say)
    vector = mean_vector(portraits, files.reader, files.base.length)
    try:
        find_base(files.base.sha256)
    except ModelError:
        keep_base(files.base)
    about = files.base.about
    made = {
        "tool": f"swapcast {metadata.version('swapcast')}",
        "architecture": str(about.get("architecture", "student")),
        "size": str(about["size"]),
        "sources": ", ".join(portrait.path.name for portrait in portraits),
        "licence": "as the consent record says",
    }
    parts = (name, record, vector_bytes(vector))
    key, base = store.key, files.base.sha256
    thumbnail = draw_thumbnail(seal_face(*parts, b"", made, key=key, base=base))
    face = seal_face(*parts, thumbnail, made, key=key, base=base)
    store.log("pack made", face.consent, face.name)
    return store.keep(face)
